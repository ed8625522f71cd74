"""Horizon head: from what a customer did to orders, churn and spend within any number of days, in NumPy; `model.horizon` trains it.

Legend: `Q` customers, `K` horizons, `F` inputs, `D` width of a state.

Each customer gets five numbers, and closed forms make every horizon from them. Some are customers no more; of the others, orders
within h days are gamma-mixed Poisson:

    mean(h) = rate * reach * ((1 + h / reach) ** bend - 1) / bend,  reach = lag + stretch * age,  bend < 1
    P(no order within h) = 1 - alive + alive * (1 + mean(h) / shape) ** -shape

so that the chance of an order can only rise with h, and slows down the later the younger the customer is known: the shape that
customers who stop at rates of their own give to a crowd (Pareto/NBD has the same). Spend is zero with the chance of no order, else
lognormal, with the mean expected orders x value of an order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from regard.errors import ModelError, UsageError
from regard.model.runtime.forward import sigmoid, softplus
from regard.sequences.aggregates import BESIDE, Aggregates, aggregate
from regard.sequences.log import Log

States = Callable[[Log, NDArray[np.int64]], NDArray[np.float32]]
"""(queries, asof) -> the encoder's states, float32 [Q, D]; `Runtime.states` is one."""

Beside = Callable[[Log, NDArray[np.int64]], Aggregates]
"""(queries, asof) -> further columns, named as `sequences.aggregates.BESIDE` says; `sequences.attributes.Attributes` is one."""

MODEL = "model"
"""The head that reads everything; the others are simple rules."""

ANSWERS = ("churn", "orders", "spend")
"""What a head is compared on, and may be replaced in, one by one."""

SPEND_RANGE = (0.1, 0.9)
"""Quantiles between which spend and orders lie four times out of five."""

MOST_ORDERS = 400
"""Orders beyond which no quantile is looked for: more than one a day for a year."""

SEARCHED_DAYS = (0.25, 3_650.0)
"""The next order is looked for between six hours and ten years ahead."""

SEASON_DAYS = (30.0, 90.0, 180.0, 365.0)
"""Ends of the stretches ahead, each busier or quieter than usual by a factor of its own: a month, a quarter, half a year, a year."""

CLIP = 5.0
"""Standard deviations at which an input is cut off: a customer beyond all others is treated as the furthest of them."""

LEAST_BUSY = 1e-12
"""Expected orders are kept above this, where rounding could make them 0."""

LEAST_BEND = 1e-4
"""Nearer to 0 the power is taken as this: its limit is a logarithm."""

