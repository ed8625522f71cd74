"""RFM: who bought lately, often and much, as scores from 1 to 5 and the cells that marketing calls by name.

Hughes, 'Strategic Database Marketing', 1994. No model is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments.people import People
from regard.errors import UsageError
from regard.insight.answer import Plain

SCORES = 5
"""Quintiles."""

CELLS = {
    "champions": ("Champions", "冠军客户"),
    "loyal": ("Loyal customers", "忠诚客户"),
    "potential_loyal": ("Potential loyalists", "潜力忠诚客户"),
    "new": ("New customers", "新客户"),
    "promising": ("Promising", "有潜力的客户"),
    "need_attention": ("Need attention", "需要关注的客户"),
    "about_to_sleep": ("About to sleep", "即将沉睡的客户"),
    "at_risk": ("At risk", "有流失风险的客户"),
    "cannot_lose": ("Cannot lose them", "不能失去的客户"),
    "hibernating": ("Hibernating", "沉睡客户"),
    "lost": ("Lost", "流失客户"),
}
"""Cell -> its usual name in English and Chinese."""

_GRID = (
    ("lost", "lost", "at_risk", "cannot_lose", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "at_risk"),
    ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    ("promising", "potential_loyal", "potential_loyal", "loyal", "loyal"),
    ("new", "potential_loyal", "potential_loyal", "champions", "champions"),
)
"""Recency score from 1 down the rows, score of frequency and money together from 1 along the columns."""

KINDS = {
    "important_cherish": ("Important, to cherish", "重要价值客户"),
    "important_develop": ("Important, to develop", "重要发展客户"),
    "important_keep": ("Important, to keep", "重要保持客户"),
    "important_win_back": ("Important, to win back", "重要挽留客户"),
    "general_cherish": ("General, to cherish", "一般价值客户"),
    "general_develop": ("General, to develop", "一般发展客户"),
    "general_keep": ("General, to keep", "一般保持客户"),
    "general_win_back": ("General, to win back", "一般挽留客户"),
}
"""Kind -> name of the eight kinds by which Chinese marketing goes: important are those whose money is above the mean score;
then recency and frequency above it, recency alone, frequency alone, neither.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The RFM grid of N customers.

    Args:
        recency, frequency, money: int64 [N] scores 1 to 5, 5 the best (the latest, the most).
        cell: object [N], keys of CELLS. kind: object [N], keys of KINDS.
    """

    recency: NDArray[np.int64]
    frequency: NDArray[np.int64]
    money: NDArray[np.int64]
    cell: NDArray[Any]
    kind: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Cell(Plain):
    """One cell.

    Args: cell: key. name: in the language asked for. size: customers. share: of all. value: their money.
    """

    cell: str
    name: str
    size: int
    share: float
    value: float


def grid(days: NDArray[np.floating[Any]], orders: NDArray[np.floating[Any]], money: NDArray[np.floating[Any]]) -> Grid:
    """Scores and cells.

    Args:
        days: float [N] since the last order. orders: float [N]. money: float [N] spent.

    Raises:
        UsageError: the three are not of the same customers, or hold what is no number.

    >>> found = grid(np.array([1.0, 300, 2, 400, 200]), np.array([9.0, 9, 1, 1, 3]), np.array([90.0, 80, 5, 4, 20]))
    >>> found.cell.tolist()
    ['champions', 'at_risk', 'potential_loyal', 'lost', 'need_attention']
    """
    if not len(days) == len(orders) == len(money):
        raise UsageError("days, orders and money must be of the same customers")
    parts = [np.asarray(part, dtype=np.float64) for part in (-np.asarray(days), orders, money)]
    if not all(np.isfinite(part).all() for part in parts):
        raise UsageError("days, orders and money must be numbers", hint="leave out customers without an order")
    scores = [score(part) for part in parts]
    both = (scores[1] + scores[2] + 1) // 2
    table, kinds = np.array(_GRID, dtype=object), np.array(list(KINDS), dtype=object)
    recent, often, much = (part > part.mean() if len(part) else part > 0 for part in scores)
    return Grid(
        recency=scores[0], frequency=scores[1], money=scores[2],
        cell=table[scores[0] - 1, both - 1] if len(days) else np.empty(0, dtype=object),
        kind=kinds[4 * ~much + 2 * ~recent + ~often],
    )  # fmt: skip


def score(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Quintile of each value, 1 the lowest; equal values have equal scores, that of the middle of their ranks.

    >>> score(np.array([1.0, 1, 1, 1, 7, 8, 9, 9, 9, 9])).tolist()
    [2, 2, 2, 2, 3, 3, 5, 5, 5, 5]
    """
    rank = ranks(values)
    return np.asarray((rank - 0.5) / max(len(values), 1) * SCORES, dtype=np.int64) + 1


def cells(cell: Sequence[str | None], people: People, language: str = "en") -> tuple[Cell, ...]:
    """Every cell that has somebody, in the order of CELLS.

    Args: cell: N keys of CELLS, None for who is in none. people: the same N, whose money is counted. language: 'en' or 'zh'.
    """
    if len(cell) != len(people):
        raise UsageError(f"the grid has {len(cell)} rows, but there are {len(people)} customers")
    told = np.array(cell, dtype=object)
    result = []
    for key, names in CELLS.items():
        rows = np.flatnonzero(told == key)
        if len(rows):
            result.append(
                Cell(
                    cell=key, name=names[language == "zh"], size=len(rows), share=len(rows) / len(people),
                    value=float(np.nansum(people.value[rows])),
                )
            )  # fmt: skip
    return tuple(result)


def ranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The place of each value from 1 up, float64 [N]; equals share the mean of theirs. Quicker to import than SciPy's.

    >>> ranks(np.array([5.0, 1, 1, 9])).tolist()
    [3.0, 1.5, 1.5, 4.0]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)
