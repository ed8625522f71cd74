"""One thread that commits live events, many senders' in one transaction, and answers each when its own are on the disk.

It does not take the workspace's writer lock: a file's ingest holds that for minutes and must not stop live events.
SQLite's own lock keeps the writers of catalog.sqlite apart, other processes' included; every transaction on it, here and
at the end of an ingest, lasts milliseconds.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from regard.errors import RegardError, UsageError, WorkspaceError, read_only
from regard.events.catalog import connected, said, writable
from regard.events.live.entry import Entry, Result
from regard.events.live.people import Said, check
from regard.events.live.record import Record
from regard.events.live.refused import Again, again
from regard.events.live.seen import Seen
from regard.events.live.tables import prepare
from regard.events.store import Store


class QueueFullError(RegardError):
    """More live events are waiting than may wait; nothing of this batch was taken."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long events wait, and how many.

    Args:
        queue: records that may wait. Two seconds at 10,000 a second: who waits longer had better come again.
        group: records after which a transaction begins without waiting for more. From here on the disk's answer, some
            milliseconds, is no longer what an event costs.
        linger: seconds for which the first record waits for company; little beside the disk's answer.
    """

    queue: int = 20_000
    group: int = 500
    linger: float = 0.005


@dataclass(slots=True)
class _Batch:
    received_us: int
    records: Sequence[Record | Said | Again]
    results: Future[list[Result]]


class Writer:
    """The writer of one workspace's live events; use it in a `with`, from any number of threads.

    Args:
        store: the workspace's store.
        settings: how long events wait, and how many.

    Raises:
        UsageError: the store's events have no times, live events have.
        WorkspaceError: the catalogue is missing, damaged or read-only, the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Writer(Store.create(f"{folder}/shop")) as writer:
    ...         sent = writer.submit([{"customer": "C42", "behaviour": "purchase", "item": "pen", "event_id": "e1"}] * 2)
    ...         [result.status for result in sent.result()]
    ['accepted', 'repeated']
    """

    def __init__(self, store: Store, *, settings: Settings | None = None) -> None:
        if store.clock != "clock":
            raise UsageError(
                f"the events of {store.folder} have no times", hint="live events need a workspace of their own"
            )
        if not writable(store.folder):
            raise read_only(store.folder)
        prepare(store.catalog.path)
        self._path = store.catalog.path
        self._own = tuple(store.config.behaviours.items())
        self._settings = settings or Settings()
        self._seen = Seen(store.folder)
        self._link: sqlite3.Connection | None = None
        self._queue: deque[_Batch] = deque()
        self._waiting = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="regard-live", daemon=True)
        self._thread.start()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return self._waiting

    def submit(self, records: Sequence[object]) -> Future[list[Result]]:
        """Take a batch; all of it is committed together.

        Args:
            records: as `people.check` reads them.

        Returns:
            One result a record, set when all of them are on the disk; or the WorkspaceError for which none is. It
            cannot be cancelled.

        Raises:
            QueueFullError: too many records are waiting.
            UsageError: the batch could never be taken, or the writer is closed.
        """
        now_us = time.time_ns() // 1_000
        return self._take(now_us, [check(record, now_us=now_us, own=self._own) for record in records])

    def replay(self, numbers: Sequence[int], mended: Mapping[int, object] | None = None) -> Future[list[Result]]:
        """Send refused records again; the same transaction keeps them and counts them as dealt with.

        Args:
            numbers: of the refusals (`tail.Refused`).
            mended: number -> the record to take in its place, as `people.check` reads it; the others go as they are.

        Returns:
            As `submit`, one result a number. What is refused again stays under its number, with the new record and the
            new reason; repeated = dealt with already, or an event of this id is kept.

        Raises:
            QueueFullError: too many records are waiting.
            UsageError: there is no refusal of a number, the batch could never be taken, or the writer is closed.
            WorkspaceError: the catalogue is missing, damaged or busy.
        """
        now_us = time.time_ns() // 1_000
        return self._take(now_us, again(self._path, numbers, mended or {}, now_us=now_us, own=self._own))

    def _take(self, now_us: int, checked: Sequence[Record | Said | Again]) -> Future[list[Result]]:
        batch = _Batch(now_us, checked, Future())
        batch.results.set_running_or_notify_cancel()
        if not checked:
            batch.results.set_result([])
            return batch.results
        with self._changed:
            self._admit(len(checked))
            self._queue.append(batch)
            self._waiting += len(checked)
            if len(self._queue) == 1 or self._waiting >= self._settings.group:
                self._changed.notify()
        return batch.results

    def close(self) -> None:
        """Take no more, commit what waits, end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _admit(self, rows: int) -> None:
        if self._closing:
            raise UsageError("the writer of live events is closed")
        if rows > self._settings.queue:
            raise UsageError(f"a batch of {rows:,} records", hint=f"at most {self._settings.queue:,} at once")
        if self._waiting + rows > self._settings.queue:
            raise QueueFullError(f"{self._waiting:,} live events are waiting", hint="send the batch again in a second")

    def _run(self) -> None:
        while batches := self._gather():
            self._write(batches)
        self._disconnect()

    def _gather(self) -> list[_Batch]:
        """The batches of the next transaction; none when the writer is closed and all is done."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            until = time.monotonic() + self._settings.linger
            while self._waiting < self._settings.group and not self._closing:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            # All that waits, not `group` of it: where the disk is slow, fewer and larger transactions catch up.
            taken = list(self._queue)
            self._queue.clear()
            self._waiting = 0
            return taken

    def _write(self, batches: list[_Batch]) -> None:
        try:
            results = self._commit(batches)
        except Exception as error:
            # Whatever it was, the next batches get a fresh connection, and closing this one takes its changes back.
            self._disconnect()
            for batch in batches:
                batch.results.set_exception(error)
            return
        for batch, result in zip(batches, results, strict=True):
            batch.results.set_result(result)

    def _commit(self, batches: list[_Batch]) -> list[list[Result]]:
        with said(self._path):
            link = self._connected()
            link.execute("BEGIN IMMEDIATE")
            entry = Entry(link, self._seen, [record for batch in batches for record in batch.records])
            results = [[entry.enter(batch.received_us, record) for record in batch.records] for batch in batches]
            link.execute("COMMIT")
        return results

    def _connected(self) -> sqlite3.Connection:
        if not self._path.is_file():
            self._disconnect()  # SQLite would go on writing to a file that nobody can open again
        if self._link is None:
            link = connected(self._path)
            # Both are what an acknowledgement rests on, so they are asked for and not only set.
            kept = link.execute("PRAGMA journal_mode").fetchone()[0], link.execute("PRAGMA synchronous").fetchone()[0]
            if kept != ("wal", 2):
                link.close()
                raise WorkspaceError(
                    f"{self._path} could lose what it acknowledges: {kept}", hint="keep the workspace on a local disk"
                )
            self._link = link
        return self._link

    def _disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with suppress(sqlite3.Error):
                link.close()
