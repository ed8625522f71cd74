"""Refused records: sent again as they are or mended, read here and entered by the writer; dropped after their days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from regard.errors import UsageError
from regard.events.catalog import opened
from regard.events.live.people import Said, check
from regard.events.live.record import Record, Refusal, Words
from regard.events.live.tables import there

FORGOTTEN = 1_000
"""Records dropped in one transaction, for some milliseconds of which live events wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A refused record that is sent again.

    Args:
        number: of the refusal.
        record: what it turns out to be now.
    """

    number: int
    record: Record | Said


def again(
    path: Path, numbers: Sequence[int], mended: Mapping[int, object], *, now_us: int, own: Words = ()
) -> list[Again]:
    """Check refused records once more; one without a time happened when it first arrived.

    What was cut because it was endless, or was no JSON, can only be sent mended; as it is, it is refused for the same
    reason again.

    Args:
        path: of the catalogue.
        numbers: of the refusals.
        mended: number -> the record to check in its place.
        now_us: this machine's clock, microseconds since 1970 UTC; what was in the future then may be so no longer.
        own: the shop's own words for behaviours.

    Raises:
        UsageError: there is no refusal of a number.
        WorkspaceError: the catalogue is missing, damaged or busy.
    """
    with opened(path) as link:
        select = "SELECT number, received_us, reason, raw FROM refused WHERE number IN (SELECT value FROM json_each(?))"
        kept = {number: row for number, *row in link.execute(select, (json.dumps(list(numbers)),))}
    if strange := [number for number in numbers if number not in kept]:
        raise UsageError(f"there is no refused record {strange[0]}", hint="it may have been kept for its days already")
    found = []
    for number in numbers:
        received_us, reason, raw = kept[number]
        record = mended[number] if number in mended else _read(reason, raw)
        found.append(Again(number=number, record=check(record, now_us=now_us, arrived_us=received_us, own=own)))
    return found


def forget(path: Path, *, days: int, now: datetime) -> int:
    """Drop refused records that have been kept for their days; returns how many.

    Args:
        path: of the catalogue. days: 0 = for good. now: naive UTC.
    """
    dropped, clock_us = 0, int(now.replace(tzinfo=UTC).timestamp()) * 1_000_000
    with opened(path) as link:
        if not days or not there(link):
            return 0
        # A clock that jumps ahead makes nothing old.
        latest = link.execute("SELECT max(received_us) FROM refused").fetchone()[0] or 0
        until = min(clock_us, latest) - days * 86_400_000_000
        delete = "DELETE FROM refused WHERE number IN (SELECT number FROM refused WHERE received_us < ? LIMIT ?)"
        while (gone := link.execute(delete, (until, FORGOTTEN)).rowcount) > 0:
            dropped += gone
    return dropped


def _read(reason: str, raw: str) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return Refusal(reason=reason, raw=raw)
