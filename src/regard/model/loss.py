"""The loss: cross-entropy over the whole catalogue, its gradients formed in the same pass over chunks that stay in cache.

Legend: `N` questions, `D` width, `V` items, `U` own items of a question, `C` dense count channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

CHUNK_CELLS = 1_500_000
"""Logits per chunk (6 MB in fp32): few enough to stay in a server core's cache, enough to keep the matrix units busy."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Logits:
    """What the logits of N questions are made of: z = state . item + bias + own items + channels x weights.

    Args:
        state: [N, D]. item: [V, D]. bias: [V].
        own: [N, U] logit added at each question's own items. own_item: int64 [N, U] which items, V for none.
        weight: [N, C] weight of each dense count channel.
        channels: a function from a slice of questions to C tensors [n, V]; no gradient flows into counts.
        barred: bool [V], items that are no candidates.
    """

    state: Tensor
    item: Tensor
    bias: Tensor
    own: Tensor
    own_item: Tensor
    weight: Tensor
    channels: Callable[[slice], list[Tensor]]
    barred: Tensor

    @cached_property
    def small_item(self) -> Tensor:
        """[V, D] in bf16."""
        return self.item.bfloat16()

    @cached_property
    def candidate_bias(self) -> Tensor:
        """[V], -inf for items that are no candidates."""
        return self.bias.masked_fill(self.barred, float("-inf"))

    def chunk(self, rows: slice, *, fast: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Logits [n, V] of a slice of questions and the C channels [n, V] in them; `fast` multiplies in bf16."""
        state, V = self.state[rows], len(self.item)
        product = state.bfloat16() @ self.small_item.T if fast else state @ self.item.T
        z = torch.zeros(len(state), V + 1)  # column V takes what padding adds
        z[:, :V] = product + self.candidate_bias
        channels = self.channels(rows)
        for place, channel in enumerate(channels):
            z[:, :V].addcmul_(channel, self.weight[rows, place, None])
        return z.scatter_add_(1, self.own_item[rows], self.own[rows])[:, :V], channels


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Which items answer each question.

    Args:
        row: int64 [M] question. item: int64 [M] item. share: [M] the item's share of its question's mass (shares of a question sum to 1).
        weight: [N] what each question counts for; 0 = not asked.
    """

    row: Tensor
    item: Tensor
    share: Tensor
    weight: Tensor


def plain_loss(logits: Logits, answers: Answers) -> Tensor:
    """Cross-entropy written out, gradients by autograd: the reference of `chunked_loss`."""
    z, _ = logits.chunk(slice(0, len(logits.state)))
    told = torch.log_softmax(z, dim=1)[answers.row, answers.item]
    return -(told * answers.share * answers.weight[answers.row]).sum() / answers.weight.sum()


def chunked_loss(logits: Logits, answers: Answers, *, fast: bool) -> Tensor:
    """The same number without ever holding [N, V]; `fast` forms the products in bf16, for CPUs that have it."""
    parts = (logits.state, logits.item, logits.bias, logits.own, logits.weight)
    loss: Tensor = _Chunked.apply(*parts, logits, answers, fast)  # type: ignore[no-untyped-call]
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
        logits: Logits,
        answers: Answers,
        fast: bool,
    ) -> Tensor:
        grads = [torch.zeros_like(part) for part in (state, item, bias, own, weight)]
        step = max(1, CHUNK_CELLS // len(item))
        total, mass = state.new_zeros(()), answers.weight.sum()
        first = torch.searchsorted(answers.row, torch.arange(0, len(state) + step, step))
        for number, start in enumerate(range(0, len(state), step)):
            rows = slice(start, min(start + step, len(state)))
            told = slice(int(first[number]), int(first[number + 1]))
            row, target = answers.row[told] - start, answers.item[told]
            z, channels = logits.chunk(rows, fast=fast)
            scale = answers.weight[rows] / mass  # [n]
            part = answers.share[told] * scale[row]
            z -= z.amax(dim=1, keepdim=True)
            hit = z[row, target]
            dz = z.exp_()  # [n, V], the logits are not needed again
            norm = dz.sum(dim=1)  # [n]
            total += ((norm.log()[row] - hit) * part).sum()
            dz *= (scale / norm)[:, None]
            dz.index_put_((row, target), -part, accumulate=True)
            _accumulate(grads, dz, rows, logits, channels, fast)
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (*(grad * upstream[0] for grad in ctx.saved_tensors), None, None, None)


def _accumulate(
    grads: list[Tensor], dz: Tensor, rows: slice, logits: Logits, channels: list[Tensor], fast: bool
) -> None:
    """Add one chunk's gradient [n, V] of the logits to those of state, item, bias, own and weight."""
    d_state, d_item, d_bias, d_own, d_weight = grads
    if fast:
        small = dz.bfloat16()
        d_state[rows] = (small @ logits.small_item).float()
        d_item += (small.T @ logits.state[rows].bfloat16()).float()
    else:
        d_state[rows] = dz @ logits.item
        d_item += dz.T @ logits.state[rows]
    d_bias += dz.sum(dim=0)
    own_item = logits.own_item[rows]
    real = own_item < dz.shape[1]
    d_own[rows] = dz.gather(1, own_item.clamp(max=dz.shape[1] - 1)) * real
    for place, channel in enumerate(channels):
        d_weight[rows, place] = (dz[:, None] @ channel[:, :, None])[:, 0, 0]


def has_fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (AVX512-BF16 or AMX); elsewhere bf16 is slower than fp32."""
    flags = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(flags and flags())
