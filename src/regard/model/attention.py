"""Attention: every token reads the earlier events, weighted by how well they match what it looks for.

Shapes: `B` rows, `H` heads, `T` tokens that read, `K` tokens that are read, `D` width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.model.dropout import Dropout


def attend_plainly(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention written out: the reference beside the fast path, and the place to learn from.

    Args:
        query: [B, H, T, D/H]. key, value: [B, H, K, D/H].
        bias: [B, H, T, K] added to the match; -inf where a token may not look.

    Returns:
        output [B, H, T, D/H] and weights [B, H, T, K], which sum to one over K.

    Source: Vaswani et al., Attention Is All You Need, 2017.

    Two events, one reader that matches the first and is told by the bias that it is long ago:

    >>> key = torch.tensor([[[[4.0], [0.0]]]])
    >>> value = torch.tensor([[[[1.0], [0.0]]]])
    >>> output, weights = attend_plainly(torch.ones(1, 1, 1, 1), key, value, torch.tensor([[[[-4.0, 0.0]]]]))
    >>> weights.flatten().tolist()
    [0.5, 0.5]
    """
    match = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # [B, H, T, K]
    weights = torch.softmax(match + bias, dim=-1)
    return weights @ value, weights


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """The same output by PyTorch's fused kernel; shapes as in `attend_plainly`. `bias` takes no gradient."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def read_bias(
    days: Tensor,
    rank: Tensor,
    limit: Tensor,
    *,
    events: int,
    time_scales: tuple[float, ...],
    back_scales: tuple[float, ...],
) -> Tensor:
    """Who may read whom and how time fades it: [B, H, T, 1 + L], column 0 is the learned start that everyone may read.

    A token reads the events of earlier baskets and, if it is an event, itself. Head h fades an event that lies t days and n baskets
    back by (1 + t / time_scale)^-1 and (1 + n / back_scale)^-1; in logs, a closed form without parameters.

    Args:
        days: [B, T] days before the row's latest moment. rank: [B, T] basket number. limit: int64 [B, T] events each token may read.
        events: L, the first tokens of T; the rest are questions, which nobody reads.
        time_scales, back_scales: H scales, 0 = none.
    """
    tokens = days.shape[1]
    place = torch.arange(tokens, device=days.device)
    allowed = place[:events] < limit[:, :, None]  # [B, T, L]
    allowed |= (place[:, None] == place[None, :events])[None]
    ago = (days[:, None, :events] - days[:, :, None]).clamp(min=0)  # [B, T, L]
    back = (rank[:, :, None] - rank[:, None, :events]).clamp(min=0)
    shut = days.new_full(
        (), float("-inf")
    )  # made where it is wanted: a card would wait for a number that is copied there
    bias = days.new_empty(len(days), len(time_scales), tokens, 1 + events)
    bias[..., 0] = 0
    for head, scales in enumerate(zip(time_scales, back_scales, strict=True)):
        fade = torch.zeros((), device=days.device)
        for distance, scale in zip((ago, back), scales, strict=True):
            if scale:
                fade = fade - torch.log1p(distance / scale)
        bias[:, head, :, 1:] = torch.where(allowed, fade, shut)
    return bias


class Block(nn.Module):
    """One layer: read the earlier events, then think; both branches gated by the state they join.

    Pre-norm, gates as in LiGR (Borisyuk et al., 2025), SwiGLU (Shazeer, 2020).
    """

    def __init__(self, *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.read_norm, self.think_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.inner = nn.Linear(width, 4 * width, bias=False)
        self.outer = nn.Linear(2 * width, width, bias=False)
        self.read_gate, self.think_gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.read_gate.bias, 2.0)  # gates begin at .88: nearly open
        nn.init.constant_(self.think_gate.bias, 2.0)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor, *, first: int = 0) -> Tensor:
        """x: [B, T, D] tokens, events first; bias: [B, H, T, 1 + L]. Returns [B, T - first, D], the tokens from `first` on."""
        query, key, value = self.ask(x, events=bias.shape[-1] - 1, first=first)
        return self.learn(x[:, first:], attend(query, key, value, bias[:, :, first:]))

    def ask(self, x: Tensor, *, events: int, first: int) -> tuple[Tensor, Tensor, Tensor]:
        """Query [B, H, T - first, D/H] of the tokens from `first` on; key and value [B, H, 1 + L, D/H] of the start and the events."""
        B, T, D = x.shape
        h = self.read_norm(x)
        query = self.query(h[:, first:]).view(B, T - first, self.heads, -1).transpose(1, 2)
        read = torch.cat([self.start.expand(B, 1, D), h[:, :events]], dim=1)  # [B, 1 + L, D]
        key, value = self.key_value(read).view(B, 1 + events, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        return query, key, value

    def learn(self, x: Tensor, seen: Tensor) -> Tensor:
        """[B, T, D] tokens that have seen [B, H, T, D/H] -> [B, T, D]."""
        seen = seen.transpose(1, 2).reshape(x.shape)
        x = x + torch.sigmoid(self.read_gate(x)) * self.drop(self.out(seen))
        out: Tensor = x + torch.sigmoid(self.think_gate(x)) * self.drop(self.think(self.think_norm(x)))
        return out

    def think(self, h: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D], SwiGLU."""
        value, gate = self.inner(h).chunk(2, dim=-1)  # 2 x [B, T, 2D]
        thought: Tensor = self.outer(F.silu(gate) * value)
        return thought
