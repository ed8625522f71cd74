"""Counts: how often items are wanted, and which are wanted near each other, as of a moment.

A count that has seen the answer teaches the wrong weight, so every table comes in editions and a training question reads one
that cannot know its answer: where there is a clock, the latest edition counted before the question; elsewhere the edition of its
customer's fold, counted without that fold. Questions asked after the view read the last edition, which has counted everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import DAY, Log
from regard.sequences.view import View

FOLDS = 5
"""Customer folds where there is no clock: a fifth of the pairs is missing in each, little enough to be like the full counts."""

SNAPSHOTS = 8
"""Dated editions of the neighbour tables where there is a clock; each holds a like number of events."""

POPULARITY_CELLS = 64_000_000
"""Numbers a popularity table may hold (256 MB); longer or larger logs get coarser steps than a day."""

BACK_DECAY = 0.8
"""A basket back, a recent event speaks this much less for its neighbours."""

CONTRAST = 20.0
"""Factor on shares before the logarithm: an item that nobody bought lately must fall far below an average one, not just a little."""

YEAR = 365


@dataclass(frozen=True, kw_only=True, eq=False)
class Popularity:
    """How much of what was wanted lately each item was, at a grid of moments.

    Args:
        moments: int64 [T] seconds, rising; row t counts events before moments[t].
        table: float32 [T, V, C], log1p(V x share) per channel: decayed with each half-life and, last, where the log is
            longer than a year, the weeks around the same day last year.
        half_lives: days of the decaying channels.
    """

    moments: NDArray[np.int64]
    table: NDArray[np.float32]
    half_lives: tuple[float, ...]

    @property
    def channels(self) -> int:
        """C."""
        return int(self.table.shape[2])

    def row(self, moment: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The latest row not after each moment."""
        return np.maximum(np.searchsorted(self.moments, moment, side="right") - 1, 0)


def half_lives_of(span: float) -> tuple[float, ...]:
    """Half-lives in days for a log of `span` days: from a hundredth of it to half of it, a day at least, each at least twice the one before.

    >>> half_lives_of(700)
    (7.0, 28.0, 87.5, 350.0)
    """
    lives: list[float] = []
    for part in (100, 25, 8, 2):
        life = max(1.0, span / part)
        if not lives or life >= 2 * lives[-1]:
            lives.append(life)
    return tuple(lives)


