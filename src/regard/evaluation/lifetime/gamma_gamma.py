"""Gamma-Gamma: what a customer's purchases are worth on average, drawn towards everybody's mean the fewer there are."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import rankdata

from regard.errors import RegardError
from regard.evaluation.lifetime.fitting import maximise
from regard.sequences.purchases import PurchaseDays

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """A fitted model of the mean value of a purchase; it takes value to have nothing to do with frequency (see `dependence`).

    Args:
        p: shape of one customer's purchase values.
        q, v: shape and rate (money) of the gamma from which the rates of customers' values are drawn; q is above 1, or there is no mean.

    Source: Fader and Hardie, 2013, The Gamma-Gamma Model of Monetary Value.

    >>> cdnow = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> known = np.array([2.0, 0.0])
    >>> two = PurchaseDays(repeats=known, last=np.zeros(2), age=np.ones(2), value=np.array([22.35, np.nan]), valued=known)
    >>> cdnow.expected(two).round(2).tolist()
    [24.66, 35.22]
    """

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, purchases: PurchaseDays) -> GammaGamma:
        """Maximum likelihood over the customers whose repeat purchases were worth something.

        Raises:
            RegardError: there are none.
        """
        rows = purchases.take(np.flatnonzero(_worth(purchases)))
        if not len(rows):
            raise RegardError("no repeat purchase has a value", hint="ingest a log with a value or price column")
        mean = float(np.median(rows.value))
        p, above, v = maximise(
            lambda found: float(np.mean(_likelihood(rows, found[0], 1 + found[1], found[2]))),
            ((2, 2, mean), (6, 3, mean / 2)),
        ).tolist()
        return cls(p=p, q=1 + above, v=v)

    @property
    def population(self) -> float:
        """Mean value of a purchase of somebody of whom nothing is known."""
        return self.p * self.v / (self.q - 1)

    def log_likelihood(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], log density of each customer's mean value; NaN for those without one above 0."""
        found = np.full(len(purchases), np.nan)
        rows = np.flatnonzero(_worth(purchases))
        found[rows] = _likelihood(purchases.take(rows), *astuple(self))
        return found

    def expected(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], expected value of a purchase, the nearer to everybody's mean the fewer repeats of known value there are."""
        x, m = purchases.valued, np.nan_to_num(purchases.value)
        own = self.p * (self.v + x * m) / (self.p * x + self.q - 1)
        return np.asarray(np.where(_worth(purchases), own, self.population))


def dependence(purchases: PurchaseDays) -> float:
    """Rank correlation of frequency and mean value of those with repeats; far from 0 the model's values are off for the frequent."""
    rows = purchases.take(np.flatnonzero(_worth(purchases)))
    if len(rows) < 2 or np.ptp(rows.repeats) == 0 or np.ptp(rows.value) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(rows.repeats), rankdata(rows.value))[0, 1])


def _worth(purchases: PurchaseDays) -> NDArray[np.bool_]:
    return np.asarray((purchases.valued > 0) & (np.nan_to_num(purchases.value) > 0))


def _likelihood(purchases: PurchaseDays, p: float, q: float, v: float) -> Floats:
    x, m = purchases.valued, purchases.value
    many = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
    return np.asarray(many + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(x * m + v))
