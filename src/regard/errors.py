"""Errors a user can act on: one line that says what is wrong, one hint that says what to do next."""

from __future__ import annotations

from pathlib import Path


class RegardError(Exception):
    """Base of every error Regard raises on purpose.

    Args:
        message: what is wrong, one line, no trailing full stop.
        hint: what to do next, one line; empty when the message says it already.

    >>> str(RegardError("shop is not a workspace", hint="regard init shop"))
    'shop is not a workspace (regard init shop)'
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(RegardError):
    """The call's words are off: an unknown flag value, a missing argument, two options that exclude each other."""

    exit_code = 2


class InputError(RegardError):
    """A file or table cannot be taken in at all; the store is unchanged."""


class ConsentError(RegardError):
    """A question about customers who have not consented to being looked at."""


class ConfigError(RegardError):
    """regard.toml or a setting is wrong; names the file, the key and the nearest valid one."""


class WorkspaceError(RegardError):
    """The workspace folder is missing, of another version, damaged or locked by another writer."""


def disk_full() -> WorkspaceError:
    """What a full disk is answered with, whoever meets it first."""
    return WorkspaceError(
        "the disk is full; the store is unchanged", hint="free some space and run the same command again"
    )


def read_only(folder: Path) -> WorkspaceError:
    """What a writing command is answered with in a folder where it may not write."""
    return WorkspaceError(f"{folder} is read-only", hint="make it writable, or copy it and work on the copy")


class ModelError(RegardError):
    """No trained model, or a model file that is damaged or does not fit this version."""


class UnknownModelError(ModelError):
    """A model is named that is not there."""


class MissingExtraError(RegardError):
    """A heavy dependency is not installed; the hint is the command that installs it."""
