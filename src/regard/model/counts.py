"""The dense count channels of the logits as tensors: popularity at the question's moment, and co-visits of its recent events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.sequences.batches import Batch
from regard.sequences.counts import BACK_DECAY, Neighbours, Popularity


class Channels:
    """Counts that enter the logits with weights the model learns.

    Args:
        popularity: table of the training view, None where there is no clock.
        neighbours: co-visit table of the training view.
        items: V.
    """

    def __init__(self, popularity: Popularity | None, neighbours: Neighbours, items: int) -> None:
        self.popularity, self.neighbours, self.items = popularity, neighbours, items
        self._popular = None if popularity is None else torch.from_numpy(popularity.table)
        self._tables = [] if self._popular is None else [table.contiguous() for table in self._popular.unbind(2)]
        self._near = torch.from_numpy(neighbours.items.astype(np.int64))
        self._weight = torch.from_numpy(neighbours.weights)

    def own(self, batch: Batch) -> Tensor:
        """float32 [B, Q, U, C - 1], popularity of the rows' own items at the moment of each question."""
        if self._popular is None or self.popularity is None:
            return torch.zeros(*batch.asked.shape, batch.slot_item.shape[1], 0)
        row = torch.from_numpy(self.popularity.row(batch.moment))  # [B, Q]
        item = torch.from_numpy(np.minimum(batch.slot_item, self.items - 1))  # [B, U]
        return self._popular[row[:, :, None], item[:, None]]

    def of(self, batch: Batch, edition: NDArray[np.int64]) -> Callable[[slice], list[Tensor]]:
        """For the questions asked in `batch` (row-major), a function from a slice of them to C tensors float32 [n, V].

        Args:
            edition: int64 [N] edition of the neighbour table each question may read, -1 for none.
        """
        recent = torch.from_numpy(batch.recent[batch.asked])  # [N, M]
        fade = BACK_DECAY ** torch.from_numpy(batch.recent_back[batch.asked]) * (recent < self.items)
        fade = fade / fade.sum(dim=1, keepdim=True).clamp(min=1e-6) * torch.from_numpy(edition >= 0)[:, None]
        edition_of = torch.from_numpy(np.maximum(edition, 0))
        recent = recent.clamp(max=self.items - 1)
        moment = None if self.popularity is None else torch.from_numpy(self.popularity.row(batch.moment[batch.asked]))

        def channels(rows: slice) -> list[Tensor]:
            near = self._near[edition_of[rows, None], recent[rows]].flatten(1)  # [n, M K]
            speak = (fade[rows, :, None] * self._weight[edition_of[rows, None], recent[rows]]).flatten(1)
            lift = torch.zeros(len(near), self.items + 1).scatter_add_(1, near, speak)[:, :-1]
            covisit = lift.log1p_()
            if moment is None:
                return [covisit]
            return [*(table.index_select(0, moment[rows]) for table in self._tables), covisit]

        return channels
