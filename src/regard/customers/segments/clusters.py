"""Clusters of encoder states: those that other samples of the customers find again, and no others.

Stability is the bootstrap Jaccard of each cluster (Hennig, 'Cluster-wise assessment of cluster stability', 2007): draw
the customers anew with replacement, cluster them, and see how much of the cluster the most similar new one shares with
it. Above .75 counts as stable, above .85 as highly so. The number of clusters and the space are those whose stable
clusters tell the most about a customer (the entropy of the partition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments import words
from regard.customers.segments.kmeans import kmeans, lloyd, nearest
from regard.customers.segments.space import Space, spaces
from regard.errors import UsageError


class NoClustersError(UsageError):
    """The customers cannot be clustered. Errors are English; notes of an answer say it in the reader's language.

    Args: why: language -> the message and the hint.
    """

    def __init__(self, why: Callable[[str], tuple[str, str]]) -> None:
        message, hint = why("en")
        super().__init__(message, hint=hint)
        self._why = why

    def told(self, language: str) -> str:
        """Message and hint in one line."""
        message, hint = self._why(language)
        return f"{message}（{hint}）" if language == "zh" else f"{message} ({hint})"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How clusters are looked for.

    Args:
        bar: bootstrap Jaccard from which a cluster is offered; Hennig's 'highly stable'.
        counts: numbers of clusters tried; more than 20 groups nobody plans for.
        widths: axes of the space tried: few see the coarse differences, many the fine ones.
        screen: bootstrap draws of every candidate. rerun: fresh ones of the best few, which choose and say what is
            offered. proof: fresh ones again, which are what is reported: a figure that chose would flatter itself.
        finalists: candidates that are looked at again.
        sample: customers that candidates are fitted on; stability at so many changes little with more.
        screened: customers of the screening, likewise, cheaper.
        members: customers a cluster has on average at least; fewer are no audience.
        seed: of every draw.
    """

    bar: float = 0.85
    counts: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
    widths: tuple[int, ...] = (4, 8, 16)
    screen: int = 5
    rerun: int = 16
    proof: int = 30
    finalists: int = 4
    sample: int = 8_000
    screened: int = 2_000
    members: int = 25
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Clusters of N customers; the offered ones come first, the largest of them first.

    Args:
        space: where they lie. centroids: float32 [K, P], offered or not.
        offered: how many of them are offered, S.
        label: int64 [N], cluster of each customer, -1 for those whose cluster is not offered.
        stability: float64 [K], mean bootstrap Jaccard on draws that chose nothing.
    """

    space: Space
    centroids: NDArray[np.float32]
    offered: int
    label: NDArray[np.int64]
    stability: NDArray[np.float64]

    def assign(self, states: NDArray[np.float32]) -> NDArray[np.int64]:
        """int64 [M], the offered cluster of each state, -1 for none. states: float32 [M, D], of the same encoder."""
        label = nearest(self.space.points(states), self.centroids)[0]
        return np.where(label < self.offered, label, -1)


def cluster(states: NDArray[np.float32], settings: Settings | None = None) -> Clusters:
    """Find the clusters that are worth offering.

    Args:
        states: float32 [N, D], of customers that consent (`People.states`). settings: how; the defaults suit most.

    Raises:
        UsageError: too few customers, or all of them look alike.

    >>> random = np.random.default_rng(0)
    >>> centres = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])
    >>> states = centres[np.arange(200) % 4] + random.normal(size=(200, 3)) / 9
    >>> found = cluster(states.astype(np.float32), Settings(counts=(3, 4, 5)))
    >>> found.offered, bool(found.stability.min() > 0.95)
    (4, True)
    """
    how = settings or Settings()
    if len(states) < 2 * how.members:
        raise NoClustersError(lambda language: words.too_few(len(states), 2 * how.members, language))
    random = np.random.default_rng(how.seed)
    rows = np.sort(random.permutation(len(states))[: how.sample])
    few = np.sort(random.permutation(len(states))[: how.screened])
    counts = [count for count in how.counts if count * how.members <= len(few)]
    candidates = [(space, count) for space in spaces(states[rows], how.widths) for count in counts]
    if not candidates:
        raise NoClustersError(words.alike)
    screened = [_tell(_try(space, count, states[few], how.screen, random), how.bar) for space, count in candidates]
    best = np.argsort(-np.array(screened), kind="stable")[: how.finalists]
    trials = []
    for place in best.tolist():
        space, count = candidates[place]
        trials.append((space, _try(space, count, states[rows], how.rerun, random)))
    space, trial = max(trials, key=lambda one: _tell(one[1], how.bar))
    return _proved(space, trial, states, how, random)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trial:
    """Centroids float32 [K, P] of a sample, their share of it, float64 [K], and their stability, float64 [K]."""

    centroids: NDArray[np.float32]
    share: NDArray[np.float64]
    stability: NDArray[np.float64]


def _try(space: Space, count: int, states: NDArray[np.float32], draws: int, random: np.random.Generator) -> _Trial:
    points = space.points(states)
    centroids = kmeans(points, count, random)
    label = nearest(points, centroids)[0]
    return _Trial(
        centroids=centroids,
        share=np.bincount(label, minlength=count) / len(label),
        stability=bootstrap(points, label, count, random, draws=draws),
    )


def _tell(trial: _Trial, bar: float) -> float:
    """What the stable clusters say about a customer, in nats: the entropy of the partition, the rest saying nothing."""
    share = trial.share[trial.stability >= bar]
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def _proved(
    space: Space, trial: _Trial, states: NDArray[np.float32], how: Settings, random: np.random.Generator
) -> Clusters:
    """The chosen clusters over everybody, with a stability on fresh draws."""
    order = np.lexsort((-trial.share, trial.stability < how.bar))
    centroids = lloyd(space.points(states), trial.centroids[order])[0]
    offered = int((trial.stability >= how.bar).sum())
    label, stability = proven(space, centroids, states, how, random)
    return Clusters(
        space=space, centroids=centroids, offered=offered, label=np.where(label < offered, label, -1),
        stability=stability,
    )  # fmt: skip


def proven(
    space: Space,
    centroids: NDArray[np.float32],
    states: NDArray[np.float32],
    how: Settings,
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest centroid of everybody, int64 [N], and the stability of each cluster on fresh draws, float64 [K].

    Args: centroids: float32 [K, P]. states: float32 [N, D]. how: `sample` and `proof` of it. random: what is drawn with.
    """
    points = space.points(states)
    label = nearest(points, centroids)[0]
    rows = np.sort(random.permutation(len(points))[: how.sample])
    return label, bootstrap(points[rows], label[rows], len(centroids), random, draws=how.proof)


