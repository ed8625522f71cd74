"""EASE: every item predicted from the others by one ridge regression in closed form. Source: Steck, WWW 2019."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from regard.errors import RegardError
from regard.evaluation.baselines.history import binary, has_several_behaviours
from regard.sequences.log import Log
from regard.sequences.view import View

MOST_ITEMS = 20_000
"""Largest catalogue: the table of V x V numbers takes 1.6 GB there, its inverse about a minute."""

_CHEAP = 5_000
"""Catalogue up to which several strengths are tried: beyond, each costs seconds to minutes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemRegression:
    """A Scorer: the customer's items times the item-to-item weights.

    Args:
        name: of the method. behaviours: those that count, None = all. weight: float32 [V, V], zero diagonal.
    """

    name: str
    behaviours: tuple[str, ...] | None
    weight: NDArray[np.float32]

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        scores: NDArray[np.float32] = binary(queries, self.behaviours) @ self.weight
        return scores


@dataclass(frozen=True, kw_only=True)
class Ease:
    """Item-to-item ridge regression without self-prediction.

    Args:
        strength: added to the diagonal, in customers: how many it takes to believe a pair.
        every: whether every behaviour counts, or the target ones only.
    """

    strength: float = 100.0
    every: bool = False
    name: str = "ease"

    def grid(self, view: View) -> tuple[Ease, ...]:
        """Two strengths where they are cheap, and which behaviours count."""
        strengths = (100.0, 500.0) if len(view.log.items) <= _CHEAP else (self.strength,)
        kinds = (False, True) if has_several_behaviours(view.log, view.target) else (False,)
        return tuple(replace(self, strength=strength, every=every) for every in kinds for strength in strengths)

    def fit(self, view: View) -> ItemRegression:
        """Solve.

        Raises:
            RegardError: the catalogue is larger than MOST_ITEMS.
        """
        items = len(view.log.items)
        if items > MOST_ITEMS:
            raise RegardError(f"EASE takes at most {MOST_ITEMS:,} items, not {items:,}", hint="leave this baseline out")
        behaviours = None if self.every else view.target
        had = binary(view.log, behaviours)
        gram = np.asfortranarray((had.T @ had).toarray(), dtype=np.float32)
        gram[np.diag_indices(items)] += self.strength
        factor, _ = linalg.lapack.spotrf(gram, lower=True, overwrite_a=True)
        inverse, _ = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
        return ItemRegression(name=self.name, behaviours=behaviours, weight=_weights(inverse))


def _weights(inverse: NDArray[np.float32]) -> NDArray[np.float32]:
    """-P / diag(P) by column with a zero diagonal, from P's lower half, in place as far as it goes."""
    scale = -1 / inverse.diagonal()
    lower = np.tril(inverse, -1)
    weight: NDArray[np.float32] = lower + lower.T
    weight *= scale
    return weight
