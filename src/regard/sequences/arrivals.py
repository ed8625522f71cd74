"""Arrivals: events that have come since the log was packed, put into the histories of those they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.events.schema import BASKET_BEHAVIOURS
from regard.sequences.log import Log
from regard.sequences.pack import days, find_baskets, merge_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event that no part of the log holds yet.

    Args:
        behaviour: what was done. item: what it was done to, or None. time: seconds since 1970 UTC.
        order: id of the order, or None. quantity: units, negative for returns; NaN where unknown. value: money, likewise.
        context: 'channel', 'device', 'place' -> the word, where known.
    """

    behaviour: str
    item: str | None
    time: int
    order: str | None = None
    quantity: float = np.nan
    value: float = np.nan
    context: Mapping[str, str] = field(default_factory=dict)


Arrived = Callable[[Sequence[str]], Mapping[str, Sequence[Arrival]]]
"""Asked for the events of these customers that the log does not hold."""


def nothing(customers: Sequence[str]) -> Mapping[str, Sequence[Arrival]]:
    """Of a log that holds everything."""
    return {}


def joined(log: Log, arrivals: Sequence[Sequence[Arrival]]) -> Log:
    """Histories with what has arrived since, each in time order, as a log packed of all of it would have them.

    A basket that has lines on both sides, some in the log and some arrived, is two until the log is packed anew. An item
    that the log has no code for is unknown.

    Args:
        log: Q histories, of a log with a clock. arrivals: of each, in any order.

    >>> from regard.sequences.vocabulary import Vocabulary
    >>> none = np.empty(0, np.float32)
    >>> log = Log(
    ...     customers=Vocabulary(["ann"]), items=Vocabulary(["pen"]), behaviours=("purchase",), offsets=np.array([0, 0]),
    ...     item=np.empty(0, np.int32), behaviour=np.empty(0, np.int16), time=np.empty(0, np.int64),
    ...     basket=np.empty(0, np.int32), quantity=none, value=none, merchandise=np.ones(1, bool),
    ... )
    >>> found = joined(log, [[Arrival(behaviour="view_item", item="pen", time=5), Arrival(behaviour="search", item=None, time=3)]])
    >>> found.time.tolist(), found.item.tolist(), [found.behaviours[code] for code in found.behaviour]
    ([3, 5], [-1, 0], ['search', 'view_item'])
    """
    fresh = _packed(log, arrivals)
    if not fresh.events:
        return log
    owner = np.concatenate([log.owner, fresh.owner])
    time = np.concatenate([log.time, fresh.time])
    # Stable, and by the time of the basket's first line: what the log holds stays before what came later.
    order = np.lexsort((time, owner))
    offsets = log.offsets + fresh.offsets
    old = np.arange(log.events + fresh.events) < log.events
    basket = np.concatenate([log.basket, fresh.basket])
    changes = np.ones(len(order), dtype=bool)
    same = (owner[order][1:] == owner[order][:-1]) & (old[order][1:] == old[order][:-1])
    changes[1:] = ~(same & (basket[order][1:] == basket[order][:-1]))
    number = np.cumsum(changes) - 1
    starts = np.minimum(offsets[:-1], max(len(order) - 1, 0))
    return replace(
        log,
        behaviours=fresh.behaviours,
        offsets=offsets,
        item=np.concatenate([log.item, fresh.item])[order],
        behaviour=np.concatenate([log.behaviour, fresh.behaviour])[order],
        time=time[order],
        basket=(number - number[starts][owner[order]]).astype(np.int32),
        quantity=np.concatenate([log.quantity, fresh.quantity])[order],
        value=np.concatenate([log.value, fresh.value])[order],
        context={
            name: (words, np.concatenate([log.context[name][1], fresh.context[name][1]])[order])
            for name, (words, _) in fresh.context.items()
        },
    )


def _packed(log: Log, arrivals: Sequence[Sequence[Arrival]]) -> Log:
    """The arrivals as histories of their own, in the log's words and those they bring: baskets found, lines merged."""
    rows = [(row, one) for row, own in enumerate(arrivals) for one in sorted(own, key=lambda one: one.time)]
    owner = np.array([row for row, _ in rows], dtype=np.int64)
    events = [one for _, one in rows]
    behaviours = tuple(dict.fromkeys([*log.behaviours, *(one.behaviour for one in events)]))
    place = {name: code for code, name in enumerate(behaviours)}
    columns: dict[str, NDArray[Any]] = {
        "item": log.items.codes([one.item or "" for one in events]).astype(np.int32),
        "behaviour": np.array([place[one.behaviour] for one in events], dtype=np.int16),
        "time": np.array([one.time for one in events], dtype=np.int64),
        "quantity": np.array([one.quantity for one in events], dtype=np.float32),
        "value": np.array([one.value for one in events], dtype=np.float32),
    }
    columns["item"][[one.item is None for one in events]] = -1
    head = _heads(owner, columns["behaviour"], columns["time"], events, behaviours, log.time_zone)
    grouped = np.flatnonzero(
        np.isin(columns["behaviour"], [place[name] for name in BASKET_BEHAVIOURS if name in place])
    )
    kept = merge_lines(head, grouped, columns)
    kept = kept[np.argsort(head[kept], kind="stable")]
    offsets = np.zeros(len(log) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner[kept], minlength=len(log)), out=offsets[1:])
    return replace(
        log,
        behaviours=behaviours,
        offsets=offsets,
        item=columns["item"][kept],
        behaviour=columns["behaviour"][kept],
        time=columns["time"][head[kept]],
        basket=head[kept].astype(np.int32),
        quantity=columns["quantity"][kept],
        value=columns["value"][kept],
        context={name: _context(name, words, events, kept) for name, (words, _) in log.context.items()},
    )


def _heads(
    owner: NDArray[np.int64],
    behaviour: NDArray[np.int16],
    time: NDArray[np.int64],
    events: Sequence[Arrival],
    behaviours: tuple[str, ...],
    zone: str,
) -> NDArray[np.int64]:
    """int64 [n], the first line of each event's basket."""
    orders = {
        name: code for code, name in enumerate(dict.fromkeys(one.order for one in events if one.order is not None))
    }
    order = np.array([-1 if one.order is None else orders[one.order] for one in events], dtype=np.int64)
    return find_baskets(owner, behaviour, behaviours, days(time, zone), order)


def _context(
    name: str, words: tuple[str, ...], events: Sequence[Arrival], kept: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    told = [one.context.get(name) for one in events]
    known = tuple(dict.fromkeys([*words, *(word for word in told if word is not None)]))
    place = {word: code for code, word in enumerate(known)}
    codes = np.array([-1 if word is None else place[word] for word in told], dtype=np.int16)
    return known, codes[kept]
