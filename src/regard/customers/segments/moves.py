"""Moves: how a segment grew since it was last looked at, who came to it from where, and who went where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.insight.answer import Plain

NOWHERE, ABSENT = -1, -2
"""Codes of a customer's place: in no segment; not among the customers then."""


@dataclass(frozen=True, kw_only=True)
class Flow(Plain):
    """Args: segment: id, None for no segment; 'new' for customers who were not there. customers: how many moved."""

    segment: str | None
    customers: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """Who of today's customers was where. Who is no longer there, or may no longer be looked at, is not counted.

    Args:
        before: S0 ids. after: S1 ids.
        customers: int64 [S0 + 2, S1 + 1], from each former segment (rows; then 'none' and 'not there before') to each
            present one (columns; then 'none').
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    customers: NDArray[np.int64]

    @classmethod
    def of(cls, before: Sequence[str], after: Sequence[str], was: NDArray[np.int64], now: NDArray[np.int64]) -> Moves:
        """Count them.

        Args:
            before, after: ids. was: int64 [N], place in `before`, NOWHERE or ABSENT. now: int64 [N], place in `after`
                or NOWHERE.

        >>> moves = Moves.of(["s1"], ["s1"], np.array([0, 0, 0, NOWHERE, ABSENT]), np.array([0, 0, NOWHERE, 0, 0]))
        >>> round(moves.growth("s1"), 3), [flow.segment for flow in moves.into("s1")], moves.out_of("s1")
        (0.333, [None, 'new'], (Flow(segment=None, customers=1),))
        """
        rows, columns = len(before) + 2, len(after) + 1
        row = np.where(was == ABSENT, rows - 1, np.where(was == NOWHERE, rows - 2, was))
        cell = row * columns + np.where(now == NOWHERE, columns - 1, now)
        counted = np.bincount(cell, minlength=rows * columns).reshape(rows, columns)
        return cls(before=tuple(before), after=tuple(after), customers=counted)

    def growth(self, name: str) -> float | None:
        """Size beside the size before, .1 = a tenth more; None for a segment that is new or was empty."""
        size = int(self.customers[self.before.index(name)].sum()) if name in self.before else 0
        return int(self.customers[:, self.after.index(name)].sum()) / size - 1 if size else None

    def into(self, name: str) -> tuple[Flow, ...]:
        """Who came from elsewhere, the most first."""
        return _flows([*self.before, None, "new"], self.customers[:, self.after.index(name)], name)

    def out_of(self, name: str) -> tuple[Flow, ...]:
        """Who went elsewhere, the most first; nobody for a segment that is new."""
        if name not in self.before:
            return ()
        return _flows([*self.after, None], self.customers[self.before.index(name)], name)


def _flows(ends: Sequence[str | None], customers: NDArray[np.int64], name: str) -> tuple[Flow, ...]:
    order = np.argsort(-customers, kind="stable").tolist()
    return tuple(
        Flow(segment=ends[at], customers=int(customers[at])) for at in order if customers[at] and ends[at] != name
    )
