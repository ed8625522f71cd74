"""Scenarios of a workspace: kept by name in catalog.sqlite, every edit beside the ones before, so that what answered then can be told."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import RegardError, UsageError, read_only
from regard.insight.scenario import Scenario
from regard.workspace.asking import Asking

if TYPE_CHECKING:
    from sqlite3 import Connection

_TABLE = """
CREATE TABLE IF NOT EXISTS scenarios (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL,
    removed INTEGER NOT NULL
)
"""
"""One row an edit; of a name, the row of the largest number holds. A removed one is a row that says so."""

_INDEX = "CREATE INDEX IF NOT EXISTS scenarios_name ON scenarios (name, number)"
_COLUMNS = "number, name, body, at, by, removed"

NAME_MOST = 80
"""Letters of a scenario's name: it stands in addresses and in tables."""


class ChangedError(RegardError):
    """A scenario is not what whoever edits it has read."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One edit of a scenario.

    Args:
        number: of the edit, never used twice; which one an edit is built on is said by it.
        name: of the scenario. scenario: its rules. at: when, ISO 8601 UTC. by: who. removed: whether it was taken away.
    """

    number: int
    name: str
    scenario: Scenario
    at: str
    by: str
    removed: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values; the rules as `Scenario.of` reads them."""
        said = {"name": self.name, "number": self.number, "at": self.at, "by": self.by, "removed": self.removed}
        return {**said, "scenario": self.scenario.to_json()}


class Scenarios:
    """The scenarios of one workspace.

    Args:
        folder: the workspace.

    >>> import tempfile, regard
    >>> shop = regard.init(tempfile.mkdtemp() + "/shop")
    >>> first = shop.scenarios.save("home", Scenario(filter="price > 1"), by="ann")
    >>> shop.scenarios.get("home").number == first.number, [kept.name for kept in shop.scenarios.all()]
    (True, ['home'])
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking = Asking(folder / "catalog.sqlite")
        self._read: dict[int, Kept] = {}

    def all(self) -> list[Kept]:
        """Those that hold, by name."""
        last = f"SELECT {_COLUMNS} FROM scenarios WHERE number IN (SELECT max(number) FROM scenarios GROUP BY name)"
        return [kept for kept in self._rows(f"{last} ORDER BY name") if not kept.removed]

    def find(self, name: str) -> Kept | None:
        """What holds under a name; None where nothing does. Edits of other processes are seen at once."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM scenarios WHERE name = ? ORDER BY number DESC LIMIT 1", name)
        return rows[0] if rows and not rows[0].removed else None

    def get(self, name: str) -> Kept:
        """What holds under a name.

        Raises:
            UsageError: nothing does; the hint names the nearest.
        """
        found = self.find(name)
        if found is None:
            names = [kept.name for kept in self.all()]
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there is {', '.join(names[:10]) or 'none yet'}"
            raise UsageError(f"no scenario '{name[:NAME_MOST]}'", hint=hint)
        return found

    def history(self, name: str) -> list[Kept]:
        """Every edit, the newest first."""
        return self._rows(f"SELECT {_COLUMNS} FROM scenarios WHERE name = ? ORDER BY number DESC", name)

    def save(self, name: str, scenario: Scenario, *, by: str = "", on: int | None = None) -> Kept:
        """Keep a scenario; one of that name before stays in the history.

        Args:
            name: one line. scenario: checked against the items table by whoever has it. by: who saves it.
            on: number of the edit that this one is built on, 0 for a new scenario; None = whatever is there.

        Raises:
            UsageError: the name is none. ChangedError: `on` is not what holds.
            WorkspaceError: the workspace is read-only, or the disk is full.
        """
        told = name.strip()
        if not told or len(told) > NAME_MOST or not told.isprintable():
            raise UsageError(f"a scenario's name is one line of 1 to {NAME_MOST} letters", hint="such as 'home'")
        return self._add(told, scenario, by, on, removed=False)

    def remove(self, name: str, *, by: str = "", on: int | None = None) -> Kept:
        """Take a scenario away; its history stays.

        Raises:
            UsageError: there is none. ChangedError: `on` is not what holds.
        """
        return self._add(name, self.get(name).scenario, by, on, removed=True)

    def _add(self, name: str, scenario: Scenario, by: str, on: int | None, *, removed: bool) -> Kept:
        from regard.events.catalog import writable

        if not writable(self._folder):
            raise read_only(self._folder)
        body = json.dumps(scenario.to_json())
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self._asking.link() as link:
            link.execute("BEGIN IMMEDIATE")
            try:
                link.execute(_TABLE)
                link.execute(_INDEX)
                if on is not None and on != (holds := _holds(link, name)):
                    said = f"it is at edit {holds}" if holds else "it is not there"
                    raise ChangedError(f"scenario '{name}' is not at edit {on}: {said}", hint="read it and edit again")
                row = (name, body, at, by, int(removed))
                added = link.execute("INSERT INTO scenarios (name, body, at, by, removed) VALUES (?, ?, ?, ?, ?)", row)
                link.execute("COMMIT")
            except BaseException:
                if link.in_transaction:
                    link.execute("ROLLBACK")
                raise
        return Kept(number=int(added.lastrowid or 0), name=name, scenario=scenario, at=at, by=by, removed=removed)

    def _rows(self, sql: str, *values: str) -> list[Kept]:
        with self._asking.link() as link:
            if not link.execute("SELECT 1 FROM sqlite_master WHERE name = 'scenarios'").fetchone():
                return []
            rows = link.execute(sql, values).fetchall()
        return [self._kept(*row) for row in rows]

    def _kept(self, number: int, name: str, body: str, at: str, by: str, removed: int) -> Kept:
        """A row, read once: an edit never changes."""
        kept = self._read.get(number)
        if kept is None:
            scenario = Scenario.of(json.loads(body))
            kept = Kept(number=number, name=name, scenario=scenario, at=at, by=by, removed=bool(removed))
            self._read[number] = kept
        return kept


def _holds(link: Connection, name: str) -> int:
    """Number of the edit that holds under a name, 0 where none does."""
    sql = "SELECT number, removed FROM scenarios WHERE name = ? ORDER BY number DESC LIMIT 1"
    number, removed = link.execute(sql, (name,)).fetchone() or (0, 0)
    return 0 if removed else int(number)
