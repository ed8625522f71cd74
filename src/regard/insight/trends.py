"""Trends: what is growing, beyond luck, and what is new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from regard.errors import UsageError
from regard.insight.answer import Plain
from regard.insight.ranker import top
from regard.insight.recommend import at_least_one
from regard.insight.shop import Shop
from regard.sequences.log import DAY

SURE = 0.95
"""One-sided confidence that the item really grows."""

EARLIER = 3
"""The period before is so many times as long as the recent one: steady, and still the same season."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One growing item.

    Args:
        item: its id. name: its title, '' where unknown.
        customers: customers who wanted it in the recent days. expected: customers that its earlier rate and the shop's
            growth foretold.
        growth: customers / expected; None where nothing was expected.
        at_least: the growth is this or more with 95 % confidence; the list is in this order.
    """

    item: str
    name: str
    customers: int
    expected: float
    growth: float | None
    at_least: float


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """One new item.

    Args:
        item: its id. name: its title, '' where unknown.
        since: ISO 8601 time of its first event; None where it has none yet.
        customers: customers who wanted it since.
    """

    item: str
    name: str
    since: str | None
    customers: int


@dataclass(frozen=True, kw_only=True)
class Trending(Plain):
    """What grows. Args: days: length of the recent period. items: surest first; only those that surely grow."""

    days: int
    items: tuple[Trend, ...]


@dataclass(frozen=True, kw_only=True)
class NewItems(Plain):
    """What is new. Args: days: an item counts as new for so long. items: most wanted first."""

    days: int
    items: tuple[NewItem, ...]


def trending(shop: Shop, *, n: int = 10, days: int = 7, allowed: NDArray[np.bool_] | None = None) -> Trending:
    """Items that more customers want than before, beyond luck and beyond the growth of the whole shop.

    Given an item's customers in both periods together, the recent ones are binomial if nothing changed; the exact
    (Clopper-Pearson) lower bound of their share gives a lower bound of the growth (Przyborowski and Wilenski 1940).
    Customers are counted, not units: one bulk order is no trend.

    Raises:
        UsageError: the log has no clock or nothing in the earlier period, or n is not a positive whole number.
    """
    n = at_least_one(n)
    _needs_clock(shop)
    log, end = shop.log, shop.now
    recent = shop.wanted & (log.time > end - days * DAY)
    before = shop.wanted & (log.time <= end - days * DAY) & (log.time > end - (1 + EARLIER) * days * DAY)
    if not before.any():
        raise UsageError(
            f"nothing to compare the last {days} days with: nothing was wanted in the {EARLIER * days} before",
            hint=_other_days(shop),
        )
    late, early = shop.customers_of(recent), shop.customers_of(before)
    shopwide = late.sum() / max(early.sum(), 1)
    share = np.where(late > 0, special.betaincinv(np.maximum(late, 1), early + 1, 1 - SURE), 0.0)
    at_least = share / np.maximum(1 - share, 1e-9) / max(shopwide, 1e-9)
    allowed = log.merchandise if allowed is None else allowed
    best = top(np.where(allowed & (at_least > 1), at_least, -np.inf), n)
    items = []
    for code in best:
        expected = float(early[code] * shopwide)
        item = log.items.id(int(code))
        items.append(
            Trend(
                item=item,
                name=shop.name(item),
                customers=int(late[code]),
                expected=expected,
                growth=float(late[code] / expected) if expected else None,
                at_least=float(at_least[code]),
            )
        )
    return Trending(days=days, items=tuple(items))


def new(shop: Shop, *, n: int = 10, days: int = 30, allowed: NDArray[np.bool_] | None = None) -> NewItems:
    """Items first touched in the last `days` days, most wanted first, then those that nobody touched yet.

    Raises:
        UsageError: the log has no clock, or n is not a positive whole number.
    """
    n = at_least_one(n)
    _needs_clock(shop)
    log = shop.log
    untouched = shop.first_seen == np.iinfo(np.int64).max
    fresh = (shop.first_seen > shop.now - days * DAY) | untouched
    allowed = log.merchandise if allowed is None else allowed
    age = np.where(untouched, 0.0, np.clip((shop.now - shop.first_seen.astype(np.float64)) / DAY / days, 0, 1))
    order = shop.popularity + 0.5 * (1 - age) - untouched
    items = []
    for code in top(np.where(allowed & fresh, order, -np.inf), n):
        item = log.items.id(int(code))
        since = None if untouched[code] else str(np.datetime64(int(shop.first_seen[code]), "s")) + "Z"
        items.append(NewItem(item=item, name=shop.name(item), since=since, customers=int(shop.popularity[code])))
    return NewItems(days=days, items=tuple(items))


def _other_days(shop: Shop) -> str:
    """What would have an earlier period: the last so many days begin just after what was wanted first."""
    wanted = shop.log.time[shop.wanted]
    days = (shop.now - int(wanted.min())) // DAY if len(wanted) else 0
    return f"ask with --days {days}" if days else "trends need more than a day of history"


def _needs_clock(shop: Shop) -> None:
    if shop.log.clock != "clock":
        raise UsageError("trends need events with times", hint="this log has only an order of events")
