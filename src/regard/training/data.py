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
from regard.sequences.batches import Batch, assemble, buckets, windows
from regard.sequences.counts import Neighbours
from regard.sequences.log import DAY
from regard.sequences.questions import Questions, ask
from regard.sequences.view import View
from regard.training.sizing import Plan

HORIZON_DAYS = (1.0, 90.0)
"""Shortest and longest horizon drawn in training; the longest also fits three times into the log."""

PATIENCE = 30.0
"""Days before an answer in which its question may be asked. A question weighs as much as its gap, up to this: as if all customers were
asked on one random day, so that whoever buys daily does not outvote those who buy monthly."""

LEAST_GAP = 1 / 24
"""Days a gap counts at least."""


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
    """One training step's input: the batch, the neighbour edition each question may read, the answers and the horizons."""

    batch: Batch
    edition: NDArray[np.int64]
    answers: Answers
    horizons: Horizons | None


class Data:
    """The lessons of a view.

    Args:
        view: what may be seen. settings, plan: by `training.sizing`. neighbours: of the same view.
    """

    def __init__(self, view: View, settings: Settings, plan: Plan, neighbours: Neighbours) -> None:
        self.view, self.plan, self.neighbours = view, plan, neighbours
        self.offset = utc_offset(view)
        questions = ask(view)
        self.questions: Questions = questions
        self.windows = windows(questions.customer, questions.place, length=settings.length)
        self.size = self.windows.length + self.windows.questions.lengths
        log = view.log
        wanted = np.array([name in view.target for name in log.behaviours], dtype=bool)
        asked = questions.answers.lengths > 0
        main = asked & wanted[questions.behaviour]
        side = plan.side_share * main.sum() / max(1, (asked & ~main).sum())
        self.behaviour = next((log.behaviours.index(name) for name in view.target if name in log.behaviours), 0)
        self.weight = np.where(main, 1.0, np.where(asked, min(1.0, side), 0.0)).astype(np.float32)
        gap = (questions.until - questions.after) / DAY
        self.gap = np.minimum(gap, np.quantile(gap, 0.99) if len(gap) else 0).astype(np.float32)
        if view.log.clock == "clock":
            self.weight *= np.clip(gap, LEAST_GAP, PATIENCE).astype(np.float32) / PATIENCE

    def steps_per_epoch(self) -> int:
        """Batches that hold every question once."""
        return max(1, sum(1 for _ in buckets(self.size, tokens=self.plan.tokens, rng=np.random.default_rng(0))))

    def epoch(self, rng: np.random.Generator) -> Iterator[Lesson]:
        """Every question once, at a freshly drawn moment."""
        questions = self.questions
        span = np.minimum(questions.until - questions.after, PATIENCE * DAY if self.view.log.clock == "clock" else 0)
        moment = questions.until - np.floor(rng.random(len(questions)) * span).astype(np.int64)
        for rows in buckets(self.size, tokens=self.plan.tokens, rng=rng):
            yield self.lesson(rows, moment, rng)

    def lesson(self, rows: NDArray[np.int64], moment: NDArray[np.int64], rng: np.random.Generator) -> Lesson:
        """The lesson of these windows, each question asked at its moment."""
        questions, chosen = self.questions, self.windows.take(rows)
        batch = assemble(self.view.log, chosen, moment=moment, behaviour=questions.behaviour, offset=self.offset)
        number = chosen.questions.values
        answers = questions.answers.take(number)
        row = np.repeat(np.arange(len(number)), answers.lengths)
        return Lesson(
            batch=batch,
            edition=self.neighbours.edition(questions.customer[number], moment[number]),
            answers=Answers(
                row=torch.from_numpy(row),
                item=torch.from_numpy(answers.values.astype(np.int64)),
                share=torch.from_numpy((1.0 / answers.lengths[row]).astype(np.float32)),
                weight=torch.from_numpy(self.weight[number]),
            ),
            horizons=self._horizons(number, moment[number], rng),
        )

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
