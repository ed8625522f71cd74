"""Changes to the network, its lessons or its loop that the ablation tries: none of them is part of the package.

Legend as in `regard.model.network`: `B` rows, `L` events, `Q` questions, `T` = L + Q, `N` questions of a batch, `D` width, `H` heads, `V` items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from regard.model.attention import Block
from regard.model.loss import Answers, Logits
from regard.model.network import Network, Read
from regard.sequences.batches import Batch, Windows
from regard.sequences.covisits import Neighbours, covisits, lift, neighbours
from regard.sequences.ragged import Ragged
from regard.training.data import Data, Lesson
from regard.training.loop import Answered, Loop, Tally

FURTHER = 3
"""Baskets that a dense target looks ahead, each worth half the one before."""

DECAYS = (0.5, 0.8, 0.95)
"""Of the moving averages of the low-pass branch, per basket back."""

FOLDS = 8
"""Parts of the customers, each of which trains with the co-visits of the others."""

ITEM_DECAY = 0.3
"""Weight decay of item vectors that decay; times the learning rate, a thousandth a step."""

COLUMNS = 100
"""Strongest co-visits of a question that are in its logits while training on folds."""


def silence(loop: Loop) -> None:
    """Nothing is trained, and only the co-visits answer."""
    answer = loop.answer

    def covisits_alone(*args: Any, **named: Any) -> Iterator[Answered]:
        for answered in answer(*args, **named):
            yield replace(answered, scores=np.where(np.isneginf(answered.scores), -np.inf, 0).astype(np.float32))

    setattr(loop, "run", lambda steps: Tally(steps=steps))  # noqa: B010
    setattr(loop, "answer", covisits_alone)  # noqa: B010


def match_nothing(network: Network) -> None:
    """Attention looks at time and position alone."""
    for block in _blocks(network):
        _hold(block.query.weight, 0.0)


def open_gates(network: Network) -> None:
    """Both branches join in full."""
    for block in _blocks(network):
        for gate in (block.read_gate, block.think_gate):
            _hold(gate.weight, 0.0)
            _hold(gate.bias, 100.0)


def think_with_gelu(network: Network) -> None:
    """Two layers with a GELU between them, of as many weights."""
    width = network.settings.width
    for block in _blocks(network):
        block.inner, block.outer = nn.Linear(width, 3 * width, bias=False), nn.Linear(3 * width, width, bias=False)
        setattr(block, "think", lambda h, block=block: block.outer(F.gelu(block.inner(h))))  # noqa: B010


def point_nowhere(network: Network) -> None:
    """Own items have no logit of their own."""
    pointer = network.pointer
    assert pointer is not None

    def nothing(state: Tensor, token: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        return state.new_zeros(*state.shape[:2], tensors["slot_item"].shape[1])

    setattr(pointer, "forward", nothing)  # noqa: B010


def confuse_behaviours(network: Network) -> None:
    """What was done to an item is not told, nor what is asked for."""
    _hold(network.behaviour.weight, 0.0)
    if network.pointer is not None:
        _hold(network.pointer.behaviour.weight, 0.0)


def begin_small(network: Network) -> None:
    """What items have in common has no head start before what each has alone."""
    assert network.items.features is not None
    nn.init.normal_(network.items.features.weight, std=0.02)


def weigh_alike(network: Network) -> None:
    """An item's features are averaged plainly."""
    network.items.rarity.fill_(1.0)


