"""Surprise: how much more often a customer does something than the shop's customers do, in nats, and where that is far out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHANCE = 0.1
"""Customers of the whole shop expected beyond the limit by chance: of ten shops, one accuses somebody wrongly."""

ENOUGH = 30
"""Acts that make a share known to about a tenth."""

_MIDDLE, _HIGH = 0.5, 0.9
"""Quantiles between which the spread is read: a tenth of the customers may be bots before they widen it."""


def excess(count: NDArray[Any], of: NDArray[Any], base: NDArray[Any] | float) -> Floats:
    """Nats by which `count` of `of` is more than a share of `base` would give; 0 where it is not more.

    More than `ENOUGH` acts count as so many of the same share: people differ in their shares, and what a thousand acts tell
    with certainty is still only somebody's way.

    Args:
        count: int [B] acts of the kind looked for. of: int [B] acts in all.
        base: float, or [B], the share among the shop's customers.

    Source: Chernoff's bound, P(at least count) <= exp(-of KL(count / of || base)).

    >>> excess(np.array([9, 1]), np.array([10, 10]), 0.1).round(1).tolist()
    [17.6, 0.0]
    """
    of = np.asarray(of, dtype=np.float64)
    share = np.divide(count, of, out=np.zeros_like(of), where=of > 0)
    # A share never seen in the shop is as rare as one act in all of them.
    least = 1.0 / max(2.0, of.sum())
    base = np.maximum(np.asarray(base, dtype=np.float64), least)
    rare = np.maximum(1 - base, _TINY)
    nats = np.minimum(of, ENOUGH) * (_times_log(share, share / base) + _times_log(1 - share, (1 - share) / rare))
    return np.where(share > base, nats, 0.0)


def usual(count: NDArray[Any], of: NDArray[Any]) -> float:
    """The share among customers, each with one voice, so that whoever does it all day does not make it usual; 0 for nobody.

    >>> usual(np.array([0, 0, 900]), np.array([2, 2, 1000]))
    0.3
    """
    known = np.asarray(of) > 0
    return float(np.mean(np.asarray(count)[known] / np.asarray(of)[known])) if known.any() else 0.0


def usual_by_size(count: NDArray[Any], of: NDArray[Any]) -> Floats:
    """float [B], `usual` among the customers of like size: twice as many acts are another size.

    A size with few customers is shrunk to the one below it, as if that gave it 20 customers more.
    """
    size = np.floor(np.log2(np.maximum(np.asarray(of), 1))).astype(np.int64)
    share = np.divide(count, of, out=np.zeros(len(size)), where=np.asarray(of) > 0)
    people = np.bincount(size, weights=np.asarray(of) > 0)
    total = np.bincount(size, weights=share)
    base = np.zeros(len(people))
    before = usual(count, of)
    for step in range(len(people)):
        before = base[step] = (total[step] + _VOICES * before) / (people[step] + _VOICES)
    return np.asarray(base[size], dtype=np.float64)


_TINY = 1e-12
"""What is left of certainty, so that its logarithm exists."""

_VOICES = 20.0
"""Customers whose mean share is known to about a tenth."""


def limit(nats: NDArray[Any], asked: NDArray[np.bool_]) -> float:
    """The surprise that `CHANCE` customers would exceed if those of the shop went on as they do between their median and the
    highest tenth: an exponential tail, whose scale is 1 where acts are independent and more where people have habits.

    Args:
        nats: float [B]. asked: bool [B], customers who could be judged.
    """
    people = int(asked.sum())
    if people == 0:
        return 1.0
    middle, high = np.quantile(nats[asked], (_MIDDLE, _HIGH))
    scale = max(1.0, (high - middle) / np.log((1 - _MIDDLE) / (1 - _HIGH)))
    return float(middle + scale * np.log(people * (1 - _MIDDLE) / CHANCE))


def score(nats: NDArray[Any], at: float) -> Floats:
    """float [B] in 0..1: a half at the limit, two thirds at twice the limit.

    >>> score(np.array([0.0, 5.0, 15.0]), 5.0).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.asarray(nats / (nats + at), dtype=np.float64)


def _times_log(a: Floats, b: Floats) -> Floats:
    return np.where(a > 0, a * np.log(np.where(a > 0, b, 1.0)), 0.0)
