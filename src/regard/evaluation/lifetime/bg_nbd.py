"""BG/NBD: customers buy at rates of their own and may stop for good after any purchase but the first.

It takes everybody who bought once to be a customer still, so `alive` must not be read as a score of churn: `none_within` may.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, hyp2f1

from regard.evaluation.lifetime.fitting import grouped, maximise
from regard.sequences.purchases import PurchaseDays

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BgNbd:
    """A fitted model; customers without a purchase have NaN answers.

    Args:
        r, alpha: shape and rate (weeks) of the gamma that purchase rates per week are drawn from.
        a, b: of the beta that chances to stop after a purchase are drawn from.

    Source: Fader, Hardie and Lee, 2005, "Counting Your Customers" the Easy Way.

    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> one = PurchaseDays(repeats=np.array([2.0]), last=np.array([30.43]), age=np.array([38.86]), value=np.array([22.35]))
    >>> cdnow.expected(one, 39).round(3).tolist(), cdnow.alive(one).round(2).tolist()
    ([1.226], [0.73])
    """

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, purchases: PurchaseDays) -> BgNbd:
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
        """float64 [Q], the chance that the customer has not stopped; 1 for all one-time buyers."""
        x, t, T = purchases.repeats, purchases.last, purchases.age
        odds = self.a / (self.b + np.maximum(x, 1) - 1) * ((self.alpha + T) / (self.alpha + t)) ** (self.r + x)
        return np.asarray(1 / (1 + np.where(x > 0, odds, 0 * T)))

    def expected(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], expected purchase days within so many weeks."""
        r, alpha, a, b = astuple(self)
        x, T = purchases.repeats, purchases.age
        stay = (alpha + T) / (alpha + T + weeks)
        left = stay ** (a - 1) * hyp2f1(
            a - 1, a + b - 1 - r, a + b + x - 1, 1 - stay
        )  # Pfaff's form: nothing overflows
        return np.asarray(self.alive(purchases) * (a + b + x - 1) / (a - 1) * (1 - left))

    def none_within(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], the chance of no purchase within so many weeks."""
        quiet = ((self.alpha + purchases.age) / (self.alpha + purchases.age + weeks)) ** (self.r + purchases.repeats)
        return np.asarray(1 - self.alive(purchases) * (1 - quiet))


def _likelihood(purchases: PurchaseDays, r: float, alpha: float, a: float, b: float) -> Floats:
    x, t, T = purchases.repeats, purchases.last, purchases.age
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stay = betaln(a, b + x) - betaln(a, b)
    alive = -(r + x) * np.log(alpha + T)
    stopped = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t)
    return np.asarray(rate + stay + np.logaddexp(alive, np.where(x > 0, stopped, -np.inf)))
