"""How well a ranking puts the wanted items first. Pessimistic: what is not clearly below a target counts against it.

Legend: `Q` customers, `V` items. Pass customers in blocks: memory is a few times Q x V.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.sequences.ragged import Ragged

MISS = int(np.iinfo(np.int64).max)
"""Rank of a target that was not ranked at all: unknown to the scorer, no candidate, or scored -inf or NaN."""

_SORT_FROM = 64
"""Targets in a row from which one sort of the row is cheaper than a count for each."""

Floats = NDArray[np.floating[Any]]


def masked(scores: Floats, *, catalogue: NDArray[np.bool_] | None = None, blocked: Ragged | None = None) -> Floats:
    """A copy of `scores` in which whatever is no candidate is -inf.

    Args:
        scores: float [Q, V]. catalogue: bool [V], False for what is never recommended.
        blocked: Q rows of item codes that are no candidates for this customer; codes below 0 are ignored.

    >>> masked(np.array([[3.0, 2.0, 1.0]]), catalogue=np.array([True, True, False]), blocked=Ragged.of([[0]])).tolist()
    [[-inf, 2.0, -inf]]
    """
    free = np.array(scores, copy=True)
    if catalogue is not None:
        free[:, ~catalogue] = -np.inf
    if blocked is not None:
        row, item = np.repeat(np.arange(len(blocked)), blocked.lengths), blocked.values
        free[row[item >= 0], item[item >= 0]] = -np.inf
    return free


def ranks(scores: Floats, targets: Ragged) -> Ragged:
    """Rank of every target among the candidates of its row, counted from 1.

    Ties count against the target, and so does a NaN beside it. Targets that tie with each other take the last places of
    their tie, one each, so that the ranks are those of the worst ordering that the scores allow.

    Args:
        scores: float [Q, V], -inf for what is no candidate (see `masked`).
        targets: Q rows of item codes, each item once; -1 for an item outside the catalogue.

    Returns:
        Q rows of int64 ranks in the targets' order, MISS for targets that are no candidates.

    >>> ranks(np.array([[0.5, 0.5, 0.9, 0.1]]), Ragged.of([[0, 3, -1]])).values[:2].tolist()
    [3, 4]
    """
    row = np.repeat(np.arange(len(targets)), targets.lengths)
    item = targets.values.astype(np.int64)
    found = np.full(len(item), -np.inf, dtype=scores.dtype)
    known = item >= 0
    found[known] = scores[row[known], item[known]]
    places = np.full(len(item), MISS, dtype=np.int64)
    many = targets.lengths > _SORT_FROM
    ordered = {int(q): np.sort(scores[q]) for q in np.flatnonzero(many)}
    for at in np.flatnonzero(found > -np.inf):
        q, score = int(row[at]), found[at]
        below = np.searchsorted(ordered[q], score) if many[q] else np.count_nonzero(scores[q] < score)
        places[at] = scores.shape[1] - below
    ranked = np.flatnonzero(places < MISS)
    ranked = ranked[np.lexsort((ranked, places[ranked], row[ranked]))]
    new = np.ones(len(ranked), dtype=bool)
    new[1:] = (row[ranked][1:] != row[ranked][:-1]) | (places[ranked][1:] != places[ranked][:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(ranked)), 0))
    places[ranked] -= np.arange(len(ranked)) - first
    return Ragged(targets.offsets, places)


def top_k(scores: Floats, k: int) -> NDArray[np.int64]:
    """int64 [Q, k], the best candidates of every row, best first, -1 where a row has fewer.

    >>> top_k(np.array([[0.1, 0.9, -np.inf], [3.0, 2.0, 1.0]]), 2).tolist()
    [[1, 0], [0, 1]]
    """
    worse = np.where(np.isnan(scores), np.inf, -scores)
    kept = min(k, worse.shape[1])
    some = np.argpartition(worse, kept - 1, axis=1)[:, :kept] if kept else np.empty((len(worse), 0), np.int64)
    some = np.sort(some, axis=1)
    some = np.take_along_axis(some, np.argsort(np.take_along_axis(worse, some, 1), axis=1, kind="stable"), 1)
    best = np.full((len(worse), k), -1, dtype=np.int64)
    best[:, :kept] = np.where(np.take_along_axis(worse, some, 1) < np.inf, some, -1)
    return best


def hit_rate(places: Ragged, k: int) -> NDArray[np.float64]:
    """float64 [Q]: 1 where any target is among the first k; NaN for a customer without targets.

    >>> hit_rate(Ragged.of([[3, 1], [11]]), 10).tolist()
    [1.0, 0.0]
    """
    return np.where(places.lengths > 0, np.minimum(_sum(places, places.values <= k), 1.0), np.nan)


def recall(places: Ragged, k: int) -> NDArray[np.float64]:
    """float64 [Q]: share of the targets among the first k.

    >>> recall(Ragged.of([[3, 1, 50, 70]]), 10).tolist()
    [0.5]
    """
    return _over(_sum(places, places.values <= k), places.lengths)


def ndcg(places: Ragged, k: int) -> NDArray[np.float64]:
    """float64 [Q]: discounted gain of the first k over the best one possible, that of min(k, targets) hits in front.

    Source: Järvelin and Kekäläinen, 2002, binary gains.

    >>> ndcg(Ragged.of([[1, 2], [2]]), 10).round(4).tolist()
    [1.0, 0.6309]
    """
    gain = np.where(places.values <= k, 1.0 / np.log2(np.minimum(places.values, k) + 1.0), 0.0)
    ideal = np.append(0.0, np.cumsum(1.0 / np.log2(np.arange(2.0, k + 2.0))))
    return _over(_sum(places, gain), ideal[np.minimum(places.lengths, k)])


def reciprocal_rank(places: Ragged, k: int) -> NDArray[np.float64]:
    """float64 [Q]: one over the rank of the first hit among the first k, else 0; its mean is MRR.

    >>> reciprocal_rank(Ragged.of([[4, 2], [11]]), 10).tolist()
    [0.5, 0.0]
    """
    best = np.zeros(len(places))
    inverse = np.where(places.values <= k, 1.0 / np.minimum(places.values, k + 1), 0.0)
    np.maximum.at(best, np.repeat(np.arange(len(places)), places.lengths), inverse)
    return np.where(places.lengths > 0, best, np.nan)


def mean_average_precision(places: Ragged, k: int) -> NDArray[np.float64]:
    """float64 [Q]: precision at each hit among the first k, summed, over min(k, targets); its mean is MAP.

    >>> mean_average_precision(Ragged.of([[1, 4]]), 10).tolist()
    [0.75]
    """
    row = np.repeat(np.arange(len(places)), places.lengths)
    order = np.lexsort((places.values, row))
    nth = np.arange(1, len(order) + 1) - np.repeat(places.offsets[:-1], places.lengths)
    precision = np.zeros(len(order))
    precision[order] = np.where(places.values[order] <= k, nth / np.minimum(places.values[order], k + 1), 0.0)
    return _over(_sum(places, precision), np.minimum(places.lengths, k))


def coverage(shown: NDArray[np.integer[Any]], catalogue: NDArray[np.bool_]) -> float:
    """Share of the catalogue that appears in anyone's list.

    Args:
        shown: int [Q, k] item codes, -1 for empty places. catalogue: bool [V].

    >>> coverage(np.array([[0, 1], [1, -1]]), np.array([True, True, True, True]))
    0.5
    """
    seen = np.unique(shown[shown >= 0])
    total = int(catalogue.sum())
    return float(catalogue[seen].sum() / total) if total else float("nan")


def novelty(shown: NDArray[np.integer[Any]], popularity: Floats) -> NDArray[np.float64]:
    """float64 [Q]: mean of -log2 of the popularity of what is shown, in bits: rarer is higher; NaN for an empty list.

    Args:
        shown: int [Q, k] item codes, -1 for empty places.
        popularity: float [V], events on each item; an item with none counts as one with a single event.

    >>> novelty(np.array([[0, 1]]), np.array([2.0, 1.0, 1.0])).tolist()
    [1.5]
    """
    total = max(float(popularity.sum()), 1.0)
    bits = np.append(-np.log2(np.maximum(popularity, 1.0) / total), 0.0)
    return _over(bits[shown].sum(axis=1), (shown >= 0).sum(axis=1))


def _sum(places: Ragged, values: NDArray[Any]) -> NDArray[np.float64]:
    owner = np.repeat(np.arange(len(places)), places.lengths)
    return np.bincount(owner, weights=values, minlength=len(places)).astype(np.float64)


def _over(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    empty = np.full(len(part), np.nan)
    np.divide(part, whole, out=empty, where=np.asarray(whole) > 0)
    return empty
