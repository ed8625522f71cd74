"""Dropout from bytes: eight chances out of every random number, as drawing one number a cell takes longer than the products around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 256
"""Values of a byte: the share dropped is a multiple of 1/256, near enough to any that is asked for."""


class Dropout(nn.Module):
    """In training, zeroes a share of the cells and scales up the others, so that means stay; otherwise changes nothing.

    Args:
        share: of the cells, 0 to below 1; rounded to a multiple of 1/256.

    >>> Dropout(0.5).eval()(torch.ones(2)).tolist()
    [1.0, 1.0]

    Source: Srivastava et al., Dropout, 2014.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = round(share * LEVELS)
        if not 0 <= self.dropped < LEVELS:
            raise ValueError(f"a share of {share} to drop is not between 0 and 1")

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape; the same shape."""
        if not self.training or self.dropped == 0:
            return x
        if x.device.type == "cuda":  # where drawing costs nothing beside reading x
            return F.dropout(x, self.dropped / LEVELS)
        cells = x.numel()
        drawn = torch.empty(-(-cells // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[:cells].view(x.shape) >= self.dropped
        return x * (kept * (LEVELS / (LEVELS - self.dropped)))
