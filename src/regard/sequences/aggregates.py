"""Aggregates: what each customer has done up to a moment, as a row of hand-made numbers. Training and serving call the same function.

Legend: `Q` customers, `N` events, `F` columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import DAY, Log
from regard.sequences.pack import days, local
from regard.sequences.purchases import WEEK, Orders, money_of, orders_of

WINDOWS = (1, 7, 14, 30, 60, 90, 180, 365)
"""Days before the moment, beside all of the past: from a session's length to a year's habit."""

BEHAVIOUR_WINDOWS = (7, 30, 90)
"""Days in which each behaviour is counted, beside all: a log may have many behaviours, and most say the same."""

HALF_LIVES = (4, 8, 13, 26)
"""Weeks: spend decayed with 8 to 13 ranks future spend best on two published data sets; the others are for quicker and slower shops."""

SESSION_GAP = 30 * 60
"""Seconds of silence that end a session, the web's convention."""

PART = 4
"""Hours in a part of the day: fine enough for habits, coarse enough for a few dozen events."""

DECLARED, SCORED, LINKED = "declared:", "score:", "linked:"
"""Beginnings of the names of columns that stand beside the aggregates, see `attributes`; no aggregate is called so."""

BESIDE = (DECLARED, SCORED, LINKED)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Aggregates:
    """A table of Q customers.

    Args:
        names: of the F columns; the same for all logs of the same behaviours and clock.
        values: float32 [Q, F]; NaN for what does not exist, such as the gap between the orders of somebody with one order.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]

    def column(self, name: str) -> NDArray[np.float32]:
        """float32 [Q], the column of this name."""
        return self.values[:, self.names.index(name)]

    def beside(self, other: Aggregates) -> Aggregates:
        """These columns, then those of another table of the same customers."""
        values = np.concatenate([self.values, other.values], axis=1)
        return Aggregates(names=(*self.names, *other.names), values=values)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Past:
    """Events up to the moment. age: float64 [N] days. day: int64 [N], equal for events of one day. money: float64 [N] spent."""

    log: Log
    target: tuple[str, ...]
    orders: Orders
    owner: NDArray[np.int64]
    age: Floats
    day: NDArray[np.int64]
    money: Floats

    def sum(self, rows: NDArray[Any], weights: Floats | None = None) -> Floats:
        """float64 [Q], events among `rows` (numbers or bool [N]), or the sum of their weights, by customer."""
        return np.bincount(self.owner[rows], weights=weights, minlength=len(self.log)).astype(np.float64)


def aggregate(queries: Log, asof: NDArray[np.int64], *, target: tuple[str, ...]) -> Aggregates:
    """What a customer has done up to a moment: recency, frequency, money, windows, gaps, decay, habits.

    An order is a basket of a target behaviour; refunds reduce spend and are no orders. A window of 7 days holds what is at most 7 x
    24 hours old. Where there is no clock, a basket of any behaviour takes the place of a day: a window of 7 is the newest 8 baskets,
    an age the number of baskets since, and the hours, weekdays and sessions are left out. In a set nothing has an age.

    Args:
        queries: histories of the Q customers. Events after `asof` are not read; those at it are.
        asof: int64 [Q], as `queries.time`: seconds, or the position of the last event that counts.
        target: behaviours that count as buying.

    Source: windowed counts and recency, frequency and money as in the published solutions of RecSys Challenge 2025.
    """
    past = _past(queries, asof, target)
    columns = {
        **_recency(past),
        **_windows(past),
        **_orders(past),
        **_gaps(past),
        **_decayed(past),
        **_behaviours(past),
        **_variety(past),
    }
    if queries.clock == "clock":
        columns |= _habits(past)
    table = np.stack([column.astype(np.float32) for column in columns.values()], axis=1)
    return Aggregates(names=tuple(columns), values=table)


def _past(queries: Log, asof: NDArray[np.int64], target: tuple[str, ...]) -> _Past:
    log = queries.where(queries.time <= asof[queries.owner])
    owner = log.owner
    if log.clock == "clock":
        age, day = (asof[owner] - log.time) / DAY, days(log.time, log.time_zone)
    elif log.clock == "order":
        day = _basket_numbers(log, owner)
        last = np.append(day, 0)[np.maximum(log.offsets[1:] - 1, 0)] if log.events else np.zeros(len(log), np.int64)
        age = (last[owner] - day).astype(np.float64)
    else:
        age, day = np.zeros(log.events), np.zeros(log.events, dtype=np.int64)
    return _Past(
        log=log,
        target=target,
        orders=orders_of(log, target),
        owner=owner,
        age=age,
        day=day,
        money=money_of(log, target),
    )


def _basket_numbers(log: Log, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 [N], 0, 1, ... over all baskets of the log: deleted events leave no holes."""
    return np.cumsum(_new(owner, log.basket)) - 1


