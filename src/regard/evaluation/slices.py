"""Error analysis: the same metrics by kind of customer and kind of item, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.intervals import Estimate, estimates
from regard.evaluation.measure import Measured, ranking_metrics
from regard.sequences.log import DAY
from regard.sequences.ragged import Ragged
from regard.sequences.view import Split

ENOUGH = 50
"""Customers below which a slice is not shown: its interval would be wider than anything it could tell."""

_LENGTHS = (1, 2, 5, 10, 20, 50, 100)
"""First history length of each slice, events."""

_AGES = (0, 30, 90, 365)
"""First age of each slice, days since the item's first event."""

_TITLES = {
    "history_length": ("history, events", "历史事件数"),
    "item_age": ("item age, days", "商品上架天数"),
    "item_popularity": ("item popularity, events so far", "商品热度（此前事件数）"),
    "last_behaviour": ("last behaviour", "最近行为"),
}
_UNSEEN = "never_seen"
_UNSEEN_WORDS = ("never seen before", "此前从未出现")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice. Item slices count only the wanted items that belong to them.

    Args:
        by: 'history_length', 'item_age', 'item_popularity' or 'last_behaviour'. label: which part of it.
        n: customers in it. model: metric -> estimate.
        difference: metric -> model minus the best baseline, paired; empty where there is no baseline.
    """

    by: str
    label: str
    n: int
    model: dict[str, Estimate]
    difference: dict[str, Estimate]

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """by, title, label, n, model {metric: ...}, difference {metric: ...}."""
        column = 1 if language == "zh" else 0
        return {
            "by": self.by,
            "title": _TITLES[self.by][column],
            "label": _UNSEEN_WORDS[column] if self.label == _UNSEEN else self.label,
            "n": self.n,
            "model": {name: value.to_json() for name, value in self.model.items()},
            "difference": {name: value.to_json() for name, value in self.difference.items()},
        }


def slice_up(
    split: Split, model: Measured, best: Measured | None, *, enough: int = ENOUGH, seed: int = 0
) -> tuple[Slice, ...]:
    """Slices with enough customers, the one with the lowest headline metric first.

    Args:
        split: the questions. model: how it did (its first seed). best: how the best baseline did.
        enough: fewest customers of a slice.
        seed: of the bootstrap.
    """
    owner = np.repeat(np.arange(len(split)), split.targets.lengths)
    found = []
    for by, label, inside in _parts(split):
        customers = np.unique(owner[inside])
        if len(customers) < max(enough, 1):
            continue
        ours = _metrics_within(model.places, owner, inside, len(split), model.k)
        theirs = None if best is None else _metrics_within(best.places, owner, inside, len(split), model.k)
        values = [*ours.values()] + ([ours[name] - theirs[name] for name in ours] if theirs else [])
        numbers = estimates(np.stack(values, axis=1)[customers], seed=seed)
        found.append(
            Slice(
                by=by,
                label=label,
                n=len(customers),
                model=dict(zip(ours, numbers, strict=False)),
                difference=dict(zip(ours, numbers[len(ours) :], strict=True)) if theirs else {},
            )
        )
    headline = f"ndcg_at_{model.k}"
    return tuple(sorted(found, key=lambda one: one.model[headline].mean))


def _metrics_within(
    places: Ragged, owner: NDArray[np.int64], inside: NDArray[np.bool_], customers: int, k: int
) -> dict[str, NDArray[np.float64]]:
    return ranking_metrics(Ragged.from_groups(owner[inside], places.values[inside], customers), k)


def _parts(split: Split) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """(by, label, bool over all targets) for every slice."""
    log, queries = split.view.log, split.queries
    owner = np.repeat(np.arange(len(split)), split.targets.lengths)
    item = split.targets.values
    known = item >= 0
    for label, rows in _bands(queries.lengths, _LENGTHS):
        yield "history_length", label, rows[owner]
    last = np.full(len(split), -1, dtype=np.int64)
    some = queries.lengths > 0
    last[some] = queries.behaviour[queries.offsets[1:][some] - 1]
    for code in np.unique(last[some]):
        yield "last_behaviour", queries.behaviours[code], (last == code)[owner]
    if log.clock == "clock":
        born = np.full(len(log.items) + 1, np.iinfo(np.int64).max)
        np.minimum.at(born, log.item, log.time)
        age = (split.asof[owner] - born[item]) // DAY
        for label, rows in _bands(age, _AGES):
            yield "item_age", label, rows & known
        yield "item_age", _UNSEEN, ~known
    count = np.append(np.bincount(log.item[split.view.targets], minlength=len(log.items)), 0)[item]
    edges = np.quantile(count[known], [1 / 3, 2 / 3]).astype(np.int64) if known.any() else np.zeros(2, np.int64)
    for label, rows in _bands(count, tuple(np.unique([0, *(edges + 1)]))):
        yield "item_popularity", label, rows & known


def _bands(values: NDArray[np.int64], starts: tuple[int, ...]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """('5-9', values >= 5 and < 10) for each start; the last band is open: '100+'."""
    for start, end in zip(starts, (*starts[1:], None), strict=True):
        label = f"{start}+" if end is None else str(start) if end == start + 1 else f"{start}-{end - 1}"
        yield label, (values >= start) & (values < end if end is not None else True)
