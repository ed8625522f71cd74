"""The quality gate: which staged rows become events, in the order of the definitions, each refusal with its reason.

parse (the readers) -> required fields -> identity over files and against the store -> exact repeats of one file ->
plausibility. Bots come after it, over the whole store (gate_rules.py): they are flagged, never refused.

Identity: two rows are the same when all mapped fields are equal, missing = missing. The n-th occurrence of a row
    within its file is the same thing as the n-th occurrence in any other file and in the store, so exactly one of
    them is kept: a row then counts as often as in the file where it occurs most. A 64-bit hash finds the suspects;
    equality of the fields decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from regard.events.catalog import Part
from regard.events.engine import Engine, listed
from regard.events.erased import REASON as ERASED
from regard.events.erased import named_sql
from regard.events.read_sql import quoted
from regard.events.schema import FIELD_NAMES, Clock

NO_CUSTOMER, NO_BEHAVIOUR, NO_TIME = "no customer", "no behaviour", "no time"
COUNTED_ONCE, REPEAT, FUTURE = "counted once", "exact repeat", "time in the future"

LEAD = "1 day"
"""How far ahead of this machine's clock a time may be before it is absurd: a day covers every time zone mistake."""

OF_ORDER = "(behaviour = 'purchase' AND \"order\" IS NOT NULL)"
"""SQL of what may repeat within a file: a line of an order can be there twice and be meant."""

_SAMPLE = 50_000
"""Rows from which the bulk of the times is read."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What the gate found.

    Args:
        overlaps: (file that keeps them, file that repeats them) -> rows counted once.
        covered: rows that the store had already; kept aside so that an earlier ingest can be undone.
        repeats_dropped: exact repeats within one file that were dropped.
        repeats_kept: exact repeats within one file that are purchases of one order.
        refused: reason -> rows, of the other refusals.
        future: rows with a time ahead of now.
        far: rows far from the bulk of the times, kept and reported.
    """

    overlaps: dict[tuple[int, int], int]
    covered: int = 0
    repeats_dropped: int = 0
    repeats_kept: int = 0
    refused: dict[str, int]
    future: int = 0
    far: int = 0

    @property
    def counted_once(self) -> int:
        """Rows dropped because another file of the same call has them."""
        return sum(self.overlaps.values())

    @property
    def dropped(self) -> int:
        """Rows that do not become events."""
        return self.counted_once + self.covered + self.repeats_dropped + sum(self.refused.values())


def identity_columns(columns: Sequence[str]) -> list[str]:
    """The fields that make a row what it is: the mapped ones; unmapped columns ('extra') say nothing about the act."""
    return [name for name in FIELD_NAMES if name in columns and name != "extra"]


def check(
    engine: Engine, *, columns: Sequence[str], clock: Clock, live: Sequence[Part], now: datetime, erased: bool = False
) -> Passed:
    """Pass the view `staged` (fields + file, line, row) through the gate; refusals go to the table `drops` (file,
    row, reason, covered).

    Args:
        columns: fields that hold a value in `staged`.
        clock: what times mean.
        live: event parts of the store.
        now: this machine's clock, naive UTC.
        erased: whether the table `erased` holds customers of whom nothing old may come in (`erased.known`).
    """
    engine.rows("CREATE OR REPLACE TABLE drops (file INTEGER, row BIGINT, reason VARCHAR, covered BOOLEAN)")
    refused = _required(engine, clock)
    if erased and (rows := _erased(engine)):
        refused[ERASED] = rows
    overlaps, covered, dropped, kept = _identity(engine, columns, live)
    future, far, absurd = _plausible(engine, now) if clock == "clock" else (0, 0, 0)
    if absurd:
        refused[FUTURE] = absurd
    return Passed(
        overlaps=overlaps,
        covered=covered,
        repeats_dropped=dropped,
        repeats_kept=kept,
        refused=refused,
        future=future,
        far=far,
    )


def accepted(engine: Engine, source: str = "staged") -> str:
    """SQL source of the staged rows that were not dropped."""
    if engine.one("SELECT count(*) FROM drops")[0] == 0:
        return quoted(source)
    return f"(SELECT * FROM {quoted(source)} ANTI JOIN drops USING (file, row))"


def _required(engine: Engine, clock: Clock) -> dict[str, int]:
    needs = {"customer": NO_CUSTOMER, "behaviour": NO_BEHAVIOUR} | ({"time": NO_TIME} if clock == "clock" else {})
    reason = " ".join(f"WHEN {name} IS NULL THEN ?" for name in needs)
    missing = " OR ".join(f"{name} IS NULL" for name in needs)
    engine.rows(
        f"INSERT INTO drops SELECT file, row, CASE {reason} END, false FROM staged WHERE {missing}",
        list(needs.values()),
    )
    return dict(engine.rows("SELECT reason, count(*) FROM drops GROUP BY reason ORDER BY reason"))


