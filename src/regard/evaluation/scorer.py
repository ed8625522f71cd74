"""The two protocols through which everything is measured: what gives scores, and what learns to."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log
from regard.sequences.view import View


class Scorer(Protocol):
    """Scores every item for every customer asked about."""

    @property
    def name(self) -> str:
        """Short snake_case name, a key in tables and JSON."""
        ...

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V], higher is likelier, -inf for what it would never recommend.

        Args:
            queries: histories of Q customers, over the vocabularies the scorer was fitted on.
            asof: int64 [Q], when each question is asked, seconds.
        """
        ...


class Method(Protocol):
    """Learns a Scorer from a training view and nothing else."""

    @property
    def name(self) -> str:
        """The same name as that of the Scorer it learns."""
        ...

    def fit(self, view: View) -> Scorer:
        """Learn from `view`."""
        ...
