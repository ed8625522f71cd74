"""Training data: the questions of a view as an endless, seeded stream of batches with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.model.loss import Answers
from regard.model.settings import Settings
from regard.sequences.batches import Batch, Windows, assemble, buckets, windows
from regard.sequences.log import DAY
from regard.sequences.questions import PATIENCE, Questions, ask
from regard.sequences.ragged import Ragged
from regard.sequences.view import View
from regard.training.sizing import Plan

HORIZON_DAYS = (1.0, 90.0)
"""Shortest and longest horizon drawn in training; the longest also fits three times into the log."""

LEAST_GAP = 1 / 24
"""Days that the gap before a target basket counts at least. A question weighs as much as the gap in which it may be asked: as if all
customers were asked on one random day, so that whoever buys daily does not outvote those who buy monthly."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Horizons:
    """What happened within a drawn horizon after each of a batch's questions.

    Args:
        days: [N] the horizon. wanted: [N] 1 where something of a target behaviour was wanted within it. weight: [N] 0 = not known.
    """

    days: Tensor
    wanted: Tensor
    weight: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """One training step's input: the batch, its answers and the horizons."""

    batch: Batch
    answers: Answers
    horizons: Horizons | None


class Data:
    """The lessons of a view.

    Args:
        view: what may be seen. settings, plan: by `training.sizing`.
        alike: whether every question counts the same, as it does where each customer is asked once, at the end of the history; else
            a question counts by its gap (see LEAST_GAP).
        hidden: bool, customers of whom later wishes are held back, so that nobody knows by when they wanted something; None = nobody.
    """

    def __init__(
        self,
        view: View,
        settings: Settings,
        plan: Plan,
        *,
        alike: bool = False,
        hidden: NDArray[np.bool_] | None = None,
    ) -> None:
        self.view, self.plan, self.alike = view, plan, alike
        self.offset = utc_offset(view)
        self.length, self.repeats = settings.length, settings.pointer_heads > 0
        questions: Questions = ask(view)
        self.questions = questions
        names = view.log.behaviours
        self.behaviour = next((names.index(name) for name in view.target if name in names), 0)
        gap = (questions.until - questions.after) / DAY
        told = questions.main if hidden is None else questions.main & ~hidden[questions.customer]
        self.gap = np.where(told, gap, 0).astype(np.float32)
        asked = questions.answers.lengths > 0
        self.side = np.flatnonzero(asked & ~questions.main)
        self.sides = min(len(self.side), int((asked & questions.main).sum()))
        weight = np.where(asked & questions.main, np.clip(gap, LEAST_GAP, PATIENCE) / PATIENCE, 0.0)
        if alike or view.log.clock != "clock":
            weight = (asked & questions.main).astype(np.float64)
        weight[self.side] = plan.side_share * weight.sum() / max(1, self.sides)
        self.weight = weight.astype(np.float32)
        if not self.repeats:
            self.met = np.unique(view.log.owner * (len(view.log.items) + 1) + view.log.item, return_index=True)
        first = self._draw(np.random.default_rng(0))[0]
        self.tokens = int((first.length + first.questions.lengths).sum())
        self.steps_per_epoch = max(1, sum(1 for _ in self._batches(first, np.random.default_rng(0))))

    def epoch(self, rng: np.random.Generator) -> Iterator[Lesson]:
        """Every main question once, at a freshly drawn moment, and about as many of the others."""
        rows, moment, place = self._draw(rng)
        answers = self.questions.answers if self.repeats else self._unseen(place)
        for chosen in self._batches(rows, rng):
            yield self._lesson(rows.take(chosen), moment, answers, rng)

    def _draw(self, rng: np.random.Generator) -> tuple[Windows, NDArray[np.int64], NDArray[np.int64]]:
        """The windows of an epoch, and when each question of the view is asked: the moment, and how many events lie before it."""
        moment, place = self.questions.moments(self.view.log, rng)
        kept = self.questions.main.copy()
        kept[rng.choice(self.side, self.sides, replace=False)] = True
        number = np.flatnonzero(kept & (place > 0))
        number = number[np.lexsort((place[number], self.questions.customer[number]))]
        rows = windows(self.questions.customer[number], place[number], length=self.length).renumbered(number)
        return rows, moment, place

    def _batches(self, rows: Windows, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        return buckets(rows.length + rows.questions.lengths, tokens=self.plan.tokens, rng=rng)

    def _lesson(self, chosen: Windows, moment: NDArray[np.int64], answers: Ragged, rng: np.random.Generator) -> Lesson:
        """The lesson of these windows; `moment` int64 and `answers` are of all questions."""
        questions = self.questions
        batch = assemble(self.view.log, chosen, moment=moment, behaviour=questions.behaviour, offset=self.offset)
        number = chosen.questions.values
        answers = answers.take(number)
        row = np.repeat(np.arange(len(number)), answers.lengths)
        return Lesson(
            batch=batch,
            answers=Answers(
                row=torch.from_numpy(row),
                item=torch.from_numpy(answers.values.astype(np.int64)),
                share=torch.from_numpy((1.0 / answers.lengths[row]).astype(np.float32)),
                weight=torch.from_numpy(self.weight[number] * (answers.lengths > 0)),
            ),
            horizons=self._horizons(number, moment[number], rng),
        )

    def _unseen(self, place: NDArray[np.int64]) -> Ragged:
        """Every question's answers without what the customer had met among the first `place` events, where that is no candidate."""
        log, questions, (met, first) = self.view.log, self.questions, self.met
        answers = questions.answers
        row = np.repeat(np.arange(len(answers)), answers.lengths)
        customer = questions.customer[row]
        known = first[np.searchsorted(met, customer * (len(log.items) + 1) + answers.values)] - log.offsets[customer]
        kept = known >= place[row]
        return Ragged.from_groups(row[kept], answers.values[kept], len(answers))

    def _horizons(
        self, number: NDArray[np.int64], moment: NDArray[np.int64], rng: np.random.Generator
    ) -> Horizons | None:
        """Draw, per question, a horizon that ends inside the view; weight it by its gap, as if moments were drawn evenly over time."""
        view = self.view
        if view.cut is None or view.log.clock != "clock":
            return None
        low, high = HORIZON_DAYS
        span = (view.cut - int(view.log.time.min())) / DAY
        longest = np.minimum((view.cut - moment) / DAY, min(high, max(low, span / 3)))
        days = low * (np.maximum(longest, low) / low) ** rng.random(len(number))
        wanted = self.questions.next_wanted[number] <= moment + days * DAY
        weight = np.where(longest >= low, self.gap[number], 0.0)
        make = torch.from_numpy
        return Horizons(
            days=make(days.astype(np.float32)),
            wanted=make(wanted.astype(np.float32)),
            weight=make(weight.astype(np.float32)),
        )


def utc_offset(view: View) -> int:
    """Seconds between UTC and the shop's zone at the end of the view; an hour off in the other half of a year with summer time."""
    log = view.log
    if log.clock != "clock" or log.events == 0:
        return 0
    offset = datetime.fromtimestamp(int(log.time.max()), ZoneInfo(log.time_zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
