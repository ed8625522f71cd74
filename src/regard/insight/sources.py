"""Sources: where the items of a list come from, each the best first and a few at a time, so that nobody sorts a catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.insight import fallback
from regard.insight.answer import Level
from regard.insight.ranker import top
from regard.insight.shop import Shop
from regard.model.runtime import Best
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

MORE = 4
"""By how much every further look is deeper than the one before: few looks, and none much deeper than need be."""

Codes = NDArray[np.int64]
Marks = NDArray[np.bool_]
Weights = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Items before they are written out.

    Args:
        items: int64 [k] catalogue codes, best first. scores: float32 [k].
        levels: where each comes from. probabilities: float32 [k], NaN where there is none.
    """

    items: Codes
    scores: Weights
    levels: list[Level]
    probabilities: Weights

    @classmethod
    def of(cls, level: Level, items: Codes, scores: Weights, probabilities: Weights | None = None) -> Found:
        """Items of one level."""
        unknown = np.full(len(items), np.nan, dtype=np.float32) if probabilities is None else probabilities
        return cls(items=items, scores=scores, levels=[level] * len(items), probabilities=unknown)

    @classmethod
    def joined(cls, parts: list[Found]) -> Found:
        """One behind the other."""
        none = np.empty(0, dtype=np.float32)
        return cls(
            items=np.concatenate([np.empty(0, dtype=np.int64), *(part.items for part in parts)]),
            scores=np.concatenate([none, *(part.scores for part in parts)]),
            levels=[level for part in parts for level in part.levels],
            probabilities=np.concatenate([none, *(part.probabilities for part in parts)]),
        )

    def take(self, places: Codes) -> Found:
        """Those at some places, in that order."""
        return Found(
            items=self.items[places],
            scores=self.scores[places],
            levels=[self.levels[place] for place in places.tolist()],
            probabilities=self.probabilities[places],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """What may stand in one list.

    Args:
        allowed: bool [V]. barred: codes that are no candidates for whoever asks. factor: float32 [V] on the odds; None = 1.
    """

    allowed: Marks
    barred: Codes
    factor: Weights | None

    def open(self, codes: Codes) -> Marks:
        """bool, one per code."""
        return self.allowed[codes] & ~np.isin(codes, self.barred)


def by_ranker(
    shop: Shop, level: Level, queries: Log, asof: Codes, row: int, limits: Limits, best: Best, place: int
) -> Iterator[Found]:
    """What the ranker finds for one question.

    Args:
        shop: with a ranker. level: of the answer. queries, asof: questions, of which it is the `row`-th. limits: of its list.
        best: what was found for several questions, of which it is the `place`-th.
    """
    assert shop.ranker is not None
    n, barred, just = best.items.shape[1], limits.barred, np.array([row])
    while True:
        # A count of nothing recommends nothing.
        some = best.scores[place] > (0 if level == "counting" else -np.inf)
        items, scores = best.items[place][some], best.scores[place][some]
        yield Found.of(level, items, scores, _chances(shop, items, scores, best.total[place], limits.factor))
        if len(items) < n:
            return
        barred, n, place = np.concatenate([barred, items]), n * MORE, 0
        best = shop.ranker.best(queries.take(just), asof[just], n, limits.allowed, Ragged.of([barred]), limits.factor)


def _chances(shop: Shop, items: Codes, scores: Weights, total: np.float32, factor: Weights | None) -> Weights | None:
    """The model's own probabilities: those before any factor."""
    if shop.model is None:
        return None
    plain = scores if factor is None else scores - np.log(factor[items])
    return np.asarray(np.exp(plain - total))


def by_scores(level: Level, scores: Weights, limits: Limits, n: int) -> Iterator[Found]:
    """From scores of the whole catalogue, -inf for what is not meant. n: items at a time."""
    left = np.where(limits.allowed, scores, -np.inf).astype(np.float32)
    if limits.factor is not None:
        left *= limits.factor
    left[limits.barred[limits.barred >= 0]] = -np.inf
    while len(items := top(left, n)):
        yield Found.of(level, items, left[items])
        left[items] = -np.inf
        n *= MORE


def general(shop: Shop, level: Level, limits: Limits, n: int) -> Iterator[Found]:
    """What is the same for everybody, sorted once. n: items at a time."""
    scores = fallback.general(shop, level)
    if limits.factor is not None:
        scores = shop.remembered(np.multiply, scores, limits.factor)
    order, start = shop.remembered(_sorted, scores), 0
    while start < len(order):
        items = order[start : start + MORE * n]
        items = items[limits.open(items)]
        yield Found.of(level, items, scores[items])
        start, n = start + MORE * n, MORE * n


def _sorted(scores: Weights) -> Codes:
    """Codes from the largest score down, ties by code, without those of -inf."""
    order = np.argsort(-scores, kind="stable")
    return order[: int((scores > -np.inf).sum())]
