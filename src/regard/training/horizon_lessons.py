"""Lessons of the horizon head: customers as they were at many cuts of a view, and what came of them until its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import RegardError
from regard.model.runtime.facts import Beside, Facts, States, facts_of
from regard.sequences.aggregates import BESIDE, Aggregates
from regard.sequences.log import DAY, Log
from regard.sequences.pack import days as day_numbers
from regard.sequences.purchases import money_of, orders_of
from regard.sequences.split import midnight

CUTS = 16
"""Moments from which the past is looked at: enough that the shop's seasons and the ages of its customers are all met."""

FIRST, LAST = 0.1, 0.05
"""Shares of the view before the first cut and after the last: shorter pasts and futures say little."""

ROWS = 240_000
"""Lessons at most, for memory (some 100 MB) and time; of larger shops customers are drawn at each cut."""

LEAST_LESSONS = 500
"""Fewer lessons of buyers than these teach a head nothing that holds."""

LEAST_SPAN = 4
"""Days that a view must span: some to look back at, and some ahead."""

HIDDEN_STATES = 0.1
"""Share of lessons whose state is taken away, so that a head that reads states answers without them too."""

HIDDEN_ABOUT = 0.2
"""Share of lessons from which each source of what stands beside the aggregates is taken away: most shops know little of most."""

Floats = NDArray[np.float32]


class Outcomes:
    """What every customer of a log orders and spends from any moment on.

    Args:
        log: with a clock. target: behaviours that count as buying.
    """

    def __init__(self, log: Log, target: tuple[str, ...]) -> None:
        orders = orders_of(log, target)
        day = day_numbers(orders.time, log.time_zone)
        new = np.ones(len(day), dtype=bool)
        new[1:] = (np.diff(orders.owner) != 0) | (np.diff(day) != 0)
        money = money_of(log, target)
        paid = np.flatnonzero(money)
        self.first = int(log.time.min()) if log.events else 0
        self._width = (int(log.time.max()) - self.first if log.events else 0) + 2
        self._orders = orders.owner[new] * self._width + (orders.time[new] - self.first)
        self._paid = log.owner[paid] * self._width + (log.time[paid] - self.first)
        self._sums = np.concatenate([[0.0], np.cumsum(money[paid])])
        self.money = bool(np.isfinite(orders.value).any())

    def within(
        self, customers: NDArray[np.int64], start: int | NDArray[np.int64], days: int | NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """(days with an order, money spent), float32 [N] each, from `start` (seconds) on within so many days."""
        edges = [self._key(customers, np.asarray(moment)) for moment in (start, start + np.asarray(days) * DAY)]
        begun, ended = (np.searchsorted(self._orders, edge) for edge in edges)
        before, after = (self._sums[np.searchsorted(self._paid, edge)] for edge in edges)
        return (ended - begun).astype(np.float32), (after - before).astype(np.float32)

    def _key(self, customers: NDArray[np.int64], moment: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(customers * self._width + np.clip(moment - self.first, 0, self._width - 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lessons:
    """N lessons. facts: at the cuts. customer: int64 [N]. cut: int64 [N] seconds. room: int64 [N] whole days until the end."""

    facts: Facts
    customer: NDArray[np.int64]
    cut: NDArray[np.int64]
    room: NDArray[np.int64]
    outcomes: Outcomes

    def __len__(self) -> int:
        return len(self.customer)


def lessons(
    log: Log,
    end: int,
    *,
    target: tuple[str, ...],
    states: States | None = None,
    about: Beside | None = None,
    seed: int = 0,
) -> Lessons:
    """Customers with an event before each of many cuts; nothing from `end` (seconds) on is read.

    Raises:
        RegardError: the log is too short, or too few customers order in it.
    """
    log = log.where(log.time < end)
    outcomes = Outcomes(log, target)
    span = (end - outcomes.first) // DAY
    if not log.events or span < LEAST_SPAN:
        raise RegardError(f"a log of {span} days is too short to learn horizons from", hint="ingest a longer log")
    rng = np.random.default_rng(seed)
    places = np.unique(np.linspace(FIRST * span, (1 - LAST) * span, CUTS).astype(np.int64).clip(1))
    parts = []
    for place in places:
        cut = midnight(outcomes.first, log.time_zone, days=int(place))
        parts.append(_at(log, cut, end, target, states, about, rng))
    customer, cuts, room = (np.concatenate([part[number] for part in parts]) for number in range(3))
    facts = _joined([part[3] for part in parts])
    if (facts.bought > 0).sum() < LEAST_LESSONS:
        raise RegardError("too few customers order here to learn horizons from", hint="ingest a longer log")
    if facts.states is not None:
        facts.states[rng.random(len(facts)) < HIDDEN_STATES] = np.nan
    for source in BESIDE if about is not None else ():
        own = np.array([name.startswith(source) for name in facts.table.names])
        facts.table.values[np.outer(rng.random(len(facts)) < HIDDEN_ABOUT, own)] = np.nan
    return Lessons(facts=facts, customer=customer, cut=cuts, room=room, outcomes=outcomes)


def customers_at(
    log: Log,
    cut: int,
    *,
    target: tuple[str, ...],
    states: States | None,
    about: Beside | None = None,
    most: int | None = None,
    seed: int = 0,
) -> tuple[NDArray[np.int64], Facts]:
    """(customers with an event before the cut, what heads read of them then).

    Of more than `most` so many are drawn at random, half of them buyers where there are as many: these are asked more.
    """
    past = log.where(log.time < cut)
    customers = np.flatnonzero(past.lengths)
    if most is not None and len(customers) > most:
        bought = np.isin(customers, orders_of(past, target).owner)
        buyers, others = customers[bought], customers[~bought]
        some = min(len(buyers), max(most // 2, most - len(others)))
        rng = np.random.default_rng(seed)
        drawn = (rng.choice(part, n, replace=False) for part, n in ((buyers, some), (others, most - some)))
        customers = np.sort(np.concatenate(list(drawn)))
    asof = np.full(len(customers), cut - 1, dtype=np.int64)
    return customers, facts_of(past.take(customers), asof, target=target, states=states, about=about)


def _at(
    log: Log,
    cut: int,
    end: int,
    target: tuple[str, ...],
    states: States | None,
    about: Beside | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Facts]:
    customers, facts = customers_at(
        log, cut, target=target, states=states, about=about, most=ROWS // CUTS, seed=int(rng.integers(2**31))
    )
    count = len(customers)
    return customers, np.full(count, cut), np.full(count, (end - cut) // DAY), facts


def _joined(parts: list[Facts]) -> Facts:
    def join(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    table = Aggregates(names=parts[0].table.names, values=np.concatenate([part.table.values for part in parts]))
    states = None if parts[0].states is None else join("states")
    return Facts(table=table, asof=join("asof"), age=join("age"), bought=join("bought"), states=states)