def _erased(engine: Engine) -> int:
    engine.rows(
        "INSERT INTO drops SELECT DISTINCT event.file, event.row, ?, false"
        f" FROM {accepted(engine)} AS event JOIN erased ON {named_sql('event.customer')}"
        " WHERE event.time IS NULL OR (epoch_us(event.time) >= from_us AND epoch_us(event.time) < until_us)",
        [ERASED],
    )
    return int(engine.one("SELECT count(*) FROM drops WHERE reason = ?", [ERASED])[0])


def _identity(
    engine: Engine, columns: Sequence[str], live: Sequence[Part]
) -> tuple[dict[tuple[int, int], int], int, int, int]:
    """(overlaps, covered, repeats dropped, repeats kept), as in `Passed`."""
    if not columns:
        return {}, 0, 0, 0
    held = engine.scan("live", _overlapping(engine, columns, live))
    ident = identity_columns([*columns, *held])
    mark = f"hash({listed(ident)})"
    staged = accepted(engine)
    both = f"SELECT {mark} AS mark FROM {staged} UNION ALL SELECT {mark} FROM live"
    engine.rows(f"CREATE OR REPLACE TABLE suspects AS SELECT mark FROM ({both}) GROUP BY mark HAVING count(*) > 1")
    if engine.one("SELECT count(*) FROM suspects")[0] == 0:
        return {}, 0, 0, 0
    # Source -1 is the store; its rows are already one of a kind per occurrence, so they may be counted through as one
    # file.
    fields, of_order = listed(ident), OF_ORDER
    engine.rows(f"""
        CREATE OR REPLACE TABLE twins AS
        WITH rows AS (
            SELECT {fields}, {mark} AS mark, {of_order} AS of_order, file AS source, file, row, line FROM {staged}
            UNION ALL SELECT {fields}, {mark}, {of_order}, -1, -1, -1, line FROM live
        ), numbered AS (
            SELECT *, row_number() OVER (PARTITION BY mark, {fields}, source ORDER BY line, row) AS nth
            FROM rows SEMI JOIN suspects USING (mark)
        )
        SELECT file, row, nth, of_order,
               row_number() OVER kin AS seen, min(source) OVER kin AS first
        FROM numbered WINDOW kin AS (PARTITION BY mark, {fields}, nth ORDER BY source)
    """)
    engine.rows(
        "INSERT INTO drops SELECT file, row, CASE WHEN seen > 1 THEN ? ELSE ? END, seen > 1"
        " FROM twins WHERE file >= 0 AND (seen > 1 OR (nth > 1 AND NOT of_order))",
        [COUNTED_ONCE, REPEAT],
    )
    shared = engine.rows(
        "SELECT first, file, count(*) FROM twins WHERE seen > 1 AND first >= 0 GROUP BY first, file ORDER BY first, file"
    )
    counts = engine.one(
        "SELECT count(*) FILTER (seen > 1 AND first = -1),"
        " count(*) FILTER (seen = 1 AND nth > 1 AND NOT of_order), count(*) FILTER (seen = 1 AND nth > 1 AND of_order)"
        " FROM twins WHERE file >= 0"
    )
    engine.rows("DROP TABLE twins")
    overlaps = {(int(first), int(file)): int(rows) for first, file, rows in shared}
    return overlaps, int(counts[0]), int(counts[1]), int(counts[2])


def _overlapping(engine: Engine, columns: Sequence[str], live: Sequence[Part]) -> list[Part]:
    if "time" not in columns:
        return list(live)
    first, last = engine.one("SELECT epoch_us(min(time)), epoch_us(max(time)) FROM staged")
    return [part for part in live if part.first is None or (part.first <= last and (part.last or 0) >= first)]


def _plausible(engine: Engine, now: datetime) -> tuple[int, int, int]:
    earliest, latest, rows = engine.one("SELECT min(time), max(time), count(*) FROM staged")
    if earliest is None:
        return 0, 0, 0
    far = 0
    stride = rows // _SAMPLE + 1
    low, middle, high = engine.one(
        "SELECT quantile_disc(time, 0.01), quantile_disc(time, 0.5), quantile_disc(time, 0.99) FROM staged"
        " WHERE row % ? = 0",
        [stride],
    )
    # Ten times the width of the bulk, and at least ten days, on either side: a shop's slow start is inside, an epoch
    # zero is not.
    reach = 10 * max((high - low).total_seconds(), 86_400)
    beyond = "epoch(?::TIMESTAMP) - epoch(time) > ? OR epoch(time) - epoch(?::TIMESTAMP) > ?"
    if (low - earliest).total_seconds() > reach or (latest - high).total_seconds() > reach:
        far = int(engine.one(f"SELECT count(*) FROM staged WHERE {beyond}", [low, reach, high, reach])[0])
    ahead = f"time > ?::TIMESTAMP + INTERVAL '{LEAD}'"
    future = int(engine.one(f"SELECT count(*) FROM {accepted(engine)} WHERE {ahead}", [now])[0])
    # When most rows are ahead of this machine's clock, that clock is wrong, or this is a rehearsal: no refusal.
    if future == 0 or middle > now:
        return future, far, 0
    engine.rows(f"INSERT INTO drops SELECT file, row, ?, false FROM {accepted(engine)} WHERE {ahead}", [FUTURE, now])
    return future, far, future
