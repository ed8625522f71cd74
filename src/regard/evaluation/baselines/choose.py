"""Which baselines there are, and how each picks its few weights: on the validation cut, as the model does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from regard.evaluation.baselines.covisit import LastItem
from regard.evaluation.baselines.ease import MOST_ITEMS, Ease
from regard.evaluation.baselines.nearest import NearestCustomers
from regard.evaluation.baselines.own import OwnDecayed, OwnFrequency
from regard.evaluation.baselines.popularity import Popularity
from regard.evaluation.baselines.recent import RecentPopularity
from regard.evaluation.baselines.sequential import SequentialNeighbours
from regard.evaluation.measure import mean_ndcg, sample
from regard.evaluation.scorer import Method, Scorer
from regard.progress import Progress, Silent
from regard.sequences.view import Split, View

JUDGES = 2_000
"""Most validation customers that judge a choice: the weights are few, and more would only cost time."""


class Baseline(Method, Protocol):
    """A Method with a few weights to choose."""

    def grid(self, view: View) -> tuple[Baseline, ...]:
        """The settings worth trying on a view like this one."""
        ...


def standard(view: View) -> tuple[Baseline, ...]:
    """The baselines that stand beside every figure; EASE where the catalogue allows it."""
    always: tuple[Baseline, ...] = (
        Popularity(),
        RecentPopularity(),
        OwnFrequency(),
        OwnDecayed(),
        LastItem(),
        SequentialNeighbours(),
        NearestCustomers(),
    )
    return (*always, Ease()) if len(view.log.items) <= MOST_ITEMS else always


def choose(baseline: Baseline, validation: Split, *, k: int = 10) -> Baseline:
    """The setting with the best NDCG@k on the validation split, fitted on that split's view; the first of equals.

    Args:
        baseline: the method whose grid is tried. validation: an earlier split of the same log. k: length of the list.
    """
    settings = baseline.grid(validation.view)
    if len(settings) == 1 or len(validation) == 0:
        return settings[0] if len(settings) == 1 else baseline
    few = sample(validation, JUDGES)
    found = [mean_ndcg(few, setting.fit(few.view), k=k) for setting in settings]
    return settings[int(np.argmax(found))]


def fit_all(
    baselines: Sequence[Baseline],
    view: View,
    validation: Split | None = None,
    *,
    k: int = 10,
    progress: Progress | None = None,
) -> tuple[Scorer, ...]:
    """Choose each baseline's weights on the validation split where there is one, then fit it on the whole view."""
    progress = progress or Silent()
    progress.start("baselines", total=len(baselines))
    fitted: list[Scorer] = []
    for baseline in baselines:
        chosen = baseline if validation is None else choose(baseline, validation, k=k)
        fitted.append(chosen.fit(view))
        progress.advance(note=baseline.name)
    progress.finish()
    return tuple(fitted)
