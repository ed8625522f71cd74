"""Lookalikes: who else is like a seed audience, by where the encoder sees them.

Two rankings are tried: a logistic regression of the seed against the others, and the cosine with the seed's mean state.
The one that better finds a part of the seed that was hidden from it is used, and how well it does is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from regard.customers.segments.card import reasons
from regard.customers.segments.people import People
from regard.customers.segments.space import unit
from regard.customers.segments.tgi import Traits, table
from regard.errors import UsageError
from regard.insight.answer import Plain

SEEDS = 10
"""Known customers that a seed has at least: with fewer nobody can say what they share."""

FOLDS = 5
"""Parts of the seed that are hidden in turn."""

OTHERS = 20_000
"""Customers of whom the regression learns what the seed is not; more change nothing."""

RIDGE = 1.0
"""Weight of the squared coefficients, over standardised states, against the sum of losses in which seed and others weigh
the same: one standard deviation of prior.
"""

PART = 0.1
"""Share of the customers at which a ranking is judged at most: among nearly all of them anything finds everybody."""

Rank = Callable[[NDArray[np.float32], NDArray[np.int64], np.random.Generator], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Alike(Plain):
    """Args: customer: id. score: higher is more alike, within one answer. reasons: what they share with the seed."""

    customer: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lookalike(Plain):
    """An expanded audience.

    Args:
        customers: most alike first, none of the seed, fewer than asked where there are no more.
        method: 'logistic' or 'cosine'.
        recall: share of hidden seed customers among the first `judged_at`, by method. by_chance: what a random order
            finds.
        judged_at: customers.
        seed: customers of the seed that were used. unknown: those that are not among the customers that may be looked
            at.
    """

    customers: tuple[Alike, ...]
    method: str
    recall: dict[str, float]
    by_chance: float
    judged_at: int
    seed: int
    unknown: int


def expand(
    people: People, seed: Sequence[str], n: int, *, traits: Traits | None = None, language: str = "en", draw: int = 0
) -> Lookalike:
    """The n customers most like a seed audience.

    Args:
        people: with states. seed: ids. n: customers wanted. traits: of the same people, for the reasons; None = made here.
        language: 'en' or 'zh', of the reasons. draw: seed of what is drawn.

    Raises:
        UsageError: there are no states, n is not positive, or too few of the seed are known.

    >>> random = np.random.default_rng(0)
    >>> states = random.normal(size=(200, 6)) + 3 * (np.arange(200) < 50)[:, None] * np.eye(6)[0]
    >>> people = People.of([f"c{n}" for n in range(200)], states=states)
    >>> found = expand(people, [f"c{n}" for n in range(30)], 10)
    >>> sum(int(like.customer[1:]) < 50 for like in found.customers) >= 8
    True
    """
    if n < 1:
        raise UsageError(f"{n} customers cannot be found", hint="-n 5000")
    if people.states.shape[1] == 0:
        raise UsageError("a lookalike audience needs a trained model", hint="regard train")
    asked = list(dict.fromkeys(seed))
    codes = people.customers.codes(asked)
    rows = np.sort(codes[codes >= 0])
    if len(rows) < SEEDS:
        raise UsageError(
            f"only {len(rows)} of the seed's {len(asked)} customers may be used, at least {SEEDS} are needed",
            hint="name more customers, or describe them by a rule: regard segments --rule",
        )
    states, random = unit(people.states), np.random.default_rng(draw)
    at = max(1, min(n, int(PART * len(people))))
    recall = {name: _recall(rank, states, rows, at, random) for name, rank in RANKS.items()}
    method = max(recall, key=lambda name: recall[name])
    score = RANKS[method](states, rows, random)
    score[rows] = -np.inf
    best = np.argsort(-score, kind="stable")[: min(n, len(people) - len(rows))]
    label = np.full(len(people), -1)
    label[rows] = 0
    traits = traits or Traits.of(people)
    said = reasons(traits, best, table(traits, label, 1)[0], language=language)
    return Lookalike(
        customers=tuple(
            Alike(customer=name, score=float(score[row]), reasons=why)
            for name, row, why in zip(people.customers.names(best), best, said, strict=True)
        ),
        method=method,
        recall=recall,
        by_chance=min(1.0, at / max(len(people) - len(rows) + len(rows) // FOLDS, 1)),
        judged_at=at,
        seed=len(rows),
        unknown=len(asked) - len(rows),
    )


def logistic(states: NDArray[np.float32], seed: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Log odds of being of the seed, float64 [N]; seed and others weigh the same. seed: int64 rows."""
    rest = np.setdiff1d(np.arange(len(states)), seed)
    rest = rest if len(rest) <= OTHERS else random.choice(rest, OTHERS, replace=False)
    points = states - states.mean(axis=0)
    points /= np.maximum(points.std(axis=0), 1e-6)
    x = np.concatenate([points[seed], points[rest]]).astype(np.float64)
    sign = np.repeat([1.0, -1.0], [len(seed), len(rest)])
    weight = np.repeat([1.0, len(seed) / max(len(rest), 1)], [len(seed), len(rest)])

    def loss(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ beta[1:] + beta[0])
        slope = -weight * sign * special.expit(-margin)
        value = weight @ np.logaddexp(0, -margin) + RIDGE / 2 * beta[1:] @ beta[1:]
        return float(value), np.append(slope.sum(), x.T @ slope + RIDGE * beta[1:])

    beta = optimize.minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B").x
    return np.asarray(points @ beta[1:] + beta[0], dtype=np.float64)


def cosine(states: NDArray[np.float32], seed: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Cosine with the seed's mean, both seen from everybody's mean, float64 [N]."""
    points = unit(states - states.mean(axis=0))
    return np.asarray(points @ points[seed].mean(axis=0), dtype=np.float64)


RANKS: dict[str, Rank] = {"cosine": cosine, "logistic": logistic}
"""The simpler first: it is used where both do the same."""


def _recall(
    rank: Rank, states: NDArray[np.float32], seed: NDArray[np.int64], at: int, random: np.random.Generator
) -> float:
    """Share of hidden seed customers found among the first `at`, the seed that was shown left out; the mean over folds."""
    fold = np.random.default_rng(0).permutation(len(seed)) % FOLDS
    found = []
    for part in range(FOLDS):
        hidden, shown = seed[fold == part], seed[fold != part]
        score = rank(states, shown, random)
        score[shown] = -np.inf
        edge = np.partition(score, len(score) - at)[len(score) - at]
        found.append(float((score[hidden] >= edge).mean()))
    return float(np.mean(found))
