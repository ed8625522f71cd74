"""Logs: one JSON object a line on stderr, for machines; no line holds what anybody sent, asked for, or is called.

A request is told by its route's template, never by its address. A failure is told by its kind and the lines of code that it
went through: what an error says may quote an event. Only of the store and the settings it is told what is wrong, since whoever
reads this has to mend it, and nobody's data are in that.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from regard.errors import ConfigError, WorkspaceError

OWN = logging.getLogger("regard.server")
"""The only logger whose words are written out; of others, the words without what is filled in."""

_FRAMES = 12
"""Lines of code of one failure: the innermost ones tell."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.name == OWN.name else f"{record.name}: {_first(record.msg)}",
        }
        told |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[1] is not None:
            told |= failure(record.exc_info[1])
        return json.dumps(told, ensure_ascii=False)


def _first(words: object) -> str:
    """The first line: what follows may be a failure that was put into words, and these may quote an event.

    >>> _first("Traceback (most recent call last):\\n  customer Jane Doe")
    'Traceback (most recent call last):'
    """
    return str(words).partition("\n")[0]


def begin() -> None:
    """Send every log record of the process to stderr as such a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    OWN.setLevel(logging.INFO)


def note(event: str, *, level: int = logging.INFO, **told: Any) -> None:
    """Write a line of the server's own.

    Args:
        event: what happened, always the same words. told: numbers and names of the code, nothing of anybody's.
    """
    OWN.log(level, event, extra={"told": told})


def failure(error: BaseException) -> dict[str, Any]:
    """What may be told of an error.

    >>> try:
    ...     raise ValueError("customer Jane Doe")
    ... except ValueError as error:
    ...     told = failure(error)
    >>> told["error"], "Jane" in str(told)
    ('ValueError', False)
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    cause = error.__cause__ or error.__context__
    told = {"error": type(error).__name__, "at": places} | ({"cause": type(cause).__name__} if cause else {})
    if isinstance(error, WorkspaceError | ConfigError):
        told |= {"wrong": error.message, "hint": error.hint}
    return told
