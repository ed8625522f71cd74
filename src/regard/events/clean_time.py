"""Times: decide how a column is written, then read it in SQL as instants in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

from regard.errors import InputError, UsageError
from regard.events.duck import connect
from regard.events.mapping import TimeFormat, Unit
from regard.events.read_sql import Binder

EARLIEST = "1990-01-01"
"""Before this no shop has kept behaviour; such times are zeros, defaults and mistakes."""
AHEAD_DAYS = 366
"""Days into the future that a time may lie (pre-orders, wrong clocks) before it is absurd."""

_NEVER = "TIMESTAMP 'infinity'"
"""SQL of a time that the check for absurd ones is sure to meet."""
_MICROS: dict[str, float] = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_HOURS = (
    "",
    " %H:%M:%S",
    " %H:%M",
    " %H:%M:%S.%f",
    " %I:%M:%S %p",
    " %I:%M %p",
    " %I:%M:%S%p",
    " %I:%M%p",
    "T%H:%M:%S",
    ", %H:%M",
)
_CHINESE_HOURS = (
    "",
    " %H:%M:%S",
    " %H:%M",
    "%H:%M:%S",
    "%H:%M",
    " %H时%M分%S秒",
    " %H时%M分",
    "%H时%M分%S秒",
    "%H时%M分",
)
_WORDY = (
    *("%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%d/%b/%Y", "%a, %d %b %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%m %d, %Y", "%Y-%m-%d %H", "%Y/%m/%d %H"),
)
_FIXED = (
    *(f"%Y年%m月%d日{hours}" for hours in _CHINESE_HOURS),
    *(f"{date}{hours}" for date in ("%Y-%m-%d", "%Y/%m/%d") for hours in _HOURS[4:8]),
    *(f"{date}{hours}" for date in ("%d.%m.%y", "%d.%m.%Y", "%Y.%m.%d") for hours in _HOURS),
    *(f"{date}{hours}" for date in _WORDY for hours in _HOURS[:6]),
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%d/%b/%Y:%H:%M:%S",
)
_ZONED = r"(:\d\d(?:[.,]\d+)?)\s*(?:Z|z|UTC|GMT|([+-]\d\d):?(\d\d)?)$"
_SLASHED = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d\d)(?!\d)")


def day_month(order: str) -> tuple[str, ...]:
    """Formats of dates with slashes or dashes in which the year stands last."""
    first, second = ("%d", "%m") if order == "dmy" else ("%m", "%d")
    return tuple(
        f"{first}{mark}{second}{mark}{year}{hours}" for mark in "/-" for year in ("%y", "%Y") for hours in _HOURS
    )


def unit_of(numbers: Sequence[float]) -> Unit:
    """The unit of numbers since 1970, '' when they are no such numbers: each unit has its own range of sizes.

    >>> unit_of([1511929781.0]), unit_of([1511929781000.0]), unit_of([17.0])
    ('s', 'ms', '')
    """
    sizes = {unit: sum(6.3e14 <= number * scale < 4.2e15 for number in numbers) for unit, scale in _MICROS.items()}
    found = [unit for unit, count in sizes.items() if count]
    if sum(sizes.values()) <= 0.5 * len(numbers):
        return ""
    return cast("Unit", found[0]) if len(found) == 1 else "auto"


def find_format(
    values: Iterable[str | None],
    kind: str,
    *,
    column: str,
    zone: str,
    wanted: str = "",
    whole: Callable[[], Iterable[str | None]] | None = None,
) -> TimeFormat:
    """How a column of times is written.

    Args:
        values: a sample of the column as text.
        kind: its DuckDB type.
        column: its name, for the question.
        zone: zone of times that name none.
        wanted: 'dmy', 'mdy', 's', 'ms', 'us', 'ns' or a strptime format, from `--map time_format=`.
        whole: every different value, asked only when the sample does not tell day from month.

    Raises:
        InputError: no time at all, or day and month or the unit cannot be told; names the flag.
    """
    if kind.startswith("TIMESTAMP"):
        return TimeFormat(kind="timestamp", zone=zone)
    if kind == "DATE":
        return TimeFormat(kind="date", zone=zone)
    texts = [value.strip() for value in values if value is not None and value.strip()]
    if "%" in wanted:
        return TimeFormat(kind="text", formats=(wanted,), iso=False, zone=zone)
    if wanted and wanted not in ("dmy", "mdy", *_MICROS):
        raise UsageError(
            f"time_format '{wanted}' is unknown", hint="dmy, mdy, s, ms, us, ns or a format such as %d.%m.%Y"
        )
    numbers = _numbers(texts)
    if numbers and not _compact(texts):
        unit = cast("Unit", wanted) if wanted in _MICROS else unit_of(numbers)
        if not unit:
            raise InputError(
                f"column '{column}' holds numbers such as {texts[0]}: not a time since 1970 in any usual unit",
                hint="--map time_format=s (or ms, us), or --map position=COLUMN where it is only an order",
            )
        return TimeFormat(kind="epoch", unit=unit, zone=zone)
    order: Literal["", "dmy", "mdy"] = (
        cast("Literal['dmy', 'mdy']", wanted) if wanted in ("dmy", "mdy") else _order(texts)
    )
    slashed = [text for text in texts if _SLASHED.match(text)]
    if slashed and not order:
        order = _order(text for text in (whole() if whole else ()) if text)
        if not order:
            raise InputError(
                f"column '{column}': is {slashed[0]} day/month or month/day? No date in it tells",
                hint="--map time_format=dmy or --map time_format=mdy",
            )
    formats, iso, read = _ranked(texts, order)
    if texts and not read:
        raise InputError(
            f"column '{column}' holds '{texts[0][:40]}', which is no time that Regard can read",
            hint="--map time=ANOTHER_COLUMN, or --map time_format=%d.%m.%Y (strptime)",
        )
    return TimeFormat(kind="text", order=order, formats=formats, iso=iso, zone=zone)


def time_sql(cell: str, kind: str, form: TimeFormat, binder: Binder) -> str:
    """SQL that turns `cell` of DuckDB type `kind` into TIMESTAMP in UTC, NULL where it cannot be read."""
    if form.kind == "timestamp" and kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        cell = cell if kind == "TIMESTAMP WITH TIME ZONE" else f"CAST({cell} AS TIMESTAMPTZ)"
        finite = f"make_timestamp(epoch_us({cell}))"
        return f"CASE WHEN isfinite({cell}) THEN {finite} WHEN {cell} IS NOT NULL THEN {_NEVER} END"
    if form.kind in ("timestamp", "date"):
        return _utc(f"CAST({cell} AS TIMESTAMP)", form.zone, binder)
    if form.kind == "epoch":
        number = (
            cell
            if kind in _INTEGERS or kind in ("DOUBLE", "FLOAT")
            else f"TRY_CAST(trim(CAST({cell} AS VARCHAR)) AS DOUBLE)"
        )
        return _epoch(number, kind in _INTEGERS, form.unit)
    text = f"trim(CAST({cell} AS VARCHAR))"
    zoned = binder(_ZONED)
    sign, hours, minutes = f"left({_part(text, zoned, 2)}, 1)", _part(text, zoned, 2), _part(text, zoned, 3)
    offset = f"coalesce(TRY_CAST({hours} AS INTEGER), 0) * 60 + coalesce(TRY_CAST({sign} || {minutes} AS INTEGER), 0)"
    local = f"regexp_replace({text}, {zoned}, '\\1')"
    number = f"CASE WHEN regexp_full_match({text}, '[0-9]{{9,19}}([.][0-9]+)?') THEN TRY_CAST({text} AS DOUBLE) END"
    with_zone = f"{_written(local, form, binder)} - to_minutes({offset})"
    without = _utc(_written(text, form, binder), form.zone, binder)
    number = _epoch(number, False, "auto")
    return f"coalesce(CASE WHEN regexp_matches({text}, {zoned}) THEN {with_zone} ELSE {without} END, {number})"


def _part(text: str, pattern: str, group: int) -> str:
    return f"regexp_extract({text}, {pattern}, {group})"


def _written(text: str, form: TimeFormat, binder: Binder) -> str:
    tries = [f"try_strptime({text}, {binder(list(form.formats))})"]
    iso = f"TRY_CAST({text} AS TIMESTAMP)"
    if not form.order and form.iso:
        day, month = (f"try_strptime({text}, {binder(list(day_month(order)))})" for order in ("dmy", "mdy"))
        tries.append(f"CASE WHEN {day} IS NULL OR {month} IS NULL OR {day} = {month} THEN coalesce({day}, {month}) END")
    if form.iso:
        tries.insert(0, iso)
    return f"coalesce({', '.join(tries)})" if len(tries) > 1 else tries[0]


def _epoch(number: str, integers: bool, unit: str) -> str:
    if unit == "auto":
        sizes = " ".join(
            f"WHEN abs({number}) < {limit} THEN {_epoch(number, integers, name)}"
            for name, limit in (("s", "1e11"), ("ms", "1e14"), ("us", "1e17"))
        )
        return f"CASE {sizes} ELSE {_epoch(number, integers, 'ns')} END"
    scale = _MICROS[unit]
    micros = (
        f"CAST({number} AS BIGINT) * {int(scale)}"
        if integers and scale >= 1
        else f"CAST(round({number} * {scale}) AS BIGINT)"
    )
    return (
        f"CASE WHEN abs({number}) < {4e15 / scale:.0f} THEN make_timestamp({micros})"
        f" WHEN {number} IS NOT NULL THEN {_NEVER} END"
    )


def _utc(local: str, zone: str, binder: Binder) -> str:
    if zone == "UTC":  # the same, without a look at the calendar for every row
        return local
    return f"timezone('UTC', timezone({binder(zone)}, {local}))"


def _numbers(texts: Sequence[str]) -> list[float]:
    """All of them as numbers, or nothing when fewer than nine in ten are."""
    found = [float(text) for text in texts if re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][+]?\d+)?", text)]
    return found if found and len(found) >= 0.9 * len(texts) else []


def _compact(texts: Sequence[str]) -> bool:
    return all(re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{4}(\d\d)?)?", text) for text in texts)


def _order(texts: Iterable[str]) -> Literal["", "dmy", "mdy"]:
    first = second = 0
    for text in texts:
        if match := _SLASHED.match(text):
            first += int(match[1]) > 12
            second += int(match[2]) > 12
    return "dmy" if first > second else "mdy" if second > first else ""


def _ranked(texts: Sequence[str], order: str) -> tuple[tuple[str, ...], bool, int]:
    """Formats by how often the sample is written so; whether ISO is worth a first try; how many values were read."""
    known = (*(day_month(order) if order else ()), *_FIXED)
    local = [re.sub(_ZONED, r"\1", text) for text in texts]
    binder = Binder()
    counts = ", ".join(f"count(try_strptime(x, {binder([form])}))" for form in known)
    iso = "TRY_CAST(x AS TIMESTAMP)"
    query = (
        f"SELECT count({iso}), count(coalesce({iso}, try_strptime(x, {binder(list(known))}))), {counts}"
        f" FROM (SELECT unnest({binder(local)}::VARCHAR[]) AS x)"
    )
    with connect() as connection:
        plain, read, *hits = connection.execute(query, binder.values).fetchall()[0]
    ranked = sorted(zip(hits, known, strict=True), key=lambda pair: -pair[0])
    # A column that is all of one kind is not asked about ISO first: a failed try costs every row.
    return tuple(form for _, form in ranked), bool(plain) or not hits or max(hits) < len(texts), read


_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}
)
