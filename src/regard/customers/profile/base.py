"""Base: what everybody of a shop is like at a moment, so that one customer can be told beside them. Made once, asked often.

Legend: `B` customers of the shop, `V` items, `F` features of items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.customers.profile.lifecycle import Transitions, transitions
from regard.customers.profile.likeness import alike, straddling
from regard.customers.profile.membership import Memberships
from regard.customers.segments.rfm import Grid, grid
from regard.insight.shop import Shop
from regard.model.runtime.facts import Facts
from regard.model.runtime.horizon import Outlook
from regard.sequences.anomalies import Anomalies
from regard.sequences.log import DAY, Log
from regard.sequences.pack import days, local
from regard.sequences.purchases import money_of, orders_of

SAMPLE = 4_000
"""Buyers by whom the tiers of value are cut: a fifth of so many is known to within a hundredth and a half."""

EVENTS = 1_000_000
"""Events by which the shop's hours and prices are known, drawn evenly."""

KINDS = ("category", "brand", "word")
"""Kinds of content features that are interests; tags count as words, prices are told apart."""

USUAL_GAP = 30.0
"""Days between orders where nobody has ordered twice."""

Floats = NDArray[np.float64]


class Foresees(Protocol):
    """What says what customers will do; `model.runtime.horizon.HorizonModel` is one."""

    @property
    def answers(self) -> Mapping[str, str]:
        """'churn', 'orders', 'spend' -> who gives this answer: 'model', or the simple rule that did better."""

    def facts(self, queries: Log, asof: NDArray[np.int64]) -> Facts:
        """What it reads of the customers."""

    def outlook(self, facts: Facts, horizons_days: NDArray[np.floating[Any]]) -> Outlook:
        """Orders, churn and spend within each horizon."""

    def chances(self, facts: Facts, horizons_days: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """[Q, K], the chance of an order within each horizon."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Base:
    """The shop at a moment.

    Args:
        shop: data and model. at: seconds. anomalies: of everybody; None = they were not looked for.
        horizon: what says what customers will do; None = nothing does.
        session_gap: minutes of silence that end a session. segments: that are registered; None = nobody looked.
    """

    shop: Shop
    at: int
    anomalies: Anomalies | None = None
    horizon: Foresees | None = None
    session_gap: int = 30
    segments: Memberships | None = None

    @cached_property
    def log(self) -> Log:
        """Every event up to the moment."""
        log = self.shop.log
        return log.where(log.time <= self.at) if log.clock == "clock" and self.at < self.shop.now else log

    @cached_property
    def rfm(self) -> tuple[NDArray[np.int64], Grid]:
        """int64 [B], row of each customer in the grid, -1 for who never ordered or whose money is unknown; and the grid."""
        log, target = self.log, self.shop.target
        orders = orders_of(log, target)
        count = np.bincount(orders.owner, minlength=len(log))
        known = np.bincount(orders.owner[~np.isnan(orders.value)], minlength=len(log)) > 0
        last = np.zeros(len(log))
        last[orders.owner] = orders.time
        money = np.bincount(log.owner, weights=money_of(log, target), minlength=len(log))
        rows = np.flatnonzero(known if log.clock == "clock" else known & False)
        place = np.full(len(log), -1)
        place[rows] = np.arange(len(rows))
        return place, grid((self.at - last[rows]) / DAY, count[rows].astype(np.float64), money[rows].astype(np.float64))

    @cached_property
    def usual_gap(self) -> float:
        """Days between orders, the median over the shop."""
        log = self.log
        if log.clock != "clock":
            return USUAL_GAP
        orders = orders_of(log, self.shop.target)
        day = days(orders.time, log.time_zone)
        gap = np.diff(day)[np.diff(orders.owner) == 0]
        gap = gap[gap > 0]
        return float(np.median(gap)) if len(gap) else USUAL_GAP

    @cached_property
    def transitions(self) -> Transitions:
        """How customers moved between life-cycle stages up to the moment."""
        return transitions(self.log, self.shop.target, self.at, self.usual_gap)

    @cached_property
    def _some(self) -> Log:
        log = self.log
        step = 1 + log.events // EVENTS
        return log.where(np.arange(log.events) % step == 0) if step > 1 else log

    @cached_property
    def hours(self) -> tuple[Floats, Floats]:
        """float64 [24] and [7], shares of the shop's events by hour and by weekday (0 is Monday)."""
        clock = local(self._some.time, self._some.time_zone)
        hour = np.bincount(clock % DAY // 3600, minlength=24) + 1.0
        weekday = np.bincount((clock // DAY + 3) % 7, minlength=7) + 1.0
        return hour / hour.sum(), weekday / weekday.sum()

    @cached_property
    def prices(self) -> Floats:
        """float64, sorted, what was paid for a piece in the shop's bought lines."""
        return np.sort(unit_prices(self._some, self.shop.target)[1])

    @cached_property
    def features(self) -> tuple[sparse.csr_array, tuple[str, ...], tuple[str, ...]]:
        """0/1 float32 [V, F], the features of items that are interests, their kinds, and their words."""
        content = self.shop.content
        pairs = [name.partition(":") for name in content.names]
        kinds = ["word" if kind == "tag" else kind for kind, _, _ in pairs]
        kept = np.array([at for at, kind in enumerate(kinds) if kind in KINDS], dtype=np.int64)
        shape = (len(self.shop.log.items), len(content.names))
        ones = np.ones(len(content.features.values), dtype=np.float32)
        has = sparse.csr_array((ones, content.features.values, content.features.offsets), shape=shape)
        has, words = has[:, kept], tuple(pairs[at][2] for at in kept)
        told = np.flatnonzero(~straddling(has, words))
        return has[:, told], tuple(kinds[kept[at]] for at in told), tuple(words[at] for at in told)

    @cached_property
    def feature_place(self) -> Mapping[tuple[str, str], int]:
        """Kind and word of a feature -> its place."""
        _, kinds, words = self.features
        return {named: at for at, named in enumerate(zip(kinds, words, strict=True))}

    @cached_property
    def alike(self) -> NDArray[np.int64]:
        """int64, sorted, f x F + g for features f and g of which one is enough (see `likeness.alike`)."""
        has, _, words = self.features
        return alike(has, words)

    @cached_property
    def feature_share(self) -> Floats:
        """float64 [F], share of the shop's events on items that are of items with each feature."""
        has, log = self.features[0], self.log
        met = np.bincount(log.item[log.item >= 0], minlength=len(log.items)).astype(np.float64)
        return np.asarray(met @ has, dtype=np.float64).ravel() / max(float(met.sum()), 1.0)

    @cached_property
    def tiers(self) -> Floats:
        """float64 [2], spend of 90 days ahead from which a buyer is silver, and gold: see `value.TIERS`."""
        from regard.customers.profile.given import Given
        from regard.customers.profile.value import SHARES, worth

        buyers = np.unique(orders_of(self.log, self.shop.target).owner)
        if len(buyers) > SAMPLE:
            buyers = np.sort(np.random.default_rng(0).choice(buyers, SAMPLE, replace=False))
        told = worth(Given.of(self.shop, self, buyers))
        told = told[np.isfinite(told)]
        return np.quantile(told, SHARES) if len(told) else np.full(len(SHARES), np.inf)

    def with_segments(self, segments: Memberships) -> Base:
        """The same with segments; nothing that was made of the shop depends on them."""
        changed = replace(self, segments=segments)
        vars(changed).update(
            {name: value for name, value in vars(self).items() if name not in self.__dataclass_fields__}
        )
        return changed

    def warm(self) -> Base:
        """The same with everything made that a profile asks for, so that the first is as quick as the others."""
        for name in ("rfm", "usual_gap", "prices", "features", "feature_place", "alike", "feature_share", "tiers"):
            getattr(self, name)
        if self.log.clock == "clock":
            _ = self.hours, self.transitions
        for name in ("log", "_some"):
            vars(self).pop(name, None)  # copies of the log that nothing asks for any more
        return self


def unit_prices(log: Log, target: tuple[str, ...]) -> tuple[NDArray[np.int64], Floats]:
    """Rows of bought lines of merchandise whose price is known, and the price of a piece, float64."""
    sold = log.is_behaviour(target) & np.append(log.merchandise, False)[log.item]
    rows = np.flatnonzero(sold & (log.quantity > 0) & (log.value > 0))
    return rows, log.value[rows].astype(np.float64) / log.quantity[rows]
