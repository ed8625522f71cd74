"""The training view: all that fitting may see. Whoever fits takes a View and nothing else, so leakage has no door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log
from regard.sequences.ragged import Ragged


@dataclass(frozen=True, eq=False)
class Content:
    """What is known of the items beside their ids: a bag of features each (words, category levels, brand, price band, tags).

    Args:
        names: F feature names such as 'word:lamp', 'category:lights', 'brand:acme', 'price:3'.
        features: V rows of feature codes.
    """

    names: tuple[str, ...]
    features: Ragged

    @classmethod
    def empty(cls, items: int) -> Content:
        """Nothing known of any of `items` items."""
        return cls((), Ragged(np.zeros(items + 1, dtype=np.int64), np.empty(0, dtype=np.int64)))

    def take(self, items: NDArray[np.int64]) -> Content:
        """The content of a sub-catalogue."""
        return Content(self.names, self.features.take(items))


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """Events before the cut, vocabulary and content as of the cut.

    Args:
        log: the events; its items are those seen before the cut, and the catalogue is log.merchandise.
        target: names of the behaviours that count as wanting an item.
        cut: seconds since 1970 UTC at which the view ends; None where there is no clock.
        content: what is known of each item as of the cut.
    """

    log: Log
    target: tuple[str, ...]
    cut: int | None
    content: Content

    @property
    def targets(self) -> NDArray[np.bool_]:
        """bool [N], events that are targets: of a target behaviour, on an item that is merchandise."""
        log = self.log
        sold = np.append(log.merchandise, False)
        return np.asarray(log.is_behaviour(self.target) & sold[log.item])


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """A question with known answers, and all that may be used to answer it.

    Args:
        kind: 'time', 'leave-one-out' or 'held-out'.
        view: what fitting sees.
        queries: histories of the Q customers asked about, over the view's vocabularies.
        asof: int64 [Q] when each question is asked (seconds; the last event's time where there is no clock).
        targets: Q rows of item codes, each item once; -1 for an item that the view has never seen (a miss for whoever cannot score it).
        mask: 'none', 'target' or 'seen': which of a customer's own items are no candidates.
        days: length of the test period for 'time', else None.
        hash: 16 hex digits of SHA-256 over the (customer, target) pairs.
    """

    kind: str
    view: View
    queries: Log
    asof: NDArray[np.int64]
    targets: Ragged
    mask: str
    days: int | None
    hash: str

    def __len__(self) -> int:
        return len(self.asof)
