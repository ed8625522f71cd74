"""The `regard` command: all verbs put together, and wrong usage said in one line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from regard import __version__
from regard.cli import (
    admin,
    admin_access,
    admin_operations,
    anomalies,
    ask,
    explain,
    learn,
    pages,
    profile,
    segments,
    serve,
    store,
)
from regard.cli.screen import Screen
from regard.errors import UsageError

app = typer.Typer(
    name="regard",
    help="What each customer will want next, and why: from an event log to the answer, on one ordinary machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (store, learn, anomalies, ask, explain, profile, segments, pages, serve, admin):
    group.add_to(app)
admin_access.add_to(admin.group)
admin_operations.add_to(admin.group)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"regard {__version__}")
        raise typer.Exit


@app.callback()
def _regard(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


def run(arguments: list[str] | None = None) -> None:
    """Run one command line and exit: 0 fine, 1 failed, 2 wrong usage.

    Args:
        arguments: as on a command line; None = the process's own.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(words, prog_name="regard", standalone_mode=False)
    except KeyboardInterrupt:
        raise SystemExit(1) from None
    except Exception as error:
        # Typer carries its own copy of Click from 0.20 on, so its usage errors are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        if not words:
            raise SystemExit(2) from None  # the help has been printed
        verb = next((word for word in words if not word.startswith("-")), "")
        hint = f"regard {verb} --help" if verb in _verbs() else "regard --help"
        Screen(json="--json" in words).fail(UsageError(error.format_message().rstrip("."), hint=hint))
        raise SystemExit(2) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _verbs() -> set[str]:
    names = {str(command.name or getattr(command.callback, "__name__", "")) for command in app.registered_commands}
    return names | {str(group.name) for group in app.registered_groups}
