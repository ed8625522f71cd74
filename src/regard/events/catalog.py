"""catalog.sqlite: which files make up the store, at every version; the one place where an ingest becomes true.

A part (an immutable Parquet file) carries the version that added it and the version that took it away. A reader that
has pinned version v sees the parts with `added <= v < removed`, whatever a writer does meanwhile. SQLite runs in WAL
mode with synchronous=FULL: what is committed is on the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from regard.errors import WorkspaceError, disk_full, read_only

CATALOG_NAME = "catalog.sqlite"
LAYOUT, SHARED = 1, 2
"""Version of the tables below, kept in SQLite's user_version. From the first part that holds rows of several ingests on
it is SHARED: a Regard that takes a part for one ingest's own would undo too much of it, or too little.
"""

Kind = Literal["events", "covered", "rejected", "items", "customers", "edges", "scores", "ids"]
"""events = accepted rows; covered = rows that an earlier ingest had already brought (kept so that it can be undone);
rejected = rows refused; ids = digests of the ids of live events, no Parquet (see `live.seen`); the rest are tables.
"""

_TABLES = """
CREATE TABLE versions (version INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL);
CREATE TABLE ingests (number INTEGER PRIMARY KEY, at TEXT NOT NULL, report TEXT NOT NULL, undone INTEGER);
CREATE TABLE parts (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, ingest INTEGER NOT NULL REFERENCES ingests, rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL, columns TEXT NOT NULL, first INTEGER, last INTEGER, added INTEGER NOT NULL, removed INTEGER
);
CREATE TABLE bots (customer TEXT NOT NULL, acts_per_day REAL NOT NULL, added INTEGER NOT NULL, removed INTEGER);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_DIGESTS = "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL)"
"""Beside the parts and not of them, so that a workspace made before it was kept stays readable, by either Regard."""

_HOLDS = "CREATE TABLE IF NOT EXISTS holds (path TEXT, ingest INTEGER, PRIMARY KEY (path, ingest)) WITHOUT ROWID"
"""The ingests of a part that holds rows of others than its own; beside the parts for the same reason."""

_OPEN = ("aliases", "consents")
"""Tables of what comes live and is part of the next version, whatever makes it; their column `added` says of which."""

