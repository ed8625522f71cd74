"""Popularity: the same list for everyone, what sold most so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log
from regard.sequences.view import View


@dataclass(frozen=True, kw_only=True, eq=False)
class SameForAll:
    """A Scorer that gives everyone the same scores.

    Args:
        name: of the method. scores: float32 [V].
    """

    name: str
    scores: NDArray[np.float32]

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V], read-only: one row seen Q times."""
        return np.broadcast_to(self.scores, (len(queries), len(self.scores)))


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Number of target events on each item in the whole training view."""

    name: str = "popularity"

    def grid(self, view: View) -> tuple[Popularity, ...]:
        """Nothing to choose."""
        return (self,)

    def fit(self, view: View) -> SameForAll:
        """Count."""
        return SameForAll(name=self.name, scores=target_counts(view))


def target_counts(view: View, keep: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """float32 [V], target events on each item; only those where `keep` (bool [N]) if given."""
    rows = view.targets if keep is None else view.targets & keep
    return np.bincount(view.log.item[rows], minlength=len(view.log.items)).astype(np.float32)