def smooth(network: Network) -> None:
    """Moving averages of the events join the question: the causal kin of a low-pass filter."""
    ask = network._question_tokens
    weights = network.smoothing = nn.Parameter(torch.full((len(DECAYS), network.settings.width), 0.3))

    def asked(token: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        question, L = ask(token, tensors), token.shape[1]
        past = torch.arange(L) < tensors["limit"][:, L:, None]  # [B, Q, L]
        back = (tensors["rank"][:, L:, None] - tensors["rank"][:, None, :L] - 1).clamp(min=0)
        for decay, weight in zip(DECAYS, weights, strict=True):
            share = decay**back * past
            question = question + (share / share.sum(dim=2, keepdim=True).clamp(min=1e-6)) @ token * weight
        return question

    setattr(network, "_question_tokens", asked)  # noqa: B010


def pair_behaviours(network: Network) -> None:
    """A learned bias for each head and each pair of behaviours, of who reads and what is read."""
    codes: dict[str, Tensor] = {}
    network.register_forward_pre_hook(lambda module, args: codes.update(now=args[0]["behaviour"]))
    kinds = network.settings.behaviours + 1
    for block in _blocks(network):
        pairs = nn.Parameter(torch.zeros(kinds, kinds, network.settings.heads))
        block.register_parameter("pairs", pairs)

        def typed(
            x: Tensor, bias: Tensor, *, first: int = 0, pairs: Tensor = pairs, read: Any = block.forward
        ) -> Tensor:
            code, L = codes["now"], bias.shape[-1] - 1
            pair = pairs[code[:, :, None], code[:, None, :L]]  # [B, T, L, H]
            out: Tensor = read(x, bias + F.pad(pair.permute(0, 3, 1, 2), (1, 0)), first=first)
            return out

        setattr(block, "forward", typed)  # noqa: B010


def _blocks(network: Network) -> list[Block]:
    return [block for block in network.blocks if isinstance(block, Block)]


def _hold(weight: Tensor, value: float) -> None:
    """Set a weight and train it no more."""
    weight.data.fill_(value)
    weight.requires_grad_(False)


class DenseData(Data):
    """Lessons whose answers go on for FURTHER baskets."""

    def _lesson(self, chosen: Windows, moment: NDArray[np.int64], answers: Ragged, rng: np.random.Generator) -> Lesson:
        lesson, questions, number = (
            super()._lesson(chosen, moment, answers, rng),
            self.questions,
            chosen.questions.values,
        )
        row, item, share = [], [], []
        for ahead in range(FURTHER):
            later = np.minimum(number + ahead, len(questions) - 1)
            same = (number + ahead < len(questions)) & (questions.customer[later] == questions.customer[number])
            same &= questions.main[later] == questions.main[number]
            found = answers.take(later[same])
            row.append(np.repeat(np.flatnonzero(same), found.lengths))
            item.append(found.values.astype(np.int64))
            share.append(0.5**ahead / np.repeat(found.lengths, found.lengths))
        rows, order = np.concatenate(row), np.argsort(np.concatenate(row), kind="stable")
        shares = np.concatenate(share) / np.bincount(rows, np.concatenate(share), len(number))[rows]
        dense = Answers(
            row=torch.from_numpy(rows[order]), item=torch.from_numpy(np.concatenate(item)[order]),
            share=torch.from_numpy(shares[order].astype(np.float32)), weight=lesson.answers.weight,
        )  # fmt: skip
        return replace(lesson, answers=dense)


def decay_items(loop: Loop) -> None:
    """Item vectors shrink a little in every step, as matrices do."""
    flat = loop.optimiser.param_groups[0]
    items = list(loop.network.items.parameters())
    held = {id(weight) for weight in items}
    flat["params"] = [weight for weight in flat["params"] if id(weight) not in held]
    loop.optimiser.add_param_group({"params": items, "weight_decay": ITEM_DECAY})


def train_on_folds(loop: Loop) -> None:
    """The logits hold co-visits while training, counted without the customer's own eighth of all, times a weight that is learned."""
    log = loop.data.view.log
    fold = np.random.default_rng(0).integers(0, FOLDS, len(log))
    width = loop.near.items.shape[1]
    others = [_near(loop, np.flatnonzero(fold != part), width) for part in range(FOLDS)]
    weight, logits_of = nn.Parameter(torch.tensor(1.0)), loop._logits
    loop.optimiser.add_param_group({"params": [weight], "weight_decay": 0.0})

    def counted(read: Read, batch: Batch, *rest: Any) -> Logits:
        logits = logits_of(read, batch, *rest)
        if not loop.network.training:
            return logits
        customer = batch.customer[np.nonzero(batch.asked)[0]]
        item, told = _strongest(others, fold[customer], batch, len(log.items))
        own = torch.cat([logits.own, torch.from_numpy(told) * weight], dim=1)
        return replace(logits, own=own, own_item=torch.cat([logits.own_item, torch.from_numpy(item)], dim=1))

    setattr(loop, "_logits", counted)  # noqa: B010


def _near(loop: Loop, customers: NDArray[np.int64], width: int) -> Neighbours:
    view = loop.data.view
    return neighbours(covisits(replace(view, log=view.log.take(customers))), width=width)


def _strongest(
    others: list[Neighbours], fold: NDArray[np.int64], batch: Batch, V: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(item, lift) [N, COLUMNS] of each question's strongest co-visits by the neighbours of its fold; item V, lift 0 where there are fewer."""
    recent, back = batch.recent[batch.asked], batch.recent_back[batch.asked]
    item, told = np.full((len(fold), COLUMNS), V, dtype=np.int64), np.zeros((len(fold), COLUMNS), dtype=np.float32)
    for part in np.unique(fold):
        rows = np.flatnonzero(fold == part)
        found = lift(others[part], recent[rows], back[rows])
        row = np.repeat(np.arange(len(rows)), np.diff(found.indptr))
        order = np.lexsort((-found.data, row))
        rank = np.arange(len(order)) - found.indptr[row]
        kept = order[rank < COLUMNS]
        place = rank[rank < COLUMNS]
        item[rows[row[kept]], place], told[rows[row[kept]], place] = found.indices[kept], found.data[kept]
    return item, told
