"""BG/NBD and MBG/NBD: customers buy at rates of their own and may stop for good right after a purchase.

BG/NBD takes everybody who bought once to be a customer still, so `alive` must not be read as a score of churn: `none_within` may.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, hyp2f1

from regard.evaluation.lifetime.fitting import grouped, maximise
from regard.sequences.purchases import PurchaseDays

Floats = NDArray[np.float64]

NEAR = 1e-6
"""Distance of `a` from 1 below which expected purchases are those at that distance: at 1 itself the formula is nothing over nothing."""


@dataclass(frozen=True, kw_only=True)
class _BetaGeometric:
    """What both models share: they differ in how often a customer with x repeats could have stopped."""

    r: float
    alpha: float
    a: float
    b: float

    after_first: ClassVar[int]
    """1 where customers may stop after the first purchase too, 0 where only after repeats."""

    @classmethod
    def fit(cls, purchases: PurchaseDays) -> Self:
        """Maximum likelihood.

        Raises:
            RegardError: nobody bought twice.
        """
        rows, share = grouped(purchases)
        weeks = float(share @ rows.age)
        starts = ((0.5, weeks / 4, 1, 2), (1, weeks, 0.5, 4))
        r, alpha, a, b = maximise(lambda p: float(share @ _likelihood(rows, cls.after_first, *p)), starts).tolist()
        return cls(r=r, alpha=alpha, a=a, b=b)

    def log_likelihood(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], log density of each customer's history."""
        return _likelihood(purchases, self.after_first, *astuple(self))

    def alive(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], the chance that the customer has not stopped; with BG/NBD 1 for all one-time buyers."""
        x, t, T = purchases.repeats, purchases.last, purchases.age
        n = x + self.after_first  # purchases after which the customer could have stopped
        odds = self.a / (self.b + np.maximum(n, 1) - 1) * ((self.alpha + T) / (self.alpha + t)) ** (self.r + x)
        return np.asarray(1 / (1 + np.where(n > 0, odds, 0 * T)))

    def expected(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], expected purchase days within so many weeks."""
        r, alpha, a, b = astuple(self)
        if abs(a - 1) < NEAR:
            a = 1 + NEAR
        x, T = purchases.repeats, purchases.age
        both = a + b + x + self.after_first - 1
        stay = (alpha + T) / (alpha + T + weeks)
        left = stay ** (a - 1) * hyp2f1(a - 1, both - r - x, both, 1 - stay)  # Euler's form: nothing overflows
        return np.asarray(self.alive(purchases) * both / (a - 1) * (1 - left))

    def none_within(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], the chance of no purchase within so many weeks."""
        quiet = ((self.alpha + purchases.age) / (self.alpha + purchases.age + weeks)) ** (self.r + purchases.repeats)
        return np.asarray(1 - self.alive(purchases) * (1 - quiet))


@dataclass(frozen=True, kw_only=True)
class BgNbd(_BetaGeometric):
    """A fitted BG/NBD, where customers may stop after any purchase but the first; those without a purchase have NaN answers.

    Args:
        r, alpha: shape and rate (weeks) of the gamma that purchase rates per week are drawn from.
        a, b: of the beta that chances to stop after a purchase are drawn from.

    Source: Fader, Hardie and Lee, 2005, "Counting Your Customers" the Easy Way.

    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> one = PurchaseDays(
    ...     repeats=np.array([2.0]), last=np.array([30.43]), age=np.array([38.86]), value=np.array([22.35]), valued=np.array([2.0])
    ... )
    >>> cdnow.expected(one, 39).round(3).tolist(), cdnow.alive(one).round(2).tolist()
    ([1.226], [0.73])
    """

    after_first: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class MbgNbd(_BetaGeometric):
    """A fitted MBG/NBD, where customers may stop after the first purchase too, so that one-time buyers need not be customers still;
    those without a purchase have NaN answers.

    Args:
        r, alpha: shape and rate (weeks) of the gamma that purchase rates per week are drawn from.
        a, b: of the beta that chances to stop after a purchase, the first included, are drawn from.

    Source: Batislam, Denizel and Filiztekin, 2007, Empirical Validation and Comparison of Models for Customer Base Analysis.

    >>> cdnow = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> once = PurchaseDays(
    ...     repeats=np.zeros(1), last=np.zeros(1), age=np.array([38.86]), value=np.array([np.nan]), valued=np.zeros(1)
    ... )
    >>> cdnow.alive(once).round(2).tolist()
    [0.39]
    """

    after_first: ClassVar[int] = 1


def _likelihood(purchases: PurchaseDays, after_first: int, r: float, alpha: float, a: float, b: float) -> Floats:
    x, t, T = purchases.repeats, purchases.last, purchases.age
    n = x + after_first
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stay = betaln(a, b + n) - betaln(a, b)
    alive = -(r + x) * np.log(alpha + T)
    stopped = np.log(a) - np.log(b + np.maximum(n, 1) - 1) - (r + x) * np.log(alpha + t)
    return np.asarray(rate + stay + np.logaddexp(alive, np.where(n > 0, stopped, -np.inf)))