Floats = NDArray[np.float32]
Days = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """What Q customers will do within K horizons; NaN for customers without an order, and money where the log knows of none.

    Args:
        p_order: float64 [Q, K] chance of an order; churn is what it lacks to 1. orders: [Q, K] expected days with an order.
        orders_low, orders_high: [Q, K], four times out of five there are so many.
        spend: [Q, K] expected money. spend_low, spend_high: [Q, K], four times out of five spend lies between (SPEND_RANGE).
        next_order_days: [Q] days after which an order is as likely as not to have come; infinite where it never gets there.
    """

    p_order: NDArray[np.float64]
    orders: NDArray[np.float64]
    orders_low: NDArray[np.float64]
    orders_high: NDArray[np.float64]
    spend: NDArray[np.float64]
    spend_low: NDArray[np.float64]
    spend_high: NDArray[np.float64]
    next_order_days: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What a head reads of N customers.

    Args:
        table: aggregates. age: float32 [N] days since the first order, of who never ordered since the first event.
        bought: float32 [N] days with an order.
        states: float32 [N, D], NaN rows where there is none; None = of nobody.
    """

    table: Aggregates
    age: Floats
    bought: Floats
    states: Floats | None = None

    def __len__(self) -> int:
        return len(self.age)

    def take(self, rows: NDArray[Any]) -> Facts:
        """The named rows."""
        table = Aggregates(names=self.table.names, values=self.table.values[rows])
        states = None if self.states is None else self.states[rows]
        return Facts(table=table, age=self.age[rows], bought=self.bought[rows], states=states)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """How facts become the numbers of a head: signed logarithms, then standardised, with 0 and a flag for what is missing.

    Args:
        columns: aggregates that are read. flagged: those of them that get a flag. states: D, 0 = states are not read.
        center, scale: float32 [F] of everything, flags and states included.
    """

    columns: tuple[str, ...]
    flagged: tuple[str, ...]
    states: int
    center: Floats
    scale: Floats

    def __call__(self, facts: Facts) -> Floats:
        """float32 [N, F]."""
        raw = self.raw(facts, columns=self.columns, flagged=self.flagged, states=self.states)
        known = np.nan_to_num((raw - self.center) / self.scale)
        return np.asarray(np.clip(known, -CLIP, CLIP))

    @staticmethod
    def raw(facts: Facts, *, columns: tuple[str, ...], flagged: tuple[str, ...], states: int) -> Floats:
        """float32 [N, F] before they are standardised, NaN for what is missing."""
        place = {name: number for number, name in enumerate(facts.table.names)}
        # Another log may lack a behaviour, and so its columns: nobody did it. What stands beside is unknown where it is not.
        absent = [np.full_like(facts.age, np.nan if name.startswith(BESIDE) else 0) for name in columns]
        cells = [
            facts.table.values[:, place[name]] if name in place else nothing
            for name, nothing in zip(columns, absent, strict=True)
        ]
        found = np.stack(cells, axis=1) if cells else np.empty((len(facts), 0), dtype=np.float32)
        flags = np.isnan(found[:, [columns.index(name) for name in flagged]]).astype(np.float32)
        parts = [np.sign(found) * np.log1p(np.abs(found)), flags]
        if states:
            told = facts.states
            told = np.full((len(facts), states), np.nan, dtype=np.float32) if told is None else told
            parts += [told, np.isnan(told[:, :1]).astype(np.float32)]
        return np.concatenate(parts, axis=1, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What calibration adds to a head, in its own terms, so that all its answers stay consistent.

    Args:
        rate, shape, value, spread, alive: added to the logarithms of these, of the odds of alive. bend: added to the bend before its tanh.
        sharp: the logarithm of how many times further from `center`, the mean over customers, the logarithm of a rate lies: a head
            that is too sure of who buys often is pulled in.
        season: how much busier than usual each stretch of SEASON_DAYS is from the model's cut on; empty = as usual.
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
        return Reading(parts=tuple(_numbers(member, x, age, bought) for member in self.members))

    def forecast(self, facts: Facts, days: Days) -> Forecast:
        """The closed forms at `days`, [K] or [N, K]."""
        return self.at(self.read(facts), days)

    def at(self, reading: Reading, days: Days) -> Forecast:
        """The closed forms at `days`, [K] or [N, K], of what was read."""
        ahead, tuning = np.atleast_2d(np.asarray(days, dtype=np.float64)), self.tuning
        told = self._usual(reading, ahead)
        if not tuning.season:
            return told
        # What comes in each stretch is more or less than usual by its factor, so that a longer horizon never holds fewer orders.
        busy, before = told.busy, self._usual(reading, np.minimum(ahead, SEASON_DAYS[-1])).busy
        busy = busy - before
        for end, begin, factor in zip(SEASON_DAYS, (0.0, *SEASON_DAYS), tuning.season, strict=False):
            until = self._usual(reading, np.minimum(ahead, end)).busy
            since = self._usual(reading, np.minimum(ahead, begin)).busy if begin else 0.0
            busy = busy + factor * (until - since)
        return replace(told, busy=np.maximum(busy, LEAST_BUSY))

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
    """Per member six columns [N, 1]: log rate, log shape, log value, spread before its softplus, log odds of being alive, days of reach."""

    parts: tuple[tuple[Floats, ...], ...]

    def take(self, rows: NDArray[Any]) -> Reading:
        """The named customers."""
        return Reading(parts=tuple(tuple(column[rows] for column in part) for part in self.parts))


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


class HorizonModel:
    """Orders, churn and spend over any horizon. Saved as `settings` (JSON) and `weights` (safetensors); loading runs nothing.

    Args:
        heads: by name; 'model', and the simple rules that answer in its place somewhere.
        answers: 'churn', 'orders', 'spend' -> the head that gives this answer: whichever did best where it was rehearsed.
        target: behaviours that count as buying. money: whether the log knows what orders are worth.
        report: what the rehearsal found (see `training.horizon`), plain JSON values.
        states: the encoder that the model was fitted with; None = it is asked without states.
        about: what is known of customers beside their events; None = it is asked without.
    """

    def __init__(
        self,
        *,
        heads: Mapping[str, Head],
        answers: Mapping[str, str],
        target: tuple[str, ...],
        money: bool,
        report: Mapping[str, Any],
        states: States | None = None,
        about: Beside | None = None,
    ) -> None:
        self.heads, self.answers, self.target = dict(heads), dict(answers), target
        self.money, self.report, self._states, self._about = money, report, states, about

    def predict(self, queries: Log, asof: NDArray[np.int64], horizons_days: NDArray[np.floating[Any]]) -> Outlook:
        """What these customers will do.

        Args:
            queries: histories of Q customers. asof: int64 [Q] seconds; later events are not read.
            horizons_days: [K], each positive.

        Raises:
            UsageError: a horizon is not positive, or the log has no clock.
        """
        return self.outlook(self.facts(queries, asof), horizons_days)

    def facts(self, queries: Log, asof: NDArray[np.int64]) -> Facts:
        """What the heads read of the customers; arguments as in `predict`."""
        return facts_of(queries, asof, target=self.target, states=self._wanted_states, about=self._wanted_about)

    def outlook(self, facts: Facts, horizons_days: NDArray[np.floating[Any]]) -> Outlook:
        """`predict` from what was read already."""
        days = np.asarray(horizons_days, dtype=np.float64)
        if not len(days) or not np.all(days > 0):
            raise UsageError("horizons must be positive days", hint="30, 60 and 90, for example")
        buyers = np.flatnonzero(facts.bought > 0)
        known = facts.take(buyers)
        told = {name: self.heads[name].forecast(known, days) for name in set(self.answers.values())}
        churn, orders, spend = (told[self.answers[answer]] for answer in ANSWERS)
        few, many = (orders.orders_at(quantile) for quantile in SPEND_RANGE)
        low, high = (spend.spend_at(quantile) for quantile in SPEND_RANGE)
        parts = [
            churn.p_order, orders.mean, few, many,
            *(part if self.money else part * np.nan for part in (spend.spend, low, high)),
            self._next_order(known)[:, None],
        ]  # fmt: skip
        p_order, mean, few, many, money, low, high, ahead = (_filled(part, buyers, len(facts)) for part in parts)
        return Outlook(
            p_order=p_order, orders=mean, orders_low=few, orders_high=many, spend=money, spend_low=low, spend_high=high,
            next_order_days=ahead[:, 0],
        )  # fmt: skip

    def chances(
        self, facts: Facts, horizons_days: Days, share: NDArray[np.floating[Any]] | None = None
    ) -> NDArray[np.float64]:
        """The chance of an order within each horizon, float64 [N, K], also for who never ordered.

        Args:
            facts: of N customers. horizons_days: [K]. share: [N], of the orders of each those that count; None = all.
        """
        days = np.asarray(horizons_days, dtype=np.float64)
        counted = np.ones(len(facts)) if share is None else np.asarray(share, dtype=np.float64)
        found = np.empty((len(facts), len(days)))
        for rows, name in ((facts.bought > 0, self.answers["churn"]), (facts.bought == 0, MODEL)):
            told = self.heads[name].forecast(facts.take(rows), days)
            # A share of orders that are gamma-mixed Poisson is gamma-mixed Poisson again, with so much of the mean.
            found[rows] = replace(told, busy=told.busy * counted[rows, None]).p_order
        return found

    def _next_order(self, facts: Facts) -> NDArray[np.float64]:
        days = np.geomspace(*SEARCHED_DAYS, 49)
        chance = self.heads[self.answers["churn"]].forecast(facts, days).p_order
        after = np.argmax(chance >= 0.5, axis=1)
        row, before = np.arange(len(chance)), np.maximum(after - 1, 0)
        step = np.maximum(chance[row, after] - chance[row, before], 1e-12)
        share = np.clip((0.5 - chance[row, before]) / step, 0, 1)
        met = np.exp(np.log(days[before]) + share * np.log(days[after] / days[before]))
        return np.where(chance[:, -1] >= 0.5, met, np.inf)

    @property
    def _wanted_states(self) -> States | None:
        return self._states if any(self.heads[name].inputs.states for name in self.answers.values()) else None

    @property
    def _wanted_about(self) -> Beside | None:
        columns = [name for answer in self.answers.values() for name in self.heads[answer].inputs.columns]
        return self._about if any(name.startswith(BESIDE) for name in columns) else None

    @property
    def settings(self) -> dict[str, Any]:
        """All but the arrays, as plain JSON values."""
        heads = {
            name: {
                "columns": list(head.inputs.columns), "flagged": list(head.inputs.flagged), "states": head.inputs.states,
                "members": len(head.members), "prior": head.prior, "tuning": vars(head.tuning),
            }
            for name, head in self.heads.items()
        }  # fmt: skip
        told = {"heads": heads, "answers": self.answers, "target": list(self.target), "money": self.money}
        return told | {"report": dict(self.report)}

    @property
    def weights(self) -> dict[str, Floats]:
        """The arrays by name."""
        found: dict[str, Floats] = {}
        for name, head in self.heads.items():
            found |= {f"{name}/center": head.inputs.center, f"{name}/scale": head.inputs.scale}
            for number, member in enumerate(head.members):
                found |= {f"{name}/{number}/{part}": array for part, array in member.items()}
        return found

    @classmethod
    def restore(
        cls,
        settings: Mapping[str, Any],
        weights: Mapping[str, Floats],
        *,
        states: States | None = None,
        about: Beside | None = None,
    ) -> HorizonModel:
        """The inverse of `settings` and `weights`.

        Raises:
            ModelError: they do not belong together.
        """
        try:
            heads = {name: _head(name, told, weights) for name, told in settings["heads"].items()}
            answers = {answer: settings["answers"][answer] for answer in ANSWERS}
            if not set(answers.values()) <= set(heads):
                raise KeyError("a head that answers")
            return cls(
                heads=heads, answers=answers, target=tuple(settings["target"]), money=bool(settings["money"]),
                report=settings["report"], states=states, about=about,
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"the horizon head is not whole: {error}", hint="train again") from None


def _head(name: str, told: Mapping[str, Any], weights: Mapping[str, Floats]) -> Head:
    members = []
    for number in range(told["members"]):
        start = f"{name}/{number}/"
        members.append({key.removeprefix(start): array for key, array in weights.items() if key.startswith(start)})
    inputs = Inputs(
        columns=tuple(told["columns"]), flagged=tuple(told["flagged"]), states=told["states"],
        center=weights[f"{name}/center"], scale=weights[f"{name}/scale"],
    )  # fmt: skip
    return Head(inputs=inputs, members=tuple(members), prior=told["prior"], tuning=_tuning(told["tuning"]))


def _tuning(told: Mapping[str, Any]) -> Tuning:
    numbers = {name: float(told.get(name, 0.0)) for name in vars(Tuning()) if name != "season"}
    return Tuning(**numbers, season=tuple(float(factor) for factor in told.get("season", ())))


def facts_of(
    queries: Log,
    asof: NDArray[np.int64],
    *,
    target: tuple[str, ...],
    states: States | None = None,
    about: Beside | None = None,
) -> Facts:
    """What heads read of Q customers as of a moment; `bought` is 0 for who never ordered.

    Raises:
        UsageError: the log has no clock.
    """
    if queries.clock != "clock":
        raise UsageError("days ahead need events with times", hint="this log has only an order of events")
    table = aggregate(queries, asof, target=target)
    told = None if states is None else states(queries.where(queries.time <= asof[queries.owner]), asof)
    first, ever = (table.column(f"days_since_first_{what}") for what in ("order", "event"))
    return Facts(
        table=table if about is None else table.beside(about(queries, asof)),
        age=np.nan_to_num(np.where(np.isnan(first), ever, first)),
        bought=np.nan_to_num(table.column("order_days")),
        states=told,
    )


def _filled(part: NDArray[np.float64], rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    whole = np.full((count, part.shape[1]), np.nan)
    whole[rows] = part
    return whole
