"""Counts in the logits, as tensors: popularity at the question's moment, weighed by its state, and co-visits of its recent events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.sequences.batches import Batch
from regard.sequences.covisits import BACK_DECAY, Neighbours
from regard.sequences.popularity import Popularity


@dataclass(frozen=True, kw_only=True, eq=False)
class Popular:
    """Popularity for N questions; no gradient flows into counts.

    Args:
        table: [T, C, V + 1] log popularity at T moments in C channels; item V, which is none, has 0.
        moment: int64 [N] which of the T moments each question reads.
    """

    table: Tensor
    moment: Tensor


class Counts:
    """The counts of a training view.

    Args:
        popularity: None where there is no clock. neighbours: co-visits. items: V.
    """

    def __init__(self, popularity: Popularity | None, neighbours: Neighbours, items: int) -> None:
        self.popularity, self.items = popularity, items
        table = np.empty((1, items, 0), np.float32) if popularity is None else popularity.table
        self._popular = F.pad(torch.from_numpy(table).transpose(1, 2), (0, 1)).contiguous()  # [T, C, V + 1]
        self._near, self._share = (
            torch.from_numpy(neighbours.items.astype(np.int64)),
            torch.from_numpy(neighbours.weights),
        )

    def own(self, batch: Batch) -> Tensor:
        """[B, Q, U, C], popularity of the rows' own items at the moment of each question."""
        moment, item = self._moment(batch.moment), torch.from_numpy(batch.slot_item)
        return self._popular[moment[:, :, None], :, item[:, None]]

    def popular(self, batch: Batch) -> Popular:
        """Popularity for the questions asked in `batch`, row-major."""
        return Popular(table=self._popular, moment=self._moment(batch.moment[batch.asked]))

    def covisits(self, batch: Batch) -> Tensor:
        """[N, V], log(1 + how much the latest events of each question asked speak for each item)."""
        recent = torch.from_numpy(batch.recent[batch.asked])  # [N, M]
        fade = BACK_DECAY ** torch.from_numpy(batch.recent_back[batch.asked]) * (recent < self.items)
        fade = fade / fade.sum(dim=1, keepdim=True).clamp(min=1e-6)
        recent = recent.clamp(max=self.items - 1)
        speak = (fade[..., None] * self._share[recent]).flatten(1)  # [N, M K]
        lift = torch.zeros(len(recent), self.items + 1).scatter_add_(1, self._near[recent].flatten(1), speak)
        return lift[:, :-1].log1p()

    def _moment(self, moment: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.zeros_like(moment) if self.popularity is None else self.popularity.row(moment))
