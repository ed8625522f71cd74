"""k-means in NumPy: greedy k-means++ seeding, Lloyd's iterations, several starts.

Lloyd, 'Least squares quantization in PCM', 1982; Arthur and Vassilvitskii, 'k-means++', 2007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STARTS = 4
"""Seedings, of which the tightest counts: one alone is at times stuck in a poor optimum."""

GLANCE = 5
"""Iterations after which it is told which seeding is the tightest; only that one is finished."""

ROUNDS = 60
"""Iterations at most; on real states most runs stand still after some 20."""

STILL = 1e-4
"""Share of the customers that may still change their cluster when it stops: a boundary's last few cost many rounds."""

BLOCK = 1 << 22
"""Distances held at once; memory only."""


def kmeans(
    points: NDArray[np.float32], count: int, random: np.random.Generator, *, starts: int = STARTS
) -> NDArray[np.float32]:
    """Centroids of `count` clusters, float32 [K, P], the largest cluster first.

    Args:
        points: float32 [N, P], N at least `count`. count: K. random: draws the seeds. starts: seedings.

    >>> points = np.array([[0, 0], [0, 1], [9, 0], [9, 1], [9, 2]], dtype=np.float32)
    >>> kmeans(points, 2, np.random.default_rng(0)).tolist()
    [[9.0, 1.0], [0.0, 0.5]]
    """
    runs = [lloyd(points, seeds(points, count, random), rounds=GLANCE) for _ in range(starts)]
    centroids = lloyd(points, min(runs, key=lambda run: run[1])[0])[0]
    size = np.bincount(nearest(points, centroids)[0], minlength=count)
    ordered: NDArray[np.float32] = centroids[np.argsort(-size, kind="stable")]
    return ordered


def seeds(points: NDArray[np.float32], count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Greedy k-means++: of a few points drawn by their squared distance from the seeds so far, the one that helps most."""
    tries = 2 + int(np.log(count))
    chosen = [int(random.integers(len(points)))]
    gap = _squared(points, points[chosen])[:, 0]
    for _ in range(count - 1):
        reach = np.cumsum(gap, dtype=np.float64)
        drawn = np.searchsorted(reach, random.random(tries) * reach[-1]).clip(0, len(points) - 1)
        left = np.minimum(gap[:, None], _squared(points, points[drawn]))
        best = int(left.sum(axis=0).argmin())
        chosen.append(int(drawn[best]))
        gap = left[:, best]
    return points[chosen]


def lloyd(
    points: NDArray[np.float32], centroids: NDArray[np.float32], *, rounds: int = ROUNDS
) -> tuple[NDArray[np.float32], float]:
    """Centroids float32 [K, P] that Lloyd's iterations reach from the given ones, and the sum of squared distances.

    A cluster that runs empty takes the point farthest from its centroid.
    """
    count = len(centroids)
    label = np.full(len(points), -1)
    for _ in range(rounds):
        found, gap = nearest(points, centroids)
        moved = int((found != label).sum())
        label = found
        size = np.bincount(label, minlength=count)
        total = np.stack([np.bincount(label, weights=column, minlength=count) for column in points.T], axis=1)
        centroids = (total / np.maximum(size, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(size == 0)
        if len(empty):
            centroids[empty] = points[np.argsort(-gap, kind="stable")[: len(empty)]]
        elif moved <= STILL * len(points):
            break
    return centroids, float(nearest(points, centroids)[1].sum(dtype=np.float64))


def nearest(
    points: NDArray[np.float32], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest centroid of each point, int64 [N], and its squared distance, float32 [N]."""
    label, gap = np.empty(len(points), np.int64), np.empty(len(points), np.float32)
    step = max(1, BLOCK // len(centroids))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        distance = _squared(points[rows], centroids)
        label[rows] = distance.argmin(axis=1)
        gap[rows] = np.take_along_axis(distance, label[rows, None], axis=1)[:, 0]
    return label, gap


def _squared(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances float32 [N, M]."""
    product: NDArray[np.float32] = left @ right.T
    product *= -2
    product += np.einsum("ij,ij->i", left, left)[:, None]
    product += np.einsum("ij,ij->i", right, right)
    np.maximum(product, 0, out=product)
    return product
