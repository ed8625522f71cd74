"""Integrated gradients: the ends of the way are the model's own answers, and what events add sums up to their difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from regard.model.gradients import Gated, Way, steps
from regard.model.runtime import Runtime, load
from regard.sequences.log import DAY, Log


def long_enough(trained: Any) -> tuple[Runtime, Log, np.ndarray]:
    runtime, log = load(trained.folder), trained.view.log
    queries = log.take(np.argsort(-log.lengths)[:6])
    end = 1_700_000_000 + 400 * DAY if queries.clock == "clock" else 1_000
    return runtime, queries, end + np.arange(6) * (DAY if queries.clock == "clock" else 1)


def test_the_ends_of_the_way_are_what_the_runtime_says(trained: Any) -> None:
    runtime, queries, asof = long_enough(trained)
    way, scores, states = Way(runtime.parts), runtime.score(queries, asof), runtime.states(queries, asof)
    chances = runtime.propensity(queries, asof, np.array([7.0]))[:, 0]
    sights = [way.sight(runtime.batch(queries.take(np.array([row])), asof[[row]])) for row in range(6)]
    for own, other in ((0, 1), (1, 4), (5, 2)):
        for item in np.flatnonzero(np.isfinite(scores[0])):
            told = way.ends(sights[own], sights[other], way.score_of(int(item)))
            np.testing.assert_allclose(told, scores[[other, own], item], rtol=1e-3, atol=1e-3)
        told = way.ends(sights[own], sights[other], lambda state, *_: state[:, 3])
        np.testing.assert_allclose(told, states[[other, own], 3], rtol=1e-4, atol=1e-4)
        told = way.ends(sights[own], sights[other], way.wanted_within(7.0))
        np.testing.assert_allclose(1 / (1 + np.exp(-np.array(told))), chances[[other, own]], rtol=1e-3, atol=1e-4)


def test_what_events_add_sums_up_to_the_difference(trained: Any) -> None:
    """The axiom of completeness (Sundararajan et al., 2017)."""
    runtime, queries, asof = long_enough(trained)
    way = Way(runtime.parts)
    sights = [way.sight(runtime.batch(queries.take(np.array([row])), asof[[row]])) for row in range(3)]
    for item in range(0, len(runtime.view_items), 5):
        answer = way.score_of(item)
        others = [sights[1], sights[2]]
        added = np.mean([way.attributions(sights[0], other, answer, points=48) for other in others], axis=0)
        low, high = np.mean([way.ends(sights[0], other, answer) for other in others], axis=0)
        assert added.shape == (int(queries.lengths[0]),)
        assert added.sum() == pytest.approx(high - low, abs=0.02 * max(1.0, abs(high - low)))


def test_a_way_from_a_history_to_itself_adds_nothing(trained: Any) -> None:
    runtime, queries, asof = long_enough(trained)
    way = Way(runtime.parts)
    same = way.sight(runtime.batch(queries.take(np.array([0])), asof[[0]]))
    low, high = way.ends(same, same, way.score_of(0))
    assert low == pytest.approx(high, abs=1e-4)
    assert way.attributions(same, same, way.score_of(0), points=24).sum() == pytest.approx(0, abs=0.02)


def test_the_points_of_a_way_integrate_what_is_smooth() -> None:
    where, share = steps(12)
    assert bool((where[1:] > where[:-1]).all()) and 0 < float(where[0]) < 0.01
    for power in range(6):
        assert float((share * where**power).sum()) == pytest.approx(1 / (power + 1), rel=1e-5)


def test_events_that_are_not_there_are_not_read(trained: Any) -> None:
    runtime, queries, asof = long_enough(trained)
    way = Way(runtime.parts)
    sights = [way.sight(runtime.batch(queries.take(np.array([row])), asof[[row]])) for row in range(3)]
    shut = [torch.zeros(1, sight.token.shape[0]) for sight in sights]
    alone = way.state(Gated(sight=sights[0], gate=1 - shut[0]), Gated(sight=sights[1], gate=shut[1]))
    again = way.state(Gated(sight=sights[0], gate=1 - shut[0]), Gated(sight=sights[2], gate=shut[2]))
    assert torch.allclose(alone, again, atol=1e-6)
