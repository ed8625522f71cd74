"""The stream: days on which far more or fewer events came than on such days before, and columns whose values have shifted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import DAY, Log
from regard.sequences.pack import local

FAR = 4.72
"""Standard deviations that count as far out: Tukey's 3 interquartile ranges above the upper quartile, of normal values."""

WEEKS = 8
"""Weeks back to which a day is compared with its own weekday: longer ago, the shop was another."""

LEAST_PAST = 4
"""Earlier days, or earlier windows, from which on there is something to compare with."""

BINS = 10
"""Equal parts of the past into which items and numbers are divided: the usual ten of the population stability index."""

WINDOWS = 26
"""Windows looked back at for what is usual: half a year of weeks."""

_LEAST_PSI = 0.01
"""Nats below which no shift is remarkable, however still the past was: a tenth of the rule of thumb for 'some' (0.1)."""

_MOVED = 3
"""Bins named for each column."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, kw_only=True)
class Burst:
    """A day of a behaviour that is unlike its days before.

    Args:
        day: ISO date on the shop's calendar. behaviour: whose events. count: of them.
        expected: the median of the days it is compared with. deviations: robust standard deviations off, signed.
        score: 0..1, a half at FAR.
        weekday: whether it was compared with its own weekdays, or with all days, where these are too few.
    """

    day: str
    behaviour: str
    count: int
    expected: float
    deviations: float
    score: float
    weekday: bool

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A column whose values have shifted between the past and the latest window.

    Args:
        column: 'behaviour', 'item', 'hour', 'weekday', 'quantity', 'value', or a context's name.
        psi: population stability index, nats. usual: the highest that the shop's own past makes unremarkable.
        score: 0..1, a half at `usual`.
        moved: what moved most: (value or range, share before, share now).
    """

    column: str
    psi: float
    usual: float
    score: float
    moved: tuple[tuple[str, float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


def bursts(log: Log) -> list[Burst]:
    """Every day of every behaviour against its past alone, the farthest first; days within FAR are left out, and so is a
    latest day that falls short, as it may not be over.

    A day is compared with the same weekday of the last WEEKS weeks, or with all earlier days where these are fewer than
    LEAST_PAST. The spread is the median distance from the median, and never less than chance alone makes it (Poisson).

    Raises:
        ValueError: the log has no clock.
    """
    if log.clock != "clock":
        raise ValueError("bursts of the stream need a clock")
    if log.events == 0:
        return []
    day = local(np.asarray(log.time), log.time_zone) // DAY
    first, days = int(day.min()), int(day.max() - day.min()) + 1
    counts = np.bincount(log.behaviour * days + (day - first), minlength=len(log.behaviours) * days)
    found = []
    for code, row in enumerate(counts.reshape(-1, days)):
        for place in range(LEAST_PAST, days):
            same = row[place % 7 : place : 7][-WEEKS:]
            past = same if (weekday := len(same) >= LEAST_PAST) else row[:place]
            middle = float(np.median(past))
            spread = max(1.4826 * float(np.median(np.abs(past - middle))), float(np.sqrt(max(middle, 1.0))))
            off = (int(row[place]) - middle) / spread
            if off > FAR or (off < -FAR and place < days - 1):
                found.append(
                    Burst(
                        day=_date(first + place), behaviour=log.behaviours[code], count=int(row[place]),
                        expected=middle, deviations=round(off, 2), score=round(abs(off) / (abs(off) + FAR), 4),
                        weekday=weekday,
                    )
                )  # fmt: skip
    return sorted(found, key=lambda burst: -burst.score)


def drift(log: Log, *, days: int = 7) -> list[Drift]:
    """How far each column of the latest `days` days is from all before, the farthest first.

    The same was asked of every earlier window of as many days with at least LEAST_PAST windows before it; a shift is
    remarkable beyond the upper quartile of those and three interquartile ranges (Tukey), not beyond a rule of thumb.

    Args:
        log: the events. days: length of a window.

    Raises:
        ValueError: the log has no clock, or days is not positive.

    Source: the population stability index, sum of (now - before) ln(now / before) over bins (Jeffreys, 1946).
    """
    if log.clock != "clock" or days < 1:
        raise ValueError("drift needs a clock and windows of at least a day")
    if log.events == 0:
        return []
    wall = local(np.asarray(log.time), log.time_zone)
    day = wall // DAY
    window = (day.max() - day) // days  # 0 = the latest
    windows = min(int(window.max()) + 1 - LEAST_PAST, WINDOWS)
    if windows <= LEAST_PAST:
        return []
    found = []
    for column in _columns(log, wall, days % 7 == 0):
        tables = [_shares(column, window, at) for at in range(windows)]
        psi, *past = (float(np.sum((now - before) * np.log(now / before))) for before, now, _ in tables)
        low, high = np.quantile(past, (0.25, 0.75))
        usual = max(float(high + 3 * (high - low)), _LEAST_PSI)
        before, now, names = tables[0]
        most = np.argsort(-np.abs(now - before), kind="stable")[:_MOVED]
        moved = tuple((names[bin_], round(float(before[bin_]), 4), round(float(now[bin_]), 4)) for bin_ in most)
        found.append(
            Drift(
                column=column.name, psi=round(psi, 5), usual=round(usual, 5), score=round(psi / (psi + usual), 4),
                moved=moved,
            )
        )  # fmt: skip
    return sorted(found, key=lambda drift: -drift.score)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """Values [N] of one column: codes of `names` (-1 = unknown), items (codes without names), or numbers (NaN = unknown)."""

    name: str
    values: NDArray[Any]
    names: tuple[str, ...] = ()


def _columns(log: Log, wall: NDArray[np.int64], weeks: bool) -> list[_Column]:
    """The columns that say something; weekdays only where windows are whole weeks."""
    hours = tuple(f"{hour:02d}:00" for hour in range(24))
    columns = [
        _Column(name="behaviour", values=np.asarray(log.behaviour), names=log.behaviours),
        _Column(name="item", values=np.asarray(log.item)),
        _Column(name="hour", values=wall % DAY // 3600, names=hours),
        *([_Column(name="weekday", values=(wall // DAY + 3) % 7, names=_WEEKDAYS)] if weeks else []),
        _Column(name="quantity", values=np.asarray(log.quantity)),
        _Column(name="value", values=np.asarray(log.value)),
        *(_Column(name=name, values=codes, names=names) for name, (names, codes) in log.context.items()),
    ]
    return [column for column in columns if _told(column)]


def _told(column: _Column) -> bool:
    """Whether a column says more than one thing."""
    known = (
        column.values[column.values >= 0]
        if column.values.dtype.kind == "i"
        else column.values[~np.isnan(column.values)]
    )
    return len(known) > 0 and bool((known != known[0]).any())


def _shares(
    column: _Column, window: NDArray[np.int64], at: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Shares [bins] before window `at` and in it, each as if half an event more were in every bin, and the bins' names."""
    before, now = column.values[window > at], column.values[window == at]
    names, place = _bins(column, before)
    return _smoothed(place(before), len(names)), _smoothed(place(now), len(names)), names


def _bins(column: _Column, past: NDArray[Any]) -> tuple[list[str], Callable[[NDArray[Any]], NDArray[np.int64]]]:
    """Names of the bins into which the past divides a column, the unknown last, and the bin of each of other values."""
    if column.names:
        unknown = len(column.names)
        return [*column.names, "?"], lambda values: np.where(values < 0, unknown, values).astype(np.int64)
    if column.name == "item":
        counts = np.bincount(past[past >= 0], minlength=int(column.values.max()) + 1)
        order = np.argsort(-counts, kind="stable")
        mass = np.cumsum(counts[order]) - counts[order] / 2
        table = np.full(len(counts) + 1, BINS + 1)
        table[order] = np.minimum(BINS * mass / max(1, counts.sum()), BINS - 1).astype(np.int64)
        table[:-1][counts == 0] = BINS
        return [*(f"{part + 1}/{BINS}" for part in range(BINS)), "new", "?"], lambda values: table[values]
    known = past[~np.isnan(past)]
    cuts = np.quantile(known, np.arange(1, BINS) / BINS) if len(known) else np.zeros(1)
    # A value that fills a tenth of the past alone has a bin of its own: most lines have one unit, and two are another thing.
    edges = np.unique(np.append(cuts, np.nextafter(cuts[1:][cuts[1:] == cuts[:-1]], np.inf)))
    ends = ["", *(f"{edge:g}" for edge in edges), ""]
    names = [low if low == high else f"{low}–{high}" for low, high in pairwise(ends)]
    return [*names, "?"], lambda values: np.where(
        np.isnan(values), len(names), np.searchsorted(edges, values, side="right")
    )


def _smoothed(bins: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    shares = np.bincount(bins, minlength=count) + 0.5
    return np.asarray(shares / shares.sum())


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
