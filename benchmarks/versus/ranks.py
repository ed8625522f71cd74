"""Ranks as `regard.metrics.ranking` defines them, in NumPy alone: a peer's Python ranks its own scores, ours does the rest.

Legend: `Q` customers, `V` items.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.versus.problem import Problem, Rows

MISS = int(np.iinfo(np.int64).max)
"""Rank of a target that is no candidate."""

SHOWN = 10
"""Length of the lists."""

CELLS = 8_000_000
"""Scores held at once (customers x items)."""

Scores = NDArray[np.floating[Any]]


def answer(
    problem: Problem, score: Callable[[list[NDArray[Any]]], Scores]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rank of every target and the list that every customer asked about is shown.

    Args:
        problem: the questions. score: histories of n customers -> [n, V], -inf for what it cannot score.

    Returns:
        int64 [T] ranks in the order of problem.target.values, and int64 [Q, SHOWN].
    """
    histories, places, lists = problem.history.lists(), [np.empty(0, np.int64)], [np.empty((0, SHOWN), np.int64)]
    size = max(1, CELLS // max(1, len(problem.catalogue)))
    for start in range(0, len(problem), size):
        stop = min(start + size, len(problem))
        scores = np.array(score(histories[start:stop]), dtype=np.float32)
        scores[:, ~problem.catalogue] = -np.inf
        blocked = problem.blocked.part(start, stop)
        scores[blocked.owner, blocked.values] = -np.inf
        places.append(ranks(scores, problem.target.part(start, stop)))
        lists.append(best(scores))
    return np.concatenate(places), np.concatenate(lists)


def ranks(scores: Scores, targets: Rows) -> NDArray[np.int64]:
    """One and how many items score higher, plus how many others score the same; targets that tie take the last places of their tie.

    >>> ranks(np.array([[0.5, 0.5, 0.9, 0.1]]), Rows(np.array([0, 2]), np.array([0, 3]))).tolist()
    [3, 4]
    """
    row, item = targets.owner, targets.values
    places = np.full(len(item), MISS, dtype=np.int64)
    for at in np.flatnonzero(item >= 0):
        own = scores[row[at], item[at]]
        if own > -np.inf:
            places[at] = scores.shape[1] - np.count_nonzero(scores[row[at]] < own)
    found = np.flatnonzero(places < MISS)
    found = found[np.lexsort((found, places[found], row[found]))]
    new = np.ones(len(found), dtype=bool)
    new[1:] = (np.diff(row[found]) > 0) | (np.diff(places[found]) > 0)
    first = np.maximum.accumulate(np.where(new, np.arange(len(found)), 0))
    places[found] -= np.arange(len(found)) - first
    return places


def best(scores: Scores, shown: int = SHOWN) -> NDArray[np.int64]:
    """int64 [Q, shown], the best items of every row, best first and of equals the first; -1 where there are fewer.

    >>> best(np.array([[0.1, 0.9, -np.inf], [3.0, 2.0, 3.0]]), 2).tolist()
    [[1, 0], [0, 2]]
    """
    worse = np.where(np.isnan(scores), np.inf, -scores)
    kept = min(shown, worse.shape[1])
    some = np.sort(np.argpartition(worse, kept - 1, axis=1)[:, :kept], axis=1)
    value = np.take_along_axis(worse, some, axis=1)
    order = np.argsort(value, axis=1, kind="stable")
    items = np.full((len(worse), shown), -1, dtype=np.int64)
    items[:, :kept] = np.where(np.take_along_axis(value, order, 1) < np.inf, np.take_along_axis(some, order, 1), -1)
    return items
