"""Stage: where customers are in their life with the shop, by their own rhythm, and in AIPL, by what they have done."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.quality import chosen

SLOWING, SILENT, LOST = 1.5, 2.5, 5.0
"""Usual gaps since the last order from which a customer is slowing, silent, lost: of steady buyers with exponential gaps,
22 %, 8 % and under 1 % are so late by chance.
"""

OWN_GAPS = 3
"""Gaps from which on a customer's own mean is the usual gap; the shop's median counts as so many more."""

LOYAL_ORDERS = 4
"""Days with an order from which a customer in time is loyal: three returns are no chance."""

LIFECYCLE = ("prospect", "new", "growing", "loyal", "returned", "slowing", "silent", "lost")

AIPL = ("awareness", "interest", "purchase", "loyalty")

AIPL_DAYS = 365
"""Days that AIPL looks back, as Alibaba's DataBank does."""

INTERESTED = frozenset({
    "add_to_cart", "add_to_wishlist", "favourite", "like", "share", "follow", "search", "begin_checkout", "add_payment_info",
    "add_shipping_info", "view_cart", "review", "rating", "sign_up", "message_click",
})  # fmt: skip
"""Behaviours that show more than a look."""


def stage(given: Given) -> Iterator[Column]:
    """Life-cycle stage and AIPL stage."""
    if not given.timed:
        return
    orders, since = given.number("order_days"), given.number("days_since_last_order")
    mean, last = np.nan_to_num(given.number("gap_mean")), given.number("last_gap_over_mean")
    gaps = np.maximum(orders - 1, 0)
    usual = np.maximum((gaps * mean + OWN_GAPS * given.base.usual_gap) / (gaps + OWN_GAPS), 1.0)
    late = since / usual
    came_back = (orders >= 3) & (last * mean > LOST * _before(orders, mean, last * mean))
    place = np.select(
        [np.isnan(since), late > LOST, late > SILENT, late > SLOWING, came_back, orders >= LOYAL_ORDERS, orders >= 2],
        [0, 7, 6, 5, 4, 3, 2],
        default=1,
    )
    yield given.column("lifecycle", chosen(LIFECYCLE, place), given.bought)
    yield _aipl(given)


def _before(orders: Floats, mean: Floats, last: Floats) -> Floats:
    """float64 [Q], mean gap without the last one, at least a day; infinite for who has no other."""
    others = np.maximum(orders - 2, 0)
    rest = np.where(others > 0, ((orders - 1) * mean - last) / np.maximum(others, 1), np.inf)
    return np.maximum(rest, 1.0)


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
