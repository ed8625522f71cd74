"""Lessons: what is asked and answered, and what weighs how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from regard.model.network import to_tensors
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.training.data import HORIZON_DAYS, Data
from regard.training.setup import set_up

ViewOf = Callable[..., View]


def answers_of(lesson: Any) -> list[list[int]]:
    """Items that answer each question of a lesson."""
    told: list[list[int]] = [[] for _ in range(len(lesson.answers.weight))]
    for row, item in zip(lesson.answers.row.tolist(), lesson.answers.item.tolist(), strict=True):
        told[row].append(item)
    return told


@pytest.mark.parametrize("clock", ["clock", "order", "none"])
def test_what_was_seen_is_no_answer_where_it_is_no_candidate(view_of: ViewOf, clock: str) -> None:
    setup = set_up(view_of(clock=clock), mask="seen")
    loop = setup.loop(0)
    dropped = 0
    for lesson in setup.data.epoch(np.random.default_rng(1)):
        read = loop.network(to_tensors(lesson.batch) | {"own_popular": loop.counts.own(lesson.batch)})
        barred = [set(items[own == -torch.inf].tolist()) for items, own in zip(read.own_item, read.own, strict=True)]
        for items, gone in zip(answers_of(lesson), barred, strict=True):
            assert not set(items) & gone
        dropped += sum(not items for items in answers_of(lesson))
    plain = set_up(setup.view).data
    assert dropped > sum(not items for each in plain.epoch(np.random.default_rng(1)) for items in answers_of(each))


def test_shares_of_an_answered_question_sum_to_one_and_others_weigh_nothing(view_of: ViewOf) -> None:
    for mask in (None, "seen"):
        data = set_up(view_of(), mask=mask).data
        for lesson in data.epoch(np.random.default_rng(0)):
            share = torch.zeros(len(lesson.answers.weight)).index_add(0, lesson.answers.row, lesson.answers.share)
            assert torch.allclose(share[lesson.answers.weight > 0], torch.ones(()))
            assert (lesson.answers.weight[share == 0] == 0).all()


def test_horizons_tell_what_came_true_before_the_cut(view_of: ViewOf) -> None:
    view = view_of()
    data, log = set_up(view).data, view.log
    assert view.cut is not None
    labels = []
    for lesson in data.epoch(np.random.default_rng(2)):
        assert lesson.horizons is not None
        rows, place = np.nonzero(lesson.batch.asked)
        moment, customer = lesson.batch.moment[rows, place], lesson.batch.customer[rows]
        for n in np.flatnonzero(lesson.horizons.weight.numpy() > 0):
            days, start = float(lesson.horizons.days[n]), int(moment[n])
            assert HORIZON_DAYS[0] <= days <= HORIZON_DAYS[1] and start + days * DAY <= view.cut + 1
            own = view.targets & (log.owner == customer[n]) & (log.time >= start) & (log.time <= start + days * DAY)
            assert bool(lesson.horizons.wanted[n]) == own.any()
            labels.append(bool(own.any()))
    assert 0.02 < np.mean(labels) < 0.98


def test_the_other_behaviours_weigh_together_as_much_as_the_plan_says(
    view_of: ViewOf, draw_log: Callable[..., Log]
) -> None:
    log = draw_log(customers=150, visits=10)
    view = view_until(log, int(log.time.max()) + DAY, target=("purchase",))
    data: Data = set_up(view).data
    main = data.weight[data.questions.main].sum()
    assert data.weight[data.side].sum() * data.sides / len(data.side) == pytest.approx(
        data.plan.side_share * main, rel=1e-3
    )


def test_a_batch_of_which_nothing_is_asked_moves_nothing(view_of: ViewOf) -> None:
    setup = set_up(view_of())
    setup.data.weight[:], setup.data.gap[:] = 0, 0
    loop = setup.loop(0)
    bias = loop.network.bias.detach().clone()
    tally = loop.run(2)
    assert tally.loss == 0 and tally.steps == 2 and torch.equal(loop.network.bias, bias)
