"""Membership: the segments that customers were found in when segments were last looked for. Nothing is worked out here.

So a segment's members are as of its own moment, and of who came later nothing is said, not that they are in none.

Legend: `B` customers of the shop, `S` segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.insight.words import local
from regard.sequences.ragged import Ragged

if TYPE_CHECKING:
    from regard.customers.profile.given import Column, Given

MEMBERSHIP = pa.struct({"id": pa.string(), "name": pa.string(), "kind": pa.string(), "as_of": pa.string()})
"""A segment that somebody is in: 'cluster' or 'rule', and when that was found, ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment.

    Args: id: stable. en, zh: its name. kind: 'cluster' or 'rule'. at: seconds when its members were found.
    """

    id: str
    en: str
    zh: str
    kind: str
    at: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Memberships:
    """The segments of a shop, and who is in them.

    Args:
        segments: S of them. of: B rows of places in them. known: bool [B], who was looked at; of others nothing is said.
        note: why some could not be read; '' where all were.
    """

    segments: tuple[Segment, ...]
    of: Ragged
    known: NDArray[np.bool_]
    note: str = ""


def segments(given: Given) -> Iterator[Column]:
    """The segments that each customer is in, and until what event that rests on their history."""
    found = given.base.segments
    if found is None or not found.segments:
        return
    zh, zone = given.shop.language == "zh", given.log.time_zone
    rows = [
        {"id": one.id, "name": one.zh if zh else one.en, "kind": one.kind, "as_of": local(one.at, zone).isoformat()}
        for one in found.segments
    ]
    at = min(one.at for one in found.segments)
    by_then = (given.log.time <= at) | (not given.timed)
    own = found.of.take(given.codes)
    known = found.known[given.codes] & ((own.lengths > 0) | (given.per_customer(by_then) > 0))
    listed = pa.array(rows, MEMBERSHIP).take(pa.array(own.values))
    values = pa.ListArray.from_arrays(pa.array(own.offsets.astype(np.int32)), listed, mask=pa.array(~known))
    yield given.column("segments", values, known[given.owner] & by_then, at=at)
