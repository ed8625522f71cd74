"""Calibration: a straight line on the logits, so that of those told 20 % about 20 % act (Platt, 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 50
"""Newton steps; a handful suffice, the rest cost nothing."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """P = sigmoid(slope x logit + intercept)."""

    slope: float = 1.0
    intercept: float = 0.0


def calibrate(told: NDArray[np.floating], happened: NDArray[np.bool_]) -> Calibration:
    """Fit slope and intercept by maximum likelihood.

    Args:
        told: [M] raw logits. happened: bool [M].

    Returns:
        The identity where there is nothing to learn from: fewer than 20 cases on either side, or a slope that would turn the order round.

    >>> calibrate(np.zeros(4), np.array([True, False, True, False]))
    Calibration(slope=1.0, intercept=0.0)
    """
    if min(int(happened.sum()), int((~happened).sum())) < 20:
        return Calibration()
    X = np.stack([told, np.ones_like(told)], axis=1).astype(np.float64)
    # Platt's smoothed targets and a weak pull to the identity keep separable data finite.
    up, down = happened.sum() + 1.0, (~happened).sum() + 1.0
    target = np.where(happened, up / (up + 1), 1 / (down + 1))
    at, rest = np.array([1.0, 0.0]), np.array([1.0, 0.0])

    def cost(at: NDArray[np.float64]) -> float:
        z = X @ at
        return float((np.logaddexp(0, z) - target * z).sum() + ((at - rest) ** 2).sum() / 2)

    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(X @ at, -30, 30)))
        gradient = X.T @ (p - target) + (at - rest)
        curvature = (X * (p * (1 - p))[:, None]).T @ X + np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while cost(at - step) > cost(at) and np.abs(step).max() > 1e-9:
            step = step / 2  # far from the line a whole Newton step leaps over it and back again
        at = at - step
    return Calibration(slope=float(at[0]), intercept=float(at[1])) if at[0] > 0 else Calibration()
