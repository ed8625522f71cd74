"""What a peer is told: interactions to learn from and questions to answer, as arrays in a file that any Python reads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rows(NamedTuple):
    """Rows of item codes: row r is values[offsets[r]:offsets[r + 1]]."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    def part(self, start: int, stop: int) -> Rows:
        """The rows from `start` to before `stop`.

        >>> Rows(np.array([0, 2, 2, 3]), np.array([4, 7, 1])).part(1, 3).values.tolist()
        [1]
        """
        first, last = self.offsets[start], self.offsets[stop]
        return Rows(self.offsets[start : stop + 1] - first, self.values[first:last])

    @property
    def owner(self) -> NDArray[np.int64]:
        """The row of every value."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def lists(self) -> list[NDArray[Any]]:
        """One array a row."""
        return np.split(self.values, self.offsets[1:-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A catalogue, what its customers did, and questions about Q of them.

    Args:
        catalogue: bool [V], items that may be recommended. train: every customer's items in order, for learning.
        history: what each asked customer had until then, in order. blocked: what is no candidate for each.
        target: what each wanted next, -1 for an item outside the catalogue.
    """

    catalogue: NDArray[np.bool_]
    train: Rows
    history: Rows
    blocked: Rows
    target: Rows

    def save(self, path: Path) -> None:
        """Write it as .npz."""
        arrays: dict[str, NDArray[Any]] = {"catalogue": self.catalogue}
        for name, rows in ((field.name, getattr(self, field.name)) for field in fields(self)[1:]):
            arrays |= {f"{name}_offsets": rows.offsets, f"{name}_values": rows.values}
        np.savez(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Problem:
        """Read it."""
        with np.load(path, allow_pickle=False) as found:
            rows = {
                field.name: Rows(found[f"{field.name}_offsets"], found[f"{field.name}_values"])
                for field in fields(cls)[1:]
            }
            return cls(catalogue=found["catalogue"], **rows)

    def __len__(self) -> int:
        return len(self.history.offsets) - 1
