"""Timelines: what a member did lately, a line a day and behaviour, so that a segment can be seen at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from regard.insight.answer import Plain
from regard.sequences.log import Log
from regard.sequences.pack import days

LATEST = 5
"""Lines of a timeline."""

NAMED = 3
"""Items named on a line."""


@dataclass(frozen=True, kw_only=True)
class Occasion(Plain):
    """What a customer did of one kind on one day, or in one basket where there is no clock.

    Args:
        day: ISO 8601, in the shop's zone; None without a clock. behaviour: what. times: events.
        items: the first few, by name, or by id where there is none.
    """

    day: str | None
    behaviour: str
    times: int
    items: tuple[str, ...]


Told = Callable[[str], tuple[Occasion, ...]]
"""Customer id -> what she did lately."""


def teller(log: Log, names: Mapping[str, str]) -> Told:
    """Who tells of any customer of a log. names: item -> title, of items that have one."""

    def told(customer: str) -> tuple[Occasion, ...]:
        code = log.customers.code(customer)
        return timeline(log.take(np.array([code])), names) if code >= 0 else ()

    return told


def timeline(one: Log, names: Mapping[str, str]) -> tuple[Occasion, ...]:
    """The latest occasions of one customer, newest first.

    Args: one: a log of this customer alone. names: item -> title.
    """
    timed = one.clock == "clock"
    when = days(one.time, one.time_zone) if timed else one.basket.astype(np.int64)
    groups: dict[tuple[int, int], list[int]] = {}
    for row in range(one.events - 1, -1, -1):
        groups.setdefault((int(when[row]), int(one.behaviour[row])), []).append(row)
    return tuple(
        Occasion(
            day=_day(int(one.time[rows[-1]]), one.time_zone) if timed else None,
            behaviour=one.behaviours[behaviour],
            times=len(rows),
            items=_items(one, rows, names),
        )
        for (_, behaviour), rows in list(groups.items())[:LATEST]
    )


def _items(one: Log, rows: list[int], names: Mapping[str, str]) -> tuple[str, ...]:
    codes = dict.fromkeys(int(one.item[row]) for row in reversed(rows) if one.item[row] >= 0)
    ids = [one.items.id(code) for code in list(codes)[:NAMED]]
    return tuple(names.get(item, item) for item in ids)


def _day(seconds: int, zone: str) -> str:
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).date().isoformat()
