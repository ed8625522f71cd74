"""Live events behind one name: the workspace's one writer, and readers of what is in no part yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING

from regard.events.live import Arrived, Counts, Refused, Result, Tail, Writer

if TYPE_CHECKING:
    from regard.workspace import Workspace

_LAST = 2**63 - 1


class Live:
    """The writer of a workspace's live events, for any threads; use it in a `with`."""

    def __init__(self, shop: Workspace) -> None:
        self._path = shop.store.catalog.path
        self._writer = Writer(shop.store)

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return self._writer.waiting

    def submit(self, records: Sequence[object]) -> Future[list[Result]]:
        """Take a batch; see `Writer.submit`."""
        return self._writer.submit(records)

    def replay(self, numbers: Sequence[int], mended: Mapping[int, object] | None = None) -> Future[list[Result]]:
        """Send refused records again; see `Writer.replay`."""
        return self._writer.replay(numbers, mended)

    def counts(self) -> Counts:
        """What waits in the tail."""
        with Tail.open(self._path) as tail:
            return tail.counts()

    def newest(self, n: int, *, before: int = _LAST) -> list[Arrived]:
        """The latest events by arrival."""
        with Tail.open(self._path) as tail:
            return tail.newest(n, before=before)

    def refused(self, n: int, *, before: int = _LAST) -> list[Refused]:
        """The latest refused records."""
        with Tail.open(self._path) as tail:
            return tail.refused(n, before=before)


def live(shop: Workspace) -> Live:
    """The workspace's live events."""
    return Live(shop)
