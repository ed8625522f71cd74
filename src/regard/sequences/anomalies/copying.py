"""Copying: acts on the same few items over and over, and sequences that another customer had before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import excess, usual_by_size
from regard.sequences.log import Log

LEAST_ACTS = 5
"""Acts from which on anybody is judged by what they are on."""

MOST = 0.5
"""Share of the events that are on the one item: less is a favourite."""

PART = 1 / 3
"""Share of the events on items that are another's, in order: less is a basket in common."""

_RUN = 3
"""Items in a row that make a piece of a sequence: two often follow each other by themselves."""


def one_item(log: Log) -> Found:
    """Acts on one item: the share of a customer's events that are on the commonest, beside customers with as many events."""
    customers, items = len(log), max(1, len(log.items))
    rows = np.flatnonzero(np.append(log.merchandise, False)[log.item])
    owner = log.owner
    key, where, times = np.unique(owner[rows] * items + log.item[rows], return_inverse=True, return_counts=True)
    count = np.zeros(customers, dtype=np.int64)
    np.maximum.at(count, key // items, times)
    of = np.bincount(owner[rows], minlength=customers)
    commonest = np.full(customers, -1)
    top = np.flatnonzero((times == count[key // items]) & (times > 1))
    commonest[key[top] // items] = top  # of several as common, one
    marks = np.zeros(log.events, dtype=bool)
    marks[rows] = where == commonest[owner[rows]]
    nats = np.where(count >= MOST * of, excess(count, of, usual_by_size(count, of)), 0.0)
    return Found(
        kind="one_item", nats=nats, asked=of >= LEAST_ACTS, marks=marks,
        figures={"count": count, "of": of},
    )  # fmt: skip


def copies(log: Log, acts: Acts) -> Found:
    """Sequences that somebody else had before: three items in a row, each run credited to the customer who had it first, or
    where there is no clock that tells, to the first in the log.

    Of a customer's runs, k of n are of one and the same other customer; beside it stands how often everybody's are. Anybody
    might have been the other, which the surprise pays for. Items of a basket have no order and are put into one that is the
    same for all. Linear in the events.
    """
    customers = len(log)
    rows, end, runs = _runs(log, acts)
    last, events = rows[end], log.owner[rows]
    owner = log.owner[last]
    order = np.lexsort((last, log.time[last] if log.clock == "clock" else np.zeros(len(last)), runs))
    runs, end, owner = runs[order], end[order], owner[order]
    new = np.append(True, runs[1:] != runs[:-1])[: len(runs)]
    first = owner[np.flatnonzero(new)][np.cumsum(new) - 1]
    taken = owner != first
    of = np.bincount(owner, minlength=customers)
    key, where, count = np.unique(owner[taken] * customers + first[taken], return_inverse=True, return_counts=True)
    who, source = np.divmod(key, customers)
    base = np.bincount(first[taken], minlength=customers) / max(1, len(runs))
    nats = excess(count, of[who], base[source]) - np.log(max(1, customers))
    best = np.zeros(customers)
    np.maximum.at(best, who, nats)
    chosen = np.full(customers, -1)
    top = np.flatnonzero((nats == best[who]) & (nats > 0))
    chosen[who[top]] = top
    covered = np.zeros(len(rows), dtype=bool)
    for back in range(_RUN):
        covered[end[taken][where == chosen[owner[taken]]] - back] = True
    marks = np.zeros(log.events, dtype=bool)
    marks[rows[covered]] = True
    same, all_ = (np.bincount(owners, minlength=customers) for owners in (events[covered], events))
    return Found(
        kind="copies", nats=np.where(same >= PART * all_, best, 0.0), asked=of >= LEAST_ACTS, marks=marks,
        figures={"count": same, "of": all_, "source": np.append(source, -1)[chosen]},
    )  # fmt: skip


def _runs(log: Log, acts: Acts) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Events in one order, int64 [K]; the place in it at which each run of items ends, int64 [R]; and a number for each run,
    int64 [R], equal for equal runs.
    """
    rows = np.flatnonzero(log.item >= 0)
    rows = rows[np.lexsort((_mix(log.item[rows].astype(np.uint64)), acts.of_event[rows]))]
    item, owner = log.item[rows].astype(np.int64), log.owner[rows]
    # The same item twice in a row is a habit and not a sequence.
    kept = np.append(True, (item[1:] != item[:-1]) | (owner[1:] != owner[:-1]))[: len(item)]
    rows, item, owner = rows[kept], item[kept], owner[kept]
    if len(rows) < _RUN:
        return rows, np.empty(0, np.int64), np.empty(0, np.int64)
    state = np.zeros(len(rows) - _RUN + 1, dtype=np.uint64)
    for back in range(_RUN):
        state = _mix(state + item[back : len(item) - _RUN + 1 + back].astype(np.uint64))
    end = np.flatnonzero(owner[_RUN - 1 :] == owner[: len(owner) - _RUN + 1])
    return rows, end + _RUN - 1, (state >> np.uint64(1)).astype(np.int64)[end]


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood, 2014): a number that looks like chance and is the same for all."""
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
