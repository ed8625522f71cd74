"""Sequential kNN: what usually comes after the latest items, counted with distance. No training, yet hard to beat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.evaluation.baselines.history import Past, has_several_behaviours, past
from regard.sequences.log import Log
from regard.sequences.view import View

_DENSE = 0.05
"""Filled share of the pair table from which multiplying it as a plain matrix is quicker."""


_BASKETS = 100_000
"""Baskets whose successors are gathered at a time: bounds memory to some hundred MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Followers:
    """A Scorer: pair weights of the latest baskets' items, older ones weighing less.

    Args:
        name: of the method. behaviours: those that count, None = all.
        weight: float32 [V, V], row a, column b: how strongly b goes with a.
        decay: weight of a basket against the one after it. depth: baskets looked back.
    """

    name: str
    behaviours: tuple[str, ...] | None
    weight: sparse.csr_array | NDArray[np.float32]
    decay: float
    depth: int

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        latest = past(queries, self.behaviours).latest(self.depth)
        found = latest.matrix(np.power(self.decay, latest.back)) @ self.weight
        scores: NDArray[np.float32] = found.toarray() if sparse.issparse(found) else np.asarray(found)
        return scores


@dataclass(frozen=True, kw_only=True)
class SequentialNeighbours:
    """Pairs within ten baskets of one customer, weighing one over their distance, half of it backwards.

    Distances are counted in baskets: lines of one basket have no order and make no pair. Where every event is a basket
    of its own these are positions.

    Args:
        window: largest distance of a pair, baskets. backward: weight of a pair read against time.
        decay: weight of a basket of the history against the one after it. depth: baskets of the history used.
        damping: power of an item's own count that its score is divided by; above 0 favours the rarer item.
        every: whether every behaviour counts, or the target ones only.
    """

    window: int = 10
    backward: float = 0.5
    decay: float = 0.6
    depth: int = 20
    damping: float = 0.2
    every: bool = False
    name: str = "sequential_knn"

    def grid(self, view: View) -> tuple[SequentialNeighbours, ...]:
        """With and without damping, and which behaviours count."""
        kinds = (False, True) if has_several_behaviours(view.log, view.target) else (False,)
        return tuple(replace(self, damping=damping, every=every) for every in kinds for damping in (0.2, 0.0))

    def fit(self, view: View) -> Followers:
        """Count pairs."""
        behaviours = None if self.every else view.target
        seen = past(view.log, behaviours)
        forward = _pairs(seen, self.window)
        both = sparse.csr_array(forward + self.backward * forward.T)
        count = np.maximum(np.bincount(seen.item, minlength=seen.shape[1]), 1)
        scaled = sparse.diags_array(1 / count) @ both @ sparse.diags_array(count**-self.damping)
        weight = sparse.csr_array(scaled.astype(np.float32))
        dense = weight.nnz > _DENSE * max(weight.shape[0] ** 2, 1)
        return Followers(
            name=self.name,
            behaviours=behaviours,
            weight=weight.toarray() if dense else weight,
            decay=self.decay,
            depth=self.depth,
        )


def _pairs(seen: Past, window: int) -> sparse.csr_array:
    """float32 [V, V]: sum over pairs (a earlier, b later, at most `window` baskets on) of one over the distance."""
    items = seen.shape[1]
    baskets = int(seen.basket[-1]) + 1 if len(seen.basket) else 0
    table = sparse.csr_array((np.ones(len(seen.item), np.float32), (seen.basket, seen.item)), shape=(baskets, items))
    owner = np.zeros(baskets, dtype=np.int64)
    owner[seen.basket] = seen.owner
    total = sparse.csr_array((items, items), dtype=np.float32)
    for start in range(0, baskets, _BASKETS):
        earlier = np.arange(start, min(start + _BASKETS, baskets))
        later = earlier[:, None] + np.arange(1, window + 1)
        near = (later < baskets) & (owner[np.minimum(later, baskets - 1)] == owner[earlier][:, None])
        row, step = np.nonzero(near)
        weight = (1 / (step + 1)).astype(np.float32)
        reach = sparse.csr_array((weight, (row, later[near])), shape=(len(earlier), baskets))
        total = total + table[earlier].T @ (reach @ table)
    return sparse.csr_array(total)
