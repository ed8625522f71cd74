"""Resting: the share of the model's answer that rests on each interest of a customer, found by deleting its events together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regard.customers.profile.given import Floats, Given
from regard.evaluation.edit import asof_of, without
from regard.insight.explain import TRIFLE, scores_of


def resting(given: Given, items: NDArray[np.int64], groups: Sequence[NDArray[np.bool_]]) -> Floats | None:
    """Of what one customer's history adds to the answer, the share that is gone without each group of its events, float64 [G], 0 to 1.

    What it adds are the logits of the answer's items less those that a customer without any event would have, the mean over the
    items. Groups may have events in common and say the same, so that shares need not sum to 1.

    Args:
        given: one customer, of a shop with a model. items: int64 [K], codes of the answer's items. groups: G times bool [N].

    Returns:
        None where the history adds nothing to the answer.
    """
    ranker, log = given.shop.ranker, given.log
    assert ranker is not None
    lost = np.concatenate([np.zeros(log.events, dtype=bool), np.ones(log.events, dtype=bool), *groups])
    asked = log.take(np.zeros(2 + len(groups), dtype=np.int64))
    left = without(asked, lost)
    ask = scores_of(ranker, items[None])
    told = ask(left, asof_of(left, np.repeat(given.asof, len(left))), np.zeros(len(left), dtype=np.int64))
    says = told.mean(axis=1, dtype=np.float64)
    whole = says[0] - says[1]
    return np.clip((says[0] - says[2:]) / whole, 0.0, 1.0) if whole > TRIFLE else None


def of_interest(given: Given, features: Sequence[int]) -> list[NDArray[np.bool_]]:
    """The events on items that have each feature, G times bool [N]."""
    log = given.log
    met = np.flatnonzero(log.item >= 0)
    has = given.base.features[0][log.item[met]][:, list(features)].toarray() > 0
    marks = np.zeros((len(features), log.events), dtype=bool)
    marks[:, met] = has.T
    return list(marks)
