"""How good probabilities are: do they rank, are they sharp, and do they mean what they say.

Arguments everywhere: `labels` bool or 0/1 [n], `probabilities` float [n], `weight` float [n] how often each row counts
(bootstrap counts, all 1 unless given). Where a figure does not exist (only one class, no rows) it is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Equal-count bins of reliability tables and of the calibration error."""

Labels = NDArray[np.bool_] | NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What was promised and what happened, by bins of probability, lowest first.

    Args:
        predicted: float64 [bins] mean probability.
        happened: float64 [bins] share of positives.
        count: float64 [bins] rows.
    """

    predicted: NDArray[np.float64]
    happened: NDArray[np.float64]
    count: NDArray[np.float64]


def auroc(labels: Labels, probabilities: Floats, weight: Floats | None = None) -> float:
    """Chance that a random positive is put above a random negative; ties count half.

    Source: Hanley and McNeil, 1982.

    >>> auroc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    positive, negative = _by_score(labels, probabilities, weight)
    total = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative
    return float(np.sum(positive * (below + negative / 2)) / total) if total > 0 else float("nan")


def average_precision(labels: Labels, probabilities: Floats, weight: Floats | None = None) -> float:
    """Precision averaged over the positives, best first; rows with equal probability come in together.

    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.1])), 4)
    0.8333
    """
    positive, negative = (part[::-1] for part in _by_score(labels, probabilities, weight))
    hits = np.cumsum(positive)
    if not len(hits) or hits[-1] <= 0:
        return float("nan")
    seen = hits + np.cumsum(negative)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return float(np.sum(positive * precision) / hits[-1])


def log_loss(labels: Labels, probabilities: Floats, weight: Floats | None = None) -> float:
    """Mean surprise in nats; certainty that turns out wrong costs as much as float64 can tell from certainty.

    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    return _mean(log_losses(labels, probabilities), weight)


def brier(labels: Labels, probabilities: Floats, weight: Floats | None = None) -> float:
    """Mean squared distance between the probability and what happened. Source: Brier, 1950.

    >>> brier(np.array([1, 0]), np.array([1.0, 0.5]))
    0.125
    """
    return _mean((np.asarray(probabilities, np.float64) - labels) ** 2, weight)


def log_losses(labels: Labels, probabilities: Floats) -> NDArray[np.float64]:
    """float64 [n], the surprise of each row: the part of `log_loss` that intervals are made from."""
    tiny = float(np.finfo(np.float64).eps)
    safe = np.clip(np.asarray(probabilities, np.float64), tiny, 1 - tiny)
    return -np.log(np.where(np.asarray(labels, bool), safe, 1 - safe))


def reliability(
    labels: Labels, probabilities: Floats, weight: Floats | None = None, *, bins: int = BINS
) -> Reliability:
    """Bins of equal count, lowest probabilities first; rows with equal probability stay together, so bins may be fewer.

    >>> table = reliability(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.7, 0.9]), bins=2)
    >>> table.predicted.round(2).tolist(), table.happened.tolist()
    ([0.15, 0.8], [0.0, 1.0])
    """
    weight = np.ones(len(labels)) if weight is None else np.asarray(weight, np.float64)
    if not weight.sum() > 0:
        return Reliability(predicted=np.empty(0), happened=np.empty(0), count=np.empty(0))
    values, group = np.unique(np.asarray(probabilities, np.float64), return_inverse=True)
    mass = np.bincount(group, weights=weight)
    middle = np.cumsum(mass) - mass / 2
    bin_of = np.minimum((bins * middle / mass.sum()).astype(np.int64), bins - 1)
    hits = np.bincount(group, weights=weight * labels)
    count = np.bincount(bin_of, weights=mass).astype(np.float64)
    used = count > 0
    return Reliability(
        predicted=np.bincount(bin_of, weights=mass * values)[used] / count[used],
        happened=np.bincount(bin_of, weights=hits)[used] / count[used],
        count=count[used],
    )


def expected_calibration_error(
    labels: Labels, probabilities: Floats, weight: Floats | None = None, *, bins: int = BINS
) -> float:
    """Mean distance between promise and outcome over the bins of `reliability`. Source: Naeini et al., 2015.

    >>> round(expected_calibration_error(np.array([0, 1]), np.array([0.5, 0.5])), 4)
    0.0
    """
    table = reliability(labels, probabilities, weight, bins=bins)
    return _mean(np.abs(table.predicted - table.happened), table.count)


def precision_recall_f1(labels: Labels, probabilities: Floats, *, threshold: float = 0.5) -> tuple[float, float, float]:
    """Precision, recall and F1 when everyone at or above `threshold` is called; 0 where nobody is called or positive.

    >>> precision_recall_f1(np.array([1, 1, 0]), np.array([0.9, 0.2, 0.6]))
    (0.5, 0.5, 0.5)
    """
    positive, called = np.asarray(labels, bool), np.asarray(probabilities) >= threshold
    hits = float(np.sum(positive & called))
    precision, recall = (hits / total if total else 0.0 for total in (float(called.sum()), float(positive.sum())))
    return precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0


def _by_score(labels: Labels, scores: Floats, weight: Floats | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight of the positives and of the negatives at each distinct score, lowest first."""
    mass = np.ones(len(labels)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(scores, kind="stable")
    ordered, hit, mass = np.asarray(scores)[order], np.asarray(labels, bool)[order], mass[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(order) else np.empty(0, np.int64)
    if not len(starts):
        return np.empty(0), np.empty(0)
    return np.add.reduceat(np.where(hit, mass, 0.0), starts), np.add.reduceat(np.where(hit, 0.0, mass), starts)


def _mean(values: NDArray[np.float64], weight: Floats | None) -> float:
    total = float(len(values)) if weight is None else float(np.sum(weight))
    return float(np.sum(values if weight is None else values * weight) / total) if total > 0 else float("nan")
