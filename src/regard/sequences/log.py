"""Log: every customer's events in time order, packed into flat arrays. The one shape that models, counts and metrics read.

Legend: `B` customers, `N` events, `V` items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.events.schema import BASKET_BEHAVIOURS, Clock
from regard.sequences.ragged import spans
from regard.sequences.vocabulary import Vocabulary

DAY = 86_400
"""Seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Log:
    """A behaviour log as arrays; one slice a customer, events of a slice in time order, baskets contiguous.

    Args:
        customers: ids of the B customers, in the order of the slices.
        items: ids of the V items.
        behaviours: names of the behaviour codes.
        offsets: int64 [B + 1], customer b is rows offsets[b]:offsets[b + 1].
        item: int32 [N] item code, -1 where the event has none.
        behaviour: int16 [N] behaviour code.
        time: int64 [N] seconds since 1970 UTC; the position in the sequence where clock is 'order'; 0 where 'none'.
        basket: int32 [N] number of the basket within the customer, from 0, never falling; equal = no order among them.
        quantity: float32 [N] units, NaN where unknown; negative for returns.
        value: float32 [N] money, NaN where unknown.
        context: name ('channel', 'device', 'place') -> (names of its codes, int16 [N] with -1 for unknown).
        clock: what `time` means.
        time_zone: IANA zone in which calendar days begin.
        merchandise: bool [V], False for postage, charges, vouchers: kept as history, never recommended, never a target.
    """

    customers: Vocabulary
    items: Vocabulary
    behaviours: tuple[str, ...]
    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    behaviour: NDArray[np.int16]
    time: NDArray[np.int64]
    basket: NDArray[np.int32]
    quantity: NDArray[np.float32]
    value: NDArray[np.float32]
    merchandise: NDArray[np.bool_]
    context: Mapping[str, tuple[tuple[str, ...], NDArray[np.int16]]] = field(default_factory=dict)
    clock: Clock = "clock"
    time_zone: str = "UTC"

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def events(self) -> int:
        """N."""
        return len(self.item)

    @property
    def owner(self) -> NDArray[np.int64]:
        """int64 [N], the customer of every event."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [B], events per customer."""
        return np.diff(self.offsets)

    def is_behaviour(self, names: tuple[str, ...] | frozenset[str]) -> NDArray[np.bool_]:
        """bool [N], events whose behaviour is one of `names`."""
        return np.array([name in names for name in self.behaviours] + [False])[self.behaviour]

    def where(self, keep: NDArray[np.bool_]) -> Log:
        """The log without the events where `keep` (bool [N]) is False; customers and vocabularies stay, also empty ones."""
        return self.reorder(np.flatnonzero(keep))

    def reorder(self, rows: NDArray[np.int64]) -> Log:
        """The events at `rows`, customer by customer in whatever order within each."""
        offsets = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.owner[rows], minlength=len(self)), out=offsets[1:])
        return self._rows(rows, offsets, self.customers)

    def take(self, customers: NDArray[np.integer[Any]], names: Vocabulary | None = None) -> Log:
        """The named customers (codes, repeats allowed), in that order; item codes stay. names: what they are called from here on."""
        lengths = self.offsets[1:][customers] - self.offsets[:-1][customers]
        offsets = np.zeros(len(customers) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return self._rows(
            spans(self.offsets[:-1][customers], lengths),
            offsets,
            self.customers.take(customers) if names is None else names,
        )

    def recode(self, kept: NDArray[np.integer[Any]]) -> Log:
        """The log over the sub-catalogue `kept` (item codes): code kept[i] becomes i, events on other items lose their item (-1)."""
        table = np.full(len(self.items) + 1, -1, dtype=np.int32)
        table[kept] = np.arange(len(kept), dtype=np.int32)
        return replace(self, items=self.items.take(kept), item=table[self.item], merchandise=self.merchandise[kept])

    def seen(self) -> Log:
        """The log over only those customers, items and words that its events use, so that nothing in it tells of what was left out."""
        log = self.recode(np.unique(self.item[self.item >= 0]))
        if (self.lengths == 0).any():
            log = log.take(np.flatnonzero(self.lengths))
        words = {name: _used(*pair) for name, pair in log.context.items()}
        return log._worded(_used(log.behaviours, log.behaviour), words)

    def like(self, other: Log) -> Log:
        """The same histories in the codes of `other`; what it has no word for is unknown, events of a behaviour it lacks are left out."""
        log = self.where(self.is_behaviour(other.behaviours))
        place = np.append(other.items.codes(self.items.ids.to_pylist()), -1).astype(np.int32)
        log = replace(log, items=other.items, item=place[log.item], merchandise=other.merchandise)
        words = {name: names for name, (names, _) in other.context.items() if name in log.context}
        return log._worded(other.behaviours, words)

    def _worded(self, behaviours: tuple[str, ...], context: Mapping[str, tuple[str, ...]]) -> Log:
        """The log with these names for the codes of its behaviours and of its context."""
        return replace(
            self,
            behaviours=behaviours,
            behaviour=_recoded(self.behaviours, self.behaviour, behaviours),
            context={name: (names, _recoded(*self.context[name], names)) for name, names in context.items()},
        )

    def _rows(self, rows: NDArray[np.int64], offsets: NDArray[np.int64], customers: Vocabulary) -> Log:
        return replace(
            self,
            customers=customers,
            offsets=offsets,
            item=self.item[rows],
            behaviour=self.behaviour[rows],
            time=self.time[rows],
            basket=self.basket[rows],
            quantity=self.quantity[rows],
            value=self.value[rows],
            context={name: (names, codes[rows]) for name, (names, codes) in self.context.items()},
        )


def _used(names: tuple[str, ...], codes: NDArray[np.int16]) -> tuple[str, ...]:
    """The names that occur, sorted: their order must not tell who came first in a larger log."""
    return tuple(sorted(names[code] for code in np.unique(codes[codes >= 0])))


def _recoded(names: tuple[str, ...], codes: NDArray[np.int16], wanted: tuple[str, ...]) -> NDArray[np.int16]:
    place = {name: code for code, name in enumerate(wanted)}
    return np.array([place.get(name, -1) for name in names] + [-1], dtype=np.int16)[codes]


def baskets_of(
    owner: NDArray[np.integer[Any]],
    behaviour: NDArray[np.integer[Any]],
    behaviours: tuple[str, ...],
    day: NDArray[np.integer[Any]] | None,
    order: NDArray[np.integer[Any]] | None,
) -> NDArray[np.int64]:
    """A key per event that is equal exactly for lines of one basket; not yet numbered, not yet contiguous.

    A purchase belongs with its customer's purchases of the same order, or without one of the same calendar day; a refund likewise with
    refunds; any other event is alone.

    Args:
        owner: int [N] customer. behaviour: int [N]. behaviours: names of its codes.
        day: int [N] calendar day in the shop's zone, or None where there is no clock.
        order: int [N] order code, -1 where missing, or None.

    Returns:
        int64 [N], key of the basket, in 0..N-1 (the row of the basket's first event).
    """
    count = len(owner)
    rows = np.arange(count, dtype=np.int64)
    grouped = np.array([name in BASKET_BEHAVIOURS for name in behaviours] + [False])[behaviour]
    kind = np.full(count, 2, dtype=np.int64)  # 0 = by order, 1 = by day, 2 = alone
    mark = rows.copy()
    if day is not None:
        kind[grouped], mark[grouped] = 1, day[grouped]
    if order is not None:
        known = grouped & (order >= 0)
        kind[known], mark[known] = 0, order[known]
    keys = np.stack([np.asarray(owner, np.int64), np.where(kind < 2, np.asarray(behaviour, np.int64), -1), kind, mark])
    sort = np.lexsort((rows, *keys[::-1]))
    new = np.ones(count, dtype=bool)
    new[1:] = np.any(keys[:, sort[1:]] != keys[:, sort[:-1]], axis=0)
    first = np.empty(count, dtype=np.int64)
    first[sort] = sort[np.maximum.accumulate(np.where(new, np.arange(count), 0))]
    return first
