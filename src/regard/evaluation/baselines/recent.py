"""Recent popularity: the same list for everyone, what sells now. On a time split often the hardest list to beat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.baselines.popularity import SameForAll, target_counts
from regard.sequences.log import DAY
from regard.sequences.view import View

NEWEST_SHARE = 0.1
"""Part of everyone's sequence that is 'recent' where positions are known and times are not."""

_TIE = 1e-3
"""Weight of all-time popularity, so small that it only orders what recent counts leave equal."""


@dataclass(frozen=True, kw_only=True)
class RecentPopularity:
    """Target events on each item shortly before the cut; all-time popularity decides ties.

    Without a clock 'recent' is the newest tenth of everyone's sequence; for sets, which have no order, all of it.

    Args:
        days: length of the window before the cut, days.
    """

    days: int = 30
    name: str = "recent_popularity"

    def grid(self, view: View) -> tuple[RecentPopularity, ...]:
        """A week, a month, a quarter; one choice where there is no clock."""
        return tuple(replace(self, days=days) for days in (7, 30, 90)) if view.log.clock == "clock" else (self,)

    def fit(self, view: View) -> SameForAll:
        """Count."""
        return SameForAll(name=self.name, scores=recent_counts(view, self.days))


def recent_counts(view: View, days: int) -> NDArray[np.float32]:
    """float32 [V], target events in the window, plus a trace of all-time popularity.

    Args:
        view: what may be seen. days: length of the window before the cut.
    """
    log = view.log
    ever = target_counts(view)
    if log.clock == "none" or log.events == 0:
        return ever
    if log.clock == "clock":
        end = view.cut if view.cut is not None else int(log.time.max()) + 1
        recent = log.time >= end - days * DAY
    else:
        left = np.repeat(log.offsets[1:], log.lengths) - 1 - np.arange(log.events)
        recent = left < np.maximum(1, np.repeat(log.lengths, log.lengths) * NEWEST_SHARE)
    return target_counts(view, recent) + np.float32(_TIE) * ever / max(float(ever.max(initial=0)), 1.0)
