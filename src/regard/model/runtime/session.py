"""Session: the chance that a session which still runs brings an order before it ends, in NumPy; `training.session` fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ModelError
from regard.metrics.logistic import chance
from regard.sequences.aggregates import Aggregates
from regard.sequences.log import Log
from regard.sequences.sessions import running

CLIP = 5.0
"""Standard deviations at which an input is cut off: a session beyond all others is treated as the furthest of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionModel:
    """A straight line on the logarithms of what is known of a session.

    Args:
        columns: of `sequences.sessions.running`. flagged: those of them that get a flag where they are missing.
        center, scale: float64 [F] of columns and flags. weights: float64 [1 + F], the intercept first.
        gap: seconds of silence that end a session. target: behaviours that count as buying.
        report: what was found on customers it has not learned from, plain JSON values.
    """

    columns: tuple[str, ...]
    flagged: tuple[str, ...]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    gap: int
    target: tuple[str, ...]
    report: Mapping[str, Any]

    def chances(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 [Q], NaN for whose latest session is over, or who has none.

        Args:
            queries: histories of Q customers. asof: int64 [Q] seconds; later events are not read.
        """
        past = queries.where(queries.time <= asof[queries.owner])
        found = np.full(len(past), np.nan)
        some = np.flatnonzero(past.lengths)
        latest = past.offsets[1:][some] - 1
        runs = asof[some] - past.time[latest] <= self.gap
        some, latest = some[runs], latest[runs]
        if len(some):
            silence = asof[some] - past.time[latest]
            found[some] = self.told(running(past, latest, silence, target=self.target, gap=self.gap))
        return found

    def told(self, table: Aggregates) -> NDArray[np.float64]:
        """float64 [M], the chances of what `running` says of M moments."""
        return chance(self.inputs(table), self.weights)

    def inputs(self, table: Aggregates) -> NDArray[np.float64]:
        """float64 [M, 1 + F], ones first."""
        raw = self.raw(table, self.columns, self.flagged)
        known = np.clip(np.nan_to_num((raw - self.center) / self.scale), -CLIP, CLIP)
        return np.concatenate([np.ones((len(known), 1)), known], axis=1)

    @staticmethod
    def raw(table: Aggregates, columns: tuple[str, ...], flagged: tuple[str, ...]) -> NDArray[np.float64]:
        """float64 [M, F]: logarithms, NaN for what is missing, then the flags; a behaviour that nobody knew here was never done."""
        place = {name: number for number, name in enumerate(table.names)}
        nothing = np.zeros(len(table.values), dtype=np.float32)
        cells = np.stack([table.values[:, place[name]] if name in place else nothing for name in columns], axis=1)
        flags = np.isnan(cells[:, [columns.index(name) for name in flagged]])
        return np.concatenate([np.log1p(np.maximum(cells, 0)), flags], axis=1, dtype=np.float64)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything, as plain JSON values: a few dozen numbers."""
        told = {name: list(getattr(self, name)) for name in ("columns", "flagged", "target")}
        arrays = {name: getattr(self, name).tolist() for name in ("center", "scale", "weights")}
        return told | arrays | {"gap": self.gap, "report": dict(self.report)}

    @classmethod
    def restore(cls, settings: Mapping[str, Any]) -> SessionModel:
        """The inverse of `settings`.

        Raises:
            ModelError: it is not whole.
        """
        try:
            words = {name: tuple(str(word) for word in settings[name]) for name in ("columns", "flagged", "target")}
            arrays = {name: np.array(settings[name], dtype=np.float64) for name in ("center", "scale", "weights")}
            count = len(words["columns"]) + len(words["flagged"])
            if [len(array) for array in arrays.values()] != [count, count, count + 1]:
                raise ValueError("lengths differ")
            return cls(
                columns=words["columns"], flagged=words["flagged"], target=words["target"], center=arrays["center"],
                scale=arrays["scale"], weights=arrays["weights"], gap=int(settings["gap"]), report=settings["report"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the session head is not whole: {error}", hint="train again") from None