_RESTORE = "restore it from a backup, or make a workspace in another folder and ingest the files again"
_ROOM = 1 << 20
"""Bytes that must be free for SQLite to work at all; with less, an I/O error means a full disk."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One immutable file of the store, Parquet unless it holds ids.

    Args:
        path: relative to the workspace folder.
        kind: what its rows are.
        ingest: number of the ingest whose rows it holds; the latest of several.
        rows: how many.
        bytes: size of the file; another size means a damaged part.
        columns: the columns it has; a column without any value is left out.
        first: earliest time, microseconds since 1970 UTC; None without a clock.
        last: latest time.
        digest: SHA-256 of the file as it was written, hexadecimal; '' for a part older than this is kept.
        holds: the ingests whose rows it holds where these are others than `ingest` alone, else ().
    """

    path: str
    kind: Kind
    ingest: int
    rows: int
    bytes: int
    columns: tuple[str, ...]
    first: int | None = None
    last: int | None = None
    digest: str = ""
    holds: tuple[int, ...] = ()

    @property
    def ingests(self) -> tuple[int, ...]:
        """The ingests whose rows it holds."""
        return self.holds or (self.ingest,)


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """One line of the history.

    Args:
        number: of the ingest, from 1, never used twice.
        at: when it was committed, ISO 8601 UTC.
        undone: whether it has been taken back.
        report: what came in, as JSON-able values.
    """

    number: int
    at: str
    undone: bool
    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one transaction does to the manifest.

    Args:
        what: one line for people, such as 'ingest 3'.
        at: ISO 8601 UTC.
        add: parts that appear.
        remove: paths of the parts that go.
        ingest: number and report of a new ingest, or None.
        undo: number of the ingest that is taken back, or None.
        bots: customer -> acts per active day, as of the new version; None = as before.
        clock: what times mean from now on.
        facts: name -> what else is known from now on.
        also: what else becomes true with it, in the same transaction; whatever it raises undoes all of it.
    """

    what: str
    at: str
    add: Sequence[Part] = ()
    remove: Sequence[str] = ()
    ingest: tuple[int, dict[str, Any]] | None = None
    undo: int | None = None
    bots: dict[str, float] | None
    clock: str
    facts: Mapping[str, str] = field(default_factory=dict)
    also: Callable[[sqlite3.Connection], None] | None = None


class Catalog:
    """The manifest of one workspace.

    Args:
        folder: the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CATALOG_NAME

    @classmethod
    def create(cls, folder: Path) -> Catalog:
        """Make an empty catalogue; one that stands already is left as it is."""
        catalog = cls(folder)
        with said(catalog.path), closing(sqlite3.connect(catalog.path, isolation_level=None)) as link:
            link.execute("PRAGMA journal_mode=WAL")
            link.execute("PRAGMA synchronous=FULL")
            link.execute("BEGIN IMMEDIATE")
            if link.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _TABLES.split(";"):
                    link.execute(statement)
                link.execute("INSERT INTO facts VALUES ('overwrites', 'since')")
                link.execute(f"PRAGMA user_version={LAYOUT:d}")
            link.execute("COMMIT")
        return catalog

    @contextmanager
    def _link(self) -> Iterator[sqlite3.Connection]:
        with opened(self.path) as link:
            layout = int(link.execute("PRAGMA user_version").fetchone()[0])
            if layout == 0:
                raise WorkspaceError(f"{self.path} is damaged: it is empty", hint=_RESTORE)
            if layout not in (LAYOUT, SHARED):
                raise WorkspaceError(
                    f"{self.path} has layout {layout}, this Regard knows {SHARED}", hint="upgrade regard"
                )
            yield link

    def version(self) -> int:
        """The newest version; 0 for an empty store."""
        with self._link() as link:
            return _version(link)

    def parts(self, version: int, *kinds: Kind) -> list[Part]:
        """The parts of these kinds at a version, in the order in which they came."""
        with self._link() as link:
            rows = link.execute(
                "SELECT path, kind, ingest, rows, bytes, columns, first, last FROM parts"
                " WHERE added <= ?1 AND (removed IS NULL OR removed > ?1) ORDER BY ingest, rowid",
                (version,),
            ).fetchall()
            beside = {name for (name,) in link.execute("SELECT name FROM sqlite_master")}
            digests = dict(link.execute("SELECT path, sha256 FROM digests")) if "digests" in beside else {}
            holds: dict[str, tuple[int, ...]] = {}
            if "holds" in beside:
                for path, ingest in link.execute("SELECT path, ingest FROM holds ORDER BY path, ingest"):
                    holds[path] = (*holds.get(path, ()), ingest)
        return [
            Part(
                path=path, kind=kind, ingest=ingest, rows=count, bytes=size, columns=tuple(json.loads(columns)),
                first=first, last=last, digest=digests.get(path, ""), holds=holds.get(path, ()),
            )
            for path, kind, ingest, count, size, columns, first, last in rows
            if kind in kinds
        ]  # fmt: skip

    def paths(self) -> set[str]:
        """Paths of the parts of the newest version: whatever else lies in the folders belongs to nobody or to older
        versions.
        """
        with self._link() as link:
            return {path for (path,) in link.execute("SELECT path FROM parts WHERE removed IS NULL")}

    def bots(self, version: int) -> dict[str, float]:
        """Bot-like customers at a version and their acts per active day, the busiest first."""
        with self._link() as link:
            return dict(
                link.execute(
                    "SELECT customer, acts_per_day FROM bots WHERE added <= ?1 AND (removed IS NULL OR removed > ?1)"
                    " ORDER BY acts_per_day DESC, customer",
                    (version,),
                ).fetchall()
            )

    def clock(self) -> str:
        """What times mean; '' before the first ingest."""
        return self.fact("clock")

    def fact(self, name: str) -> str:
        """What is known under a name; '' for nothing."""
        with self._link() as link:
            row = link.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def live(self) -> bool:
        """Whether events come in live; these have times, whatever the files have."""
        with self._link() as link:
            return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'tail'").fetchone() is not None

    def history(self) -> list[Ingest]:
        """All ingests, the first first."""
        with self._link() as link:
            rows = link.execute("SELECT number, at, report, undone FROM ingests ORDER BY number").fetchall()
        return [
            Ingest(number=number, at=at, undone=undone is not None, report=json.loads(report))
            for number, at, report, undone in rows
        ]

    def next_ingest(self) -> int:
        """The number the next ingest gets."""
        with self._link() as link:
            return int(link.execute("SELECT coalesce(max(number), 0) + 1 FROM ingests").fetchone()[0])

    def forget(self) -> None:
        """Drop what the manifest knows of parts and bots of versions that nobody reads any more."""
        with self._link() as link:
            gone = "removed IS NOT NULL"
            if not link.execute(f"SELECT 1 FROM parts WHERE {gone} UNION SELECT 1 FROM bots WHERE {gone}").fetchone():
                return
            link.execute("BEGIN IMMEDIATE")
            for beside in (_DIGESTS, _HOLDS):
                link.execute(beside)
            for table in ("digests", "holds"):
                link.execute(f"DELETE FROM {table} WHERE path IN (SELECT path FROM parts WHERE {gone})")
            for table in ("parts", "bots"):
                link.execute(f"DELETE FROM {table} WHERE {gone}")
            link.execute("COMMIT")

    def commit(self, change: Change) -> int:
        """Make a change true in one transaction; returns the new version."""
        with self._link() as link:
            link.execute("BEGIN IMMEDIATE")
            try:
                version = _version(link) + 1
                _apply(link, version, change)
                if change.also is not None:
                    change.also(link)
                link.execute("COMMIT")
            except BaseException:
                if link.in_transaction:
                    link.execute("ROLLBACK")
                raise
        return version


