"""Value and retention: RFM beside everybody, and orders, spend and churn ahead with their intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from regard.customers.profile.fields import AHEAD, CHURN_DAYS, VALUE_DAYS
from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.quality import chosen, moments
from regard.sequences.log import DAY

TIERS = ("bronze", "silver", "gold")

SHARES = (0.5, 0.8)
"""Shares of the buyers below silver and below gold: most money comes from about a fifth."""

TIER_DAYS = 90
"""Days of spend ahead by which tiers are cut: a quarter, in which campaigns are planned."""

FARTHEST = 365.0
"""Days beyond which no next order is named."""

EARLY, LATE = 0.1, 0.9
"""Chances of having ordered between which the next order lies four times out of five."""


def value(given: Given) -> Iterator[Column]:
    """Orders and spend so far, RFM, orders and spend ahead, and the tier."""
    orders = given.number("orders_all")
    yield given.column("orders", orders.astype(np.int64), given.bought)
    yield given.column("spend", np.where(orders > 0, given.number("spend_all"), np.nan), given.bought)
    if not given.timed:
        return
    yield from _rfm(given)
    told = given.outlook
    if told is None:
        return
    for name, mean, low, high in (
        ("orders", told.orders, told.orders_low, told.orders_high), ("spend", told.spend, told.spend_low, told.spend_high)
    ):  # fmt: skip
        for days in VALUE_DAYS:
            at = AHEAD.index(days)
            ends = low[:, at], high[:, at]
            yield given.column(f"{name}_{days}d", mean[:, at], given.bought, coverage=1.0, interval=ends)
    spend = worth(given)
    place = np.where(np.isfinite(spend), np.searchsorted(given.base.tiers, spend, side="left"), -1)
    yield given.column("value_tier", chosen(TIERS, place), given.bought, coverage=1.0)


def worth(given: Given) -> Floats:
    """float64 [Q], expected spend within TIER_DAYS; orders where no order has a value; NaN where nothing is foreseen."""
    told = given.outlook
    if told is None:
        return np.full(len(given), np.nan)
    at = AHEAD.index(TIER_DAYS)
    return told.spend[:, at] if np.isfinite(told.spend[:, at]).any() else told.orders[:, at]


def _rfm(given: Given) -> Iterator[Column]:
    rows, grid = given.base.rfm
    place = rows[given.codes]
    missing = place < 0
    back = pa.array(place, mask=missing)
    for name, part in (
        ("recency_score", grid.recency), ("frequency_score", grid.frequency), ("money_score", grid.money),
        ("rfm", pa.array(grid.cell, pa.string())),
    ):  # fmt: skip
        yield given.column(name, pa.array(part).take(back), given.bought)


def retention(given: Given) -> Iterator[Column]:
    """Churn, the survival curve, and when the next order is to be expected."""
    told = given.outlook
    if told is None:
        return
    alone = 1 - told.p_order
    for days in CHURN_DAYS:
        churn = alone[:, AHEAD.index(days)]
        yield given.column(f"churn_{days}d", churn, given.bought, coverage=1.0, probability=churn)
    curve = pa.array(alone.ravel(), mask=np.isnan(alone.ravel()))
    offsets = pa.array(np.arange(len(given) + 1, dtype=np.int32) * len(AHEAD))
    lists = pa.ListArray.from_arrays(offsets, curve, mask=pa.array(np.isnan(alone[:, 0])))
    yield given.column("survival", lists, given.bought, coverage=1.0)
    early, late = (given.at + DAY * _reached(told.p_order, chance) for chance in (EARLY, LATE))
    ahead = np.where(told.next_order_days <= FARTHEST, told.next_order_days, np.nan)
    expected = moments(given.at + DAY * ahead)
    yield given.column("next_order", expected, given.bought, coverage=1.0, interval=(early, late))


def _reached(p_order: Floats, chance: float) -> Floats:
    """float64 [Q], days after which an order has come with this chance; NaN where that is beyond the curve.

    Between its points the curve is that of a customer who orders at a constant rate.

    Args: p_order: [Q, K] at AHEAD.
    """
    hazard = -np.log1p(-np.minimum(np.nan_to_num(p_order), 1 - 1e-12))
    hazard, days = np.pad(hazard, ((0, 0), (1, 0))), np.array([0.0, *AHEAD])
    wanted = -np.log1p(-chance)
    after = np.maximum(np.argmax(hazard >= wanted, axis=1), 1)
    row = np.arange(len(hazard))
    step = np.maximum(hazard[row, after] - hazard[row, after - 1], 1e-12)
    share = (wanted - hazard[row, after - 1]) / step
    found = days[after - 1] + share * (days[after] - days[after - 1])
    return np.where(hazard[:, -1] >= wanted, found, np.nan)
