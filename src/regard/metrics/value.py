"""How far predicted amounts (ratings, money, days) are from the real ones, and how well they put customers in order.

Where there is a `weight` float [n], it says how often each row counts (bootstrap counts, all 1 unless given). Where a figure does not
exist (no rows, nobody spent anything) it is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Bins of equal count in which predicted and actual means are compared: deciles."""

Floats = NDArray[np.floating[Any]]


def rmse(actual: Floats, predicted: Floats) -> float:
    """Root of the mean squared error: large misses weigh more. NaN for nothing to compare.

    Args:
        actual: float [n]. predicted: float [n], in the same unit, which is also the result's.

    >>> rmse(np.array([1.0, 5.0]), np.array([1.0, 3.0])) == 2**0.5
    True
    """
    return float(np.sqrt(np.mean((predicted - actual) ** 2))) if len(actual) else float("nan")


def mae(actual: Floats, predicted: Floats) -> float:
    """Mean absolute error: every unit weighs the same. NaN for nothing to compare.

    Args:
        actual: float [n]. predicted: float [n], in the same unit, which is also the result's.

    >>> mae(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    1.0
    """
    return float(np.mean(np.abs(predicted - actual))) if len(actual) else float("nan")


def total_bias(actual: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """What is predicted in all over what came, less 1: -0.1 is a tenth too little.

    >>> round(total_bias(np.array([0.0, 10.0]), np.array([4.0, 5.0])), 4)
    -0.1
    """
    return float(total_biases(actual, predicted, _weights(actual, weight))[0])


def normalised_gini(actual: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """How much of the spend those put first account for: 1 for the right order, about 0 for a random one; ties in random order.

    The share of spend gathered so far, averaged over customers from the highest prediction down, doubled, less 1; over the same with
    customers in the order of what they spent.

    Source: google/lifetime_value, whose ties keep the order of the rows; here their mean over all orders.

    >>> normalised_gini(np.array([0.0, 5.0, 1.0]), np.array([1.0, 9.0, 2.0]))
    1.0
    """
    return float(normalised_ginis(actual, predicted, _weights(actual, weight))[0])


def decile_mape(actual: Floats, predicted: Floats, weight: Floats | None = None, *, bins: int = BINS) -> float:
    """Distance between predicted and actual mean, over the actual one, averaged over bins of equal count by prediction.

    Rows with equal predictions are cut in the order in which they stand. NaN where in some bin nothing was spent.

    Source: google/lifetime_value, decile-level MAPE; its cut by quantiles fails on ties.

    >>> decile_mape(np.array([1.0, 1.0, 4.0, 4.0]), np.array([1.0, 2.0, 4.0, 4.0]), bins=2)
    0.25
    """
    return float(decile_mapes(actual, predicted, _weights(actual, weight), bins=bins)[0])


def spearman(actual: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """Correlation of the ranks; equal values share the mean of their places.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 4)
    0.5
    """
    return float(spearmans(actual, predicted, _weights(actual, weight))[0])


def total_biases(actual: Floats, predicted: Floats, weights: Floats) -> NDArray[np.float64]:
    """float64 [R], `total_bias` for each row of `weights` float [R, n], such as the draws of a bootstrap."""
    total = weights @ actual
    return np.where(total != 0, weights @ predicted / np.where(total != 0, total, 1) - 1, np.nan)


def normalised_ginis(actual: Floats, predicted: Floats, weights: Floats) -> NDArray[np.float64]:
    """float64 [R], `normalised_gini` for each row of `weights` float [R, n]."""
    best = _gathered(actual, actual, weights)
    return np.where(best != 0, _gathered(actual, predicted, weights) / np.where(best != 0, best, 1), np.nan)


def decile_mapes(actual: Floats, predicted: Floats, weights: Floats, *, bins: int = BINS) -> NDArray[np.float64]:
    """float64 [R], `decile_mape` for each row of `weights` float [R, n]."""
    order = np.argsort(predicted, kind="stable")
    ordered = weights[:, order]
    total = ordered.sum(axis=1, keepdims=True)
    middle = np.cumsum(ordered, axis=1) - ordered / 2
    bin_of = np.minimum((bins * middle / np.where(total > 0, total, 1)).astype(np.int64), bins - 1)
    bin_of += bins * np.arange(len(weights))[:, None]
    came, told, count = (
        np.bincount(bin_of.ravel(), weights=(ordered * values).ravel(), minlength=len(weights) * bins).reshape(-1, bins)
        for values in (np.asarray(actual)[order], np.asarray(predicted)[order], 1.0)
    )
    used = count > 0
    off = np.abs(told - came) / np.where(came > 0, came, np.nan)
    share = np.where(used, off, 0.0).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    return np.where(used.any(axis=1), share, np.nan)


def spearmans(actual: Floats, predicted: Floats, weights: Floats) -> NDArray[np.float64]:
    """float64 [R], `spearman` for each row of `weights` float [R, n]."""
    middle = (weights.sum(axis=1, keepdims=True) + 1) / 2
    ours, theirs = (_ranks(values, weights) - middle for values in (predicted, actual))
    spread = (weights * ours**2).sum(axis=1) * (weights * theirs**2).sum(axis=1)
    product = (weights * ours * theirs).sum(axis=1)
    return np.where(spread > 0, product / np.sqrt(np.where(spread > 0, spread, 1)), np.nan)


def _weights(actual: Floats, weight: Floats | None) -> NDArray[np.float64]:
    return np.ones((1, len(actual))) if weight is None else np.asarray(weight, np.float64)[None]


def _gathered(actual: Floats, scores: Floats, weights: Floats) -> NDArray[np.float64]:
    """float64 [R], twice the mean share of `actual` gathered down the scores, less 1; 0 where there is nothing to gather."""
    order, starts = _runs(-np.asarray(scores, np.float64))
    if not len(order):
        return np.zeros(len(weights))
    ordered = weights[:, order]
    count = np.add.reduceat(ordered, starts, axis=1)
    amount = np.add.reduceat(ordered * np.asarray(actual)[order], starts, axis=1)
    both = amount.sum(axis=1) * count.sum(axis=1)
    gathered = (count * (np.cumsum(amount, axis=1) - amount) + amount * (count + 1) / 2).sum(axis=1)
    return np.where(both > 0, 2 * gathered / np.where(both > 0, both, 1) - 1, 0.0)


def _ranks(values: Floats, weights: Floats) -> NDArray[np.float64]:
    """float64 [R, n], mean place of each row among the weighted."""
    order, starts = _runs(np.asarray(values, np.float64))
    if not len(order):
        return np.empty(weights.shape)
    count = np.add.reduceat(weights[:, order], starts, axis=1)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    return np.asarray((np.cumsum(count, axis=1) - (count - 1) / 2)[:, group])


def _runs(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(order that sorts, where in it each new value begins)."""
    order = np.argsort(values, kind="stable")
    new = np.append(True, np.diff(values[order]) != 0)[: len(order)]
    return order, np.flatnonzero(new)
