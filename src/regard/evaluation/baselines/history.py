"""What a customer did before, as the sparse matrices that counting methods work with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import Log


@dataclass(frozen=True, kw_only=True, eq=False)
class Past:
    """Who had which item in which basket, each once, oldest basket first.

    Args:
        owner: int64 [M] customer. item: int64 [M].
        basket: int64 [M] number of the basket over all customers, from 0, dense and in order of customer and time.
        back: int64 [M] baskets back from the customer's newest one, 0 = the newest.
        shape: (B customers, V items).
    """

    owner: NDArray[np.int64]
    item: NDArray[np.int64]
    basket: NDArray[np.int64]
    back: NDArray[np.int64]
    shape: tuple[int, int]

    def matrix(self, weight: NDArray[np.float64]) -> sparse.csr_array:
        """float32 [B, V]: the weights (float64 [M]) summed by customer and item."""
        return sparse.csr_array((weight.astype(np.float32), (self.owner, self.item)), shape=self.shape)

    def latest(self, baskets: int) -> Past:
        """Only the newest baskets of everyone, as many as said."""
        kept = self.back < baskets
        return Past(
            owner=self.owner[kept],
            item=self.item[kept],
            basket=self.basket[kept],
            back=self.back[kept],
            shape=self.shape,
        )


def counted(log: Log, behaviours: tuple[str, ...] | None = None) -> NDArray[np.int64]:
    """int64 rows of the events that count: of these behaviours, on merchandise.

    Args:
        log: any.
        behaviours: those that count; None = all that can be somebody's wish (no refunds, no mere impressions).
    """
    names = tuple(name for name in log.behaviours if name not in NEVER_TARGET) if behaviours is None else behaviours
    return np.flatnonzero(log.is_behaviour(names) & np.append(log.merchandise, False)[log.item])


def past(log: Log, behaviours: tuple[str, ...] | None = None) -> Past:
    """The history that counts.

    Args:
        log: B customers over V items. behaviours: as in `counted`.
    """
    rows = counted(log, behaviours)
    owner, item, basket = log.owner[rows], log.item[rows].astype(np.int64), log.basket[rows].astype(np.int64)
    order = np.lexsort((item, basket, owner))
    triple = np.stack([owner[order], basket[order], item[order]])
    new = np.append(True, np.any(triple[:, 1:] != triple[:, :-1], axis=0)) if len(rows) else np.empty(0, bool)
    owner, basket, item = triple[:, new]
    starts = (
        np.append(True, (owner[1:] != owner[:-1]) | (basket[1:] != basket[:-1])) if len(owner) else np.empty(0, bool)
    )
    number = np.cumsum(starts) - 1
    newest = np.zeros(len(log), dtype=np.int64)
    np.maximum.at(newest, owner, number)
    return Past(owner=owner, item=item, basket=number, back=newest[owner] - number, shape=(len(log), len(log.items)))


def binary(log: Log, behaviours: tuple[str, ...] | None = None) -> sparse.csr_array:
    """float32 [B, V]: 1 where the customer ever had the item."""
    matrix = past(log, behaviours)
    counts = matrix.matrix(np.ones(len(matrix.item)))
    counts.data[:] = 1
    return counts


def has_several_behaviours(log: Log, target: tuple[str, ...]) -> bool:
    """Whether history beside the target behaviours could help at all."""
    used = np.unique(log.behaviour[log.item >= 0])
    return any(log.behaviours[code] not in NEVER_TARGET and log.behaviours[code] not in target for code in used)
