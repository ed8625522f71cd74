"""Faithfulness: do the events that an explanation names really carry the answer? Delete them and see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.edit import asof_of, without
from regard.evaluation.intervals import Estimate, estimates
from regard.evaluation.measure import score_blocks
from regard.evaluation.scorer import Scorer
from regard.metrics import ranking
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

STEPS = 5
"""Events deleted, one after the other."""

FEWEST = 10
"""Events below which a customer is left out: deleting five of a handful leaves nothing to compare."""

NAMED = 3
"""Named events that are compared with the latest ones, to see where an explanation says more than 'the latest'."""


Answering = Callable[[Log, NDArray[np.int64]], NDArray[Any]]
"""(histories of Q customers, int64 [Q] seconds) -> float [Q], the answer that was explained, as log-odds or a logarithm."""


class Explainer(Protocol):
    """Names the events that speak most for an item."""

    def explain(self, queries: Log, asof: NDArray[np.int64], item: NDArray[np.int64]) -> Ragged:
        """Q rows of places in the customer's history (0 = oldest event), the most important first, at least STEPS each.

        Args:
            queries: histories of Q customers. asof: int64 [Q] seconds. item: int64 [Q] code of the item to explain.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What deleting in one order did.

    Args:
        order: 'explained', 'recency' or 'random'.
        drop: estimates of the mean drop of the answer after 1..STEPS deletions.
        area: under that curve, per deletion (the mean over the steps).
    """

    order: str
    drop: tuple[Estimate, ...]
    area: Estimate


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """Deletion curves over one group of customers.

    Args:
        group: 'all' or 'not_latest' (the first three named events are not the latest three).
        curves: explained, recency, random.
        difference: 'recency' and 'random' -> area of the explained order minus theirs, paired over customers.
        n: customers.
    """

    group: str
    curves: tuple[Curve, ...]
    difference: dict[str, Estimate]
    n: int

    def to_json(self) -> dict[str, Any]:
        """group, n, curves {order: {drop [...], area}}, difference {order: ...}."""
        return {
            "group": self.group,
            "n": self.n,
            "curves": {
                curve.order: {"drop": [step.to_json() for step in curve.drop], "area": curve.area.to_json()}
                for curve in self.curves
            },
            "difference": {name: value.to_json() for name, value in self.difference.items()},
        }


def faithfulness(
    queries: Log,
    asof: NDArray[np.int64],
    scorer: Scorer,
    explainer: Explainer,
    *,
    item: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[Faithfulness, Faithfulness]:
    """Delete events in the named order, latest first and at random, and compare what the item's logit loses.

    A deletion scores the same customer again from a log without the event; the shop's counts and parameters stay fixed.

    Args:
        queries: histories of Q customers; those with under FEWEST events are left out. asof: int64 [Q] seconds.
        scorer: gives logits. explainer: names events.
        item: int64 [Q] codes to explain; None = everyone's best-scored merchandise.
        seed: of the random order and of the bootstrap.

    Returns:
        Over all customers, and over those whose first three named events are not the latest three.
    """
    rows = np.flatnonzero(queries.lengths >= FEWEST)
    item = _best(queries.take(rows), asof[rows], scorer) if item is None else item[rows]
    queries, asof = queries.take(rows), asof[rows]

    def ask(histories: Log, moments: NDArray[np.int64]) -> NDArray[np.float64]:
        return _logits(histories, moments, scorer, item)

    return deletion_curves(queries, asof, ask, explainer.explain(queries, asof, item), seed=seed)


def deletion_curves(
    queries: Log, asof: NDArray[np.int64], ask: Answering, named: Ragged, *, seed: int = 0
) -> tuple[Faithfulness, Faithfulness]:
    """Delete events in a named order, latest first and at random, and compare what any answer loses.

    Args:
        queries: histories of Q customers of at least FEWEST events. asof: int64 [Q] seconds. ask: gives the answer.
        named: Q rows of places in each history (0 = oldest event), the most important first, at least STEPS each.
        seed: of the random order and of the bootstrap.

    Returns:
        Over all customers, and over those whose first three named events are not the latest three.
    """
    length = queries.lengths
    latest = Ragged.of([np.arange(count - 1, count - 1 - STEPS, -1) for count in length])
    random = np.random.default_rng(seed)
    mixed = Ragged.of([random.choice(count, STEPS, replace=False) for count in length])
    base = np.asarray(ask(queries, asof), dtype=np.float64)
    drops = {
        name: base[:, None] - _deleted(queries, asof, ask, order)
        for name, order in (("explained", named), ("recency", latest), ("random", mixed))
    }
    says_more = np.array(
        [set(ours[:NAMED].tolist()) != set(last[:NAMED].tolist()) for ours, last in zip(named, latest, strict=True)],
        bool,
    )
    everyone = np.ones(len(queries), dtype=bool)
    return _group("all", drops, everyone, seed), _group("not_latest", drops, says_more, seed)


def _best(queries: Log, asof: NDArray[np.int64], scorer: Scorer) -> NDArray[np.int64]:
    best = [np.empty(0, np.int64)]
    for _, scores in score_blocks(scorer, queries, asof, len(queries.items)):
        best.append(ranking.top_k(ranking.masked(scores, catalogue=queries.merchandise), 1)[:, 0])
    return np.concatenate(best)


def _logits(queries: Log, asof: NDArray[np.int64], scorer: Scorer, item: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [Q], the logit of each customer's item."""
    found = np.empty(len(queries))
    for rows, scores in score_blocks(scorer, queries, asof, len(queries.items)):
        found[rows] = scores[np.arange(len(rows)), item[rows]]
    return found


def _deleted(queries: Log, asof: NDArray[np.int64], ask: Answering, order: Ragged) -> NDArray[np.float64]:
    """float64 [Q, STEPS], the answer after the first 1, 2, ... events of `order` are gone."""
    found = np.empty((len(queries), STEPS))
    gone = np.zeros(queries.events, dtype=bool)
    for step in range(STEPS):
        some = np.flatnonzero(order.lengths > step)
        gone[queries.offsets[:-1][some] + order.values[order.offsets[:-1][some] + step]] = True
        left = without(queries, gone)
        found[:, step] = ask(left, asof_of(left, asof))
    return found


def _group(name: str, drops: dict[str, NDArray[np.float64]], inside: NDArray[np.bool_], seed: int) -> Faithfulness:
    areas = {order: drop.mean(axis=1) for order, drop in drops.items()}
    columns = [drop[:, step] for drop in drops.values() for step in range(STEPS)]
    columns += list(areas.values()) + [areas["explained"] - areas[order] for order in ("recency", "random")]
    numbers = estimates(np.stack(columns, axis=1)[inside], seed=seed)
    curves = tuple(
        Curve(
            order=order,
            drop=tuple(numbers[at * STEPS : (at + 1) * STEPS]),
            area=numbers[len(drops) * STEPS + at],
        )
        for at, order in enumerate(drops)
    )
    difference = dict(zip(("recency", "random"), numbers[-2:], strict=True))
    return Faithfulness(group=name, curves=curves, difference=difference, n=int(inside.sum()))
