"""Robustness: does the ranking survive histories that are a little wrong, as real ones are?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regard.evaluation import edit
from regard.evaluation.intervals import Estimate, estimates
from regard.evaluation.measure import measure
from regard.evaluation.scorer import Scorer
from regard.sequences.view import Split


@dataclass(frozen=True, kw_only=True)
class Disturbed:
    """How the metrics stand after one kind of damage.

    Args:
        change: 'dropped' or 'shuffled'. share: part of the events (dropped) or baskets (shuffled) concerned.
        model: metric -> estimate. difference: metric -> damaged minus undamaged, paired.
    """

    change: str
    share: float
    model: dict[str, Estimate]
    difference: dict[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """change, share, model {metric: ...}, difference {metric: ...}."""
        return {
            "change": self.change,
            "share": self.share,
            "model": {name: value.to_json() for name, value in self.model.items()},
            "difference": {name: value.to_json() for name, value in self.difference.items()},
        }


def robustness(
    split: Split, scorer: Scorer, *, k: int = 10, share: float = 0.1, mask: str | None = None, seed: int = 0
) -> tuple[Disturbed, ...]:
    """The same metrics after a share of the histories' events is lost, and after a share of the baskets is displaced.

    Args:
        split: the questions. scorer: fitted on split.view. k: length of the list. share: 0 to 1. mask: as in `measure`.
        seed: of the damage and of the bootstrap.
    """
    changes: dict[str, edit.Change] = {
        "dropped": lambda log: edit.drop(log, share=share, seed=seed),
        "shuffled": lambda log: edit.shuffle(log, share=share, seed=seed),
    }
    whole = measure(split, scorer, k=k, mask=mask).metrics
    found = []
    for name, change in changes.items():
        hurt = measure(edit.edit_queries(split, change), scorer, k=k, mask=mask).metrics
        columns = [*hurt.values(), *(hurt[metric] - whole[metric] for metric in hurt)]
        numbers = estimates(np.stack(columns, axis=1), seed=seed)
        found.append(
            Disturbed(
                change=name,
                share=share,
                model=dict(zip(hurt, numbers, strict=False)),
                difference=dict(zip(hurt, numbers[len(hurt) :], strict=True)),
            )
        )
    return tuple(found)
