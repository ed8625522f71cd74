"""Candidates: which items may be recommended at all, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from regard.insight.shop import Shop
from regard.sequences.log import Log


def candidates(
    shop: Shop,
    *,
    filter: str | None = None,
    stock: Mapping[str, float] | Sequence[str] | None = None,
    allow: Sequence[str] | None = None,
    deny: Sequence[str] = (),
) -> NDArray[np.bool_]:
    """bool [V], not to be written to: merchandise that every condition lets through.

    Args:
        shop: the catalogue.
        filter: a condition on columns of the items table, such as 'category = "lights" and price < 20'; an item without
            a row is out.
        stock: units by item, or the ids in stock; an item that is not named, or has no units left, is out.
        allow: nothing but these. deny: never these. Ids that the catalogue does not hold are no mistake here: lists
            travel.

    Raises:
        UsageError: the filter cannot be read or names an unknown column.
    """
    allowed = shop.log.merchandise
    if filter:
        allowed = shop.remembered(np.logical_and, allowed, shop.meets(filter))
    if stock is None and allow is None and not deny:
        return allowed
    allowed = allowed.copy()
    if stock is not None:
        left = [item for item, units in stock.items() if units > 0] if isinstance(stock, Mapping) else list(stock)
        allowed &= _named(shop, left)
    if allow is not None:
        allowed &= _named(shop, allow)
    return allowed & ~_named(shop, deny)


def own_items(queries: Log, target: tuple[str, ...], exclude: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, item) pairs of the customers' own items that `exclude` takes out ('none', 'target' or 'seen')."""
    taken = queries.item >= 0
    if exclude == "none":
        taken = np.zeros_like(taken)
    elif exclude == "target":
        taken = taken & queries.is_behaviour(target)
    return queries.owner[taken], queries.item[taken].astype(np.int64)


def _named(shop: Shop, items: Sequence[str]) -> NDArray[np.bool_]:
    named = np.zeros(len(shop.log.items) + 1, dtype=bool)
    named[shop.log.items.codes(str(item) for item in items)] = True
    return named[:-1]