def _recency(past: _Past) -> dict[str, Floats]:
    """Days since the first and the last event and order; NaN for who has none."""
    found: dict[str, Floats] = {}
    for name, rows in (("order", past.orders.row), ("event", np.arange(past.log.events))):
        owner, age = past.owner[rows], past.age[rows]
        last, first = np.full(len(past.log), np.nan), np.full(len(past.log), np.nan)
        last[owner] = age  # the newest stands last
        first[owner[::-1]] = age[::-1]
        found |= {f"days_since_last_{name}": last, f"days_since_first_{name}": first}
    return found


def _windows(past: _Past) -> dict[str, Floats]:
    """Events, targets, orders and spend within windows."""
    rows = {
        "events": (np.arange(past.log.events), None),
        "targets": (np.flatnonzero(past.log.is_behaviour(past.target)), None),
        "orders": (past.orders.row, None),
        "spend": (np.flatnonzero(past.money), past.money),
    }
    found: dict[str, Floats] = {}
    for name, (some, weights) in rows.items():
        age = past.age[some]
        for window in (*WINDOWS, None):
            kept = some if window is None else some[age <= window]
            found[_windowed(name, window)] = past.sum(kept, None if weights is None else weights[kept])
    return {name: _if_known(past, column) if name.startswith("spend") else column for name, column in found.items()}


def _orders(past: _Past) -> dict[str, Floats]:
    """How much an order is worth, and how many lines it has."""
    orders, count = past.orders, len(past.log)
    known = ~np.isnan(orders.value)
    owner, value = orders.owner[known], orders.value[known]
    many = np.bincount(owner, minlength=count)
    mean, spread = _moments(owner, value, count)
    last = np.full(count, np.nan)
    last[owner] = value
    lines = past.sum(past.log.is_behaviour(past.target))
    placed = np.bincount(orders.owner, minlength=count)
    return {
        "mean_order_value": mean,
        "sd_order_value": spread,
        "last_order_value": np.where(many > 0, last, np.nan),
        "lines_per_order": _ratio(lines, placed),
        "refunded": _if_known(past, -past.sum(past.money < 0, past.money[past.money < 0])),
    }


def _gaps(past: _Past) -> dict[str, Floats]:
    """Days between one day with an order and the next: the customer's rhythm, and how late the next order is by it."""
    count = len(past.log)
    owner, day = past.orders.owner, past.day[past.orders.row]
    new = _new(owner, day)
    owner, day = owner[new], day[new]
    bought = np.bincount(owner, minlength=count)
    same = owner[1:] == owner[:-1]
    gap, of = np.diff(day)[same].astype(np.float64), owner[1:][same]
    mean, spread = _moments(of, gap, count)
    last = np.full(count, np.nan)
    last[of] = gap
    since = np.full(count, np.nan)
    since[past.orders.owner] = past.age[past.orders.row]
    return {
        "order_days": bought.astype(np.float64),
        "gap_mean": mean,
        "gap_median": _medians(of, gap, count),
        "gap_sd": spread,
        "last_gap_over_mean": last / mean,
        "days_since_last_order_over_gap_mean": since / mean,
    }


def _decayed(past: _Past) -> dict[str, Floats]:
    """Orders and spend of which every half-life halves the weight."""
    found = {}
    spent = np.flatnonzero(past.money)
    for weeks in HALF_LIVES:
        weight = 0.5 ** (past.age / (weeks * WEEK))
        found[f"orders_decayed_{weeks}w"] = past.sum(past.orders.row, weight[past.orders.row])
        found[f"spend_decayed_{weeks}w"] = _if_known(past, past.sum(spent, (past.money * weight)[spent]))
    return found