def bootstrap(
    points: NDArray[np.float32], label: NDArray[np.int64], count: int, random: np.random.Generator, *, draws: int
) -> NDArray[np.float64]:
    """Mean Jaccard of each cluster with the most similar cluster of a bootstrap draw, float64 [K].

    Args:
        points: float32 [N, P]. label: int64 [N], their clusters, 0..count-1. count: K. draws: bootstrap draws.
    """
    total = np.zeros(count)
    for _ in range(draws):
        drawn = random.integers(0, len(points), len(points))
        centroids = kmeans(points[drawn], count, random)
        once = np.unique(drawn)
        again = nearest(points[once], centroids)[0]
        total += jaccard(label[once], again, count, count).max(axis=1)
    return total / draws


def jaccard(left: NDArray[np.int64], right: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.float64]:
    """Customers in both clusters over customers in either, float64 [rows, columns].

    Args: left, right: int64 [N], clusters of the same customers, -1 for none. rows, columns: numbers of clusters.

    >>> jaccard(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2, 2).round(2).tolist()
    [[0.67, 0.0], [0.25, 0.5]]
    """
    both = overlap(left, right, rows, columns)
    size = np.bincount(left[left >= 0], minlength=rows)[:, None] + np.bincount(right[right >= 0], minlength=columns)
    return np.asarray(both / np.maximum(size - both, 1), dtype=np.float64)


def overlap(left: NDArray[np.int64], right: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.int64]:
    """Customers of each pair of clusters, int64 [rows, columns]; -1 for none counts nowhere."""
    known = (left >= 0) & (right >= 0)
    return np.bincount(left[known] * columns + right[known], minlength=rows * columns).reshape(rows, columns)
