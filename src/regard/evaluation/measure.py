"""Score a split's customers in blocks and keep what metrics need, never the table of all customers and items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ModelError
from regard.evaluation.candidates import blocked
from regard.evaluation.scorer import Scorer
from regard.metrics import ranking
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Split

CELLS = 8_000_000
"""Scores held at once (customers x items): 32 MB of float32, and a few times that while ranking."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """How one scorer did, customer by customer.

    Args:
        name: the scorer's. k: length of the list.
        metrics: name -> float64 [Q], NaN where a customer has no value; means come later, with intervals.
        places: Q rows of target ranks. top: int64 [Q, k] what was shown, -1 for empty places.
    """

    name: str
    k: int
    metrics: dict[str, NDArray[np.float64]]
    places: Ragged
    top: NDArray[np.int64]


def measure(split: Split, scorer: Scorer, *, k: int = 10, mask: str | None = None) -> Measured:
    """Rank every customer's targets under one scorer.

    Args:
        split: the questions and answers. scorer: fitted on split.view. k: length of the list.
        mask: 'none', 'target' or 'seen'; None = the split's own.

    Raises:
        ModelError: the scorer's table has another shape than customers x items.
    """
    places, top = [np.empty(0, np.int64)], [np.empty((0, k), np.int64)]
    for rows, scores in score_blocks(scorer, split.queries, split.asof, len(split.view.log.items)):
        free = _candidates(split, rows, scores, mask)
        places.append(ranking.ranks(free, split.targets.take(rows)).values)
        top.append(ranking.top_k(free, k))
    ranks, shown = Ragged(split.targets.offsets, np.concatenate(places)), np.concatenate(top)
    popularity = np.bincount(split.view.log.item[split.view.targets], minlength=len(split.view.log.items))
    metrics = ranking_metrics(ranks, k)
    metrics[f"novelty_at_{k}"] = ranking.novelty(shown, popularity.astype(np.float64))
    return Measured(name=scorer.name, k=k, metrics=metrics, places=ranks, top=shown)


def mean_ndcg(split: Split, scorer: Scorer, *, k: int = 10) -> float:
    """The headline alone, quicker than `measure`: what settings are chosen by."""
    gains = [
        ranking.ndcg(ranking.ranks(_candidates(split, rows, scores), split.targets.take(rows)), k)
        for rows, scores in score_blocks(scorer, split.queries, split.asof, len(split.view.log.items))
    ]
    return float(np.concatenate(gains).mean())


def _candidates(
    split: Split, rows: NDArray[np.int64], scores: NDArray[np.float32], mask: str | None = None
) -> NDArray[np.floating[Any]]:
    barred = blocked(split.queries.take(rows), split.view.target, mask or split.mask)
    return ranking.masked(scores, catalogue=split.view.log.merchandise, blocked=barred)


def ranking_metrics(places: Ragged, k: int) -> dict[str, NDArray[np.float64]]:
    """Every metric that needs ranks only, per customer, the headline first."""
    return {
        f"ndcg_at_{k}": ranking.ndcg(places, k),
        f"hr_at_{k}": ranking.hit_rate(places, k),
        f"recall_at_{k}": ranking.recall(places, k),
        f"mrr_at_{k}": ranking.reciprocal_rank(places, k),
        f"map_at_{k}": ranking.mean_average_precision(places, k),
    }


def score_blocks(
    scorer: Scorer, queries: Log, asof: NDArray[np.int64], items: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """(int64 [b] customers, float32 [b, V] their scores) until all are done.

    Args:
        scorer: what scores. queries: histories of Q customers. asof: int64 [Q]. items: V.

    Raises:
        ModelError: the scorer's table has another shape than customers x items.
    """
    size = max(1, CELLS // max(items, 1))
    for start in range(0, len(asof), size):
        rows = np.arange(start, min(start + size, len(asof)))
        scores = scorer.score(queries.take(rows), asof[rows])
        if scores.shape != (len(rows), items):
            raise ModelError(
                f"'{scorer.name}' gave scores of shape {scores.shape} for {len(rows)} customers and {items} items",
                hint="fit it on the view of the same split",
            )
        yield rows, scores


def part(split: Split, rows: NDArray[np.int64]) -> Split:
    """The split with only these of its customers."""
    queries, targets = split.queries.take(rows), split.targets.take(rows)
    return replace(split, queries=queries, asof=split.asof[rows], targets=targets)


def sample(split: Split, customers: int, *, seed: int | None = None) -> Split:
    """At most so many customers, the same ones every time: drawn at random with a seed, else spread evenly over the split."""
    if len(split) <= customers:
        return split
    if seed is not None:
        return part(split, np.sort(np.random.default_rng(seed).permutation(len(split))[:customers]))
    return part(split, np.linspace(0, len(split) - 1, customers).astype(np.int64))
