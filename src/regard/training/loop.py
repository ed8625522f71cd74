"""The fit loop: one optimiser, one running average of the weights, any number of steps, resumable at each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from regard.model.counts import Counts
from regard.model.loss import Logits, Scratch, chunked_loss, has_fast_bf16
from regard.model.network import Network, Read, to_tensors
from regard.sequences.batches import Batch, assemble, latest
from regard.sequences.covisits import Neighbours, lift
from regard.sequences.log import Log
from regard.training.data import Data, Lesson
from regard.training.sizing import Plan

SCORE_TOKENS = 16_000
"""Padded tokens scored at once; memory only, no result depends on it."""


SCORE_CELLS = 16_000_000
"""Numbers held at once (64 MB): scores, and the popularity that each question reads; memory only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """What the network says to n queries.

    Args:
        rows: int64 [n] which queries. scores: [n, V] without co-visits. covisits: [n, V] to be added to them, times the trial's weight.
        told: [n] logit of 'wanted within the horizon'.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    covisits: NDArray[np.float32]
    told: NDArray[np.float32]


@dataclass(kw_only=True)
class Tally:
    """Sums over the steps since the last look.

    Args:
        loss: of the next-basket loss. steps, events: how many. seconds: wall time.
    """

    loss: float = 0.0
    steps: int = 0
    events: int = 0
    seconds: float = 0.0


class Loop:
    """Trains one network on one view.

    Args:
        network: the network, changed in place. data: its lessons. counts, near: of the same view.
        plan: rates and weights. seed: of moments, batches and dropout.
    """

    def __init__(
        self, network: Network, data: Data, counts: Counts, near: Neighbours, *, plan: Plan, seed: int
    ) -> None:
        self.network, self.data, self.counts, self.near, self.plan = network, data, counts, near, plan
        self.barred = torch.from_numpy(~data.view.log.merchandise)
        self.fast, self.scratch = has_fast_bf16(), Scratch()
        self.step = 0
        self.rng = np.random.default_rng(seed)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        flat = [
            p
            for n, p in network.named_parameters()
            if p.ndim < 2 or n.startswith(("items", "behaviour", "context", "pointer"))
        ]
        held = {id(p) for p in flat}
        matrices = [p for p in network.parameters() if id(p) not in held]
        groups = [{"params": flat, "weight_decay": 0.0}, {"params": matrices, "weight_decay": plan.decay}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98), fused=True)
        self.lessons: Iterator[Lesson] = iter(())
        self.epoch_state: Mapping[str, Any] = self.rng.bit_generator.state
        self.epoch_done = 0

    def run(self, steps: int, *, tick: Callable[[int], None] = lambda events: None) -> Tally:
        """Take `steps` steps; `tick` hears the events read after each."""
        tally, begun = Tally(), time.perf_counter()
        self.network.train()
        for _ in range(steps):
            lesson = self._next()
            loss, hazard = self._losses(lesson)
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss + self.plan.hazard_share * hazard)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
            self.step += 1
            for group in self.optimiser.param_groups:
                group["lr"] = self.plan.rate * min(1.0, self.step / self.plan.warm_up)
            self.optimiser.step()
            self._average()
            events = int((lesson.batch.item < len(self.data.view.log.items)).sum())
            tally.loss += loss.item()
            tally.steps, tally.events = tally.steps + 1, tally.events + events
            tick(events)
        tally.seconds = time.perf_counter() - begun
        return tally

    def rewind(self, state: Mapping[str, Any], done: int) -> None:
        """Go to the `done`-th lesson of the epoch that the generator's `state` begins."""
        self.rng.bit_generator.state = state
        self.epoch_state, self.epoch_done = state, 0
        self.lessons = self.data.epoch(self.rng)
        for _ in range(done):
            self._next()

    def _next(self) -> Lesson:
        lesson = next(self.lessons, None)
        if lesson is None:
            self.epoch_state, self.epoch_done = self.rng.bit_generator.state, 0
            self.lessons = self.data.epoch(self.rng)
            lesson = next(self.lessons)
        self.epoch_done += 1
        return lesson

    def _losses(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        read = self.network(self._tensors(lesson.batch))
        hazard = read.state.sum() * 0  # where nothing is asked of a batch, its gradients are zero
        horizons = lesson.horizons
        if horizons is not None and float(horizons.weight.sum()) > 0:
            told = self.network.wanted_within(read.state, horizons.days)
            each = F.binary_cross_entropy_with_logits(told, horizons.wanted, reduction="none")
            hazard = (each * horizons.weight).sum() / horizons.weight.sum()
        if float(lesson.answers.weight.sum()) == 0:
            return read.state.sum() * 0, hazard
        logits = self._logits(read, lesson.batch)
        return chunked_loss(logits, lesson.answers, fast=self.fast, scratch=self.scratch), hazard

    def _tensors(self, batch: Batch) -> dict[str, Tensor]:
        return to_tensors(batch) | {"own_popular": self.counts.own(batch)}

    def _logits(self, read: Read, batch: Batch) -> Logits:
        return Logits(
            state=read.state, item=read.item, bias=read.bias, own=read.own, own_item=read.own_item, weight=read.weight,
            popular=self.counts.popular(batch), barred=self.barred,
        )  # fmt: skip

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.plan.average, (1 + self.step) / (10 + self.step))
        averaged, now = list(self.average.values()), list(self.network.state_dict().values())
        torch._foreach_lerp_(averaged, now, 1 - keep)

    @torch.no_grad()
    def answer(
        self, queries: Log, asof: NDArray[np.int64], *, horizon: float, scores: bool = True
    ) -> Iterator[Answered]:
        """Ask the averaged weights, a block of queries at a time.

        Args:
            queries: histories over the view's vocabularies. asof: int64 [Q] seconds. horizon: days.
            scores: False leaves scores and co-visits out (empty arrays), where only the logits are wanted.
        """
        live = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        self.network.eval()
        rows = latest(queries, length=self.network.settings.length)
        order = np.argsort(rows.length, kind="stable")
        cells = len(self.barred) * (2 + self.network.settings.channels)
        width = max(1, min(SCORE_TOKENS // int(rows.length.max(initial=1) + 1), SCORE_CELLS // cells))
        behaviours = np.full(len(queries), self.data.behaviour)
        for at in range(0, len(order), width):
            chosen = order[at : at + width]
            batch = assemble(queries, rows.take(chosen), moment=asof, behaviour=behaviours, offset=self.data.offset)
            read = self.network(self._tensors(batch))
            told = self.network.wanted_within(read.state, torch.full((len(chosen),), horizon)).numpy()
            z = covisits = np.empty((0, 0), dtype=np.float32)
            if scores:
                z = self._logits(read, batch).dense(slice(0, len(chosen)))[:, :-1].numpy()
                covisits = lift(self.near, batch.recent[batch.asked], batch.recent_back[batch.asked]).toarray()[:, :-1]
            yield Answered(rows=chosen, scores=z, covisits=covisits, told=told)
        self.network.load_state_dict(live)
