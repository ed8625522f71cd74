"""Settings of the network: everything its shape follows from, saved beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

POINTER_WIDTH = 16
"""Numbers per pointer head: it only has to tell kinds of items and behaviours apart."""

YEAR_DAYS = 365.25
"""Days after which a season comes round."""

NEVER_AGO = 1_000.0
"""Days, or baskets, that stand for 'never yet'."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the network; chosen by `training.sizing`, never by hand and never by a data set's name.

    Args:
        items: V, catalogue size. behaviours: number of behaviour codes. contexts: codes of each context field, 0 (unknown) included.
        features: F content features of items; 0 = ids only.
        width: D, numbers per state.
        layers: attention blocks.
        time_scales: per attention head, days after which its interest in an event has halved; 0 = the head ignores time.
        back_scales: the same in baskets back; 0 = the head ignores position.
        pointer_heads: ways in which an own past event speaks for its item again; 0 where what was seen is no candidate.
        half_lives: days of the popularity channels; () where there is no clock.
        seasonal: whether the last popularity channel is the same season of last year.
        length: events of a history that are read.
        neighbours: K, co-visit neighbours kept per item.
        dropout: share of numbers dropped on each branch in training.
        id_dropout: share of items whose id is hidden in a training step, so that content alone must do.
    """

    items: int
    behaviours: int
    contexts: tuple[int, ...]
    features: int = 0
    width: int = 64
    layers: int = 2
    time_scales: tuple[float, ...] = (0.0, 1.0, 30.0, 0.0)
    back_scales: tuple[float, ...] = (0.0, 0.0, 0.0, 2.0)
    pointer_heads: int = 4
    half_lives: tuple[float, ...] = ()
    seasonal: bool = False
    length: int = 512
    neighbours: int = 100
    dropout: float = 0.2
    id_dropout: float = 0.1

    @property
    def heads(self) -> int:
        """H."""
        return len(self.time_scales)

    @property
    def channels(self) -> int:
        """C, channels of popularity in the logits."""
        return len(self.half_lives) + self.seasonal

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Settings:
        """The inverse of `to_json`; an unknown or missing name raises TypeError."""
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
        return cls(**plain)
