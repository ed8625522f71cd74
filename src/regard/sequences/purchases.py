"""Purchases: a log's orders and what they were worth, and the few numbers a customer that classic models of buying need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log
from regard.sequences.pack import days

WEEK = 7
"""Days."""

REFUND = "refund"
"""The behaviour whose value is taken from a customer's spend."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Orders:
    """The baskets of the target behaviours, in order of customer and time; one without merchandise, such as postage alone, is none.

    Args:
        owner: int64 [M] customer. time: int64 [M], as in the log. row: int64 [M] first event of the order in the log.
        value: float64 [M] money, the sum of the lines whose value is known; NaN where it is of none.
    """

    owner: NDArray[np.int64]
    time: NDArray[np.int64]
    row: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PurchaseDays:
    """What buy-till-you-die models read: all orders of a calendar day are one purchase. Customers without any have NaN ages.

    Args:
        repeats: float64 [Q], x: days with an order after the first such day.
        last: float64 [Q], t: weeks from the first to the last of these days, 0 where there are no repeats.
        age: float64 [Q], T: weeks from the first of these days to the day on which it is asked.
        value: float64 [Q], m: mean money of the repeat days whose value is known, refunds taken off, at least 0; NaN where there
            are none, as an unknown value is no free purchase.
        valued: float64 [Q], the days of which that is the mean.
    """

    repeats: NDArray[np.float64]
    last: NDArray[np.float64]
    age: NDArray[np.float64]
    value: NDArray[np.float64]
    valued: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.age)

    def take(self, rows: NDArray[np.integer[Any]]) -> PurchaseDays:
        """The named customers."""
        return PurchaseDays(**{name: values[rows] for name, values in vars(self).items()})


def orders_of(log: Log, target: tuple[str, ...]) -> Orders:
    """The orders of a log.

    Args:
        log: any. target: behaviours that count as buying.
    """
    rows = np.flatnonzero(log.is_behaviour(target))
    owner, value = log.owner[rows], log.value[rows].astype(np.float64)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(owner) != 0) | (np.diff(log.basket[rows]) != 0)
    basket, first = np.cumsum(new) - 1, rows[new]
    count = len(first)
    known = ~np.isnan(value)
    total = np.bincount(basket[known], weights=value[known], minlength=count)
    worth = np.where(np.bincount(basket[known], minlength=count) > 0, total, np.nan)
    sold = np.append(log.merchandise, True)[log.item[rows]]
    kept = np.bincount(basket[sold], minlength=count) > 0
    return Orders(owner=owner[new][kept], time=log.time[first[kept]], row=first[kept], value=worth[kept])


def money_of(log: Log, target: tuple[str, ...]) -> NDArray[np.float64]:
    """float64 [N], what each event adds to its customer's spend: refunds take off, whatever their sign; 0 where nothing is known.

    Args:
        log: any. target: behaviours that count as buying; their lines count also where they are not merchandise.
    """
    value = np.nan_to_num(log.value.astype(np.float64))
    taken = np.where(log.is_behaviour((REFUND,)), -np.abs(value), 0.0)
    return np.where(log.is_behaviour(target), value, taken)


def purchase_days(queries: Log, asof: NDArray[np.int64], *, target: tuple[str, ...] = ("purchase",)) -> PurchaseDays:
    """Frequency, recency, age and mean value as buy-till-you-die models define them; events after `asof` are not read.

    Args:
        queries: histories of the Q customers, with a clock. asof: int64 [Q] seconds; the last day is the one of the second
            before, so that a midnight is the end of the day that ends with it.
        target: behaviours that count as buying.

    Source: Fader, Hardie and Lee, 2005, "Counting Your Customers" the Easy Way; values as in Fader and Hardie, 2013, The
    Gamma-Gamma Model of Monetary Value.
    """
    log = queries.where(queries.time <= asof[queries.owner])
    orders, count = orders_of(log, target), len(queries)
    day = days(orders.time, log.time_zone)
    new = np.ones(len(day), dtype=bool)
    new[1:] = (np.diff(day) != 0) | (np.diff(orders.owner) != 0)
    owner, day = orders.owner[new], day[new]
    bought = np.bincount(owner, minlength=count)
    ends = np.cumsum(bought)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    some = bought > 0
    first[some], last[some] = day[(ends - bought)[some]], day[ends[some] - 1]
    known = np.bincount(np.cumsum(new) - 1, weights=~np.isnan(orders.value), minlength=len(day)) > 0
    valued = np.bincount(owner[known & (day > first[owner])], minlength=count).astype(np.float64)
    money = _repeat_money(log, target, first)
    return PurchaseDays(
        repeats=np.maximum(bought - 1, 0).astype(np.float64),
        last=(last - first) / WEEK,
        age=(np.maximum(days(asof - 1, log.time_zone), last) - first) / WEEK,
        value=np.divide(np.maximum(money, 0), valued, out=np.full(count, np.nan), where=valued > 0),
        valued=valued,
    )


def _repeat_money(log: Log, target: tuple[str, ...], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [Q], what is known to have been spent after the first day."""
    money, owner = money_of(log, target), log.owner
    rows = np.flatnonzero(money)
    later = rows[days(log.time[rows], log.time_zone) > first[owner[rows]]]
    return np.bincount(owner[later], weights=money[later], minlength=len(log)).astype(np.float64)
