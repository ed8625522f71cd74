"""Co-visits: which items are wanted near each other, as counts, as each item's nearest neighbours, and as coordinates.

The counts know every answer of the view they are made of. A model that trained with them in its logits would learn to trust them
too much, so they only give it its first coordinates; their weight in the answers is chosen on customers' later wishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import Log
from regard.sequences.view import View

BACK_DECAY = 0.7
"""A basket back, a recent event speaks this much less for its neighbours."""

REACH = (2, 10)
"""Fewest and most baskets apart that count as near: most where a basket is one line, fewer the more lines it has."""

BACKWARDS = 0.1
"""What a pair speaks against the order in which it was wanted, of what it speaks along it."""

NEARER = 0.5
"""Power of the distance in baskets that a pair's weight is divided by: what is wanted soon after tells more, but not much more."""

SHARED = 1 / 3
"""Power of its basket's size that a line's weight is divided by, so that huge baskets do not shout."""

COUNTED = 3_000_000
"""Events whose pairs are counted; of a longer log, those of customers drawn at random. More cost memory and tell nothing new."""

POWER_STEPS = 4
"""Passes that sharpen the coordinates; more no longer change them."""

SPARE = 8
"""Eigenvectors found beyond those wanted, as the last ones found are the least exact."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """For every item the K items most wanted near it.

    Args:
        items: int32 [V, K] item codes, V where there are fewer.
        weights: float32 [V, K] V x the share of the item's neighbourhood, 0 where there are fewer.
    """

    items: NDArray[np.int32]
    weights: NDArray[np.float32]

    @cached_property
    def matrix(self) -> Any:
        """Sparse [V, V + 1], the same; column V is none."""
        V, K = self.items.shape
        start = np.arange(V + 1) * K
        return sp.csr_matrix((self.weights.ravel(), self.items.ravel(), start), shape=(V, V + 1))


def covisits(view: View) -> Any:
    """Sparse float32 [V, V] of how often items are wanted near each other: W[a, b] += d^-NEARER for b's basket d after a's, BACKWARDS
    of it the other way, and 1 within a basket.

    A pair of lines weighs (size_a x size_b)^-SHARED of their baskets; the larger baskets are, the fewer baskets apart count as near.

    Source: sequential co-visit counts as in item-to-item k-nearest-neighbour recommenders.
    """
    log = _some(view.log)
    rows = np.flatnonzero(~log.is_behaviour(NEVER_TARGET) & np.append(log.merchandise, False)[log.item])
    V, owner = len(log.items), log.owner[rows]
    none: Any = sp.csr_matrix((np.empty(0, np.float32), (rows[:0], rows[:0])), shape=(V, V))
    if len(rows) == 0:
        return none
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(owner) != 0) | (np.diff(log.basket[rows]) != 0)
    basket, who = np.cumsum(new) - 1, owner[new]
    size = np.bincount(basket).astype(np.float32)
    X = sp.csr_matrix((size[basket] ** -SHARED, (basket, log.item[rows])), shape=(len(size), V), dtype=np.float32)
    total = X.T @ X if size.max() > 1 else none
    for d in range(1, int(np.clip(round(REACH[1] / np.sqrt(size.mean())), *REACH)) + 1):
        later = np.flatnonzero(who[d:] == who[:-d]) + d
        forward = X[later - d].T @ X[later]
        total = total + forward * d**-NEARER + forward.T * (BACKWARDS * d**-NEARER)
    total = total.tocsr()
    total.setdiag(0)
    total.eliminate_zeros()
    return total


def _some(log: Log) -> Log:
    """The log, or where it is long as many of its customers as have COUNTED events."""
    if log.events <= COUNTED:
        return log
    drawn = np.random.default_rng(0).permutation(len(log))
    return log.take(np.sort(drawn[np.cumsum(log.lengths[drawn]) <= COUNTED]))


def neighbours(counts: Any, *, width: int) -> Neighbours:
    """Each item's strongest co-visits, as shares of all of its own and of as many as an item has on average: of a rare item little is known.

    Args:
        counts: sparse [V, V] as of `covisits`. width: K, neighbours kept per item.
    """
    V = counts.shape[0]
    width = min(width, max(1, int(np.diff(counts.indptr).max(initial=1))))
    items, weights = np.full((V, width), V, dtype=np.int32), np.zeros((V, width), dtype=np.float32)
    usual = counts.sum() / max(1, V)
    for a in range(V):
        row = slice(counts.indptr[a], counts.indptr[a + 1])
        share, index = counts.data[row] / (counts.data[row].sum() + usual), counts.indices[row]
        best = np.argsort(-share, kind="stable")[:width]
        items[a, : len(best)], weights[a, : len(best)] = index[best], share[best] * V
    return Neighbours(items=items, weights=weights)


def lift(near: Neighbours, recent: NDArray[np.int64], back: NDArray[np.float32]) -> Any:
    """Sparse float32 [N, V + 1], log(1 + how much the co-visits of N questions' latest events speak for each item); column V is none.

    Args:
        near: of V items. recent: [N, M] items of the latest events, V for none. back: [N, M] how many baskets ago.
    """
    (N, M), V = recent.shape, len(near.items)
    fade = np.float32(BACK_DECAY) ** back * (recent < V)
    fade /= np.maximum(fade.sum(axis=1, keepdims=True), 1e-6)
    events = sp.csr_matrix((fade.ravel(), np.minimum(recent, V - 1).ravel(), np.arange(N + 1) * M), shape=(N, V))
    return (events @ near.matrix).log1p()


def coordinates(counts: Any, *, width: int) -> NDArray[np.float32]:
    """float32 [V, D], in which items wanted near each other more often than by chance lie close.

    Of mean square 1 over the items that have company; the others are zero.

    The leading eigenvectors of log(1 + how many times oftener than by chance), by randomised subspace iteration: what factorised
    co-occurrences, and so word vectors, are. A model that begins here need not learn first what counting knows.

    Args:
        counts: sparse [V, V] as of `covisits`. width: D.

    Source: Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization, 2014; Halko, Martinsson and Tropp, Finding
    Structure with Randomness, 2011.
    """
    both = (counts + counts.T).astype(np.float64).tocoo()  # in doubles, so that the floats are the same on every run
    V, often = both.shape[0], np.asarray(both.sum(axis=0)).ravel() + 1
    lift = np.log1p(both.data * often.sum() / (often[both.row] * often[both.col]))
    close = sp.csr_matrix((lift, (both.row, both.col)), shape=(V, V))
    out = np.zeros((V, width), dtype=np.float32)
    basis = np.random.default_rng(0).standard_normal((V, min(V, width + SPARE)))
    for _ in range(POWER_STEPS):
        basis, _ = np.linalg.qr(close @ basis)
    inner = basis.T @ (close @ basis)
    value, vector = np.linalg.eigh((inner + inner.T) / 2)
    best = np.argsort(-np.abs(value))[:width]
    out[:, : len(best)] = basis @ vector[:, best] * np.sqrt(np.abs(value[best]))
    alone = np.diff(close.indptr) == 0
    out[alone] = 0.0  # rounding leaves a little
    scale = np.sqrt(np.mean(out[~alone, : len(best)] ** 2)) if not alone.all() else 1.0
    return np.asarray(out / scale, dtype=np.float32)
