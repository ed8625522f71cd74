"""Impressions: what was shown to whom, and how likely it was to be: kept beside the events, so that one can ask whether it worked.

Written by a thread of its own, many in one transaction, so that no answer waits for the disk. What a crash of the machine
takes is at most the last second's; what finds no room in the queue is counted, and the counts are kept with the rest.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.workspace.asking import Asking

if TYPE_CHECKING:
    from sqlite3 import Connection

_TABLES = """
CREATE TABLE IF NOT EXISTS impressions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at_us INTEGER NOT NULL, customer TEXT, anonymous TEXT,
    scenario TEXT NOT NULL, edit INTEGER NOT NULL, model TEXT, level TEXT NOT NULL, share REAL NOT NULL, items TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS impressions_at ON impressions (at_us);
CREATE INDEX IF NOT EXISTS impressions_customer ON impressions (customer) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS impressions_anonymous ON impressions (anonymous) WHERE anonymous IS NOT NULL;
CREATE TABLE IF NOT EXISTS impressions_lost (at_us INTEGER NOT NULL, answers INTEGER NOT NULL)
"""
"""items = JSON, in the order of the list: [item, probability by the model or null]."""

_COLUMNS = "id, at_us, customer, anonymous, scenario, edit, model, level, share, items"
_DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, kw_only=True)
class Impression:
    """One list that was shown.

    Args:
        id: of the recommendation. at_us: when, microseconds since 1970 UTC.
        customer: id; None for an anonymous visitor, and for whoever has not consented. anonymous: id of an anonymous one.
        scenario: its name, '' for none. edit: its number, 0 for none.
        model: id of the model that answered, None where none did. level: of the answer.
        share: the probability with which this customer was given this scenario and model: below 1 where two models share the
            customers. The list itself follows from it without chance, so this is the logging probability of every item.
        items: in the order shown, each with the model's probability that it is the next one wanted, None where no model
            says so.
    """

    id: str
    at_us: int
    customer: str | None
    anonymous: str | None
    scenario: str
    edit: int
    model: str | None
    level: str
    share: float
    items: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How impressions wait, and how long they are kept.

    Args:
        queue: answers that may wait; a minute at 200 a second, longer than a healthy disk is ever busy.
        group: answers of one transaction at most, some milliseconds of the writer's lock.
        linger: seconds for which the first waits for company: nobody waits for it.
        keep_days: after which impressions are deleted: a quarter, and the longest window after its end.
        aged: rows deleted at a time, for the same reason as `group`.
    """

    queue: int = 12_000
    group: int = 500
    linger: float = 0.5
    keep_days: int = 120
    aged: int = 2_000


@dataclass(slots=True)
class _State:
    queue: deque[Impression] = field(default_factory=deque)
    lost: int = 0
    told: int = 0
    writing: bool = False
    closing: bool = False


