"""Living: the part of a workspace that takes events as they happen; what it needs is loaded when it is first asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING

from regard.workspace.answering import Answering

if TYPE_CHECKING:
    from regard.events.live import Counts, Result
    from regard.events.live.tail import Arrived, Refused
    from regard.events.store import Store


class Live:
    """The one writer of a workspace's live events, and what has arrived; use it in a `with`, from any number of threads.

    While it is open, answers come from the version of the store that was newest at `Workspace.refresh`, and from every event
    that has been committed since.

    Args:
        store: the workspace's store. answering: makes its answers.

    Raises:
        UsageError: the store's events have no times, live events have.
        WorkspaceError: the catalogue is missing, damaged or read-only, the disk is full.
    """

    def __init__(self, store: Store, answering: Answering) -> None:
        from regard.events.live import Writer

        self._path, self._answering = store.catalog.path, answering
        self._writer = Writer(store)
        answering.hold()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Records that are not committed yet."""
        return self._writer.waiting

    def submit(self, records: Sequence[object]) -> Future[list[Result]]:
        """Take a batch; all of it is committed together, and is in the next answer.

        Args:
            records: as `events.live.check` reads them.

        Returns:
            One result a record, set when all of them are on the disk; or the error for which none is.

        Raises:
            QueueFullError: too many records are waiting. UsageError: the batch could never be taken.
        """
        return self._writer.submit(records)

    def replay(self, numbers: Sequence[int], mended: Mapping[int, object] | None = None) -> Future[list[Result]]:
        """Send refused records again, as they are or mended; see `Writer.replay`."""
        return self._writer.replay(numbers, mended)

    def counts(self) -> Counts:
        """How much waits to be sealed, and how much was refused."""
        from regard.events.live import Tail

        with Tail.open(self._path) as tail:
            return tail.counts()

    def newest(self, n: int, *, before: int | None = None) -> list[Arrived]:
        """The latest `n` events by arrival, the latest first; of those with a seq below `before`."""
        from regard.events.live import Tail

        with Tail.open(self._path) as tail:
            return tail.newest(n) if before is None else tail.newest(n, before=before)

    def refused(self, n: int, *, before: int | None = None) -> list[Refused]:
        """The latest `n` refused records, the latest first; of those with a number below `before`."""
        from regard.events.live import Tail

        with Tail.open(self._path) as tail:
            return tail.refused(n) if before is None else tail.refused(n, before=before)

    def close(self) -> None:
        """Take no more, commit what waits; answers look for a newer version again."""
        self._writer.close()
        self._answering.let_go()


class Living:
    """The verbs of a workspace that lives."""

    store: Store
    _answering: Answering

    def live(self) -> Live:
        """Take events as they happen, from now on; answers read them at once.

        Raises:
            UsageError: the store's events have no times, live events have.
            WorkspaceError: the catalogue is missing, damaged or read-only, the disk is full.

        >>> import tempfile, regard
        >>> shop = regard.init(tempfile.mkdtemp() + "/shop")
        >>> with shop.live() as live:
        ...     sent = live.submit([{"customer": "C42", "behaviour": "purchase", "item": "pen", "event_id": "e1"}])
        ...     sent.result()[0].status, live.counts().tail
        ('accepted', 1)
        """
        return Live(self.store, self._answering)

    def refresh(self) -> None:
        """Look whether the store or the models have moved on, and read them anew; then answers come from the new ones.

        Questions are answered from the old ones meanwhile, on whatever threads they are asked.
        """
        self._answering.refresh()
