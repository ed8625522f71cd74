"""Reselling: whoever buys far more of each item at once than others do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import excess, usual
from regard.sequences.log import Log

LEAST_LINES = 5
"""Lines from which on anybody is judged by them."""

MOST = 0.5
"""Share of the lines that are large: less is now and then a party."""

_LARGE = 0.9
"""Part of an item's lines that a large one exceeds. By it a tenth of all lines are large; another tenth would do as well."""

_KNOWN = 10
"""Lines of an item from which on its largest tenth is one."""


def reselling(log: Log) -> Found:
    """Large lines: k of n bought lines hold more units than nine in ten of the same item's lines.

    A wholesaler's customers are compared with each other: where everybody resells, only the largest stand out.
    """
    rows = np.flatnonzero(
        log.is_behaviour(("purchase",)) & np.append(log.merchandise, False)[log.item] & (log.quantity > 0)
    )
    rows = rows[np.bincount(log.item[rows], minlength=len(log.items))[log.item[rows]] >= _KNOWN]
    large = rows[log.quantity[rows] > _quantile(log.item[rows], log.quantity[rows], _LARGE)]
    owner = log.owner
    count, of = (np.bincount(owner[chosen], minlength=len(log)) for chosen in (large, rows))
    marks = np.zeros(log.events, dtype=bool)
    marks[large] = True
    nats = excess(count, of, usual(count, of))
    return Found(
        kind="reselling", nats=np.where(count >= MOST * of, nats, 0.0), asked=of >= LEAST_LINES, marks=marks,
        figures={"count": count, "of": of, "units": np.bincount(owner[large], log.quantity[large], len(log))},
    )  # fmt: skip


def _quantile(group: NDArray[np.int32], values: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    """float32, for each value that of its group below or at which `part` of the group's values lie."""
    order = np.lexsort((values, group))
    counts = np.bincount(group)
    place = np.cumsum(counts) - counts + np.ceil(part * counts).astype(np.int64) - 1
    return np.asarray(values[order][np.maximum(place, 0)][group])
