"""Stage: where customers are in their life with the shop, by their own rhythm, and in AIPL, by what they have done."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.profile.given import Column, Given
from regard.customers.profile.lifecycle import LIFECYCLE, staged
from regard.customers.profile.quality import chosen

ODDS = pa.struct(
    {
        "stage": pa.string(), "probability": pa.float64(), "low": pa.float64(), "high": pa.float64(), "customers": pa.int64()
    }
)  # fmt: skip
"""A stage of the month ahead, its chance with an 80 % interval, and how many customers it is counted from."""

AIPL = ("awareness", "interest", "purchase", "loyalty")

AIPL_DAYS = 365
"""Days that AIPL looks back, as Alibaba's DataBank does."""

INTERESTED = frozenset({
    "add_to_cart", "add_to_wishlist", "favourite", "like", "share", "follow", "search", "begin_checkout", "add_payment_info",
    "add_shipping_info", "view_cart", "review", "rating", "sign_up", "message_click",
})  # fmt: skip
"""Behaviours that show more than a look."""


def stage(given: Given) -> Iterator[Column]:
    """Life-cycle stage, the odds of the stage a month from now, and AIPL stage."""
    if not given.timed:
        return
    orders, since = given.number("order_days"), given.number("days_since_last_order")
    mean, last = np.nan_to_num(given.number("gap_mean")), given.number("last_gap_over_mean")
    place = staged(orders, since, mean, last, given.base.usual_gap)
    shown = given.bought | (place == LIFECYCLE.index("prospect"))[given.owner]
    yield given.column("lifecycle", chosen(LIFECYCLE, place), shown)
    yield from _next(given, place, shown)
    yield _aipl(given)


def _next(given: Given, place: NDArray[np.int64], shown: NDArray[np.bool_]) -> Iterator[Column]:
    """The odds of each stage NEXT_DAYS ahead, the likeliest first: those of all who were at the stage in the past.

    Args: place: int64 [Q] of the stage. shown: bool [N], the events that show it.
    """
    told = given.base.transitions
    if not told.customers.any():
        return
    order = np.argsort(-told.probability, axis=1, kind="stable")
    rows = [
        None if not told.customers[here] else [
            {
                "stage": LIFECYCLE[there], "probability": float(told.probability[here, there]), "low": _known(told.low[here, there]),
                "high": _known(told.high[here, there]), "customers": int(told.customers[here]),
            }
            for there in order[here] if told.probability[here, there] > 0
        ]
        for here in range(len(LIFECYCLE))
    ]  # fmt: skip
    best = order[place, 0]
    yield given.column(
        "next_stage", pa.array(rows, pa.list_(ODDS)).take(pa.array(place)), shown,
        probability=told.probability[place, best], interval=(told.low[place, best], told.high[place, best]),
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _aipl(given: Given) -> Column:
    """Awareness: only looks; interest: a cart, a search, a favourite; purchase: one day with an order; loyalty: several."""
    near = given.age <= AIPL_DAYS
    acts = near & given.log.is_behaviour(INTERESTED)
    day = given.clock // 86_400
    rows = np.flatnonzero(near & given.bought)
    new = np.append(True, (np.diff(day[rows]) != 0) | (np.diff(given.owner[rows]) != 0))[: len(rows)]
    bought = np.bincount(given.owner[rows][new], minlength=len(given))
    place = np.select(
        [bought >= 2, bought == 1, given.per_customer(acts) > 0, given.per_customer(near) > 0], [3, 2, 1, 0], default=-1
    )
    shown = near & np.where(place[given.owner] >= 2, given.bought, np.where(place[given.owner] == 1, acts, True))
    return given.column("aipl", chosen(AIPL, place), shown)
