"""Facts: what the horizon head reads of customers, and how it becomes the numbers of a network.

Legend: `N` customers, `F` inputs, `D` width of a state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.sequences.aggregates import BESIDE, Aggregates, aggregate
from regard.sequences.log import Log

States = Callable[[Log, NDArray[np.int64]], NDArray[np.float32]]
"""(queries, asof) -> the encoder's states, float32 [Q, D]; `Runtime.states` is one."""

Beside = Callable[[Log, NDArray[np.int64]], Aggregates]
"""(queries, asof) -> further columns, named as `sequences.aggregates.BESIDE` says; `sequences.attributes.Attributes` is one."""

CLIP = 5.0
"""Standard deviations at which an input is cut off: a customer beyond all others is treated as the furthest of them."""

Floats = NDArray[np.float32]
Days = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What a head reads of N customers.

    Args:
        table: aggregates. asof: int64 [N] seconds. age: float32 [N] days since the first order, of who never ordered since the first event.
        bought: float32 [N] days with an order.
        states: float32 [N, D], NaN rows where there is none; None = of nobody.
    """

    table: Aggregates
    asof: NDArray[np.int64]
    age: Floats
    bought: Floats
    states: Floats | None = None

    def __len__(self) -> int:
        return len(self.age)

    def take(self, rows: NDArray[Any]) -> Facts:
        """The named rows."""
        table = Aggregates(names=self.table.names, values=self.table.values[rows])
        states = None if self.states is None else self.states[rows]
        return Facts(table=table, asof=self.asof[rows], age=self.age[rows], bought=self.bought[rows], states=states)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """How facts become the numbers of a head: signed logarithms, then standardised, with 0 and a flag for what is missing.

    Args:
        columns: aggregates that are read. flagged: those of them that get a flag. states: D, 0 = states are not read.
        center, scale: float32 [F] of everything, flags and states included.
    """

    columns: tuple[str, ...]
    flagged: tuple[str, ...]
    states: int
    center: Floats
    scale: Floats

    def __call__(self, facts: Facts) -> Floats:
        """float32 [N, F]."""
        raw = self.raw(facts, columns=self.columns, flagged=self.flagged, states=self.states)
        known = np.nan_to_num((raw - self.center) / self.scale)
        return np.asarray(np.clip(known, -CLIP, CLIP))

    @staticmethod
    def raw(facts: Facts, *, columns: tuple[str, ...], flagged: tuple[str, ...], states: int) -> Floats:
        """float32 [N, F] before they are standardised, NaN for what is missing."""
        place = {name: number for number, name in enumerate(facts.table.names)}
        # Another log may lack a behaviour, and so its columns: nobody did it. What stands beside is unknown where it is not.
        absent = [np.full_like(facts.age, np.nan if name.startswith(BESIDE) else 0) for name in columns]
        cells = [
            facts.table.values[:, place[name]] if name in place else nothing
            for name, nothing in zip(columns, absent, strict=True)
        ]
        found = np.stack(cells, axis=1) if cells else np.empty((len(facts), 0), dtype=np.float32)
        flags = np.isnan(found[:, [columns.index(name) for name in flagged]]).astype(np.float32)
        parts = [np.sign(found) * np.log1p(np.abs(found)), flags]
        if states:
            told = facts.states
            told = np.full((len(facts), states), np.nan, dtype=np.float32) if told is None else told
            parts += [told, np.isnan(told[:, :1]).astype(np.float32)]
        return np.concatenate(parts, axis=1, dtype=np.float32)


def facts_of(
    queries: Log,
    asof: NDArray[np.int64],
    *,
    target: tuple[str, ...],
    states: States | None = None,
    about: Beside | None = None,
) -> Facts:
    """What heads read of Q customers as of a moment; `bought` is 0 for who never ordered.

    Raises:
        UsageError: the log has no clock.
    """
    if queries.clock != "clock":
        raise UsageError("days ahead need events with times", hint="this log has only an order of events")
    table = aggregate(queries, asof, target=target)
    told = None if states is None else states(queries.where(queries.time <= asof[queries.owner]), asof)
    first, ever = (table.column(f"days_since_first_{what}") for what in ("order", "event"))
    return Facts(
        table=table if about is None else table.beside(about(queries, asof)),
        asof=asof,
        age=np.nan_to_num(np.where(np.isnan(first), ever, first)),
        bought=np.nan_to_num(table.column("order_days")),
        states=told,
    )
