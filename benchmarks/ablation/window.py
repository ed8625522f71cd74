"""Windowed attention that the ablation tries: each token reads its latest events one by one, and older ones as summary tokens.

Legend: `B` rows, `H` heads, `T` tokens that read, `L` events, `K` = 1 + L columns, `C` chunks of events, `D` width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.model.attention import Block, attend
from regard.model.network import Network

WINDOW = 32
"""Latest events that are read one by one, and up to CHUNK - 1 more, as chunks are read whole or as their summary."""

CHUNK = 16
"""Events of a summary token."""


def summarise(network: Network) -> None:
    """All blocks read older events through summaries."""
    for block in network.blocks:
        assert isinstance(block, Block)
        setattr(block, "forward", Windowed(block))  # noqa: B010


class Windowed:
    """`Block.forward` with keys and values of older events averaged by chunk, and a chunk as loud as its events together."""

    def __init__(self, block: Block, *, window: int = WINDOW) -> None:
        self.block, self.window = block, window

    def __call__(self, x: Tensor, bias: Tensor, *, first: int = 0) -> Tensor:
        """As `Block.forward`."""
        block, L = self.block, bias.shape[-1] - 1
        query, key, value = block.ask(x, events=L, first=first)
        bias = bias[:, :, first:]
        near, far = split(bias[..., 1:], self.window)
        read = torch.cat([bias[..., :1], near, far], dim=-1)  # [B, H, T, K + C]
        key, value = (torch.cat([each, means(each[:, :, 1:])], dim=2) for each in (key, value))
        return block.learn(x[:, first:], attend(query, key, value, read))


def split(bias: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """[B, H, T, L] bias of the events -> that of the near ones, -inf for the others, and [B, H, T, C] of the chunks that lie farther back."""
    L = bias.shape[-1]
    open_to = torch.isfinite(bias[:, :1])  # [B, 1, T, L]
    newest = torch.where(open_to, torch.arange(L), -1).amax(dim=-1, keepdim=True)
    border = ((newest - window + 1).clamp(min=0) // CHUNK) * CHUNK  # the window's first event, down to a chunk's
    far = torch.arange(L) < border
    chunks = F.pad(bias.masked_fill(~far, float("-inf")), (0, -L % CHUNK), value=float("-inf"))
    chunks = chunks.view(*chunks.shape[:-1], -1, CHUNK)  # [B, H, T, C, CHUNK]
    return bias.masked_fill(far, float("-inf")), torch.logsumexp(chunks, dim=-1)


def means(events: Tensor) -> Tensor:
    """[B, H, L, D/H] -> [B, H, C, D/H], the mean of every CHUNK events; a last part that is no whole chunk is never read as a summary."""
    B, H, L, _ = events.shape
    return F.pad(events, (0, 0, 0, -L % CHUNK)).reshape(B, H, -(-L // CHUNK), CHUNK, -1).mean(dim=3)
