"""Vocabulary: opaque text ids <-> dense codes 0..n-1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Vocabulary:
    """An ordered set of ids. A code is an id's place in it; -1 stands for 'not in it'.

    >>> items = Vocabulary(["pen", "杯子"])
    >>> items.code("杯子"), items.code("car"), items.id(0), len(items)
    (1, -1, 'pen', 2)
    """

    def __init__(self, ids: pa.Array | Sequence[str]) -> None:
        self.ids: pa.Array = ids if isinstance(ids, pa.Array) else pa.array(list(ids), pa.string())

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.ids.to_pylist())}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, name: str) -> bool:
        return name in self._codes

    def id(self, code: int) -> str:
        """The id of a code."""
        return str(self.ids[int(code)].as_py())

    def names(self, codes: NDArray[np.integer[Any]]) -> list[str]:
        """The ids of many codes."""
        return [str(name) for name in self.ids.take(pa.array(codes)).to_pylist()]

    def code(self, name: str) -> int:
        """The code of an id, -1 when it is not here."""
        return self._codes.get(name, -1)

    def codes(self, names: Iterable[str]) -> NDArray[np.int64]:
        """int64 codes of many ids, -1 where an id is not here."""
        return np.fromiter(map(self._codes.get, names, repeat(-1)), dtype=np.int64)

    def places(self, ids: pa.Array) -> NDArray[np.int64]:
        """int64 codes of a whole column of ids, -1 where one is not here; for many, and other threads run meanwhile.

        >>> Vocabulary(["pen", "cup"]).places(pa.array(["cup", None, "car"])).tolist()
        [1, -1, -1]
        """
        found = pc.index_in(ids.cast(self.ids.type), value_set=self.ids, skip_nulls=True)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def take(self, codes: NDArray[np.integer[Any]]) -> Vocabulary:
        """The sub-vocabulary of these codes, in this order."""
        return Vocabulary(self.ids.take(pa.array(codes)))
