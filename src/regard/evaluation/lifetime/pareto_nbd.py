"""Pareto/NBD: customers buy at rates of their own and may stop for good at any moment, unseen."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, exprel, gammaln

from regard.evaluation.lifetime.fitting import grouped, maximise
from regard.sequences.purchases import PurchaseDays

NODES = 20
"""Points of the Gauss-Legendre rules, enough for seven digits over twice HAZARD."""

HAZARD = 20.0
"""Cumulative hazard at which 2 in 1,000,000,000 are left: integrals end there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ParetoNbd:
    """A fitted model; customers without a purchase have NaN answers.

    Args:
        r, alpha: shape and rate (weeks) of the gamma that purchase rates per week are drawn from.
        s, beta: shape and rate (weeks) of the gamma that rates of stopping per week are drawn from.

    Source: Schmittlein, Morrison and Colombo, 1987, Counting Your Customers; formulas as in Fader and Hardie, 2005, A Note on
    Deriving the Pareto/NBD Model and Related Expressions.

    >>> cdnow = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> one = PurchaseDays(
    ...     repeats=np.array([2.0]), last=np.array([30.43]), age=np.array([38.86]), value=np.array([22.35]), valued=np.array([2.0])
    ... )
    >>> cdnow.expected(one, 39).round(2).tolist(), cdnow.alive(one).round(2).tolist()
    ([1.46], [0.87])
    """

    r: float
    alpha: float
    s: float
    beta: float

    @classmethod
    def fit(cls, purchases: PurchaseDays) -> ParetoNbd:
        """Maximum likelihood.

        Raises:
            RegardError: nobody bought twice.
        """
        rows, share = grouped(purchases)
        weeks = float(share @ rows.age)
        found = maximise(
            lambda p: float(share @ _likelihood(rows, *p)), ((0.5, weeks / 4, 0.5, weeks / 4), (1, weeks, 1, weeks / 2))
        )
        r, alpha, s, beta = found.tolist()
        return cls(r=r, alpha=alpha, s=s, beta=beta)

    def log_likelihood(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], log density of each customer's history."""
        return _likelihood(purchases, *astuple(self))

    def alive(self, purchases: PurchaseDays) -> Floats:
        """float64 [Q], the chance that the customer has not stopped."""
        alive, stopped = _ends(purchases, *astuple(self))
        return np.asarray(expit(alive - stopped))

    def expected(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], expected purchase days within so many weeks."""
        r, alpha, s, beta = astuple(self)
        x, T = purchases.repeats, purchases.age
        longer = np.log1p(weeks / (beta + T))
        stays = longer * exprel((1 - s) * longer)  # the paper's (1 - left^(s - 1)) / (s - 1), which s = 1 has as well
        return np.asarray(self.alive(purchases) * (r + x) * (beta + T) / (alpha + T) * stays)

    def none_within(self, purchases: PurchaseDays, weeks: float) -> Floats:
        """float64 [Q], the chance of no purchase within so many weeks.

        The next purchase of a customer who would never stop comes after Pareto-distributed time; over that purchase's cumulative
        hazard, which makes the integrand smooth, is summed whether the customer is still there then.
        """
        r, alpha, s, beta = astuple(self)
        x, T = purchases.repeats[:, None], purchases.age[:, None]
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        most = np.minimum((r + x) * np.log1p(weeks / (alpha + T)), HAZARD)
        hazard = most * (nodes + 1) / 2
        wait = (alpha + T) * np.expm1(hazard / (r + x))
        there = ((beta + T) / (beta + T + wait)) ** s
        buys = (np.exp(-hazard) * there * most / 2) @ weights
        return np.asarray(1 - self.alive(purchases) * buys)


def _likelihood(purchases: PurchaseDays, r: float, alpha: float, s: float, beta: float) -> Floats:
    rate = gammaln(r + purchases.repeats) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return np.asarray(rate + np.logaddexp(*_ends(purchases, r, alpha, s, beta)))


def _ends(purchases: PurchaseDays, r: float, alpha: float, s: float, beta: float) -> tuple[Floats, Floats]:
    """Logarithms of what a history is likely by if the customer is there still, and if the customer stopped since the last purchase.

    The second is summed over the moment u of stopping. Its closed form is a difference of hypergeometric functions, which cannot be
    computed for frequent customers; over log(u + the smaller of alpha and beta) the integrand is smooth.
    """
    x, t, T = purchases.repeats, purchases.last, purchases.age
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    start = -(r + x) * np.log(alpha + t) - (s + 1) * np.log(beta + t)
    with np.errstate(over="ignore"):  # so slow a rate has no end but T
        ends = (T, (alpha + t) * np.exp(HAZARD / (r + x)) - alpha, (beta + t) * np.exp(HAZARD / (s + 1)) - beta)
    least = min(alpha, beta)
    width = np.log((least + np.minimum.reduce(ends)) / (least + t))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    u = (least + t)[:, None] * np.exp(width[:, None] * (nodes + 1) / 2) - least
    later = (r + x)[:, None] * np.log((alpha + u) / (alpha + t)[:, None])
    gone = (s + 1) * np.log((beta + u) / (beta + t)[:, None])
    mass = (np.exp(-later - gone) * (least + u)) @ weights * width / 2
    with np.errstate(divide="ignore"):  # nobody stopped since a purchase on the last day: log 0 is right
        return alive, np.asarray(np.log(s) + start + np.log(mass))
