"""Upgrade: a workspace that an earlier Regard wrote, brought to what this one writes, with a backup before anything changes.

Every step looks whether it is needed and can be done again; a kill between two leaves a workspace that both can read.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regard.errors import WorkspaceError
from regard.events.catalog import Catalog, opened
from regard.events.engine import disk_errors
from regard.events.live.tables import prepare
from regard.events.store import Store
from regard.events.tables import TABLES
from regard.workspace.backup import Archive, backup, layout


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What an upgrade did.

    Args:
        layout: of the catalogue. done: names of the steps that were needed.
        backup: the one made before, None where nothing had to be done.
    """

    layout: int
    done: tuple[str, ...]
    backup: Archive | None

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {**asdict(self), "done": list(self.done)}


def upgrade(folder: Path, *, to: Path | None = None) -> Upgraded:
    """Bring a workspace up to date, in place.

    Args:
        folder: the workspace; nothing else may write to it meanwhile.
        to: where the backup goes; None = beside the workspace.

    Raises:
        ConfigError: regard.toml was written by a newer Regard.
        WorkspaceError: the catalogue was written by a newer Regard or is damaged, a part is not what was written.

    >>> store = Store.create(tempfile.mkdtemp() + "/shop")
    >>> upgrade(store.folder).done, upgrade(store.folder).done
    ((), ())
    """
    store = Store.open(folder)
    needed = [(name, do) for name, (needs, do) in _STEPS.items() if needs(store)]
    if not needed:
        return Upgraded(layout=layout(store.catalog.path), done=(), backup=None)
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = backup(store, to or folder.with_name(f"{folder.name}-before-{at}"))
    with store.writing(), disk_errors():
        for _, do in needed:
            do(store)
    _ = Store.open(folder).history()
    return Upgraded(layout=layout(store.catalog.path), done=tuple(name for name, _ in needed), backup=kept)


def _without_digest(store: Store) -> list[Any]:
    parts = store.catalog.parts(store.version, "events", "covered", "rejected", *TABLES)
    return [part for part in parts if not part.digest]


def _digest(store: Store) -> None:
    """Parts are only known by their sizes until now; what is there now is what counts from here on."""
    found = []
    for part in _without_digest(store):
        path = store.folder / part.path
        if not path.is_file() or path.stat().st_size != part.bytes:
            raise WorkspaceError(f"{path} is missing or damaged", hint="restore a backup, then upgrade that")
        with path.open("rb") as file:
            found.append((part.path, hashlib.file_digest(file, "sha256").hexdigest()))
    with opened(store.catalog.path) as link:
        link.execute("CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL)")
        link.execute("BEGIN IMMEDIATE")
        link.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", found)
        link.execute("COMMIT")


def _old_live(store: Store) -> bool:
    """Whether there are live events, in tables of an earlier kind."""
    if not store.catalog.live():
        return False
    before = _tables(store.catalog)
    fresh = _expected()
    return any(before.get(name) != text for name, text in fresh.items())


def _expected() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as place:
        made = Store.create(Path(place) / "shop")
        plain = _tables(made.catalog)
        prepare(made.catalog.path)
        return {name: text for name, text in _tables(made.catalog).items() if name not in plain}


def _tables(catalog: Catalog) -> dict[str, str]:
    with opened(catalog.path) as link:
        rows = link.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: ", ".join(sorted(column[1] for column in link.execute(f'PRAGMA table_info("{name}")')))
            for (name,) in rows
        }


def _live(store: Store) -> None:
    prepare(store.catalog.path)
    if _old_live(store):
        raise WorkspaceError(f"the live events of {store.folder} cannot be upgraded", hint="please report it")


_STEPS: dict[str, tuple[Callable[[Store], Any], Callable[[Store], None]]] = {
    "digests of parts": (_without_digest, _digest),
    "tables of live events": (_old_live, _live),
}
"""What is looked for, in this order: name -> (whether it is needed, do it)."""
