"""Counts in the logits, as tensors: popularity at the question's moment, weighed by its state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.model.device import CPU, carry
from regard.sequences.batches import Batch
from regard.sequences.popularity import Popularity


@dataclass(frozen=True, kw_only=True, eq=False)
class Popular:
    """Popularity for N questions; no gradient flows into counts.

    Args:
        table: [T, C, V + 1] log popularity at T moments in C channels; item V, which is none, has 0.
        moment: int64 [N] which of the T moments each question reads; in main memory, as Python lays out products by it.
    """

    table: Tensor
    moment: Tensor


class Counts:
    """The counts of a training view.

    Args:
        popularity: None where there is no clock. items: V. device: where they are wanted.
    """

    def __init__(self, popularity: Popularity | None, items: int, device: torch.device = CPU) -> None:
        self.popularity, self.device = popularity, device
        table = np.empty((1, 0, items + 1), np.float32) if popularity is None else popularity.table
        self._popular = carry(torch.from_numpy(table), device)  # [T, C, V + 1]

    def own(self, batch: Batch) -> Tensor:
        """[B, Q, U, C], popularity of the rows' own items at the moment of each question."""
        moment, item = (
            carry(part, self.device) for part in (self._moment(batch.moment), torch.from_numpy(batch.slot_item))
        )
        return self._popular[moment[:, :, None], :, item[:, None]]

    def popular(self, batch: Batch) -> Popular:
        """Popularity for the questions asked in `batch`, row-major."""
        return Popular(table=self._popular, moment=self._moment(batch.moment[batch.asked]))

    def _moment(self, moment: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.zeros_like(moment) if self.popularity is None else self.popularity.row(moment))
