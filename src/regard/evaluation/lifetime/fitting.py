"""Fitting: the parameters under which what customers did is likeliest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from regard.errors import RegardError
from regard.sequences.purchases import PurchaseDays

LEAST, MOST = 1e-4, 1e6
"""Bounds of every parameter: beyond them a distribution is as good as a point, and the likelihood flat."""

TOLERANCE = 1e-11
"""Nats per customer by which a step must still help: some 0.000001 over a hundred thousand customers."""

Floats = NDArray[np.float64]


def maximise(log_likelihood: Callable[[Floats], float], starts: Sequence[Sequence[float]]) -> Floats:
    """float64 [P], the positive parameters of the largest mean log-likelihood, found from each start on a log scale.

    Raises:
        RegardError: from no start can a likelihood be computed.

    Source: Byrd, Lu, Nocedal and Zhu, 1995, L-BFGS-B.
    """
    bounds = [(np.log(LEAST), np.log(MOST))] * len(starts[0])

    def unlikely(logs: Floats) -> float:
        return -log_likelihood(np.exp(logs))

    found = [minimize(unlikely, np.log(start), method="L-BFGS-B", bounds=bounds, tol=TOLERANCE) for start in starts]
    finite = [best for best in found if np.isfinite(best.fun)]
    if not finite:
        raise RegardError("no parameters fit these purchases", hint="a longer history may help")
    return np.asarray(np.exp(min(finite, key=lambda best: float(best.fun)).x))


def grouped(purchases: PurchaseDays) -> tuple[PurchaseDays, Floats]:
    """Different (repeats, last, age) of all who bought, and the share of customers with each: most one-time buyers are alike.

    Raises:
        RegardError: nobody bought twice.
    """
    bought = ~np.isnan(purchases.age)
    if not (purchases.repeats[bought] > 0).any():
        raise RegardError("nobody bought on two days: there is no rhythm to learn", hint="ingest a longer history")
    table = np.stack([purchases.repeats, purchases.last, purchases.age], axis=1)[bought]
    rows, count = np.unique(table, axis=0, return_counts=True)
    same = PurchaseDays(
        repeats=rows[:, 0],
        last=rows[:, 1],
        age=rows[:, 2],
        value=np.full(len(rows), np.nan),
        valued=np.zeros(len(rows)),
    )
    return same, count / count.sum()
