"""The encoder on a card, in training: bf16 products, attention in one kernel that never writes [B, H, T, K] out, blocks compiled.

The same arithmetic as `model.attention`, which stays the reference; answers are always given by that, in fp32, as models are served.
Batches are not packed into one long sequence: they come bucketed by length (`sequences.batches.buckets`), so that little of [B, T] is
padding, and a row of its own for everyone spares attention the search for whose token is whose.

Legend: `B` rows, `H` heads, `T` tokens that read, `K` = 1 + L columns that are read (the start, then the events), `D` width.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from regard.model.attention import Block
from regard.model.device import has_fast_bf16

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import FlexKernelOptions

TILE = 128
"""Readers, and columns, of a tile that is read or skipped as a whole; what FlexAttention's kernels are made for."""

LEAST_HEAD = 16
"""Numbers per head below which the matrix units have nothing to hold on to; such small networks take the plain path."""

ONE_KERNEL: FlexKernelOptions = {"FORCE_USE_FLEX_ATTENTION": True}
"""A batch of one row would else be read by a kernel of its own, made for answering token by token."""

SHAPES = 32
"""Times a block may be compiled: sizes are left open, but lengths of 1, the last block and networks of another width need their own."""


class Reading(NamedTuple):
    """Who reads what: of every reader and every column the day and the basket, and which columns are open to whom.

    Args:
        days, rank: [B, T] of the readers. read_days, read_rank: [B, K] of the columns; the start is no days and no baskets ago.
        by_day, by_basket: [H] one over each head's scale, 0 = the head ignores it.
        mask: of [B, 1, T, K], in tiles.
    """

    days: Tensor
    rank: Tensor
    read_days: Tensor
    read_rank: Tensor
    by_day: Tensor
    by_basket: Tensor
    mask: BlockMask


@cache
def usable(device: torch.device, head: int) -> bool:
    """Whether this file can be used: on a card with bf16 in hardware and Triton beside it, for heads of `head` numbers."""
    known = device.type == "cuda" and importlib.util.find_spec("triton") is not None
    return known and has_fast_bf16(device) and head >= LEAST_HEAD


def encode(
    blocks: Iterable[torch.nn.Module],
    x: Tensor,
    days: Tensor,
    rank: Tensor,
    limit: Tensor,
    *,
    events: int,
    time_scales: tuple[float, ...],
    back_scales: tuple[float, ...],
) -> Tensor:
    """[B, L + Q, D] tokens -> [B, Q, D], what the questions have become after the last block.

    Args:
        blocks: of class Block. x: [B, L + Q, D]. The rest as in `model.attention.read_bias`.
    """
    *earlier, last = cast("Iterable[Block]", blocks)
    scales = (_inverse(time_scales, x.device), _inverse(back_scales, x.device))
    run = _compiled()
    with torch.autocast(x.device.type, torch.bfloat16):
        if earlier:
            everyone = reading(days, rank, limit, scales, events=events, first=0)
            for block in earlier:
                x = run(block, x, everyone)
        return run(last, x, reading(days, rank, limit, scales, events=events, first=events))


def reading(
    days: Tensor, rank: Tensor, limit: Tensor, scales: tuple[Tensor, Tensor], *, events: int, first: int
) -> Reading:
    """The Reading of the tokens from `first` on; arguments as in `model.attention.read_bias`, `scales` inverted."""
    start = days.new_full((len(days), 1), float("inf"))
    return Reading(
        days=days[:, first:].contiguous(),
        rank=rank[:, first:].contiguous(),
        read_days=torch.cat([-start, days[:, :events]], dim=1),
        read_rank=torch.cat([start, rank[:, :events]], dim=1),
        by_day=scales[0],
        by_basket=scales[1],
        mask=_mask(limit[:, first:].contiguous(), events=events, first=first),
    )


def attend(query: Tensor, key: Tensor, value: Tensor, read: Reading) -> Tensor:
    """[B, H, T, D/H], as `model.attention.attend` with the bias of `read_bias`. Source: Dong et al., FlexAttention, 2024."""
    days, rank, read_days, read_rank, by_day, by_basket, mask = read

    def faded(score: Tensor, b: Tensor, h: Tensor, t: Tensor, k: Tensor) -> Tensor:
        ago = (read_days[b, k] - days[b, t]).clamp(min=0)
        back = (rank[b, t] - read_rank[b, k]).clamp(min=0)
        return score - torch.log1p(ago * by_day[h]) - torch.log1p(back * by_basket[h])

    return flex_attention(query, key, value, score_mod=faded, block_mask=mask, kernel_options=ONE_KERNEL)


def _mask(limit: Tensor, *, events: int, first: int) -> BlockMask:
    """Columns up to `limit` [B, T] and, for events, the own one: all that a tile of readers reads begins at column 0 without a gap."""
    readers, columns = limit.shape[1], 1 + events
    own = torch.arange(first + 1, first + 1 + readers, device=limit.device)  # [T]; of questions beyond the last column

    def open_to(b: Tensor, h: Tensor, t: Tensor, k: Tensor) -> Tensor:
        return (k <= limit[b, t]) | (k == own[t])

    # As many tiles of readers as of columns, and two at least, or each case would be compiled anew.
    tiles = max(2, -(-max(readers, columns) // TILE))
    furthest = torch.maximum(limit, own * (own < columns))  # [B, T], the last column that each reads
    furthest = F.pad(furthest, (0, tiles * TILE - readers), value=-TILE)  # where there is no reader, nothing is read
    count = (furthest.view(-1, 1, tiles, TILE).amax(dim=3) // TILE + 1).int()  # [B, 1, tiles]
    order = torch.arange(tiles, dtype=torch.int32, device=limit.device).expand(*count.shape, tiles).contiguous()
    size = (readers, columns)
    return BlockMask.from_kv_blocks(count, order, BLOCK_SIZE=TILE, mask_mod=open_to, seq_lengths=size)


@cache
def _inverse(scales: tuple[float, ...], device: torch.device) -> Tensor:
    """[H]; kept, as a number that is copied to a card waits for all that the card has still to do."""
    return torch.tensor([1 / scale if scale else 0.0 for scale in scales], device=device)


def _run(block: Block, x: Tensor, read: Reading) -> Tensor:
    """As `Block.forward`: what the readers, the last tokens of x, become."""
    first = x.shape[1] - read.days.shape[1]
    query, key, value = block.ask(x, events=read.read_days.shape[1] - 1, first=first)
    return block.learn(x[:, first:], attend(query, key, value, read))


@cache
def _compiled() -> Callable[[Block, Tensor, Reading], Tensor]:
    """Block by block, as whole networks compile slowly and attend no faster; one compilation serves all blocks of a width."""
    torch._dynamo.config.recompile_limit = max(SHAPES, torch._dynamo.config.recompile_limit)
    return torch.compile(_run, dynamic=True)
