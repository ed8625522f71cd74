"""The registry of segments: which fits there were and what they changed, and the rules that were saved, in catalog.sqlite."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regard.customers.segments.keeping import Fit, write
from regard.errors import read_only
from regard.events.catalog import opened, writable
from regard.events.engine import disk_errors

_FITS = """
CREATE TABLE IF NOT EXISTS segment_fits (
    fit INTEGER PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, report TEXT NOT NULL
)
"""
_RULES = "CREATE TABLE IF NOT EXISTS segment_rules (name TEXT PRIMARY KEY, at TEXT NOT NULL, rule TEXT NOT NULL)"
_MEMBERS = "CREATE TABLE IF NOT EXISTS segment_members (name TEXT NOT NULL, customer TEXT NOT NULL)"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One fit of the clusters.

    Args:
        fit: number, from 1. at: when, ISO 8601 UTC. model, version: of the model and of the store that it was made with.
        folder: where it is kept; only the newest fit still is.
        report: what it changed, plain JSON values.
    """

    fit: int
    at: str
    model: str
    version: int
    folder: Path
    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """Args: name: of a rule. at: when it was saved, ISO 8601 UTC. rule: its text. members: ids, as of then, where asked."""

    name: str
    at: str
    rule: str
    members: tuple[str, ...]


class Registry:
    """The segments of one workspace.

    Args:
        folder: the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._catalog = folder, folder / "catalog.sqlite"

    def fits(self) -> list[Entry]:
        """All fits, the newest first."""
        with opened(self._catalog) as link:
            if not _there(link, "segment_fits"):
                return []
            rows = link.execute("SELECT fit, at, model, version, report FROM segment_fits ORDER BY fit DESC").fetchall()
        return [
            Entry(
                fit=fit, at=at, model=model, version=version, folder=self._place(model, fit), report=json.loads(report)
            )
            for fit, at, model, version, report in rows
        ]  # fmt: skip

    def add(self, fit: Fit, *, model: str, version: int, report: dict[str, Any]) -> Entry:
        """Keep a fit as the newest; states and members of older ones go, what they changed stays.

        Raises:
            WorkspaceError: the workspace is read-only, or the disk is full.
        """
        self._writable()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        older = self.fits()
        with disk_errors(), opened(self._catalog) as link:
            parent = self._place(model, 0).parent
            parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix="new-", dir=parent))
            try:
                write(fit, fresh)
                link.execute(_FITS)
                link.execute("BEGIN IMMEDIATE")
                told = (at, model, version, json.dumps(report, ensure_ascii=False))
                number = link.execute("INSERT INTO segment_fits (at, model, version, report) VALUES (?, ?, ?, ?)", told)
                place = self._place(model, int(number.lastrowid or 0))
                shutil.rmtree(place, ignore_errors=True)
                fresh.rename(place)
                link.execute("COMMIT")
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        for entry in older:
            shutil.rmtree(entry.folder, ignore_errors=True)
        return self.fits()[0]

    def rules(self, *, members: bool = True) -> list[Saved]:
        """All saved rules, the first first. members: whether to read who met them when they were saved."""
        with opened(self._catalog) as link:
            if not _there(link, "segment_rules"):
                return []
            rows = link.execute("SELECT name, at, rule FROM segment_rules ORDER BY rowid").fetchall()
            return [
                Saved(name=name, at=at, rule=rule, members=_members(link, name) if members else ())
                for name, at, rule in rows
            ]

    def save(self, name: str, rule: str, members: Sequence[str]) -> None:
        """Keep a rule and who meets it now; one that was saved under the name before is replaced.

        Raises:
            WorkspaceError: the workspace is read-only, or the disk is full.
        """
        self._writable()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with opened(self._catalog) as link:
            link.execute(_RULES)
            link.execute(_MEMBERS)
            link.execute("BEGIN IMMEDIATE")
            link.execute(
                "INSERT INTO segment_rules VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET at = excluded.at, rule = excluded.rule",
                (name, at, rule),
            )
            link.execute("DELETE FROM segment_members WHERE name = ?", (name,))
            link.executemany("INSERT INTO segment_members VALUES (?, ?)", ((name, member) for member in members))
            link.execute("COMMIT")

    def stamp(self) -> tuple[object, ...]:
        """What is another whenever a fit or a rule is; quicker than reading them."""
        with opened(self._catalog) as link:
            fits = link.execute("SELECT MAX(fit) FROM segment_fits").fetchall() if _there(link, "segment_fits") else []
            rules = _there(link, "segment_rules")
            return (*fits, *(link.execute("SELECT name, at, rule FROM segment_rules").fetchall() if rules else ()))

    def _place(self, model: str, fit: int) -> Path:
        return self._folder / "models" / model / "segments" / str(fit)

    def _writable(self) -> None:
        if not writable(self._folder):
            raise read_only(self._folder)


def _there(link: sqlite3.Connection, table: str) -> bool:
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _members(link: sqlite3.Connection, name: str) -> tuple[str, ...]:
    return tuple(
        customer for (customer,) in link.execute("SELECT customer FROM segment_members WHERE name = ?", (name,))
    )
