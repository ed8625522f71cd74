"""How far predicted amounts (ratings, money, days) are from the real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rmse(actual: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """Root of the mean squared error: large misses weigh more. NaN for nothing to compare.

    Args:
        actual: float [n]. predicted: float [n], in the same unit, which is also the result's.

    >>> rmse(np.array([1.0, 5.0]), np.array([1.0, 3.0])) == 2**0.5
    True
    """
    return float(np.sqrt(np.mean((predicted - actual) ** 2))) if len(actual) else float("nan")


def mae(actual: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """Mean absolute error: every unit weighs the same. NaN for nothing to compare.

    Args:
        actual: float [n]. predicted: float [n], in the same unit, which is also the result's.

    >>> mae(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    1.0
    """
    return float(np.mean(np.abs(predicted - actual))) if len(actual) else float("nan")
