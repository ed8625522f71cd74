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
    weight = _weights(actual, weight)
    total = float(np.sum(weight * actual))
    return float(np.sum(weight * predicted)) / total - 1 if total else float("nan")


def normalised_gini(actual: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """How much of the spend those put first account for: 1 for the right order, about 0 for a random one; ties in random order.

    The share of spend gathered so far, averaged over customers from the highest prediction down, doubled, less 1; over the same with
    customers in the order of what they spent.

    Source: google/lifetime_value, whose ties keep the order of the rows; here their mean over all orders.

    >>> normalised_gini(np.array([0.0, 5.0, 1.0]), np.array([1.0, 9.0, 2.0]))
    1.0
    """
    weight = _weights(actual, weight)
    best = _gathered(actual, actual, weight)
    return _gathered(actual, predicted, weight) / best if best else float("nan")


def decile_mape(actual: Floats, predicted: Floats, weight: Floats | None = None, *, bins: int = BINS) -> float:
    """Distance between predicted and actual mean, over the actual one, averaged over bins of equal count by prediction.

    Rows with equal predictions are cut in the order in which they stand. NaN where in some bin nothing was spent.

    Source: google/lifetime_value, decile-level MAPE; its cut by quantiles fails on ties.

    >>> decile_mape(np.array([1.0, 1.0, 4.0, 4.0]), np.array([1.0, 2.0, 4.0, 4.0]), bins=2)
    0.25
    """
    weight = _weights(actual, weight)
    order = np.argsort(predicted, kind="stable")
    actual, predicted, weight = np.asarray(actual)[order], np.asarray(predicted)[order], weight[order]
    total = float(weight.sum())
    if not total > 0:
        return float("nan")
    middle = np.cumsum(weight) - weight / 2
    bin_of = np.minimum((bins * middle / total).astype(np.int64), bins - 1)
    came = np.bincount(bin_of, weights=weight * actual, minlength=bins)
    told = np.bincount(bin_of, weights=weight * predicted, minlength=bins)
    used = np.bincount(bin_of, weights=weight, minlength=bins) > 0
    if not np.all(came[used] > 0):
        return float("nan")
    return float(np.mean(np.abs(told - came)[used] / came[used]))


def spearman(actual: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """Correlation of the ranks; equal values share the mean of their places.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 4)
    0.5
    """
    weight = _weights(actual, weight)
    total = float(weight.sum())
    if not total > 0:
        return float("nan")
    ranks = [_ranks(values, weight) - (total + 1) / 2 for values in (actual, predicted)]
    spread = [float(np.sum(weight * rank**2)) for rank in ranks]
    product = spread[0] * spread[1]
    return float(np.sum(weight * ranks[0] * ranks[1]) / np.sqrt(product)) if product > 0 else float("nan")


def _weights(actual: Floats, weight: Floats | None) -> NDArray[np.float64]:
    return np.ones(len(actual)) if weight is None else np.asarray(weight, np.float64)


def _gathered(actual: Floats, scores: Floats, weight: NDArray[np.float64]) -> float:
    """Twice the mean share of `actual` gathered down the scores, less 1; 0 where there is nothing to gather."""
    _, group = np.unique(-np.asarray(scores, np.float64), return_inverse=True)
    count, amount = np.bincount(group, weights=weight), np.bincount(group, weights=weight * actual)
    total, people = float(amount.sum()), float(count.sum())
    if not (total > 0 and people > 0):
        return 0.0
    before = np.cumsum(amount) - amount
    return float(2 * np.sum(count * before + amount * (count + 1) / 2) / (total * people) - 1)


def _ranks(values: Floats, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    _, group = np.unique(values, return_inverse=True)
    count = np.bincount(group, weights=weight)
    return np.asarray((np.cumsum(count) - count + (count + 1) / 2)[group])
