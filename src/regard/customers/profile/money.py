"""Money: which prices customers pay beside the shop's, and how often less than others do. Observed; what a discount causes is not known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from regard.customers.profile.base import unit_prices
from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.quality import chosen
from regard.customers.profile.touch import wilson

BANDS = ("budget", "middle", "premium")
"""By thirds of the shop's bought lines."""

LOW, HIGH = 0.1, 0.9
"""Quantiles between which four in five of a customer's prices lie."""


def money(given: Given) -> Iterator[Column]:
    """Price band, price paid a piece, and the share bought below the usual price."""
    rows, price = unit_prices(given.log, given.shop.target)
    paid = np.zeros(given.log.events, dtype=bool)
    paid[rows] = True
    prices = given.base.prices
    if len(prices):
        owner, many = given.owner[rows], given.per_customer(paid)
        rank = sum(np.searchsorted(prices, price, side=side) for side in ("left", "right")) / (2 * len(prices))
        mean = np.bincount(owner, weights=rank, minlength=len(given)) / np.maximum(many, 1)
        third = np.where(many > 0, np.minimum(mean * len(BANDS), len(BANDS) - 1), -1).astype(np.int64)
        yield given.column("price_band", chosen(BANDS, third), paid)
        low, middle, high = (quantile(owner, price, len(given), part) for part in (LOW, 0.5, HIGH))
        yield given.column("unit_price", middle, paid, interval=(low, high))
    yield from _discounts(given)


def _discounts(given: Given) -> Iterator[Column]:
    """Bought lines cheaper than the same item was for others just before and after, among those that can be compared.

    What was found stands for all of the log, and is told only of its end (see `sequences.anomalies.coupons`).
    """
    found = given.base.anomalies
    if found is None or "coupons" not in found.found or given.at < given.shop.now:
        return
    told = found.found["coupons"]
    codes = found.log.customers.codes(given.log.customers.ids.to_pylist())
    known = codes >= 0
    count, of = (np.where(known, np.asarray(told.figures[name])[codes], 0) for name in ("count", "of"))
    share = np.divide(count, of, out=np.full(len(given), np.nan), where=of > 0)
    marks = np.zeros(given.log.events, dtype=bool)
    if found.log.events == given.shop.log.events:
        lengths = given.log.lengths
        within = np.arange(given.log.events) - np.repeat(given.log.offsets[:-1], lengths)
        marks = told.marks[np.repeat(given.shop.log.offsets[:-1][given.codes], lengths) + within]
    covered = of / np.maximum(given.log.lengths, 1)
    yield given.column("discount_share", share, marks, coverage=covered, interval=wilson(count, of))


def quantile(owner: NDArray[np.int64], value: Floats, count: int, part: float) -> Floats:
    """float64 [Q], the quantile of each customer's values; NaN for who has none."""
    many = np.bincount(owner, minlength=count)
    start = np.cumsum(many) - many
    ordered = np.append(value[np.lexsort((value, owner))], np.nan)
    place = start + np.round(part * np.maximum(many - 1, 0)).astype(np.int64)
    return np.where(many > 0, ordered[np.minimum(place, len(value))], np.nan)