def popularity(view: View) -> Popularity | None:
    """Popularity of the target behaviours over the view; None where there is no clock.

    Source: exponentially decayed counts are the recency popularity baselines of recommender evaluation; here at every moment of the log.
    """
    log = view.log
    rows = np.flatnonzero(view.targets)
    if log.clock != "clock" or view.cut is None or len(rows) == 0:
        return None
    end, start = view.cut, int(log.time.min())
    span = (end - start) / DAY
    lives = half_lives_of(span)
    seasonal = span > YEAR + 30
    V, C = len(log.items), len(lives) + seasonal
    steps = max(1, int(min(np.ceil(span), POPULARITY_CELLS // (V * C))))
    width = (end - start) / steps
    moments = (end - width * np.arange(steps, -1, -1)).astype(np.int64)
    step = np.clip(
        np.searchsorted(moments, log.time[rows], side="right"), 1, steps
    )  # row `step` is the first that knows the event
    fresh = sp.csr_matrix((np.ones(len(rows), np.float32), (step, log.item[rows])), shape=(steps + 1, V))
    table = np.empty((steps + 1, V, C), dtype=np.float32)
    for channel, life in enumerate(lives):
        keep = np.float32(0.5 ** (width / DAY / life))
        level = np.zeros(V, dtype=np.float32)
        for t in range(steps + 1):
            level = level * keep + fresh[t].toarray()[0]
            table[t, :, channel] = level
    if seasonal:
        table[:, :, -1] = _last_year(fresh, width / DAY)
    table /= table.sum(axis=1, keepdims=True) + 1e-6
    return Popularity(moments=moments, table=np.log1p(table * (V * CONTRAST)), half_lives=lives)


def _last_year(fresh: Any, days: float) -> NDArray[np.float32]:
    """float32 [T, V], counts from 5 days before to 25 days after the same day of last year: what that season brought next."""
    total = np.cumsum(fresh.toarray(), axis=0)
    t = np.arange(len(total))
    a = np.round(t - (YEAR + 5) / days).astype(np.int64)
    b = np.minimum(np.round(t - (YEAR - 25) / days).astype(np.int64), t)
    return np.where((b >= 0)[:, None], total[np.maximum(b, 0)], 0) - np.where(
        (a >= 0)[:, None], total[np.maximum(a, 0)], 0
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """For every item the K items most wanted near it, in E editions; the last edition counts the whole view.

    Args:
        items: int32 [E, V, K] item codes, V where there are fewer.
        weights: float32 [E, V, K] V x the share of the item's neighbourhood, 0 where there are fewer.
        moments: int64 [E - 1] seconds before which each dated edition counts, or None where the editions are folds.
    """

    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    moments: NDArray[np.int64] | None

    def edition(self, customer: NDArray[np.integer[Any]], moment: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """int64, the edition that a training question of this customer at this moment may read; -1 for none."""
        if self.moments is None:
            return np.asarray(customer, dtype=np.int64) % FOLDS
        return np.searchsorted(self.moments, moment, side="right") - 1

    @property
    def full(self) -> int:
        """The edition for questions asked after the view."""
        return len(self.items) - 1


def neighbours(view: View, *, width: int) -> Neighbours:
    """Count which items are wanted near each other: W[a, b] += 1/d for b's basket d after a's, half of it backwards, and 1 within a basket.

    A pair of lines weighs 1 / sqrt(size_a x size_b) of their baskets, so that huge baskets do not shout; the larger baskets are, the
    fewer baskets apart count as near.

    Args:
        width: K, neighbours kept per item.

    Source: sequential co-visit counts as in item-to-item k-nearest-neighbour recommenders.
    """
    log = view.log
    rows = np.flatnonzero(~log.is_behaviour(NEVER_TARGET) & np.append(log.merchandise, False)[log.item])
    dated = log.clock == "clock" and view.cut is not None and len(rows) > 0
    if dated:
        marks = np.quantile(log.time[rows], np.arange(1, SNAPSHOTS + 1) / (SNAPSHOTS + 1)).astype(np.int64)
        parts = _pairs(log, rows, np.searchsorted(marks, log.time[rows], side="right"), SNAPSHOTS + 1)
        return _editions(list(accumulate(parts)), width, marks)
    folds = _pairs(log, rows, log.owner[rows] % FOLDS, FOLDS)
    # Sums, not differences: what is taken out of a floating sum leaves its rounding behind.
    without = [sum(folds[:fold] + folds[fold + 1 :]) for fold in range(FOLDS)]
    return _editions([*without, sum(folds)], width, None)


def _pairs(log: Log, rows: NDArray[np.int64], part: NDArray[np.int64], parts: int) -> list[Any]:
    """[V, V] counts over the events `rows`, one matrix per part; a pair belongs to the part of its later event."""
    V, owner = len(log.items), log.owner[rows]
    if len(rows) == 0:
        return [sp.csr_matrix((np.empty(0, np.float32), (rows, rows)), shape=(V, V))] * parts
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(owner) != 0) | (np.diff(log.basket[rows]) != 0)
    basket = np.cumsum(new) - 1
    size = np.bincount(basket).astype(np.float32)
    X = sp.csr_matrix((size[basket] ** -0.5, (basket, log.item[rows])), shape=(len(size), V), dtype=np.float32)
    who, when = owner[new], part[new]
    reach = int(np.clip(round(10 / np.sqrt(size.mean())), 2, 10))
    return [
        _pairs_of_part(X, who, np.flatnonzero(when == p), reach, together=bool(size.max() > 1)) for p in range(parts)
    ]


def _pairs_of_part(X: Any, who: NDArray[np.int64], later: NDArray[np.int64], reach: int, *, together: bool) -> Any:
    """Counts of the pairs whose later basket is one of `later`. X: [baskets, V]; who: the customer of each basket."""
    total = X[later].T @ X[later] if together else sp.csr_matrix((X.shape[1], X.shape[1]), dtype=np.float32)
    for d in range(1, reach + 1):
        pair = later[later >= d]
        pair = pair[who[pair] == who[pair - d]]
        forward = X[pair - d].T @ X[pair]
        total = total + forward / d + forward.T * (0.5 / d)
    total = total.tocsr()
    total.setdiag(0)
    total.eliminate_zeros()
    return total


def _editions(counts: list[Any], width: int, moments: NDArray[np.int64] | None) -> Neighbours:
    V = counts[0].shape[0]
    width = min(width, max(1, max(int(np.diff(one.indptr).max(initial=1)) for one in counts)))
    items = np.full((len(counts), V, width), V, dtype=np.int32)
    weights = np.zeros((len(counts), V, width), dtype=np.float32)
    for edition, one in enumerate(counts):
        _strongest(one, items[edition], weights[edition])
    return Neighbours(items=items, weights=weights, moments=moments)


def _strongest(counts: Any, items: NDArray[np.int32], weights: NDArray[np.float32]) -> None:
    """Fill [V, K] with each row's K largest shares, times V; a thin row's shares are damped as if it had one more neighbour."""
    V, width = items.shape
    for a in range(V):
        row = slice(counts.indptr[a], counts.indptr[a + 1])
        share, index = counts.data[row] / (counts.data[row].sum() + 1), counts.indices[row]
        best = np.argsort(-share, kind="stable")[:width]
        items[a, : len(best)], weights[a, : len(best)] = index[best], share[best] * V
