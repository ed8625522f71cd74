"""A scorer that finds the best itself is asked in its own codes and answers in the shop's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from regard.insight import Shop
from regard.insight.history import Ask
from regard.insight.recommend import recommend
from regard.metrics import masked
from regard.model.runtime import Best
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged


class Finder:
    """The pair model, which hands out no scores but the best."""

    def __init__(self, pairs: Any) -> None:
        self.pairs, self.asked = pairs, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pairs, name)

    def best(
        self, queries: Log, asof: np.ndarray, n: int, *, allowed: np.ndarray, barred: Ragged, shift: np.ndarray | None
    ) -> Best:
        assert queries.items is self.pairs.view_items and allowed.shape == (len(queries.items),)
        self.asked += len(queries)
        scores = self.pairs.score(queries, asof)
        total = np.log(np.exp(scores.astype(np.float64)).sum(axis=1))
        scores = scores if shift is None else scores + shift
        free = masked(scores, catalogue=allowed, blocked=barred)
        order = np.pad(np.argsort(-free, axis=1, kind="stable")[:, :n], ((0, 0), (0, max(n - free.shape[1], 0))))
        here = np.arange(order.shape[1]) < (free > -np.inf).sum(axis=1)[:, None]
        items = np.where(here, order, -1)
        found = np.where(items < 0, -np.inf, np.take_along_axis(scores, np.maximum(items, 0), 1))
        return Best(items=items, scores=found.astype(np.float32), total=total.astype(np.float32))


def test_who_finds_the_best_is_answered_as_who_scores_everything(shop: Shop) -> None:
    assert shop.ranker is not None
    pairs: Any = shop.ranker.scorer
    pairs.pull += np.random.default_rng(0).random(pairs.pull.shape) / 100  # equals are ordered by the scorer's codes
    finder = Finder(pairs)
    finding = replace(shop, ranker=replace(shop.ranker, scorer=finder))
    asks = [Ask(customer=customer) for customer in ("ann", "bob", "cid", "dot", "eve", "stranger")]
    allowed = shop.log.merchandise.copy()
    allowed[shop.log.items.code("cup")] = False
    for n in (1, 3, 10):
        for exclude in ("none", "target", "seen"):
            for only in (None, allowed):
                told = recommend(finding, asks, n=n, exclude=exclude, allowed=only)
                wanted = recommend(shop, asks, n=n, exclude=exclude, allowed=only)
                for one, other in zip(told, wanted, strict=True):
                    assert [item.item for item in one.items] == [item.item for item in other.items]
                    assert [item.level for item in one.items] == [item.level for item in other.items]
                    for item, same in zip(one.items, other.items, strict=True):
                        assert item.score == same.score
                        assert (item.probability is None) == (same.probability is None)
                        assert item.probability is None or abs(item.probability - (same.probability or 0)) < 1e-6
    assert finder.asked


def test_where_the_ranker_knows_no_item_of_the_shop_nothing_is_made_up(shop: Shop) -> None:
    assert shop.ranker is not None
    queries = shop.histories([Ask(customer="ann")])
    nothing = np.zeros(len(shop.log.items), dtype=bool)
    found = shop.ranker.best(queries, shop.asof(queries), 3, nothing, Ragged.of([[]]))
    assert (found.items == -1).all() and (found.scores == -np.inf).all()
