"""Ragged: many short lists in two arrays (values + offsets), the one shape in which variable lengths travel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths.

    Args:
        offsets: int64 [R + 1], row r is values[offsets[r]:offsets[r + 1]].
        values: [M], all rows one behind the other.

    >>> rows = Ragged.of([[4, 7], [], [1]])
    >>> len(rows), rows[0].tolist(), rows.lengths.tolist()
    (3, [4, 7], [2, 0, 1])
    """

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any] | NDArray[Any]], dtype: Any = np.int64) -> Ragged:
        """Pack a sequence of sequences."""
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.concatenate([np.asarray(row, dtype=dtype) for row in rows]) if len(rows) else np.empty(0, dtype)
        return cls(offsets, values)

    @classmethod
    def from_groups(cls, group: NDArray[np.integer[Any]], values: NDArray[Any], count: int) -> Ragged:
        """Pack `values` by `group` (int [M] in 0..count-1), keeping their order within a group."""
        order = np.argsort(group, kind="stable")
        offsets = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(np.bincount(group, minlength=count), out=offsets[1:])
        return cls(offsets, values[order])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [R]."""
        lengths: NDArray[np.int64] = self.offsets[1:] - self.offsets[:-1]
        return lengths

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.integer[Any]]) -> Ragged:
        """The named rows, in that order."""
        lengths = self.offsets[1:][rows] - self.offsets[:-1][rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return Ragged(offsets, self.values[spans(self.offsets[:-1][rows], lengths)])


def spans(starts: NDArray[np.integer[Any]], lengths: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Indices start, start+1, ... for every (start, length), one behind the other.

    >>> spans(np.array([10, 3]), np.array([2, 3])).tolist()
    [10, 11, 3, 4, 5]
    """
    total = int(lengths.sum())
    if total == 0:
        return np.empty(0, dtype=np.int64)
    ends = np.cumsum(lengths)
    within = np.arange(total, dtype=np.int64) - np.repeat(ends - lengths, lengths)
    return np.asarray(np.repeat(starts, lengths) + within, dtype=np.int64)
