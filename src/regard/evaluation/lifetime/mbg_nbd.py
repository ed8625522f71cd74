"""MBG/NBD: as BG/NBD, but customers may stop after the first purchase too, so that one-time buyers need not be customers still."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, hyp2f1

from regard.evaluation.lifetime.fitting import grouped, maximise
from regard.sequences.purchases import PurchaseDays

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MbgNbd:
    """A fitted model; customers without a purchase have NaN answers.

    Args:
        r, alpha: shape and rate (weeks) of the gamma that purchase rates per week are drawn from.
        a, b: of the beta that chances to stop after a purchase, the first included, are drawn from.

    Source: Batislam, Denizel and Filiztekin, 2007, Empirical Validation and Comparison of Models for Customer Base Analysis.

    >>> cdnow = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> once = PurchaseDays(repeats=np.zeros(1), last=np.zeros(1), age=np.array([38.86]), value=np.array([np.nan]))
    >>> cdnow.alive(once).round(2).tolist()
    [0.39]
    """

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, purchases: PurchaseDays) -> MbgNbd:
        """Maximum likelihood.

        Raises:
            RegardError: nobody bought twice.
        """
        rows, share = grouped(purchases)
        weeks = float(share @ rows.age)
        found = maximise(lambda p: float(share @ _likelihood(rows, *p)), ((0.5, weeks / 4, 1, 2), (1, weeks, 0.5, 4)))
        r, alpha, a, b = found.tolist()
        return cls(r=r, alpha=alpha, a=a, b=b)

    def log_likelihood(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], log density of each customer's history."""
        return _likelihood(purchases, *astuple(self))

    def alive(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], the chance that the customer has not stopped."""
        x, t, T = purchases.repeats, purchases.last, purchases.age
        odds = self.a / (self.b + x) * ((self.alpha + T) / (self.alpha + t)) ** (self.r + x)
        return np.asarray(1 / (1 + odds))

    def expected(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], expected purchase days within so many weeks."""
        r, alpha, a, b = astuple(self)
        x, T = purchases.repeats, purchases.age
        stay = (alpha + T) / (alpha + T + weeks)
        left = stay ** (a - 1) * hyp2f1(a - 1, a + b - r, a + b + x, 1 - stay)  # Pfaff's form: nothing overflows
        return np.asarray(self.alive(purchases) * (a + b + x) / (a - 1) * (1 - left))

    def none_within(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], the chance of no purchase within so many weeks."""
        quiet = ((self.alpha + purchases.age) / (self.alpha + purchases.age + weeks)) ** (self.r + purchases.repeats)
        return np.asarray(1 - self.alive(purchases) * (1 - quiet))


def _likelihood(purchases: PurchaseDays, r: float, alpha: float, a: float, b: float) -> Floats:
    x, t, T = purchases.repeats, purchases.last, purchases.age
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x + 1) - (r + x) * np.log(alpha + T)
    stopped = betaln(a + 1, b + x) - (r + x) * np.log(alpha + t)
    return np.asarray(rate - betaln(a, b) + np.logaddexp(alive, stopped))
