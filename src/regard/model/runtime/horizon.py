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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ModelError, UsageError
from regard.model.runtime.facts import Beside, Facts, Floats, Inputs, States, facts_of
from regard.model.runtime.head import Days, Head, Tuning
from regard.sequences.aggregates import BESIDE
from regard.sequences.log import Log

MODEL = "model"
"""The head that reads everything; the others are simple rules."""

ANSWERS = ("churn", "orders", "spend")
"""What a head is compared on, and may be replaced in, one by one."""

SPEND_RANGE = (0.1, 0.9)
"""Quantiles between which spend and orders lie four times out of five."""

SEARCHED_DAYS = (0.25, 3_650.0)
"""The next order is looked for between six hours and ten years ahead."""


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
    def _asked(self) -> list[Head]:
        """The heads that answer, those who never ordered included."""
        return [self.heads[name] for name in {MODEL, *self.answers.values()}]

    @property
    def _wanted_states(self) -> States | None:
        return self._states if any(head.inputs.states for head in self._asked) else None

    @property
    def _wanted_about(self) -> Beside | None:
        columns = [name for head in self._asked for name in head.inputs.columns]
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
    numbers = {name: float(told[name]) for name in vars(Tuning()) if name not in ("season", "cut")}
    return Tuning(**numbers, season=tuple(float(factor) for factor in told["season"]), cut=int(told["cut"]))


def _filled(part: NDArray[np.float64], rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    whole = np.full((count, part.shape[1]), np.nan)
    whole[rows] = part
    return whole
