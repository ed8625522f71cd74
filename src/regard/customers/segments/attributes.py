"""Attributes: what rules can test and tables compare of each customer: what was done, declared and is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.segments.declared import columns
from regard.customers.segments.rfm import grid, ranks
from regard.model.runtime.horizon import Outlook
from regard.sequences.aggregates import Aggregates, aggregate
from regard.sequences.log import Log
from regard.sequences.pack import days

AHEAD = (30, 60, 90)
"""Days over which churn, orders and spend are foreseen: a month to a quarter, in which campaigns are planned."""

TIERS = {"gold": 0.8, "silver": 0.5, "bronze": 0.0}
"""Tier of value -> share of the customers who are worth less: the best fifth is gold, as most money comes from a fifth."""

COUNTS = {"orders": "orders_all", "items": "distinct_items", "active_days": "active_days"}
"""Field -> column of the aggregates: whole numbers."""

NUMBERS = {
    "spend": "spend_all", "refunded": "refunded", "mean_order_value": "mean_order_value",
    "days_since_last_event": "days_since_last_event", "days_since_first_order": "days_since_first_order",
    "days_since_last_order": "days_since_last_order", "days_between_orders": "gap_median",
}  # fmt: skip
"""Field -> column of the aggregates."""

CLOCKED = ("active_days", "first_seen", "last_seen")
"""Fields that, like all of days, say nothing where there is no clock."""

COMPARED = ("rfm", "value_tier", "orders", "mean_order_value", "days_between_orders", "channel", "device")
"""Fields of our own that tables compare beside what is declared; the others repeat these in other words."""


class Forecaster(Protocol):
    """What says what customers will do; `model.runtime.horizon.HorizonModel` is one."""

    def predict(self, queries: Log, asof: NDArray[np.int64], horizons_days: NDArray[np.floating[Any]]) -> Outlook:
        """Orders, churn and spend within each horizon."""


def attributes(
    log: Log,
    asof: NDArray[np.int64],
    *,
    target: tuple[str, ...],
    outlook: Outlook | None = None,
    intent: Mapping[int, NDArray[np.floating[Any]]] | None = None,
    profile: Mapping[str, pa.Array] | None = None,
    declared: pa.Table | None = None,
) -> pa.Table:
    """One row a customer, in the order of the log.

    Args:
        log: N customers. asof: int64 [N], as `log.time`: when it is asked. target: behaviours that count as buying.
        outlook: what they will do within AHEAD; None = nobody says. intent: days -> float [N], chance of buying within.
        profile: other fields of their profiles, N rows each.
        declared: the customers table, column `customer` and others (see `declared.columns`); one of the same name as a
            field of our own gets a `_`, so that what is declared and what is found are never mixed.

    >>> from regard.sequences.vocabulary import Vocabulary
    >>> log = Log(customers=Vocabulary(["ann"]), items=Vocabulary(["lamp"]), behaviours=("purchase",),
    ...     offsets=np.array([0, 2]), item=np.zeros(2, np.int32), behaviour=np.zeros(2, np.int16),
    ...     time=np.array([0, 10 * 86_400]), basket=np.array([0, 1], np.int32), quantity=np.ones(2, np.float32),
    ...     value=np.array([30, 10], np.float32), merchandise=np.ones(1, bool))
    >>> row = attributes(log, np.array([15 * 86_400]), target=("purchase",)).to_pylist()[0]
    >>> row["orders"], row["spend"], row["days_since_last_order"], str(row["last_seen"])
    (2, 40.0, 5.0, '1970-01-11')
    """
    table = aggregate(log, asof, target=target)
    found: dict[str, Any] = {"events": log.lengths}
    found |= {name: table.column(column).astype(np.int64) for name, column in COUNTS.items()}
    found |= {name: _number(table.column(column)) for name, column in NUMBERS.items()}
    found |= {"first_seen": _days(log, 0), "last_seen": _days(log, -1)} | _rfm(table)
    if log.clock != "clock":
        found = {name: column for name, column in found.items() if name not in CLOCKED and not name.startswith("days_")}
    for ahead, chance in sorted((intent or {}).items()):
        found[f"intent_{ahead}d"] = _number(chance)
    found |= {name: column for name, column in (profile or {}).items() if name not in found}
    worth = table.column("spend_all")
    if outlook is not None:
        for place, ahead in enumerate(AHEAD):
            found[f"churn_{ahead}d"] = _number(1 - outlook.p_order[:, place])
            found[f"orders_{ahead}d"] = _number(outlook.orders[:, place])
            found[f"spend_{ahead}d"] = _number(outlook.spend[:, place])
        worth = np.where(np.isnan(outlook.spend[:, -1]), worth, outlook.spend[:, -1]).astype(np.float32)
    found["value_tier"] = tiers(worth)  # the last of our own: see `compared`
    said = {} if declared is None else columns(log.customers, declared, found)
    return pa.table({"customer": log.customers.ids} | found | said)


def compared(profile: pa.Table) -> pa.Table:
    """The columns of `attributes` that tables compare: a few of our own, and all that is declared."""
    declared = profile.column_names[profile.column_names.index("value_tier") + 1 :]
    return profile.select([name for name in profile.column_names if name in (*COMPARED, *declared)])


def tiers(worth: NDArray[np.floating[Any]]) -> pa.Array:
    """'gold', 'silver' or 'bronze' by the share of customers who are worth less; equals are of one tier; null for NaN.

    >>> tiers(np.array([5.0, 1, 2, 3, 4, np.nan])).to_pylist()
    ['gold', 'bronze', 'bronze', 'silver', 'silver', None]
    """
    known = np.isfinite(worth)
    below = np.zeros(len(worth))
    below[known] = (ranks(worth[known]) - 0.5) / max(int(known.sum()), 1)
    names, bounds = np.array(list(TIERS), dtype=object), np.array(list(TIERS.values()))
    told = names[(below[:, None] >= bounds).argmax(axis=1)] if len(worth) else names[:0]
    return pa.array(told, pa.string(), mask=~known)


def _rfm(table: Aggregates) -> dict[str, pa.Array]:
    """Scores and cells of who has ordered and whose money is known; null of the others."""
    parts = [table.column(name) for name in ("days_since_last_order", "orders_all", "spend_all")]
    rows = np.flatnonzero(np.isfinite(parts).all(axis=0))
    some = grid(*(part[rows] for part in parts))
    place = np.full(len(parts[0]), -1)
    place[rows] = np.arange(len(rows))
    back = pa.array(place, mask=place < 0)
    scores = {"recency_score": some.recency, "frequency_score": some.frequency, "money_score": some.money}
    cells = {"rfm": pa.array(some.cell, pa.string()), "rfm_kind": pa.array(some.kind, pa.string())}
    return {name: pa.array(column).take(back) for name, column in (scores | cells).items()}


def _days(log: Log, end: int) -> pa.Array:
    """The calendar day of each customer's first (0) or last (-1) event; null where there is none."""
    some = np.flatnonzero(log.lengths)
    told = np.zeros(len(log), dtype=np.int32)
    rows = log.offsets[:-1][some] if end == 0 else log.offsets[1:][some] - 1
    told[some] = days(log.time[rows], log.time_zone)
    return pa.array(told, pa.int32(), mask=log.lengths == 0).cast(pa.date32())


def _number(column: NDArray[np.floating[Any]]) -> pa.Array:
    """Float64, null for what is not known."""
    return pa.array(column.astype(np.float64), mask=~np.isfinite(column))
