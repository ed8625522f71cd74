"""Season: how much busier than usual the time ahead was a year ago, for a shop whose log reaches back that far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.model.runtime.facts import Beside, States
from regard.model.runtime.head import SEASON_DAYS, Head
from regard.sequences.log import DAY
from regard.sequences.split import midnight
from regard.sequences.view import View
from regard.training.horizon_lessons import Outcomes, customers_at

YEAR = 364
"""Days: a year of whole weeks, so that weekends meet weekends."""

LEAST_PAST = 90
"""Days of the log before the windows of last year: of customers known for less, rates say little."""

MOST = 5.0
"""Factor beyond which no season goes, up or down: further away it was something else than the time of the year."""

LEAST_ASKED = 100
"""Customers known before the windows of last year, at least: of fewer not even the doubt can be told."""

ASKED = 8_000
"""Customers whose orders of last year are foretold, at most."""


def season(
    head: Head, view: View, days: int, *, states: States | None = None, about: Beside | None = None, seed: int = 0
) -> tuple[float, ...]:
    """Factors of orders in each stretch of SEASON_DAYS after the view's cut; empty where the log is too short to know.

    A year ago the same head is asked twice: at the beginning of as many days as its rehearsal took, up to this date, and at this
    date. How much more it was surpassed in each stretch after the date than in the days before it is the season: what is usual
    of the shop and its growth are in both and cancel. A factor is drawn to 1 as far as chance could have made it.

    Args:
        head: fitted on the view. view: with a cut. days: of the rehearsal, on which the level of the head was tuned.
        states, about: as in `training.horizon`. seed: of the customers drawn.
    """
    assert view.cut is not None
    log = view.log.where(view.log.time < view.cut)
    then = midnight(view.cut, log.time_zone, days=-YEAR)
    before = midnight(then, log.time_zone, days=-days)
    if not log.events or before - int(log.time.min()) < LEAST_PAST * DAY:
        return ()
    outcomes = Outcomes(log, view.target)
    if (log.where(log.time < before).lengths > 0).sum() < LEAST_ASKED:
        return ()

    def surpassed(cut: int, edges: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(log of orders that came to those foretold, its variance) of each stretch up to `edges`."""
        customers, facts = customers_at(log, cut, target=view.target, states=states, about=about, most=ASKED, seed=seed)
        told = np.diff(head.forecast(facts, np.array(edges)).mean, axis=1, prepend=0.0)  # [N, K]
        came = np.stack([outcomes.within(customers, cut, int(edge))[0] for edge in edges], axis=1)
        came = np.diff(came.astype(np.float64), axis=1, prepend=0.0)
        foretold, real = told.sum(axis=0), came.sum(axis=0)
        off = ((came - told * real / foretold) ** 2).sum(axis=0)
        # No order at all is one that chance withheld.
        return np.log((real + 0.5) / (foretold + 0.5)), np.maximum(off, 1.0) / np.maximum(real, 1.0) ** 2

    usual, doubt = surpassed(before, (float(days),))
    ahead, doubts = surpassed(then, tuple(min(end, float(YEAR)) for end in SEASON_DAYS))
    step, variance = ahead - usual, doubts + doubt
    sure = np.maximum(1 - variance / np.maximum(step**2, np.finfo(float).tiny), 0)
    return tuple(float(factor) for factor in np.exp(np.clip(sure * step, -np.log(MOST), np.log(MOST))))
