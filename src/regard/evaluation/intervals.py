"""Intervals: how far a mean over customers could be off by the luck of who was in the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
"""Bootstrap draws behind every interval."""

LEVEL = 0.95
"""Share of the draws that an interval spans."""

_DRAWN = 4_000_000
"""Customers drawn at a time, over all resamples of a block: bounds memory to some 64 MB."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over customers and how sure it is.

    Args:
        mean: NaN where nobody has a value.
        interval: 95 % percentile bootstrap over customers, None where there are too few (under 2) or none makes sense.
        n: customers with a value. sd: standard deviation over seeds, None for a single run.
    """

    mean: float
    interval: tuple[float, float] | None
    n: int
    sd: float | None = None

    def to_json(self) -> dict[str, Any]:
        """{"mean", "interval", "n"} and "sd" where there are seeds; null for what does not exist."""
        plain: dict[str, Any] = {
            "mean": None if np.isnan(self.mean) else self.mean,
            "interval": None if self.interval is None else list(self.interval),
            "n": self.n,
        }
        return plain if self.sd is None else plain | {"sd": self.sd}


def estimate(values: NDArray[np.float64], *, seed: int = 0) -> Estimate:
    """Mean of one value per customer with its interval; NaN values are nobody's.

    Args:
        values: float64 [Q]. seed: of the draws; the same seed draws the same customers.

    >>> found = estimate(np.array([0.0, 1.0] * 50))
    >>> found.mean, found.n, found.interval[0] < 0.5 < found.interval[1]
    (0.5, 100, True)
    """
    return estimates(values[:, None], seed=seed)[0]


def estimates(values: NDArray[np.float64], *, seed: int = 0) -> list[Estimate]:
    """`estimate` for each column of float64 [Q, M], all from the same draws, so columns stay paired."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
    low, high = _spread(resampled_means(values, seed=seed)) if len(values) > 1 else (mean, mean)
    return [
        Estimate(
            mean=float(mean[column]),
            interval=(float(low[column]), float(high[column])) if count[column] > 1 else None,
            n=int(count[column]),
        )
        for column in range(values.shape[1])
    ]


def resampled_means(values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """float64 [resamples, M], means of the columns of float64 [Q, M] over customers drawn with replacement."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    means = np.empty((resamples, values.shape[1]))
    done = 0
    for weight in draws(len(values), resamples=resamples, seed=seed):
        rows = slice(done, done + len(weight))
        count = weight @ known.astype(np.float64)
        means[rows] = np.divide(weight @ filled, count, out=np.full(count.shape, np.nan), where=count > 0)
        done += len(weight)
    return means


def draws(customers: int, *, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Blocks of float64 [r, Q]: how often each customer is drawn in each of the resamples, `resamples` rows in all."""
    random = np.random.default_rng(seed)
    size = max(1, _DRAWN // max(customers, 1))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = random.integers(0, max(customers, 1), (rows, customers))
        drawn += customers * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * customers).reshape(rows, customers).astype(np.float64)


def percentile_interval(resampled: NDArray[np.float64]) -> tuple[float, float] | None:
    """The interval of one statistic's resampled values (float64 [R]); None where none of them exists."""
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return None
    low, high = _spread(known[:, None])
    return float(low[0]), float(high[0])


def _spread(resampled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    edge = (1 - LEVEL) / 2
    ends = np.full((2, resampled.shape[1]), np.nan)
    some = ~np.isnan(resampled).all(axis=0)
    if some.any():
        ends[:, some] = np.nanquantile(resampled[:, some], [edge, 1 - edge], axis=0)
    return ends[0], ends[1]
