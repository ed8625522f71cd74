"""Quality: how much is known of a customer, and whether it is a person's doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.profile.given import Column, Floats, Given
from regard.sequences.anomalies.judge import FLAGGED, SCRIPTED

THIN_EVENTS, RICH_EVENTS = 5, 20
"""Events from which a history is thin rather than cold, and with RICH_ORDERS rich: a fifth of the history is then a few events."""

RICH_ORDERS = 3
"""Days with an order of a rich history: two gaps, the fewest that show a rhythm."""

SUFFICIENCY = ("cold", "thin", "rich")


def quality(given: Given) -> Iterator[Column]:
    """First and last seen, events, data sufficiency, bot score, anomalies."""
    log = given.log
    ends = _ends(given)
    for name, seconds, rows in (("first_seen", ends[0], ends[2]), ("last_seen", ends[1], ends[3])):
        mark = np.zeros(log.events, dtype=bool)
        mark[rows] = True
        yield given.column(name, moments(seconds), mark)
    yield given.column("events", log.lengths)
    rich = (log.lengths >= RICH_EVENTS) & (given.number("order_days") >= RICH_ORDERS)
    level = np.where(rich, 2, np.where(log.lengths >= THIN_EVENTS, 1, 0))
    yield given.column("sufficiency", chosen(SUFFICIENCY, level))
    if given.base.anomalies is not None:
        yield from _anomalies(given)


def _ends(given: Given) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Seconds of the first and of the last event, float64 [Q], NaN for who has none or where there is no clock; and their rows."""
    log = given.log
    some = np.flatnonzero(log.lengths) if given.timed else np.empty(0, dtype=np.int64)
    first, last = np.full(len(log), np.nan), np.full(len(log), np.nan)
    begin, end = log.offsets[:-1][some], log.offsets[1:][some] - 1
    first[some], last[some] = log.time[begin], log.time[end]
    return first, last, begin, end


def _anomalies(given: Given) -> Iterator[Column]:
    """What `sequences.anomalies` found of the customers by all events; its evidence stands at the events it marks."""
    found = given.base.anomalies
    assert found is not None
    codes = found.log.customers.codes(given.log.customers.ids.to_pylist())
    kinds = list(found.scores)
    scores = np.stack([np.append(found.scores[kind], 0.0)[codes] for kind in kinds], axis=1)
    scripted = [place for place, kind in enumerate(kinds) if kind in SCRIPTED]
    bot = scores[:, scripted].max(axis=1, initial=0.0)
    yield given.column(
        "bot", bot, _marked(given, scores >= np.maximum(bot, FLAGGED)[:, None], scripted, kinds), coverage=1.0
    )
    flagged = scores >= FLAGGED
    offsets = np.append(0, np.cumsum(flagged.sum(axis=1))).astype(np.int32)
    names = pa.array([kinds[place] for place in np.nonzero(flagged)[1]], pa.string())
    lists = pa.ListArray.from_arrays(pa.array(offsets), names)
    yield given.column("anomalies", lists, _marked(given, flagged, range(len(kinds)), kinds), coverage=1.0)


def _marked(given: Given, wanted: NDArray[np.bool_], places: list[int] | range, kinds: list[str]) -> NDArray[np.bool_]:
    """bool [N], the events that speak for the wanted kinds (bool [Q, K]); none where the log was looked at differently."""
    found, log = given.base.anomalies, given.log
    marks = np.zeros(log.events, dtype=bool)
    if found is None or found.log.events != given.shop.log.events:
        return marks
    whole = given.shop.log
    lengths = log.lengths  # events up to the moment are the first of each slice
    within = np.arange(log.events) - np.repeat(log.offsets[:-1], lengths)
    rows = np.repeat(whole.offsets[:-1][given.codes], lengths) + within
    for place in places:
        if wanted[:, place].any():
            marks |= found.found[kinds[place]].marks[rows] & np.repeat(wanted[:, place], lengths)
    return marks


def moments(seconds: Floats) -> pa.Array:
    """Timestamps in UTC, null for NaN and for what is infinitely far."""
    known = np.isfinite(seconds)
    return pa.array(np.where(known, seconds, 0).astype(np.int64), pa.timestamp("s", tz="UTC"), mask=~known)


def chosen(names: tuple[str, ...], place: NDArray[np.integer[Any]]) -> pa.Array:
    """The names at the places, null for -1."""
    return pa.array(names, pa.string()).take(pa.array(place, mask=place < 0))
