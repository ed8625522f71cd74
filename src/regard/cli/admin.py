"""admin: what only the owner of a workspace does, from the machine it lies on; keys first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from regard.cli import admin_people
from regard.cli.screen import Folder, Screen, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.config import Config
    from regard.serving.keys import Key
    from regard.serving.vault import Vault

group = typer.Typer(name="admin", no_args_is_help=True, help="Keys, people and the care of a workspace.")
"""Where every verb of `regard admin` is registered."""

BY = "cli"
"""Who the audit log says it was: whoever may write to the workspace's folder."""

Scopes = Annotated[
    list[str], typer.Option("--scope", metavar="SCOPE", help="ingest-public, ingest, serve, read, manage or admin.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    keys = typer.Typer(name="keys", no_args_is_help=True, help="Keys with which programs are let in.")
    for name, function in (("create", create_key), ("list", list_keys), ("revoke", revoke_key)):
        keys.command(name)(verb(function))
    group.add_typer(keys)
    admin_people.add_to(group)
    app.add_typer(group)


@contextmanager
def opened(folder: str) -> Iterator[tuple[Config, Vault]]:
    """A workspace's settings and its server.sqlite."""
    from pathlib import Path

    from regard.config import load
    from regard.serving.vault import Vault

    config = load(Path(folder))
    vault = Vault(Path(folder))
    try:
        yield config, vault
    finally:
        vault.close()


def create_key(
    screen: Screen,
    folder: Folder,
    scope: Scopes,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What uses it, such as till or website.")],
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="ORIGIN", help="Pages that may use an ingest-public key; may be repeated."),
    ] = None,
) -> None:
    """Make a key; its text is shown once and kept nowhere.

    ingest-public sends events from a shop's pages, ingest from its servers; serve asks for answers; read sees customers and
    results; manage changes scenarios, models and events; admin may do everything.
    """
    from regard.serving.keys import Keys

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        key, text = Keys(vault).create(name, scope, origin or (), by=BY)

    def people(out: Console) -> None:
        said = "key {prefix} for {scopes}; its text, shown this once:"
        out.print(say(said, prefix=key.prefix, scopes=say.joined(key.scopes)))
        out.print(text, soft_wrap=True)

    screen.show(_told(key) | {"key": text}, people)


def list_keys(screen: Screen, folder: Folder) -> None:
    """List all keys: what each may do, and when it was last used."""
    from regard.serving.keys import Keys

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        found = Keys(vault).all()
    screen.show({"keys": [_told(key) for key in found]}, lambda out: _listed(out, found, say))


def revoke_key(
    screen: Screen,
    folder: Folder,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="First 12 characters of the key.")],
) -> None:
    """Let a key in no more, from the next request on."""
    from regard.serving.keys import Keys

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        Keys(vault).revoke(prefix, by=BY)
    screen.show({"revoked": prefix}, lambda out: out.print(say("key {prefix} lets in no more", prefix=prefix)))


def _told(key: Key) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": list(key.scopes),
        "origins": list(key.origins),
        "created_at": moment(key.made_us),
        "last_used_at": moment(key.used_us),
        "revoked_at": moment(key.revoked_us),
    }


def moment(us: int | None) -> str | None:
    """A time as RFC 3339 has it; None stays None.

    >>> moment(1_700_000_000_000_000)
    '2023-11-14T22:13:20Z'
    """
    return None if us is None else f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _listed(out: Console, found: list[Key], say: Words) -> None:
    if not found:
        out.print(say("no keys: only this machine is let in"))
        return
    columns = [say(name) for name in ("key", "name", "allows", "pages", "last used (UTC)")]
    made = table(*columns, wide=columns[3], wrap=True)
    for key in found:
        used = say("revoked") if key.revoked_us else (moment(key.used_us) or "")[:16].replace("T", " ")
        cells = key.prefix, key.name, say.joined(key.scopes), say.joined(key.origins), used
        made.add_row(*cells, style="dim" if key.revoked_us else "")
    out.print(made)
