"""Head: a trained head of the horizon model, from facts to the closed forms of `model.runtime.horizon`, in NumPy.

Legend: `N` customers, `K` horizons, `F` inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from regard.model.runtime.facts import Facts, Floats, Inputs
from regard.model.runtime.forward import sigmoid, softplus
from regard.sequences.log import DAY

MOST_ORDERS = 400
"""Orders beyond which no quantile is looked for: more than one a day for a year."""

SEASON_DAYS = (30.0, 90.0, 180.0, 365.0)
"""Ends of the stretches ahead, each busier or quieter than usual by a factor of its own: a month, a quarter, half a year, a year."""

LEAST_BUSY = 1e-12
"""Expected orders are kept above this, where rounding could make them 0."""

LEAST_DAYS = 1e-9
"""No time at all, where a logarithm of days is taken."""

LEAST_BEND = 1e-4
"""Nearer to 0 the power is taken as this: its limit is a logarithm."""

Days = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What calibration adds to a head, in its own terms, so that all its answers stay consistent.

    Args:
        rate, shape, value, spread, alive: added to the logarithms of these, of the odds of alive. bend: added to the bend before its tanh.
        sharp: the logarithm of how many times further from `center`, the mean over customers, the logarithm of a rate lies: a head
            that is too sure of who buys often is pulled in.
        season: how much busier than usual each stretch of SEASON_DAYS is from `cut` (seconds) on; empty = as usual.
    """

    rate: float = 0.0
    bend: float = 0.0
    shape: float = 0.0
    value: float = 0.0
    spread: float = 0.0
    alive: float = 0.0
    sharp: float = 0.0
    center: float = 0.0
    season: tuple[float, ...] = ()
    cut: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What N customers will do within K horizons.

    Args:
        alive: [N, 1] chance of being a customer still. busy: [N, K] expected orders of who is. shape: [N, 1] of their mixture.
        value: [N, 1] money of an order. spread: [N, K] standard deviation of the log of spend that is not 0.
    """

    alive: NDArray[np.float64]
    busy: NDArray[np.float64]
    shape: NDArray[np.float64]
    value: NDArray[np.float64]
    spread: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """[N, K], expected orders."""
        return np.asarray(self.alive * self.busy)

    @property
    def p_order(self) -> NDArray[np.float64]:
        """[N, K]."""
        return np.asarray(self.alive * -np.expm1(-self.shape * np.log1p(self.busy / self.shape)))

    @property
    def spend(self) -> NDArray[np.float64]:
        """[N, K], expected money."""
        return np.asarray(self.mean * self.value)

    def orders_at(self, quantile: float) -> NDArray[np.float64]:
        """[N, K], the orders that are not exceeded with this chance: the customer stopped, or orders are negative binomial."""
        share = self.busy / (self.busy + self.shape)
        term = np.exp(self.shape * np.log1p(-share))
        below = 1 - self.alive + self.alive * term
        found = np.zeros(self.busy.shape)
        for count in range(1, MOST_ORDERS + 1):
            more = below < quantile
            if not more.any():
                break
            found += more
            term = term * share * (self.shape + count - 1) / count
            below = below + self.alive * term
        return found

    def spend_at(self, quantile: float) -> NDArray[np.float64]:
        """[N, K], the money that is not exceeded with this chance."""
        some = self.p_order
        typical = np.log(self.spend / some) - self.spread**2 / 2
        among = np.clip((quantile - (1 - some)) / some, 1e-9, 1 - 1e-9)
        return np.where(quantile > 1 - some, np.exp(typical + self.spread * ndtri(among)), 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A trained head: a few networks whose logarithms are averaged.

    Args:
        inputs: of all members. members: weights of each, as `model.horizon.HorizonHead` names them.
        prior: whether rates begin at the customer's own, (orders + level) / (age + lag); simple rules do without.
        tuning: found by calibration.
    """

    inputs: Inputs
    members: tuple[Mapping[str, Floats], ...]
    prior: bool
    tuning: Tuning = Tuning()

    def read(self, facts: Facts) -> Reading:
        """What the networks say of N customers, before any horizon is asked."""
        x = self.inputs(facts)
        age, bought = (facts.age, facts.bought.clip(1)) if self.prior else (facts.age * 0, facts.bought * 0 + 1)
        since = (facts.asof - self.tuning.cut)[:, None] / DAY
        return Reading(parts=tuple(_numbers(member, x, age, bought) for member in self.members), since=since)

    def forecast(self, facts: Facts, days: Days) -> Forecast:
        """The closed forms at `days`, [K] or [N, K]."""
        return self.at(self.read(facts), days)

    def at(self, reading: Reading, days: Days) -> Forecast:
        """The closed forms at `days`, [K] or [N, K], of what was read."""
        ahead, season = np.atleast_2d(np.asarray(days, dtype=np.float64)), self.tuning.season
        told = self._usual(reading, ahead)
        # What comes in each stretch is more or less than usual by its factor, so that a longer horizon never holds fewer orders.
        busy, begin = told.busy, np.maximum(-reading.since, LEAST_DAYS)
        for end, factor in zip(SEASON_DAYS, season, strict=False):
            until = np.maximum(end - reading.since, LEAST_DAYS)  # [N, 1], from the question on
            there = [self._usual(reading, np.minimum(ahead, edge)).busy for edge in (begin, until)]
            busy, begin = busy + (factor - 1) * (there[1] - there[0]), until
        return replace(told, busy=np.maximum(busy, LEAST_BUSY)) if season else told

    def _usual(self, reading: Reading, ahead: NDArray[np.float64]) -> Forecast:
        """At `ahead`, [K] or [N, K] days, of which none is busier than another."""
        tuning = self.tuning
        found = [_curve(member, part, ahead, tuning) for member, part in zip(self.members, reading.parts, strict=True)]
        busy, shape, value, spread, odds = (
            np.mean([one[part] for one in found], axis=0, dtype=np.float64) for part in range(5)
        )
        return Forecast(
            alive=1 / (1 + np.exp(-odds - tuning.alive)),
            busy=np.exp(busy + tuning.rate),
            shape=np.exp(shape + tuning.shape),
            value=np.exp(value + tuning.value),
            spread=np.exp(spread + tuning.spread),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """parts: per member six columns [N, 1]: log rate, log shape, log value, spread before its softplus, log odds of being alive, days of reach.

    since: float64 [N, 1], days from the season's cut to the question.
    """

    parts: tuple[tuple[Floats, ...], ...]
    since: NDArray[np.float64]

    def take(self, rows: NDArray[Any]) -> Reading:
        """The named customers."""
        parts = tuple(tuple(column[rows] for column in part) for part in self.parts)
        return Reading(parts=parts, since=self.since[rows])


def _numbers(w: Mapping[str, Floats], x: Floats, age: Floats, bought: Floats) -> tuple[Floats, ...]:
    """Step for step as in `model.horizon`."""
    told = x
    if "first.weight" in w:
        hidden = _silu(x @ w["first.weight"].T + w["first.bias"])
        hidden = _silu(hidden @ w["second.weight"].T + w["second.bias"])
        told = np.concatenate([hidden, x], axis=1)
    z = told @ w["out.weight"].T + w["out.bias"]
    own = np.exp(w["level"]) + bought - 1
    rate = z[:, 0] + np.log(own) - np.log(np.exp(w["lag"]) + age)
    reach = np.exp(w["reach"]) + softplus(w["stretch"]) * age
    return tuple(column[:, None] for column in (rate, np.log(own) + z[:, 1], *z[:, 2:].T, reach))


def _curve(
    w: Mapping[str, Floats], part: tuple[Floats, ...], days: NDArray[np.float64], tuning: Tuning
) -> tuple[NDArray[Any], ...]:
    """Logarithms of busy [N, K], shape [N, 1], value [N, 1], spread [N, K] and of the odds of being alive [N, 1]."""
    rate, shape, value, spread, odds, reach = part
    rate = np.float32(tuning.center) + np.float32(np.exp(tuning.sharp)) * (rate - np.float32(tuning.center))
    bend = np.tanh(w["bend"] + np.float32(tuning.bend))
    bend = np.where(np.abs(bend) < LEAST_BEND, np.float32(LEAST_BEND), bend)
    mean = rate + np.log(reach * np.expm1(bend * np.log1p(days / reach)) / bend)
    return mean, shape, value, np.log(softplus(spread + w["calm"] * mean) + 1e-3), odds


def _silu(x: Floats) -> Floats:
    return np.asarray(x * sigmoid(x))
