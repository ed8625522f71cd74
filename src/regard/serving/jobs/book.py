"""The book of jobs: what was asked for, by whom, and what became of it, in catalog.sqlite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from regard.errors import RegardError, UsageError
from regard.events.catalog import CATALOG_NAME, opened

State = Literal["queued", "running", "done", "failed", "cancelled"]

OPEN: tuple[State, ...] = ("queued", "running")

KEPT = 1_000
"""Ended jobs that are remembered; older ones go, with the files that they wrote."""

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, arguments TEXT NOT NULL, state TEXT NOT NULL,
    asked_by TEXT NOT NULL, asked_at TEXT NOT NULL, started_at TEXT, ended_at TEXT, attempt INTEGER NOT NULL DEFAULT 0,
    pid INTEGER, progress TEXT, result TEXT, error TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '', key TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_key ON jobs (asked_by, key) WHERE key IS NOT NULL
"""

_COLUMNS = "number, kind, arguments, state, asked_by, asked_at, started_at, ended_at, attempt, pid, progress, result, error, hint"


class KeyReusedError(RegardError):
    """An idempotency key came again with something else."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    Args:
        id: 'j1', 'j2' ..., in the order of asking. kind, arguments: what was asked for (see `kinds`).
        state: where it stands. asked_by: name of the caller. asked_at, started_at, ended_at: ISO 8601 UTC.
        attempt: how often it was begun. pid: of its process, while it runs.
        progress: 'step', 'done', 'total' and 'note' of what it last said.
        result: what it gave, plain JSON values. error, hint: why it failed and what to do next.
    """

    id: str
    kind: str
    arguments: dict[str, Any]
    state: State
    asked_by: str
    asked_at: str
    started_at: str | None = None
    ended_at: str | None = None
    attempt: int = 0
    pid: int | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: str = ""
    hint: str = ""

    @property
    def open(self) -> bool:
        """Whether something may still become of it."""
        return self.state in OPEN

    def to_json(self) -> dict[str, Any]:
        """Plain types, without what only the server needs."""
        return {name: value for name, value in asdict(self).items() if name != "pid"}


class Book:
    """The jobs of one workspace.

    Args:
        folder: the workspace.

    >>> import tempfile
    >>> from regard.events.store import Store
    >>> book = Book(Store.create(f"{tempfile.mkdtemp()}/shop").folder)
    >>> job = book.add("seal", {}, by="ann")
    >>> job.id, job.state, [one.id for one in book.all()]
    ('j1', 'queued', ['j1'])
    """

    def __init__(self, folder: Path) -> None:
        self._catalog = folder / CATALOG_NAME

    def add(self, kind: str, arguments: Mapping[str, Any], *, by: str, key: str | None = None) -> Job:
        """Put a job in the queue; the same key from the same caller gives the job that it gave before.

        Args:
            kind: of `KINDS`. arguments: checked ones. by: who asks. key: idempotency key.

        Raises:
            KeyReusedError: the key came before with another kind or other arguments.
        """
        said = json.dumps(dict(arguments), ensure_ascii=False, sort_keys=True)
        with self._changing() as link:
            known = self._rows(link, "WHERE asked_by = ? AND key = ?", by, key) if key else []
            if known:
                if (known[0].kind, known[0].arguments) != (kind, json.loads(said)):
                    raise KeyReusedError("the key was used for another job", hint="use a fresh key for each job")
                return known[0]
            done = link.execute(
                "INSERT INTO jobs (kind, arguments, state, asked_by, asked_at, key) VALUES (?, ?, 'queued', ?, ?, ?)",
                (kind, said, by, _now(), key),
            )
            number = int(done.lastrowid or 0)
            link.execute(f"DELETE FROM jobs WHERE number <= ? AND state NOT IN {OPEN}", (number - KEPT,))
            return self._rows(link, "WHERE number = ?", number)[0]

    def get(self, name: str) -> Job:
        """One job.

        Raises:
            UsageError: there is none of that id.
        """
        with opened(self._catalog) as link:
            found = self._rows(link, "WHERE number = ?", _number(name)) if _there(link) else []
        if not found:
            raise UsageError("there is no job of this id", hint="the list of jobs has those that are remembered")
        return found[0]

    def all(self, n: int = 100, *, before: int | None = None, states: tuple[State, ...] = ()) -> list[Job]:
        """The latest jobs, the latest first.

        Args:
            n: how many. before: only those with a smaller number. states: only those; () = all.
        """
        where = [f"state IN ({', '.join('?' * len(states))})"] if states else []
        where += ["number < ?"] if before is not None else []
        text = f"WHERE {' AND '.join(where)} " if where else ""
        values = (*states, *(() if before is None else (before,)), n)
        with opened(self._catalog) as link:
            return self._rows(link, f"{text}ORDER BY number DESC LIMIT ?", *values) if _there(link) else []

    def begun(self, name: str, pid: int) -> Job | None:
        """Note that a queued job runs; None where it is not queued any more."""
        return self._move(
            name, "queued", "state = 'running', started_at = ?, attempt = attempt + 1, pid = ?", _now(), pid
        )

    def ended(
        self,
        name: str,
        state: State,
        *,
        progress: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        error: str = "",
        hint: str = "",
    ) -> Job | None:
        """Note what became of an open job; None where it has ended already."""
        told = [None if each is None else json.dumps(dict(each), ensure_ascii=False) for each in (progress, result)]
        change = "state = ?, ended_at = ?, pid = NULL, progress = ?, result = ?, error = ?, hint = ?"
        return self._move(name, None, change, state, _now(), *told, error, hint)

    def again(self, name: str) -> Job | None:
        """Put a running job back in the queue; its process is gone."""
        return self._move(name, "running", "state = 'queued', pid = NULL")

    def _move(self, name: str, state: State | None, change: str, *values: Any) -> Job | None:
        states: tuple[State, ...] = (state,) if state else OPEN
        marks = ", ".join("?" * len(states))
        with self._changing() as link:
            text = f"UPDATE jobs SET {change} WHERE number = ? AND state IN ({marks})"
            if not link.execute(text, (*values, _number(name), *states)).rowcount:
                return None
            return self._rows(link, "WHERE number = ?", _number(name))[0]

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with opened(self._catalog) as link:
            if not _there(link):
                for statement in _TABLE.split(";"):
                    link.execute(statement)
            link.execute("BEGIN IMMEDIATE")
            try:
                yield link
                link.execute("COMMIT")
            except BaseException:
                if link.in_transaction:
                    link.execute("ROLLBACK")
                raise

    @staticmethod
    def _rows(link: sqlite3.Connection, rest: str, *values: Any) -> list[Job]:
        rows = link.execute(f"SELECT {_COLUMNS} FROM jobs {rest}", values).fetchall()
        return [
            Job(
                id=f"j{number}", kind=kind, arguments=json.loads(arguments), state=state, asked_by=by, asked_at=at,
                started_at=started, ended_at=ended, attempt=attempt, pid=pid,
                progress=json.loads(progress) if progress else {}, result=json.loads(result) if result else None,
                error=error, hint=hint,
            )
            for number, kind, arguments, state, by, at, started, ended, attempt, pid, progress, result, error, hint in rows
        ]  # fmt: skip


def number_of(name: str) -> int:
    """The number in a job's id, 0 for what is no id.

    >>> number_of("j12"), number_of("j-1"), number_of("12")
    (12, 0, 0)
    """
    return _number(name)


def _number(name: str) -> int:
    digits = name[1:]
    return int(digits) if name[:1] == "j" and digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def _there(link: sqlite3.Connection) -> bool:
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_key'").fetchone() is not None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