class Impressions:
    """The impressions of one workspace; any threads.

    Args:
        folder: the workspace. settings: how they wait.
    """

    def __init__(self, folder: Path, *, settings: Settings | None = None) -> None:
        self._path = folder / "catalog.sqlite"
        self._asking = Asking(self._path)
        self._settings = settings or Settings()
        self._state = _State()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        """Answers since the start that could not be noted: the queue was full, or the disk did not take them."""
        return self._state.lost

    @property
    def waiting(self) -> int:
        """Answers that are not written yet."""
        return len(self._state.queue)

    def note(self, impression: Impression) -> bool:
        """Put an answer in the queue, without waiting for anything; False where there is no room, and it is counted."""
        with self._changed:
            if len(self._state.queue) >= self._settings.queue or self._state.closing:
                self._state.lost += 1
                return False
            self._state.queue.append(impression)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="regard-impressions", daemon=True)
                self._thread.start()
            if len(self._state.queue) in (1, self._settings.group):
                self._changed.notify_all()
        return True

    def flush(self) -> None:
        """Wait until what was noted before is written, or counted as lost."""
        with self._changed:
            while self._thread is not None and (self._state.queue or self._state.writing):
                self._changed.notify_all()
                self._changed.wait(0.05)

    def close(self) -> None:
        """Write what waits, and let the thread end; the next answer starts another."""
        with self._changed:
            thread, self._state.closing = self._thread, True
            self._changed.notify_all()
        if thread is not None:
            thread.join()
        with self._changed:
            self._thread, self._state.closing = None, False

    def read(self, *, since_us: int, until_us: int, scenario: str | None = None) -> Iterator[Impression]:
        """Impressions from `since_us` to before `until_us`, in the order in which they were noted; None = of every scenario."""
        chosen = "" if scenario is None else " AND scenario = ?"
        values = (since_us, until_us) if scenario is None else (since_us, until_us, scenario)
        with self._asking.link() as link:
            if not _there(link):
                return
            found = link.execute(
                f"SELECT {_COLUMNS} FROM impressions WHERE at_us >= ? AND at_us < ?{chosen} ORDER BY number", values
            )
            for row in found:
                yield _impression(row)

    def of(self, ids: Sequence[str]) -> list[Impression]:
        """What was shown under some customers' or anonymous ids, for whoever asks what is kept of them."""
        found: list[Impression] = []
        with self._asking.link() as link:
            for name in ids if _there(link) else ():
                rows = link.execute(
                    f"SELECT {_COLUMNS} FROM impressions WHERE customer = ?1"
                    f" UNION SELECT {_COLUMNS} FROM impressions WHERE anonymous = ?1 ORDER BY at_us",
                    (name,),
                )
                found += [_impression(row) for row in rows.fetchall()]
        return found

    def unnoted(self, *, since_us: int, until_us: int) -> int:
        """Answers of a period that could not be noted."""
        with self._asking.link() as link:
            sql = "SELECT coalesce(sum(answers), 0) FROM impressions_lost WHERE at_us >= ? AND at_us < ?"
            kept = int(link.execute(sql, (since_us, until_us)).fetchone()[0]) if _there(link) else 0
        now = time.time_ns() // 1_000
        return kept + (self._state.lost - self._state.told if since_us <= now < until_us else 0)

    def _run(self) -> None:
        while self._gather():
            with self._changed:
                taken = [self._state.queue.popleft() for _ in range(min(len(self._state.queue), self._settings.group))]
                lost, self._state.writing = self._state.lost, True
            try:
                self._write(taken, lost - self._state.told)
                self._state.told = lost
            except Exception:  # whatever it was: answers go on, and what they do not leave is counted
                with self._changed:
                    self._state.lost += len(taken)
            finally:
                with self._changed:
                    self._state.writing = False
                    self._changed.notify_all()
        with suppress(Exception):
            self._write([], self._state.lost - self._state.told)

    def _gather(self) -> bool:
        """Wait for something to write; False when there is nothing and never will be."""
        with self._changed:
            while not self._state.queue and not self._state.closing:
                self._changed.wait()
            until = time.monotonic() + self._settings.linger
            while len(self._state.queue) < self._settings.group and not self._state.closing:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return bool(self._state.queue)

    def _write(self, taken: list[Impression], lost: int) -> None:
        now = time.time_ns() // 1_000
        with self._asking.link() as link:
            link.execute("PRAGMA synchronous=NORMAL")  # nobody was promised them, and nobody shall wait for the disk
            if not _there(link):
                for statement in _TABLES.split(";"):
                    link.execute(statement)
            link.execute("BEGIN IMMEDIATE")
            try:
                link.executemany(
                    f"INSERT INTO impressions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, taken)
                )
                if lost:
                    link.execute("INSERT INTO impressions_lost VALUES (?, ?)", (now, lost))
                old = (now - self._settings.keep_days * _DAY, self._settings.aged)
                link.execute(
                    "DELETE FROM impressions WHERE number IN"
                    " (SELECT number FROM impressions WHERE at_us < ? ORDER BY at_us LIMIT ?)",
                    old,
                )
                link.execute("DELETE FROM impressions_lost WHERE at_us < ?", old[:1])
                link.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    link.execute("ROLLBACK")
                raise


def _there(link: Connection) -> bool:
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'impressions_lost'").fetchone() is not None


def _row(one: Impression) -> tuple[object, ...]:
    items = json.dumps([[item, None if chance is None else float(f"{chance:.4g}")] for item, chance in one.items])
    who = (one.customer, one.anonymous)
    return (one.id, one.at_us, *who, one.scenario, one.edit, one.model, one.level, one.share, items)


def _impression(row: tuple[Any, ...]) -> Impression:
    id, at_us, customer, anonymous, scenario, edit, model, level, share, items = row
    shown = tuple((str(item), chance) for item, chance in json.loads(items))
    return Impression(
        id=id, at_us=at_us, customer=customer, anonymous=anonymous, scenario=scenario, edit=edit, model=model, level=level,
        share=share, items=shown,
    )  # fmt: skip
