"""server.sqlite: who may do what on a server, and what was done; beside the events and never in them.

A workspace's own file, so that a key of one workspace is unknown in every other. WAL and synchronous=FULL: a key that was
revoked stays revoked when the power fails.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from regard.errors import WorkspaceError, read_only
from regard.events.catalog import said, writable

VAULT_NAME = "server.sqlite"
LAYOUT = 1
"""Version of the tables below; kept in SQLite's user_version."""

STALE = 0.02
"""Seconds for which it is taken that no other process has changed anything. Every request asks, and a thread that asks
SQLite lets the others run and waits for its turn again, which costs more than the rest of its way to the handler.
"""

_TABLES = """
CREATE TABLE keys (
    prefix TEXT PRIMARY KEY, digest BLOB NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, origins TEXT NOT NULL,
    made_us INTEGER NOT NULL, used_us INTEGER, revoked_us INTEGER
);
CREATE TABLE people (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, made_us INTEGER NOT NULL
);
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES people ON DELETE CASCADE, csrf TEXT NOT NULL,
    made_us INTEGER NOT NULL, ends_us INTEGER NOT NULL
);
CREATE INDEX sessions_of ON sessions (name);
CREATE TABLE audit (
    number INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL,
    detail TEXT NOT NULL, hash BLOB NOT NULL
);
CREATE TABLE replies (
    caller TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, status INTEGER, type TEXT, body BLOB,
    at_us INTEGER NOT NULL, PRIMARY KEY (caller, key)
);
CREATE INDEX replies_at ON replies (at_us);
"""


class Vault:
    """The file of one workspace; for any threads.

    Args:
        folder: the workspace; the file is made if need be, for its owner's eyes only.

    Raises:
        WorkspaceError: it is damaged, of a newer version, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / VAULT_NAME
        if not writable(folder):
            raise read_only(folder)
        with said(self.path):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            # Two, so that who reads does not wait for somebody's write to reach the disk.
            self._reads, self._writes = (self._connected(), self._connected())
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._untouched, self._looked_at = True, -1
        self._version, self._asked = 0, -STALE
        with self.change() as link:
            layout = int(link.execute("PRAGMA user_version").fetchone()[0])
            if layout > LAYOUT:
                raise WorkspaceError(
                    f"{self.path} has layout {layout}, this Regard knows {LAYOUT}", hint="upgrade regard"
                )
            if layout == 0:
                for statement in _TABLES.split(";"):
                    link.execute(statement)
                link.execute(f"PRAGMA user_version={LAYOUT:d}")

    def _connected(self) -> sqlite3.Connection:
        link = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            link.execute(f"PRAGMA {pragma}")
        return link

    def version(self) -> int:
        """Another number after every change: at once for this process's own, within STALE for another's."""
        now = time.monotonic()
        if now >= self._asked + STALE:
            try:
                with self._reading:
                    self._version = int(self._reads.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.DatabaseError:
                with said(self.path):
                    raise
            self._asked = now
        return self._version

    @property
    def untouched(self) -> bool:
        """Whether nobody has ever been let in; what was once closed does not open again."""
        if self._untouched:
            version = self.version()
            if version != self._looked_at:
                asked = "SELECT count(*) FROM audit WHERE what IN ('key.create', 'person.add')"
                self._untouched, self._looked_at = self.rows(asked)[0][0] == 0, version
        return self._untouched

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a question finds."""
        with self._reading, said(self.path):
            return self._reads.execute(sql, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or, when something is raised, none."""
        with self._writing, said(self.path):
            self._writes.execute("BEGIN IMMEDIATE")
            try:
                yield self._writes
                self._writes.execute("COMMIT")
                self._asked = -STALE
            except BaseException:
                with suppress(sqlite3.Error):
                    self._writes.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._reading, self._writing:
            self._reads.close()
            self._writes.close()
