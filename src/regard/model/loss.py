"""The loss: cross-entropy over the whole catalogue, its gradients formed in the same pass over chunks that stay in cache.

Legend: `N` questions, `D` width, `V` items, `U` own items of a question, `C` channels of popularity.
Item V, a column of its own in every chunk, is none: it takes what padding adds and is never a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.model.counts import Popular
from regard.model.device import carry, carry_all

CHUNK_CELLS = 1_000_000
"""Logits per chunk (4 MB in fp32): few enough to stay in a server core's cache, enough to keep the matrix units busy."""

LOT_CELLS = 16_000_000
"""Logit gradients (32 MB in bf16) gathered before they are multiplied into the item table: each time costs a pass over the table."""

CARD_CELLS = 64_000_000
"""Logits per chunk on a card (512 MB in all their forms): no cache holds a useful part, so as many as make the start of a dozen kernels
small beside their work, and as few as a card with 8 GB has room for."""

COLUMNS = {"cpu": 1, "cuda": 64}
"""Columns of a chunk are a multiple of this: a card's matrix units want rows that begin where a line of memory begins.
Source: NVIDIA, Matrix Multiplication Background User's Guide."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Logits:
    """What the logits of N questions are made of: z = state . item + bias + own items + weights . popularity.

    Args:
        state: [N, D]. item: [V, D]. bias: [V].
        own: [N, U] logit added at each question's own items, -inf for no candidate. own_item: int64 [N, U] which items, V for none.
        weight: [N, C] weight of each channel of popularity. popular: what these weigh.
        barred: bool [V], items that are no candidates.
    """

    state: Tensor
    item: Tensor
    bias: Tensor
    own: Tensor
    own_item: Tensor
    weight: Tensor
    popular: Popular
    barred: Tensor

    @cached_property
    def table(self) -> Tensor:
        """[V + 1, D]."""
        return F.pad(self.item, (0, 0, 0, 1))

    @cached_property
    def level(self) -> Tensor:
        """[V + 1] bias, -inf for items that are no candidates."""
        return F.pad(self.bias.masked_fill(self.barred, float("-inf")), (0, 1), value=float("-inf"))

    def dense(self, rows: slice) -> Tensor:
        """Logits [n, V + 1] of a slice of questions, written out."""
        z = self.state[rows] @ self.table.T + self.level
        z = z + torch.einsum("nc,ncv->nv", self.weight[rows], self.popular.table[self.popular.moment[rows]])
        return z.scatter_add(1, self.own_item[rows], self.own[rows])

    def take(self, rows: Tensor) -> Logits:
        """The named questions; `rows` lies in main memory."""
        there = carry(rows, self.state.device)
        asked = {name: getattr(self, name)[there] for name in ("state", "own", "own_item", "weight")}
        return replace(self, **asked, popular=replace(self.popular, moment=self.popular.moment[rows]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Which items answer each question.

    Args:
        row: int64 [M] question, ascending. item: int64 [M] item. share: [M] the item's share of its question's mass (shares of a question sum to 1).
        weight: [N] what each question counts for; 0 = not asked.
    """

    row: Tensor
    item: Tensor
    share: Tensor
    weight: Tensor

    def take(self, rows: Tensor) -> Answers:
        """The same answers where question rows[i] is now the i-th; `rows` is a permutation."""
        row = torch.argsort(rows)[self.row]
        order = torch.argsort(row, stable=True)
        return Answers(row=row[order], item=self.item[order], share=self.share[order], weight=self.weight[rows])


@dataclass(eq=False)
class Scratch:
    """Memory that one call leaves to the next: fresh pages for every chunk would cost as much as the products."""

    kept: dict[str, Tensor] = field(default_factory=dict)

    def take(self, name: str, rows: int, columns: int, *, like: Tensor) -> Tensor:
        """[rows, columns] with whatever it held last; zeros at first; of the dtype and on the device of `like`."""
        cells, held = rows * columns, self.kept.get(name)
        if held is None or len(held) < cells or held.dtype != like.dtype:
            held = self.kept[name] = like.new_zeros(cells)
        return held[:cells].view(rows, columns)


def plain_loss(logits: Logits, answers: Answers) -> Tensor:
    """Cross-entropy written out, gradients by autograd: the reference of `chunked_loss`."""
    z = logits.dense(slice(0, len(logits.state)))
    told = torch.log_softmax(z, dim=1)[answers.row, answers.item]
    return -(told * answers.share * answers.weight[answers.row]).sum() / answers.weight.sum()


