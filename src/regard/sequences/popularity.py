"""Popularity: how much of what was wanted lately each item was, as of any moment of the log.

A count that has seen the answer teaches the wrong weight, so a question reads the row of its own moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from regard.sequences.log import DAY
from regard.sequences.view import View

POPULARITY_CELLS = 64_000_000
"""Numbers a popularity table may hold (256 MB); longer or larger logs get coarser steps than a day."""

CONTRAST = 20.0
"""Factor on shares before the logarithm: an item that nobody bought lately must fall far below an average one, not just a little."""

YEAR = 365


@dataclass(frozen=True, kw_only=True, eq=False)
class Popularity:
    """How much of what was wanted lately each item was, at a grid of moments.

    Args:
        moments: int64 [T] seconds, rising; row t counts events before moments[t].
        table: float32 [T, C, V + 1], log1p(CONTRAST x V x share) per channel: decayed with each half-life and, last, where the log
            is longer than a year, the weeks around the same day last year. Item V, which is none, has 0.
        half_lives: days of the decaying channels.
    """

    moments: NDArray[np.int64]
    table: NDArray[np.float32]
    half_lives: tuple[float, ...]

    @property
    def channels(self) -> int:
        """C."""
        return int(self.table.shape[1])

    def row(self, moment: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The latest row not after each moment."""
        return np.maximum(np.searchsorted(self.moments, moment, side="right") - 1, 0)


def half_lives_of(span: float) -> tuple[float, ...]:
    """Half-lives in days for a log of `span` days: from a hundredth of it to half of it, a day at least, each at least twice the one before.

    >>> half_lives_of(700)
    (7.0, 28.0, 87.5, 350.0)
    """
    lives: list[float] = []
    for part in (100, 25, 8, 2):
        life = max(1.0, span / part)
        if not lives or life >= 2 * lives[-1]:
            lives.append(life)
    return tuple(lives)


def popularity(view: View) -> Popularity | None:
    """Popularity of the target behaviours over the view; None where there is no clock.

    Source: exponentially decayed counts are the recency popularity baselines of recommender evaluation; here at every moment of the log.
    """
    log = view.log
    rows = np.flatnonzero(view.targets)
    if log.clock != "clock" or view.cut is None or len(rows) == 0:
        return None
    end, start = view.cut, int(log.time.min())
    span = (end - start) / DAY
    lives = half_lives_of(span)
    seasonal = span > YEAR + 30
    V, C = len(log.items), len(lives) + seasonal
    steps = max(1, int(min(np.ceil(span), POPULARITY_CELLS // (V * C))))
    width = (end - start) / steps
    moments = (end - width * np.arange(steps, -1, -1)).astype(np.int64)
    step = np.clip(
        np.searchsorted(moments, log.time[rows], side="right"), 1, steps
    )  # row `step` is the first that knows the event
    fresh = sp.csr_matrix((np.ones(len(rows), np.float32), (step, log.item[rows])), shape=(steps + 1, V))
    table = np.zeros((steps + 1, C, V + 1), dtype=np.float32)
    for channel, life in enumerate(lives):
        keep = np.float32(0.5 ** (width / DAY / life))
        level = np.zeros(V, dtype=np.float32)
        for t in range(steps + 1):
            level = level * keep + fresh[t].toarray()[0]
            table[t, channel, :V] = level
    if seasonal:
        table[:, -1, :V] = _last_year(fresh, width / DAY)
    table *= V * CONTRAST / (table.sum(axis=2, keepdims=True) + 1e-6)
    return Popularity(moments=moments, table=np.log1p(table, out=table), half_lives=lives)


def _last_year(fresh: Any, days: float) -> NDArray[np.float32]:
    """float32 [T, V], counts from 5 days before to 25 days after the same day of last year: what that season brought next."""
    total = np.cumsum(fresh.toarray(), axis=0)
    t = np.arange(len(total))
    a = np.round(t - (YEAR + 5) / days).astype(np.int64)
    b = np.minimum(np.round(t - (YEAR - 25) / days).astype(np.int64), t)
    return np.where((b >= 0)[:, None], total[np.maximum(b, 0)], 0) - np.where(
        (a >= 0)[:, None], total[np.maximum(a, 0)], 0
    )
