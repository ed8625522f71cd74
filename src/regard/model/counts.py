"""The count channels of the logits as tensors: popularity at the question's moment, and co-visits of its recent events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.sequences.batches import Batch
from regard.sequences.counts import BACK_DECAY, Neighbours, Popularity


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """What was counted for N questions; no gradient flows into counts.

    Args:
        popular: [T, C - 1, V + 1] log popularity at T moments; item V, which is none, has 0.
        moment: int64 [N] which of the T moments each question reads.
        near: int64 [E, V, K] neighbours of each item in E editions, V for none. share: [E, V, K] their weights.
        edition: int64 [N] which edition each question reads. recent: int64 [N, M] items of its latest events.
        fade: [N, M] what each of these counts for, 0 where there is none.
    """

    popular: Tensor
    moment: Tensor
    near: Tensor
    share: Tensor
    edition: Tensor
    recent: Tensor
    fade: Tensor

    def take(self, rows: Tensor) -> Counts:
        """The named questions."""
        asked = {name: getattr(self, name)[rows] for name in ("moment", "edition", "recent", "fade")}
        return Counts(popular=self.popular, near=self.near, share=self.share, **asked)

    def covisits(self, rows: slice) -> tuple[Tensor, Tensor]:
        """What the latest events of n questions say of their neighbours: (item int64 [n, M K], weight [n, M K]); an item may come often."""
        edition, recent = self.edition[rows, None], self.recent[rows]
        return self.near[edition, recent].flatten(1), (self.fade[rows, :, None] * self.share[edition, recent]).flatten(
            1
        )

    def dense(self, rows: slice) -> Tensor:
        """[n, C, V + 1], the channels written out: the reference of `model.loss`."""
        item, weight = self.covisits(rows)
        lift = torch.zeros(len(item), self.popular.shape[2]).scatter_add_(1, item, weight)
        lift[:, -1] = 0
        return torch.cat([self.popular[self.moment[rows]], lift.log1p()[:, None]], dim=1)


class Channels:
    """Counts that enter the logits with weights the model learns.

    Args:
        popularity: table of the training view, None where there is no clock.
        neighbours: co-visit table of the training view.
        items: V.
    """

    def __init__(self, popularity: Popularity | None, neighbours: Neighbours, items: int) -> None:
        self.popularity, self.neighbours, self.items = popularity, neighbours, items
        table = np.empty((1, items, 0), np.float32) if popularity is None else popularity.table
        self._popular = F.pad(torch.from_numpy(table).transpose(1, 2), (0, 1)).contiguous()  # [T, C - 1, V + 1]
        self._near = torch.from_numpy(neighbours.items.astype(np.int64))
        self._share = torch.from_numpy(neighbours.weights)

    def own(self, batch: Batch) -> Tensor:
        """float32 [B, Q, U, C - 1], popularity of the rows' own items at the moment of each question."""
        moment, item = self._moment(batch.moment), torch.from_numpy(batch.slot_item)
        return self._popular[moment[:, :, None], :, item[:, None]]

    def of(self, batch: Batch, edition: NDArray[np.int64]) -> Counts:
        """Counts of the questions asked in `batch`, row-major.

        Args:
            edition: int64 [N] edition of the neighbour table each question may read, -1 for none.
        """
        recent = torch.from_numpy(batch.recent[batch.asked])  # [N, M]
        fade = BACK_DECAY ** torch.from_numpy(batch.recent_back[batch.asked]) * (recent < self.items)
        fade = fade / fade.sum(dim=1, keepdim=True).clamp(min=1e-6) * torch.from_numpy(edition >= 0)[:, None]
        return Counts(
            popular=self._popular, moment=self._moment(batch.moment[batch.asked]), near=self._near, share=self._share,
            edition=torch.from_numpy(np.maximum(edition, 0)), recent=recent.clamp(max=self.items - 1), fade=fade,
        )  # fmt: skip

    def _moment(self, moment: NDArray[np.int64]) -> Tensor:
        row = np.zeros_like(moment) if self.popularity is None else self.popularity.row(moment)
        return torch.from_numpy(row)
