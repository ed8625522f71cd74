"""Logistic regression with a weak pull to nothing, by Newton's method: the plainest calibrated model of a yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-3
"""Pulls the weights to 0 so that they also exist where one class is missing."""

STEPS = 50
"""Newton steps; a handful suffice."""

LONGEST = 2.0
"""Longest step of any weight: far from the answer a whole Newton step leaps over it."""


def fit_logistic(
    features: NDArray[np.floating[Any]], labels: NDArray[Any], *, ridge: float = RIDGE
) -> NDArray[np.float64]:
    """Weights of a logistic regression.

    Args:
        features: float [N, F]; give it a column of ones where it shall have an intercept. labels: [N], 0 or 1.
        ridge: strength of the pull to 0.

    Returns:
        float64 [F].

    >>> features = np.stack([np.ones(400), np.repeat([0.0, 1.0], 200)], axis=1)
    >>> labels = np.concatenate([np.arange(200) < 20, np.arange(200) < 100])
    >>> chance(features[[0, -1]], fit_logistic(features, labels)).round(2).tolist()
    [0.1, 0.5]
    """
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        told = chance(features, weights)
        slope = features.T @ (labels - told) - ridge * weights
        bend = (features * (told * (1 - told))[:, None]).T @ features + ridge * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        weights = weights + step * min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return weights


def chance(features: NDArray[np.floating[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [N], sigmoid of features [N, F] x weights [F]."""
    return np.asarray(1 / (1 + np.exp(-(features @ weights))))
