"""Rows: AdamW and the running average for tables of which a step reads few rows, without a pass over the others.

A row that gets no gradient still moves by its momentum: in the n-th step after its last gradient by m / sqrt(v) times a number that
depends on the steps alone. So rows are left where they are and brought up to date when they are next read: what comes out is what
passes over the whole table would have given, not the 'lazy' Adam that forgets the momentum of rare items.

Legend: `V` rows of a table, `S` rows that a step reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regard.model.device import carry

BLOCK = 65_536
"""Rows brought up to date at once at the end of a run; memory only."""

NOTHING = 1e-20
"""Share of a moment under which nothing is left of it; smaller products would be denormal, and slow."""


@dataclass(kw_only=True, eq=False)
class _Part:
    """Some rows of a table [S, ...], or all [V, ...]: weights, AdamW's two moments, and the weights' running average."""

    value: Tensor
    first: Tensor
    second: Tensor
    average: Tensor

    def take(self, rows: Tensor) -> _Part:
        return _Part(**{name: part.index_select(0, rows) for name, part in vars(self).items()})

    def put(self, rows: Tensor, part: _Part) -> None:
        for name, whole in vars(self).items():
            whole.index_copy_(0, rows, getattr(part, name))


class Rows:
    """The tables during one run of steps; between runs every row is up to date.

    Args:
        tables: V rows each. average: the running averages, under the same names, changed in place.
        optimiser: holds the moments, so that a checkpoint knows them; without weight decay for these tables.
        steps: the run has at most.
    """

    def __init__(
        self,
        tables: Mapping[str, nn.Parameter],
        average: Mapping[str, Tensor],
        optimiser: torch.optim.AdamW,
        *,
        steps: int,
    ) -> None:
        self.beta, self.epsilon = optimiser.defaults["betas"], optimiser.defaults["eps"]
        self.states, self.whole = [], dict[str, _Part]()
        for name, table in tables.items():
            state = optimiser.state[table]
            if not state:
                state |= {
                    "step": torch.zeros((), device=table.device),
                    "exp_avg": torch.zeros_like(table.data),
                    "exp_avg_sq": torch.zeros_like(table.data),
                }
            self.states.append(state)
            self.whole[name] = _Part(
                value=table.data, first=state["exp_avg"], second=state["exp_avg_sq"], average=average[name]
            )
        self.begun, self.now = int(self.states[0]["step"]), 0
        # The step that each row is up to date with; in main memory, as are the factors below and the rows that a step reads.
        self.seen = torch.zeros(len(next(iter(tables.values()))), dtype=torch.int64)
        # What a row has missed that is up to date with step s of the run:
        self.moved = np.zeros(steps + 1)  # its weight moved by this times -m / sqrt(v),
        self.blended = np.zeros(steps + 1)  # of which so much reached the average,
        self.kept = np.ones(steps + 1)  # of which this share is the old average.
        self.fades = [beta ** np.arange(steps + 1) for beta in (*self.beta, self.beta[0] / self.beta[1] ** 0.5)]

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """These rows (int64 [S] in main memory, each once) of every table as they are now, as leaves that collect gradients."""
        self.rows = rows
        self.held = {name: self._up_to_date(whole, rows) for name, whole in self.whole.items()}
        return {name: held.value.requires_grad_() for name, held in self.held.items()}

    def put(self, *, rate: float, keep: float) -> None:
        """One step of AdamW and of the average on the rows taken.

        Args:
            rate: learning rate. keep: share of the average that is kept.
        """
        self.now += 1
        (one, two), n = self.beta, self.begun + self.now
        scale = rate * (1 - two**n) ** 0.5 / (1 - one**n)
        for name, held in self.held.items():
            value, grad = held.value.detach(), held.value.grad
            held.first.mul_(one)
            held.second.mul_(two)
            if grad is not None:
                held.first.add_(grad, alpha=1 - one)
                held.second.addcmul_(grad, grad, value=1 - two)
            value.sub_(self._direction(held), alpha=scale)
            held.average.lerp_(value, 1 - keep)
            there = carry(self.rows, value.device)
            self.whole[name].put(there, _Part(value=value, first=held.first, second=held.second, average=held.average))
        self.seen[self.rows] = self.now
        late = slice(0, self.now)
        self.moved[late] += self.fades[2][self.now : 0 : -1] * scale
        self.blended[late] += (1 - keep) * (self.moved[late] - self.blended[late])
        self.kept[late] *= keep

    def settle(self) -> None:
        """Bring every row up to date."""
        for start in range(0, len(self.seen), BLOCK):
            rows = torch.arange(start, min(start + BLOCK, len(self.seen)))
            for whole in self.whole.values():
                whole.put(carry(rows, whole.value.device), self._up_to_date(whole, rows))
        self.seen.fill_(self.now)
        for state in self.states:
            state["step"].fill_(self.begun + self.now)

    def _direction(self, part: _Part) -> Tensor:
        """[S, ...]; epsilon is as small beside a corrected second moment as beside a plain one."""
        direction: Tensor = part.first / (part.second.sqrt() + self.epsilon)
        return direction

    def _up_to_date(self, whole: _Part, rows: Tensor) -> _Part:
        device = whole.value.device
        part, seen = whole.take(carry(rows, device)), self.seen[rows].numpy()
        shape = (-1,) + (1,) * (part.value.ndim - 1)

        def number(of_row: NDArray[np.float64]) -> Tensor:
            return carry(torch.from_numpy(of_row.astype(np.float32)), device).view(shape)

        direction = self._direction(part)
        kept = number(self.kept[seen])
        part.average.sub_(part.value).mul_(kept).add_(part.value).sub_(number(self.blended[seen]) * direction)
        part.value.sub_(number(self.moved[seen]) * direction)
        for moment, fades in ((part.first, self.fades[0]), (part.second, self.fades[1])):
            left = fades[self.now - seen]
            moment.mul_(number(np.where(left < NOTHING, 0.0, left)))
        return part
