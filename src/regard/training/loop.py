"""The fit loop: one optimiser, one running average of the weights, any number of steps, resumable at each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from regard.model.counts import Counts
from regard.model.device import CPU, carry, carry_all, has_fast_bf16
from regard.model.loss import Logits, Scratch, chunked_loss
from regard.model.network import Network, Read, to_tensors
from regard.model.sampled import Sample, draw, gbce_loss
from regard.sequences.batches import Batch, assemble, latest
from regard.sequences.covisits import Neighbours, lift
from regard.sequences.log import Log
from regard.training.data import Data, Lesson
from regard.training.device import quick_products
from regard.training.rows import Rows
from regard.training.sizing import Plan

TABLES = ("items.id.weight", "bias")
"""The network's parameters that have a row per item; a step on a sample of the catalogue reads only the sample's rows."""

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What a step reads of a catalogue too large to be read whole.

    Args:
        sample: its items, in main memory. there: the same where the network is. tables: the network's tables of them, as leaves.
    """

    sample: Sample
    there: Sample
    tables: dict[str, Tensor]


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
        device: where the network and the counts are. What decides the course of a step (which batch, which items, which answers) is worked
            out in main memory, so that nothing waits for a card.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        counts: Counts,
        near: Neighbours,
        *,
        plan: Plan,
        seed: int,
        device: torch.device = CPU,
    ) -> None:
        self.network, self.data, self.counts, self.near, self.plan = network, data, counts, near, plan
        self.device = device
        barred = torch.from_numpy(~data.view.log.merchandise)
        self.barred, self.never = carry(barred, device), barred.nonzero()[:, 0]
        self.fast, self.scratch = has_fast_bf16(device), Scratch()
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
        self.tables = {} if plan.loss == "full" else {name: network.get_parameter(name) for name in TABLES}
        self.lessons: Iterator[Lesson] = iter(())
        self.epoch_state: Mapping[str, Any] = self.rng.bit_generator.state
        self.epoch_done = 0

    def run(self, steps: int, *, tick: Callable[[int], None] = lambda events: None) -> Tally:
        """Take `steps` steps; `tick` hears the events read after each."""
        tally, begun = Tally(), time.perf_counter()
        told = torch.zeros((), dtype=torch.float64, device=self.device)
        self.network.train()
        rows = Rows(self.tables, self.average, self.optimiser, steps=steps) if self.tables else None
        with quick_products(self.device):
            for _ in range(steps):
                lesson = self._next()
                told += self._step(lesson, rows)
                events = int((lesson.batch.item < len(self.data.view.log.items)).sum())
                tally.steps, tally.events = tally.steps + 1, tally.events + events
                tick(events)
        tally.loss = float(told)  # read once, as that waits for a card
        tally.seconds = time.perf_counter() - begun
        if rows is not None:
            rows.settle()  # once a run, however long: no part of what a step takes
        return tally

    def _step(self, lesson: Lesson, rows: Rows | None) -> Tensor:
        """One step; the loss of the next basket."""
        part = None if rows is None else self._part(lesson, rows)
        loss, hazard = self._losses(lesson, part)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss + self.plan.hazard_share * hazard)
        leaves = [*self.network.parameters(), *(part.tables.values() if part else ())]
        nn.utils.clip_grad_norm_(leaves, self.plan.clip)
        self.step += 1
        rate = self.plan.rate * min(1.0, self.step / self.plan.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        keep = min(self.plan.average, (1 + self.step) / (10 + self.step))
        self._average(keep)
        if rows is not None:
            rows.put(rate=rate, keep=keep)
        return loss.detach()

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

    def _part(self, lesson: Lesson, rows: Rows) -> Part:
        known = torch.cat([torch.from_numpy(lesson.batch.slot_item).flatten(), lesson.answers.item])
        sample = draw(known, barred=self.never, items=len(self.barred), negatives=self.plan.negatives)
        return Part(sample=sample, there=carry_all(sample, self.device), tables=rows.take(sample.item))

    def _losses(self, lesson: Lesson, part: Part | None) -> tuple[Tensor, Tensor]:
        read = self._read(lesson.batch, part)
        hazard = read.state.sum() * 0  # where nothing is asked of a batch, its gradients are zero
        horizons = lesson.horizons
        if horizons is not None and float(horizons.weight.sum()) > 0:
            horizons = carry_all(horizons, self.device)
            told = self.network.wanted_within(read.state, horizons.days)
            each = F.binary_cross_entropy_with_logits(told, horizons.wanted, reduction="none")
            hazard = (each * horizons.weight).sum() / horizons.weight.sum()
        if float(lesson.answers.weight.sum()) == 0:
            return read.state.sum() * 0, hazard
        logits, answers = self._logits(read, lesson.batch, part), lesson.answers
        if part is not None:
            answers = replace(answers, item=part.sample.places(answers.item))
        if part is not None and self.plan.loss == "gbce":
            answers = carry_all(answers, self.device)
            return gbce_loss(logits, answers, part.there.lift, alpha=self._alpha(), t=self.plan.t), hazard
        return chunked_loss(logits, answers, fast=self.fast, scratch=self.scratch), hazard

    def _alpha(self) -> float:
        """Share of a question's other candidates that are drawn."""
        return min(1.0, self.plan.negatives / max(1, len(self.barred) - len(self.never) - 1))

    def _read(self, batch: Batch, part: Part | None = None) -> Read:
        """What the encoder makes of a batch; of a part of the catalogue, it reads the part as if that were all."""
        tensors, content = to_tensors(batch), dict[str, Tensor]()
        if part is not None:
            features = self.data.view.content.features.take(part.sample.item.numpy())
            content["items.codes"] = torch.from_numpy(features.values.astype(np.int64))
            content["items.offsets"] = torch.from_numpy(features.offsets)
            tensors |= {name: part.sample.places(tensors[name]) for name in ("item", "slot_item")}
        tensors, content = (
            {name: carry(tensor, self.device) for name, tensor in each.items()} for each in (tensors, content)
        )
        tensors["own_popular"] = self.counts.own(batch)
        if part is None:
            return cast(Read, self.network(tensors))
        return cast(Read, functional_call(self.network, {**part.tables, **content}, (tensors,)))

    def _logits(self, read: Read, batch: Batch, part: Part | None = None) -> Logits:
        popular, bias, barred = self.counts.popular(batch), read.bias, self.barred
        if part is not None:
            popular, barred = part.there.popular(popular), barred[part.there.item]
            bias = bias + part.there.lift if self.plan.loss == "sampled" else bias
        if self.plan.loss == "gbce":
            # Each item begins as one of so many: else the first steps teach only that most are none.
            bias = bias - math.log(len(self.barred))
        return Logits(
            state=read.state, item=read.item, bias=bias, own=read.own, own_item=read.own_item, weight=read.weight,
            popular=popular, barred=barred,
        )  # fmt: skip

    @torch.no_grad()
    def _average(self, keep: float) -> None:
        averaged = [value for name, value in self.average.items() if name not in self.tables]
        now = [value for name, value in self.network.state_dict().items() if name not in self.tables]
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
            read = self._read(batch)
            days = torch.full((len(chosen),), horizon, device=self.device)
            told = self.network.wanted_within(read.state, days).cpu().numpy()
            z = covisits = np.empty((0, 0), dtype=np.float32)
            if scores:
                z = self._logits(read, batch).dense(slice(0, len(chosen)))[:, :-1].cpu().numpy()
                covisits = lift(self.near, batch.recent[batch.asked], batch.recent_back[batch.asked]).toarray()[:, :-1]
            yield Answered(rows=chosen, scores=z, covisits=covisits, told=told)
        self.network.load_state_dict(live)
