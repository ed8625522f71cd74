"""Rhythm: when customers are active and how often, in the shop's time zone, and when they are best reached."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.money import quantile
from regard.sequences.aggregates import SESSION_GAP
from regard.sequences.log import DAY

HOURS, WEEKDAYS = 24, 7

PRIOR = 10.0
"""Visits by which the shop's own hours and weekdays count beside a customer's: ten visits of somebody are as sure."""

WINDOW = 2
"""Hours of the best time to reach: short enough to plan, long enough to be met."""

LEAST_VISITS = 3
"""Visits below which nothing is said of hours and days."""

SPREAD = (0.1, 0.9)
"""Quantiles between which four in five gaps lie."""


def rhythm(given: Given) -> Iterator[Column]:
    """Active hours and weekdays, gaps between orders and between active days, best time to reach."""
    if not given.timed or not given.log.events:
        return
    visit = np.append(True, (np.diff(given.log.time) > SESSION_GAP) | (np.diff(given.owner) != 0))
    many = given.per_customer(visit)
    hour, weekday = given.clock % DAY // 3600, (given.clock // DAY + 3) % WEEKDAYS
    by_hour, by_day = (
        np.bincount(given.owner[visit] * size + part[visit], minlength=len(given) * size).reshape(len(given), size)
        for part, size in ((hour, HOURS), (weekday, WEEKDAYS))
    )
    enough = many >= LEAST_VISITS
    yield given.column("active_hours", _shares(by_hour, many, enough), visit, coverage=1.0)
    yield given.column("weekdays", _shares(by_day, many, enough), visit, coverage=1.0)
    for name, marks in (("order_gap", given.bought), ("visit_gap", np.ones(given.log.events, dtype=bool))):
        low, middle, high = _gaps(given, marks)
        yield given.column(name, middle, marks, interval=(low, high))
    yield _reach(given, by_hour, by_day, visit, hour, weekday)


def _shares(counts: NDArray[np.int64], many: Floats, enough: NDArray[np.bool_]) -> pa.Array:
    """Lists of shares, null where there are too few visits."""
    offsets = pa.array(np.arange(len(counts) + 1, dtype=np.int32) * counts.shape[1])
    shares = pa.array((counts / np.maximum(many, 1)[:, None]).ravel())
    return pa.ListArray.from_arrays(offsets, shares, mask=pa.array(~enough))


def _gaps(given: Given, marks: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Low, middle and high of the days between marked days, float64 [Q] each; NaN for who has no gap."""
    rows = np.flatnonzero(marks)
    day, owner = given.clock[rows] // DAY, given.owner[rows]
    new = np.append(True, (np.diff(day) != 0) | (np.diff(owner) != 0))[: len(rows)]
    day, owner = day[new], owner[new]
    same = np.diff(owner) == 0
    gap, of = np.diff(day)[same].astype(np.float64), owner[1:][same]
    low, middle, high = (quantile(of, gap, len(given), part) for part in (SPREAD[0], 0.5, SPREAD[1]))
    return low, middle, high


def _reach(
    given: Given, by_hour: NDArray[np.int64], by_day: NDArray[np.int64], visit: NDArray[np.bool_], hour: NDArray[np.int64],
    weekday: NDArray[np.int64],
) -> Column:  # fmt: skip
    """The weekday and the hours in which most visits begin, and the chance that the next one begins then.

    Hours and weekdays of everybody count as PRIOR visits of a customer's, and the customer's own hours and weekdays as PRIOR visits at
    the hours of a weekday.
    """
    many, size = by_day.sum(axis=1), HOURS * WEEKDAYS
    hours, weekdays = given.base.hours
    of_day = (by_day + PRIOR * weekdays) / (many[:, None] + PRIOR)
    of_hour = (by_hour + PRIOR * hours) / (many[:, None] + PRIOR)
    cells = given.owner[visit] * size + weekday[visit] * HOURS + hour[visit]
    met = np.bincount(cells, minlength=len(given) * size).reshape(len(given), WEEKDAYS, HOURS)
    share = (met + PRIOR * of_day[:, :, None] * of_hour[:, None, :]) / (many[:, None, None] + PRIOR)
    window = sum(np.roll(share, -ahead, axis=2) for ahead in range(WINDOW)).reshape(len(given), size)
    best, enough = window.argmax(axis=1), many >= LEAST_VISITS
    day, begin = np.divmod(best, HOURS)
    values = pa.StructArray.from_arrays(
        [pa.array(day), pa.array(begin), pa.array((begin + WINDOW) % HOURS)],
        names=["weekday", "from_hour", "to_hour"], mask=pa.array(~enough),
    )  # fmt: skip
    shown = visit & (weekday == day[given.owner]) & ((hour - begin[given.owner]) % HOURS < WINDOW)
    chance = np.where(enough, window[np.arange(len(given)), best], np.nan)
    return given.column("reach", values, shown, coverage=1.0, probability=chance)