def writable(path: Path) -> bool:
    """Whether this process may write there; False on a file system that is mounted read-only, for root as well."""
    return os.access(path, os.W_OK, effective_ids=True)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a catalogue, each statement its own transaction; it only reads where it may not write.

    Raises:
        WorkspaceError: the catalogue is missing, damaged, busy or cannot be opened, the disk is full.
    """
    with said(path), closing(connected(path)) as link:
        yield link


def connected(path: Path) -> sqlite3.Connection:
    """The same for who keeps it and calls `said` around each use; close it in the end.

    Raises:
        WorkspaceError: the catalogue is missing.
    """
    if not path.is_file():
        raise WorkspaceError(f"{path} is missing", hint=_RESTORE)
    link = _connect(path)
    link.execute("PRAGMA synchronous=FULL")
    link.execute("PRAGMA secure_delete=ON")  # of what is deleted, nothing stays in the file
    return link


def _connect(path: Path) -> sqlite3.Connection:
    if writable(path.parent) and writable(path):
        return sqlite3.connect(path, isolation_level=None, timeout=30)
    # SQLite reads a log only through a file beside it, which cannot be made here; without a log it can do without.
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, timeout=30)


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a catalogue into one line that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        full = shutil.disk_usage(path.parent).free < _ROOM and kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        if full or kind == sqlite3.SQLITE_FULL:
            raise disk_full() from error
        if kind in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and not writable(path.parent):
            raise read_only(path.parent) from error
        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise WorkspaceError(f"{path} is in use", hint="wait for the other command, then run this again") from error
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise WorkspaceError(f"{path} is damaged: {error}", hint=_RESTORE) from error
        raise WorkspaceError(f"{path}: {error}", hint="look whether the disk is in order and the file yours") from error


def _version(link: sqlite3.Connection) -> int:
    return int(link.execute("SELECT coalesce(max(version), 0) FROM versions").fetchone()[0])


def _apply(link: sqlite3.Connection, version: int, change: Change) -> None:
    link.execute("INSERT INTO versions VALUES (?, ?, ?)", (version, change.at, change.what))
    for table in _OPEN:
        if link.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            link.execute(f"UPDATE {table} SET added = ? WHERE added IS NULL", (version,))
    if change.ingest is not None:
        number, report = change.ingest
        link.execute(
            "INSERT INTO ingests VALUES (?, ?, ?, NULL)", (number, change.at, json.dumps(report, ensure_ascii=False))
        )
    if change.undo is not None:
        link.execute("UPDATE ingests SET undone = ? WHERE number = ?", (version, change.undo))
    link.executemany("UPDATE parts SET removed = ? WHERE path = ?", [(version, path) for path in change.remove])
    link.executemany(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            (
                part.path,
                part.kind,
                part.ingest,
                part.rows,
                part.bytes,
                json.dumps(part.columns),
                part.first,
                part.last,
                version,
            )
            for part in change.add
        ],
    )
    link.execute(_DIGESTS)
    link.executemany("INSERT INTO digests VALUES (?, ?)", [(part.path, part.digest) for part in change.add])
    shared = [(part.path, ingest) for part in change.add for ingest in part.holds]
    if shared:
        link.execute(_HOLDS)
        link.executemany("INSERT INTO holds VALUES (?, ?)", shared)
        link.execute(f"PRAGMA user_version={SHARED:d}")
    if change.bots is not None:
        link.execute("UPDATE bots SET removed = ? WHERE removed IS NULL", (version,))
        bots = [(name, rate, version) for name, rate in change.bots.items()]
        link.executemany("INSERT INTO bots VALUES (?, ?, ?, NULL)", bots)
    link.executemany(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [*change.facts.items(), ("clock", change.clock)],
    )
