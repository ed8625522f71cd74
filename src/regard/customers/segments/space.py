"""The space in which customers are clustered: states of length one, centred, on their main axes, plain or whitened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

_FLAT = 1e-6
"""Share of the variance below which an axis is rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """A linear map from states to points.

    Args:
        mean: float64 [D], of the states of length one. axes: float64 [D, P].
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    def points(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [N, P]. states: float32 [N, D]."""
        return np.asarray(unit(states) @ self.axes.astype(np.float32) - (self.mean @ self.axes).astype(np.float32))


def spaces(states: NDArray[np.float32], widths: tuple[int, ...]) -> list[Space]:
    """The main axes of the states (PCA), for each width once as they are and once with equal variance (whitened).

    Plain axes follow what sets most customers apart; whitened ones also see tastes of a few. Which serves is found by
    measuring (see `clusters`).

    Args:
        states: float32 [N, D]. widths: axes kept, each width once at most; no more than the states have.

    >>> states = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    >>> [space.axes.shape[1] for space in spaces(states, (2, 8))]
    [2, 2, 4, 4]
    """
    whole = unit(states).astype(np.float64)
    mean = whole.mean(axis=0) if len(whole) else np.zeros(states.shape[1])
    spread, axes = linalg.eigh((whole - mean).T @ (whole - mean) / max(len(whole), 1))
    spread, axes = spread[::-1], axes[:, ::-1]
    rank = int((spread > max(_FLAT * spread.clip(0).sum(), _FLAT**2)).sum())
    found = []
    for width in sorted({min(width, rank) for width in widths} - {0}):
        main = axes[:, :width]
        found += [Space(mean=mean, axes=main), Space(mean=mean, axes=main / np.sqrt(spread[:width]))]
    return found


def unit(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """States of length one; a state of nothing stays nothing."""
    length = np.linalg.norm(states, axis=1, keepdims=True)
    return np.asarray(states / np.maximum(length, 1e-12), dtype=np.float32)
