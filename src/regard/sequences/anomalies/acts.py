"""Acts: a log by baskets. All lines of an order are one act, as they are one decision at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log


@dataclass(frozen=True, kw_only=True, eq=False)
class Acts:
    """The A acts of a log, in its order.

    Args:
        owner: int64 [A] customer. time: int64 [A] as in the log. start: int64 [A] first event.
        of_event: int64 [N] the act of each event.
        count: int64 [B] acts of each customer.
    """

    owner: NDArray[np.int64]
    time: NDArray[np.int64]
    start: NDArray[np.int64]
    of_event: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, log: Log) -> Acts:
        """The acts of a log."""
        owner = log.owner
        new = np.ones(log.events, dtype=bool)
        new[1:] = (owner[1:] != owner[:-1]) | (log.basket[1:] != log.basket[:-1])
        start = np.flatnonzero(new)
        return cls(
            owner=owner[start],
            time=np.asarray(log.time)[start],
            start=start,
            of_event=np.cumsum(new) - 1,
            count=np.bincount(owner[start], minlength=len(log)),
        )
