"""Audience: who is likeliest to want an item next, the other way round from recommending."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.insight.answer import Plain
from regard.insight.candidates import own_items
from regard.insight.history import Ask
from regard.insight.recommend import at_least_one
from regard.insight.shop import Shop
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

LOOKED_AT = 1_000
"""Customers scored at most: about a second on one core. They are those who touched the item or its likes most lately."""

LIKES = 50
"""Items most like the one asked about whose customers are looked at."""


@dataclass(frozen=True, kw_only=True)
class Interested:
    """One customer. Args: customer: id. probability: that the item is the next one wanted; None where counting answers."""

    customer: str
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class Audience(Plain):
    """Customers for an item.

    Args:
        item: its id. name: its title, '' where unknown. customers: the likeliest first. looked_at: how many were compared.
        model_version: id of the model, None where the customers of alike items are told by how lately they touched them.
    """

    item: str
    name: str
    customers: tuple[Interested, ...]
    looked_at: int
    model_version: str | None


def audience(shop: Shop, item: str, *, n: int = 100, exclude: str = "") -> Audience:
    """The n customers likeliest to want an item next, of those who touched it or one of the items most like it.

    Args:
        shop: the data. item: id. n: at most this many customers.
        exclude: 'target' or 'seen' leave out who bought or touched the item, 'none' nobody; '' = by the data.

    Raises:
        UsageError: the item is unknown, or n is not a positive whole number.
    """
    n, rule = at_least_one(n), shop.exclude(exclude)
    code = int(shop.codes([item])[0])
    people = _near(shop, code)
    queries = shop.histories([Ask(customer=name) for name in shop.log.customers.names(people)])
    row, own = own_items(queries, shop.target, rule)
    keep = ~np.isin(np.arange(len(people)), row[own == code])
    people, queries = people[keep], queries.take(np.flatnonzero(keep))
    chances = _chances(shop, queries, code) if len(people) else np.empty(0, dtype=np.float32)
    order = np.arange(len(people)) if chances is None else np.argsort(-chances, kind="stable")
    ids = shop.log.customers.names(people[order[:n]])
    told = [None] * len(ids) if chances is None else [float(chance) for chance in chances[order[:n]]]
    return Audience(
        item=item,
        name=shop.name(item),
        customers=tuple(Interested(customer=name, probability=chance) for name, chance in zip(ids, told, strict=True)),
        looked_at=len(people),
        model_version=shop.ranker.version if chances is not None and shop.ranker else None,
    )


def _near(shop: Shop, code: int) -> NDArray[np.int64]:
    """Codes of up to LOOKED_AT customers who touched the item or its likes, the latest first."""
    own = np.array([code])
    alike = np.maximum(shop.covisit(own), shop.likeness(own))[0]
    likes = np.argsort(-alike, kind="stable")[:LIKES]
    wanted = np.zeros(len(alike) + 1, dtype=bool)
    wanted[[code, *likes[alike[likes] > 0]]] = True
    touched = np.flatnonzero(wanted[shop.log.item])
    last = np.full(len(shop.log), np.iinfo(np.int64).min)
    np.maximum.at(last, shop.log.owner[touched], shop.log.time[touched])
    some = np.flatnonzero(last > np.iinfo(np.int64).min)
    return some[np.argsort(-last[some], kind="stable")][:LOOKED_AT]


def _chances(shop: Shop, queries: Log, code: int) -> NDArray[np.float32] | None:
    """float32 [Q], that the item is the next one wanted; None where no model knows it."""
    if shop.model is None or shop.ranker is None or shop.ranker.columns(shop.log.items)[code] < 0:
        return None
    asof, rows = shop.asof(queries), np.arange(len(queries))
    scores = shop.ranker.score_of(queries, asof, np.full((len(queries), 1), code), rows)[:, 0]
    nobody = Ragged(np.zeros(len(queries) + 1, dtype=np.int64), np.empty(0, dtype=np.int64))
    total = shop.ranker.best(queries, asof, 1, shop.log.merchandise, nobody).total
    return np.asarray(np.exp(scores - total), dtype=np.float32)
