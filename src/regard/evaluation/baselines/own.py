"""Own frequency and own decayed: what this customer buys, again. Much of what shops sell is bought again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.baselines.history import has_several_behaviours, past
from regard.evaluation.baselines.popularity import target_counts
from regard.evaluation.baselines.recent import recent_counts
from regard.sequences.log import Log
from regard.sequences.view import View


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnCounts:
    """A Scorer: decayed counts of the customer's own items over a common floor.

    Args:
        name: of the method. behaviours: those that count, None = all.
        decay: weight of a basket against the one after it. floor: float32 [V] added for everyone.
    """

    name: str
    behaviours: tuple[str, ...] | None
    decay: float
    floor: NDArray[np.float32]

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        own = past(queries, self.behaviours)
        scores: NDArray[np.float32] = own.matrix(np.power(self.decay, own.back)).toarray()
        scores += self.floor
        return scores


@dataclass(frozen=True, kw_only=True)
class OwnFrequency:
    """In how many of the customer's own target baskets the item was; all-time popularity decides ties."""

    name: str = "own_frequency"

    def grid(self, view: View) -> tuple[OwnFrequency, ...]:
        """Nothing to choose."""
        return (self,)

    def fit(self, view: View) -> OwnCounts:
        """Count what decides ties: it stays below any difference of one basket."""
        ever = target_counts(view)
        floor = np.float32(0.5) * ever / max(float(ever.max(initial=0)), 1.0)
        return OwnCounts(name=self.name, behaviours=view.target, decay=1.0, floor=floor)


@dataclass(frozen=True, kw_only=True)
class OwnDecayed:
    """Own baskets, each weighing `decay` of the next newer one, filled up with recent popularity.

    Args:
        decay: weight of a basket against the one after it (0.9 by protocol).
        popularity: weight of the most popular recent item, in units of one purchase in the newest basket.
        days: length of the recent window, days.
        every: whether every behaviour counts as having had an item, or the target ones only.
    """

    decay: float = 0.9
    popularity: float = 0.1
    days: int = 30
    every: bool = False
    name: str = "own_decayed"

    def grid(self, view: View) -> tuple[OwnDecayed, ...]:
        """Weights of popularity from 'only fills up' to 'as good as a purchase'; and which behaviours count."""
        kinds = (False, True) if has_several_behaviours(view.log, view.target) else (False,)
        days = (7, 30) if view.log.clock == "clock" else (self.days,)
        weights = (0.1, 0.3, 1.0, 3.0)
        return tuple(replace(self, popularity=w, days=d, every=e) for e in kinds for d in days for w in weights)

    def fit(self, view: View) -> OwnCounts:
        """Count what is popular."""
        recent = recent_counts(view, self.days)
        floor = np.float32(self.popularity) * recent / max(float(recent.max(initial=0)), 1e-9)
        behaviours = None if self.every else view.target
        return OwnCounts(name=self.name, behaviours=behaviours, decay=self.decay, floor=floor.astype(np.float32))
