"""Retelling: histories told as if each customer's last wish came at their end, for answers that were taken out of the middle.

Public test sets are often made by taking the last purchase out of a whole history, with everything done to that item, and leaving what
came after it. Whoever is asked so knows a little of what came next, and learns best from histories of that kind.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log


def taken_out(log: Log, asked: Log, *, target: tuple[str, ...]) -> bool:
    """Whether the answers to `asked` were taken out of the middle: their histories end as others' do without their last wish.

    Told by the behaviours that histories end in, without a look at any answer; False where there is one behaviour only.

    Args:
        log: whole histories. asked: the histories asked with, in its behaviour codes. target: behaviours that count as wanting.
    """
    if asked.events == 0 or len(np.unique(log.behaviour)) == 1:
        return False
    last = _last_wanted(log, target)
    before = np.arange(log.events) < last[log.owner]
    around = _without_item_of(log, last)
    later, middle = (float(np.abs(_ends(log.where(kept)) - _ends(asked)).sum()) for kept in (before, around))
    return middle < later


def retell(log: Log, *, target: tuple[str, ...]) -> Log:
    """The log with each customer's last wish moved to the end of the history, a second after all else, and what led to that item left out.

    Args:
        log: whole histories. target: behaviours that count as wanting.
    """
    last = _last_wanted(log, target)
    moved = np.zeros(log.events, dtype=bool)
    moved[last[last >= 0]] = True
    kept = np.flatnonzero(_without_item_of(log, last) | moved)
    owner = log.owner
    rows = kept[np.lexsort((kept, moved[kept], owner[kept]))]
    ends = log.offsets[1:][owner] - 1
    time = np.where(moved, log.time[ends] + 1, log.time)
    basket = np.where(moved, log.basket[ends] + 1, log.basket).astype(np.int32)
    told = replace(log, time=time, basket=basket)
    return told.reorder(rows)


def _last_wanted(log: Log, target: tuple[str, ...]) -> NDArray[np.int64]:
    """int64 [B], row of each customer's last event of a target behaviour with an item, -1 without one."""
    rows = np.flatnonzero(log.is_behaviour(target) & (log.item >= 0))
    last = np.full(len(log), -1, dtype=np.int64)
    last[log.owner[rows]] = rows
    return last


def _without_item_of(log: Log, last: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool [N], the events on other items than that of their customer's row `last`."""
    item = np.where(last >= 0, log.item[np.maximum(last, 0)], -2) if log.events else last
    return np.asarray(log.item != item[log.owner])


def _ends(log: Log) -> NDArray[np.float64]:
    """Share of the histories that end in each behaviour."""
    rows = log.offsets[1:][log.lengths > 0] - 1
    return np.bincount(log.behaviour[rows], minlength=len(log.behaviours)) / max(1, len(rows))
