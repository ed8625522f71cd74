"""Found: what one detector says of every customer, and the events on which it rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from regard.sequences.anomalies import surprise
from regard.sequences.anomalies.surprise import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """One kind of anomaly over the whole log.

    Args:
        kind: its name, a key of `words.REASONS`.
        nats: float64 [B], how much less likely the customer's acts are under the shop's own ways than under the anomaly.
        asked: bool [B], customers with enough acts to be judged; the others have 0.
        marks: bool [N], the events that speak for it.
        figures: name -> [B], what the reason is worded with.
    """

    kind: str
    nats: Floats
    asked: NDArray[np.bool_]
    marks: NDArray[np.bool_]
    figures: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    @property
    def score(self) -> Floats:
        """float64 [B] in 0..1, a half where the shop's own ways end (see `surprise.limit`)."""
        nats = np.where(self.asked, self.nats, 0.0)
        return surprise.score(nats, surprise.limit(nats, self.asked))