def _behaviours(past: _Past) -> dict[str, Floats]:
    """Events of each behaviour of the log within windows."""
    found: dict[str, Floats] = {}
    names = past.log.behaviours
    cells = past.owner * len(names) + past.log.behaviour
    for window in (*BEHAVIOUR_WINDOWS, None):
        kept = cells if window is None else cells[past.age <= window]
        table = np.bincount(kept, minlength=len(past.log) * len(names)).reshape(len(past.log), len(names))
        found |= {
            _windowed(f"count_{name}", window): table[:, code].astype(np.float64) for code, name in enumerate(names)
        }
    return found


def _variety(past: _Past) -> dict[str, Floats]:
    """Distinct items and days, and how much of what was bought had been bought before."""
    log, wanted = past.log, past.log.is_behaviour(past.target) & (past.log.item >= 0)
    bought = _distinct(past.owner[wanted], log.item[wanted], len(log))
    return {
        "distinct_items": _distinct(past.owner[log.item >= 0], log.item[log.item >= 0], len(log)),
        "distinct_items_bought": bought,
        "repeat_share": 1 - _ratio(bought, past.sum(wanted)),
        "active_days": _distinct(past.owner, past.day, len(log)),
    }


def _habits(past: _Past) -> dict[str, Floats]:
    """Sessions, and the shares of events by part of the day and by weekday, in the shop's zone."""
    log, count = past.log, len(past.log)
    clock = local(log.time, log.time_zone)
    events = past.sum(np.arange(log.events))
    pause = np.append(True, (np.diff(log.time) > SESSION_GAP) | (np.diff(past.owner) != 0))[: log.events]
    found = {"sessions": past.sum(pause)}
    weekday = (past.day + 3) % 7  # 1970 began on a Thursday; 0 is Monday
    for name, code, size in (("hours", clock % DAY // (PART * 3600), 24 // PART), ("weekday", weekday, 7)):
        share = np.bincount(past.owner * size + code, minlength=count * size).reshape(count, size)
        labels = [f"{n * PART:02d}_to_{(n + 1) * PART:02d}" if name == "hours" else f"{n}" for n in range(size)]
        found |= {f"share_{name}_{label}": _ratio(share[:, n], events) for n, label in enumerate(labels)}
    return found


def _windowed(name: str, window: int | None) -> str:
    return f"{name}_all" if window is None else f"{name}_{window}d"


def _if_known(past: _Past, spend: Floats) -> Floats:
    """NaN for customers with orders of which not one has a value."""
    count = len(past.log)
    placed = np.bincount(past.orders.owner, minlength=count)
    known = np.bincount(past.orders.owner[~np.isnan(past.orders.value)], minlength=count)
    return np.where((placed > 0) & (known == 0), np.nan, spend)


def _new(owner: NDArray[np.integer[Any]], key: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """bool, where a run of equal (owner, key) begins."""
    return np.append(True, (np.diff(owner) != 0) | (np.diff(key) != 0))[: len(owner)]


def _distinct(owner: NDArray[np.int64], key: NDArray[np.integer[Any]], count: int) -> Floats:
    """float64 [count], different keys of each owner."""
    order = np.lexsort((key, owner))
    owner, key = owner[order], np.asarray(key)[order]
    return np.bincount(owner[_new(owner, key)], minlength=count).astype(np.float64)


def _moments(owner: NDArray[np.int64], value: Floats, count: int) -> tuple[Floats, Floats]:
    """(mean, standard deviation) by owner, float64 [count]; NaN where there is nothing."""
    many = np.bincount(owner, minlength=count)
    mean = _ratio(np.bincount(owner, weights=value, minlength=count), many)
    square = _ratio(np.bincount(owner, weights=(value - mean[owner]) ** 2, minlength=count), many)
    return mean, np.sqrt(square)


def _medians(owner: NDArray[np.int64], value: Floats, count: int) -> Floats:
    many = np.bincount(owner, minlength=count)
    start = np.cumsum(many) - many
    ordered = np.append(value[np.lexsort((value, owner))], np.nan)
    low, high = start + np.maximum(many - 1, 0) // 2, start + many // 2
    middle = (ordered[np.minimum(low, len(value))] + ordered[np.minimum(high, len(value))]) / 2
    return np.where(many > 0, middle, np.nan)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """float64, NaN where the whole is 0."""
    out = np.full(len(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=np.asarray(whole) > 0))
