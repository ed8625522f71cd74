"""One transaction of live records: each is kept once, or kept aside with its reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from regard.events import erased
from regard.events.live import people
from regard.events.live.people import Said
from regard.events.live.record import Event, Record, Refusal
from regard.events.live.refused import Again
from regard.events.live.seen import Seen
from regard.events.live.tables import last_seq

Status = Literal["accepted", "repeated", "refused"]
"""accepted = kept, now; repeated = an event of this id is kept already; refused = kept aside with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one record.

    Args:
        status: see `Status`.
        event_id: its id, also one that was made for it; '' for a refused record.
        reason: why it was refused, else ''.
    """

    status: Status
    event_id: str = ""
    reason: str = ""


class Entry:
    """The records of one transaction, entered one after the other.

    Args:
        link: of the catalogue, in a transaction that writes.
        seen: the ids of sealed events.
        records: all that will be entered.

    Raises:
        WorkspaceError: ids of sealed events cannot be read, so that nothing can be entered.
    """

    def __init__(self, link: sqlite3.Connection, seen: Seen, records: Sequence[Record | Said | Again]) -> None:
        bare = [record.record if isinstance(record, Again) else record for record in records]
        self._link = link
        self._known = seen.known(link, [record.digest for record in bare if not isinstance(record, Refusal)])
        self._erased = erased.barred(link, {one.customer for one in bare if not isinstance(one, Refusal)})
        self._seq = last_seq(link)

    def enter(self, received_us: int, record: Record | Said | Again) -> Result:
        """Keep a record, unless it is known; one that is sent again is dealt with then, or refused for another reason.

        Args:
            received_us: when it arrived, microseconds since 1970 UTC.
            record: of `records`.
        """
        if isinstance(record, Again):
            return self._again(received_us, record)
        record = self._barred(record)
        if isinstance(record, Refusal):
            return self._refuse(received_us, record)
        if not self._once(record.digest):
            return Result(status="repeated", event_id=record.event_id)
        self._keep(received_us, record)
        return Result(status="accepted", event_id=record.event_id)

    def _barred(self, record: Record | Said) -> Record | Said:
        """The record, or its refusal for what is known of whom it names."""
        if isinstance(record, Refusal):
            return record
        if any(record.time_us in span for span in self._erased.get(record.customer, ())):
            return Refusal(reason=erased.REASON, raw="")
        if isinstance(record, Said) and (why := people.bars(self._link, record)):
            return Refusal(reason=why, raw=record.raw)
        return record

    def _once(self, digest: bytes) -> bool:
        """Whether an id comes for the first time; from now on it is known."""
        insert = "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING"
        return digest not in self._known and self._link.execute(insert, (digest, self._seq + 1)).rowcount == 1

    def _refuse(self, received_us: int, refusal: Refusal) -> Result:
        values = (received_us, refusal.reason, refusal.raw)
        self._link.execute("INSERT INTO refused (received_us, reason, raw) VALUES (?, ?, ?)", values)
        return Result(status="refused", reason=refusal.reason)

    def _again(self, received_us: int, again: Again) -> Result:
        where = "WHERE number = ? AND replayed IS NULL"
        record = self._barred(again.record)
        if isinstance(record, Refusal):
            values = (record.reason, record.raw, again.number)
            left = self._link.execute(f"UPDATE refused SET reason = ?, raw = ? {where}", values).rowcount
            return Result(status="refused", reason=record.reason) if left else Result(status="repeated")
        left = self._link.execute(f"UPDATE refused SET replayed = ? {where}", (received_us, again.number)).rowcount
        return self.enter(received_us, record) if left else Result(status="repeated")

    def _keep(self, received_us: int, event: Event | Said) -> None:
        if isinstance(event, Said):
            people.keep(self._link, event)
            return
        kept = self._link.execute(
            "INSERT INTO tail (received_us, customer, behaviour, item, time_us, event_id, row)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (received_us, event.customer, event.behaviour, event.item, event.time_us, event.event_id, event.row),
        )
        self._seq = kept.lastrowid or 0
