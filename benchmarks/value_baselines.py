"""Customer value without learning, and by the classic models: what anybody can have in an afternoon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.value_task import Task
from regard.errors import RegardError
from regard.evaluation.lifetime import BgNbd, GammaGamma, MbgNbd, ParetoNbd
from regard.sequences.aggregates import aggregate
from regard.sequences.purchases import WEEK, purchase_days

GRADES = 5
"""Classes of recency, frequency and money, as RFM has them."""

DECAYED = (8, 13)
"""Weeks of half-life that ranked CDNOW's spend best among past-spend rules."""

Floats = NDArray[np.float64]

CLASSIC: dict[str, type[BgNbd] | type[MbgNbd] | type[ParetoNbd]] = {
    "bg_nbd": BgNbd,
    "mbg_nbd": MbgNbd,
    "pareto_nbd": ParetoNbd,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One method's answers for Q customers.

    Args:
        name: of the method; the trained model's is 'model'.
        spend: float64 [Q], money in the holdout, or a score that grows with it.
        returns: float64 [Q], a score that grows with the chance of an order in the holdout.
        churn: float64 [Q], the probability of no order; None where the method gives none.
        in_money: `spend` is money and no mere score.
    """

    name: str
    spend: Floats
    returns: Floats
    churn: Floats | None = None
    in_money: bool = False


def simple(task: Task) -> list[Row]:
    """Recency, frequency, rates, RFM, decayed spend: each what it was before, carried on."""
    days, found = task.holdout_days, aggregate(task.queries, task.asof, target=task.view.target)
    past = purchase_days(task.queries, task.asof, target=task.view.target)

    def column(name: str) -> Floats:
        return np.nan_to_num(found.column(name).astype(np.float64))

    recency, spent = -column("days_since_last_order"), column("spend_all")
    age = np.maximum(past.age * WEEK, 1.0)
    rate = past.repeats / age * days
    # What nobody knows of one customer is taken to be everybody's mean: unknown is not free.
    worth = np.where(past.valued > 0, past.value, past.value[past.valued > 0].mean() if past.valued.any() else 0.0)
    repeats_spent = worth * past.repeats / age * days
    total_spent = np.maximum(spent, 0) / age * days
    rfm = _grade(recency) + _grade(column("order_days")) + _grade(spent)
    rows = [
        Row(name="recency", spend=recency, returns=recency),
        Row(name="frequency", spend=column("order_days"), returns=column("order_days")),
        Row(name="rate", spend=repeats_spent, returns=rate, in_money=True),
        Row(name="total_rate", spend=total_spent, returns=(past.repeats + 1) / age * days, in_money=True),
        Row(name="rfm", spend=rfm, returns=rfm),
    ]
    for weeks in DECAYED:
        rates = np.log(2) / (weeks * WEEK) * days  # what decays so was gained at that rate, were it steady
        spend, orders = (
            np.maximum(column(f"spend_decayed_{weeks}w"), 0) * rates,
            column(f"orders_decayed_{weeks}w") * rates,
        )
        rows.append(Row(name=f"decayed_spend_{weeks}w", spend=spend, returns=orders, in_money=True))
    return rows


def classic(task: Task) -> tuple[list[Row], list[str]]:
    """(buy-till-you-die models times Gamma-Gamma, why one is missing). Returns are ranked by expected orders, which rank better than P(y = 0)."""
    past, weeks = purchase_days(task.queries, task.asof, target=task.view.target), task.holdout_days / WEEK
    rows, missing = list[Row](), list[str]()
    try:
        value = GammaGamma.fit(past).expected(past)
    except RegardError as error:
        return rows, [f"buy-till-you-die models: {error}"]
    for name, model in CLASSIC.items():
        try:
            fitted = model.fit(past)
        except RegardError as error:
            missing.append(f"{name}: {error}")
            continue
        orders = fitted.expected(past, weeks)
        rows.append(
            Row(
                name=f"{name}_gamma_gamma", spend=orders * value, returns=orders,
                churn=np.clip(fitted.none_within(past, weeks), 0, 1), in_money=True,
            )
        )  # fmt: skip
    return rows, missing


def _grade(values: Floats) -> Floats:
    """float64 [Q], 1 to GRADES by rank; equal values have equal grades."""
    return np.ceil(rankdata(values) / len(values) * GRADES)