def chunked_loss(logits: Logits, answers: Answers, *, fast: bool, scratch: Scratch | None = None) -> Tensor:
    """The same number without ever holding [N, V] in fp32.

    Args:
        answers: in main memory wherever the logits are, as Python lays out the chunks by them and waits for no card.
        fast: form the products in bf16, where `has_fast_bf16`.
        scratch: memory of earlier calls.
    """
    # Questions of one moment share a product with its popularity.
    order = torch.argsort(logits.popular.moment, stable=True)
    logits, answers = logits.take(order), answers.take(order)
    parts = (logits.state, logits.item, logits.bias, logits.own, logits.weight)
    chunks = _Chunks(logits, answers, fast, scratch or Scratch())
    loss: Tensor = _Chunked.apply(*parts, chunks)  # type: ignore[no-untyped-call]
    return loss


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        state: Tensor,
        item: Tensor,
        bias: Tensor,
        own: Tensor,
        weight: Tensor,
        chunks: _Chunks,
    ) -> Tensor:
        grads = [torch.zeros_like(part) for part in (state, item, bias, own, weight)]
        total = state.new_zeros(())
        for start in range(0, len(state), chunks.lot):
            lot = slice(start, min(start + chunks.lot, len(state)))
            for first in range(lot.start, lot.stop, chunks.step):
                rows = slice(first, min(first + chunks.step, lot.stop))
                total += chunks.differentiate(rows, grads, into=slice(rows.start - start, rows.stop - start))
            chunks.multiply(lot, grads)
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (*(grad * upstream[0] for grad in ctx.saved_tensors), None)


class _Chunks:
    """The logits of N questions, a chunk at a time. `fast`: products in bf16."""

    def __init__(self, logits: Logits, answers: Answers, fast: bool, scratch: Scratch) -> None:
        self.logits, self.popular = logits, logits.popular
        device = logits.state.device
        self.row, self.answers = answers.row, carry_all(answers, device)
        self.dtype = torch.bfloat16 if fast else torch.float32
        table, self.level = logits.table, logits.level
        if spare := -len(table) % COLUMNS[device.type]:
            table, self.level = F.pad(table, (0, 0, 0, spare)), F.pad(self.level, (0, spare), value=float("-inf"))
        self.table, self.state = table.to(self.dtype), logits.state.to(self.dtype)
        self.items, self.known, self.columns = len(logits.item), len(logits.table), len(table)
        self.step = max(1, (CARD_CELLS if device.type == "cuda" else CHUNK_CELLS) // self.columns)
        self.lot = self.step * max(1, LOT_CELLS // (self.step * self.columns))
        size = (min(self.step, len(logits.state)), self.columns)
        self.product = scratch.take("product", *size, like=self.table)
        self.z = scratch.take("z", *size, like=self.level)
        self.dz = scratch.take("dz", min(self.lot, len(logits.state)), self.columns, like=self.table)
        self.scale = torch.zeros(len(self.dz), device=device)

    def differentiate(self, rows: slice, grads: list[Tensor], *, into: slice) -> Tensor:
        """The loss of a chunk. Its gradients go to bias, own items and weights, and that of the logits to the rows `into` of `dz`."""
        _, _, d_bias, d_own, d_weight = grads
        answers = self.answers
        told = slice(*torch.searchsorted(self.row, torch.tensor([rows.start, rows.stop])).tolist())
        row, target = answers.row[told] - rows.start, answers.item[told]
        scale = answers.weight[rows] / answers.weight.sum()  # [n]
        share = answers.share[told]
        z = self._logits(rows)
        # [n, columns]; gradients before each question's scale, to save a pass over all of it
        dz = torch.softmax(z, dim=1, out=z)
        loss = -(dz[row, target].clamp(min=torch.finfo(torch.float32).tiny).log() * share * scale[row]).sum()
        dz.index_put_((row, target), -share, accumulate=True)
        d_bias += scale @ dz[:, : self.items]
        d_own[rows] = dz.gather(1, self.logits.own_item[rows]) * scale[:, None]
        for some, popular in self._moments(rows):
            d_weight[rows][some] = (dz[some, : self.known] @ popular.T) * scale[some, None]
        self.dz[into], self.scale[into] = dz, scale
        return loss

    def multiply(self, lot: slice, grads: list[Tensor]) -> None:
        """Turn the gradients of a lot's logits into those of its states and of the item table."""
        count = lot.stop - lot.start
        dz, scale = self.dz[:count], self.scale[:count, None]
        grads[0][lot] = (dz @ self.table).float() * scale
        grads[1].add_((dz.T @ (self.state[lot] * scale).to(self.dtype))[: self.items])

    def _logits(self, rows: slice) -> Tensor:
        """[n, columns]; beyond the first V no candidates."""
        logits, n = self.logits, rows.stop - rows.start
        product = torch.mm(self.state[rows], self.table.T, out=self.product[:n])
        z = torch.add(product, self.level, out=self.z[:n])
        for some, popular in self._moments(rows):
            z[some, : self.known].addmm_(logits.weight[rows][some], popular)
        return z.scatter_add_(1, logits.own_item[rows], logits.own[rows])

    def _moments(self, rows: slice) -> list[tuple[slice, Tensor]]:
        """Runs of questions of one moment, and its popularity [C, V + 1]."""
        if self.popular.table.shape[1] == 0:
            return []
        moment, count = torch.unique_consecutive(self.popular.moment[rows], return_counts=True)
        stop = count.cumsum(0).tolist()
        runs = [slice(a, b) for a, b in zip([0, *stop[:-1]], stop, strict=True)]
        return [(run, self.popular.table[place]) for run, place in zip(runs, moment.tolist(), strict=True)]
