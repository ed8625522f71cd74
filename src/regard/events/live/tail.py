"""Reading what has arrived and is in no part yet: for the next answer, for the live view, for whoever mends records.

Sealed events stay in the table for one more seal, so that who has pinned a version finds the rest of the truth here.

Nobody's consent is asked here: who looks at a customer asks `Store.consenting` first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regard.errors import WorkspaceError
from regard.events import aliases
from regard.events.catalog import opened
from regard.events.live.tables import readable

_LAST = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """One event of the tail.

    Args:
        seq: its place in the order of arrival.
        received_us: when it arrived, microseconds since 1970 UTC.
        customer: who did it. behaviour: what was done. item: what it was done to, or None.
        time_us: when it was done.
        event_id: its id.
        fields: the other fields that have a value.
    """

    seq: int
    received_us: int
    customer: str
    behaviour: str
    item: str | None
    time_us: int
    event_id: str
    fields: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What waits.

    Args:
        tail: events in no part yet. newest_us: when the latest of them arrived, None without any.
        refused: records refused and not sent again since.
    """

    tail: int = 0
    newest_us: int | None = None
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One refused record.

    Args:
        number: of the refusal. received_us: when it arrived, microseconds since 1970 UTC.
        reason: why. raw: the record as JSON, cut where it was endless.
        replayed: when it was sent again, None if never.
    """

    number: int
    received_us: int
    reason: str
    raw: str
    replayed: int | None


class Tail:
    """The tail of one workspace as one connection reads it; in a workspace without live events it is empty.

    Args:
        link: of `catalog.opened`; for one thread at a time.
    """

    def __init__(self, link: sqlite3.Connection) -> None:
        self._link = link
        self._there = False

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Tail]:
        """The tail in the catalogue at `path`.

        Raises:
            WorkspaceError: the catalogue is missing, damaged, busy or cannot be opened.

        >>> import tempfile
        >>> from regard.events.store import Store
        >>> with tempfile.TemporaryDirectory() as folder, Tail.open(Store.create(f"{folder}/s").catalog.path) as tail:
        ...     tail.counts().tail, tail.newest(10), tail.since(0, ["C42"])
        (0, [], {'C42': ()})
        """
        with opened(path) as link:
            yield cls(link)

    def since(self, version: int, customers: Iterable[str]) -> dict[str, tuple[Arrived, ...]]:
        """What customers have done that no part of a version holds: its parts and these events are all there is at this
        moment, and nothing is in both. Events under ids that were joined to a customer are among theirs (`aliases`), and
        keep their id.

        Args:
            version: of the manifest, as `Store.reading` pins it.
            customers: ids; one that is somebody else's has no events.

        Returns:
            For each customer the events in time order; of the same time in order of arrival.

        Raises:
            WorkspaceError: so much was sealed since that version that its rest is not here any more.
        """
        found: dict[str, list[Arrived]] = {customer: [] for customer in customers}
        if self._ready():
            self._link.execute("BEGIN")  # one snapshot for both, or a seal in between would hide events
            try:
                spans = aliases.under(self._link, found)
                asked = json.dumps([span.id for own in spans.values() for span in own])
                mark = self._link.execute("SELECT max(seq) FROM sealed WHERE version <= ?", (version,)).fetchone()[0]
                rows = [] if mark is None else self._link.execute(_SINCE, (asked, mark)).fetchall()
            finally:
                self._link.execute("ROLLBACK")
            if mark is None:
                raise WorkspaceError(f"the store has moved on since version {version}", hint="read the store anew")
            owners: dict[str, list[tuple[str, aliases.Span]]] = {}
            for customer, own in spans.items():
                for span in own:
                    owners.setdefault(span.id, []).append((customer, span))
            for row in rows:
                for customer, span in owners[row[2]]:
                    if row[5] in span:
                        found[customer].append(_arrived(row))
        return {customer: tuple(events) for customer, events in found.items()}

    def counts(self) -> Counts:
        """How much waits."""
        found = self._rows(
            f"SELECT (SELECT count(*) FROM tail WHERE {UNSEALED}),"
            f" (SELECT received_us FROM tail WHERE {UNSEALED} ORDER BY seq DESC LIMIT 1),"
            " (SELECT count(*) FROM refused WHERE replayed IS NULL)"
        )
        return Counts(tail=found[0][0], newest_us=found[0][1], refused=found[0][2]) if found else Counts()

    def newest(self, n: int, *, before: int = _LAST) -> list[Arrived]:
        """The latest `n` events by arrival, the latest first; of those with a seq below `before`."""
        rows = self._rows(
            f"SELECT {_EVENT} FROM tail WHERE {UNSEALED} AND seq < ? ORDER BY seq DESC LIMIT ?", before, n
        )
        return [_arrived(row) for row in rows]

    def refused(self, n: int, *, before: int = _LAST) -> list[Refused]:
        """The latest `n` refused records, the latest first, those sent again included (`Writer.replay` does that); of
        those with a number below `before`.
        """
        rows = self._rows(
            "SELECT number, received_us, reason, raw, replayed FROM refused WHERE number < ? ORDER BY number DESC LIMIT ?",
            before, n,
        )  # fmt: skip
        return [
            Refused(number=number, received_us=received_us, reason=reason, raw=raw, replayed=replayed)
            for number, received_us, reason, raw, replayed in rows
        ]

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._link.execute(sql, values).fetchall() if self._ready() else []

    def _ready(self) -> bool:
        self._there = self._there or readable(self._link)
        return self._there


UNSEALED = "seq > (SELECT max(seq) FROM sealed)"
"""SQL of whether no part of the newest version holds a row of the tail, or has ever held it: an undo brings none back."""

_EVENT = "seq, received_us, customer, behaviour, item, time_us, event_id, row"
_SINCE = (
    f"SELECT {_EVENT} FROM tail WHERE customer IN (SELECT value FROM json_each(?)) AND seq > ? ORDER BY time_us, seq"
)


def _arrived(row: tuple[Any, ...]) -> Arrived:
    seq, received_us, customer, behaviour, item, time_us, event_id, fields = row
    return Arrived(
        seq=seq, received_us=received_us, customer=customer, behaviour=behaviour, item=item, time_us=time_us,
        event_id=event_id, fields=json.loads(fields),
    )  # fmt: skip
