"""Last-item co-visit: who had what you had last also had this."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.evaluation.baselines.history import has_several_behaviours, past
from regard.sequences.log import Log
from regard.sequences.view import View

_LATEST = 100
"""Newest baskets of a customer that count: bounds the pairs that one tireless customer brings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CoVisits:
    """A Scorer: shares of an item's customers who also had another one, averaged over the newest basket.

    Args:
        name: of the method. behaviours: those that count, None = all. share: float32 [V, V], row = the item at hand.
    """

    name: str
    behaviours: tuple[str, ...] | None
    share: sparse.csr_array

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        newest = past(queries, self.behaviours).latest(1)
        scores: NDArray[np.float32] = (newest.matrix(np.ones(len(newest.item))) @ self.share).toarray()
        return scores


@dataclass(frozen=True, kw_only=True)
class LastItem:
    """Customers who had both items, over customers who had the one at hand.

    Args:
        every: whether every behaviour counts, or the target ones only.
    """

    every: bool = False
    name: str = "last_item_covisit"

    def grid(self, view: View) -> tuple[LastItem, ...]:
        """Which behaviours count."""
        return (self, replace(self, every=True)) if has_several_behaviours(view.log, view.target) else (self,)

    def fit(self, view: View) -> CoVisits:
        """Count pairs."""
        behaviours = None if self.every else view.target
        latest = past(view.log, behaviours).latest(_LATEST)
        had = latest.matrix(np.ones(len(latest.item)))
        had.data[:] = 1
        pairs = sparse.csr_array(had.T @ had)
        alone = pairs.diagonal()
        pairs.setdiag(0)
        pairs.eliminate_zeros()
        share = sparse.diags_array(1 / np.maximum(alone, 1), dtype=np.float32) @ pairs
        return CoVisits(name=self.name, behaviours=behaviours, share=sparse.csr_array(share))
