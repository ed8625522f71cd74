"""Sealing: the tail becomes one immutable, sorted part, an ingest like any other, and counts as sealed in the same
transaction.

    written part -> fsync -> rename -> fsync of the folder -> {manifest rows, watermark} committed

The rows themselves are deleted after the next seal, a few at a time, so that a reader of the version before this one
still finds them. A crash before the commit leaves files that the manifest does not know, which the next writer collects,
and the tail as it was. The ids go to a file of their own (`seen`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from time import perf_counter

import pyarrow as pa

from regard.errors import WorkspaceError
from regard.events.catalog import opened
from regard.events.engine import Engine, disk_errors, listed, sort_key, sql_type
from regard.events.enter import enter
from regard.events.ingest import FileReport, IngestReport, part_path
from regard.events.live import people
from regard.events.live.compaction import NAME
from regard.events.live.seen import clear, gathered
from regard.events.live.tables import prepare, there
from regard.events.live.tail import UNSEALED
from regard.events.read_sql import quoted
from regard.events.schema import FIELDS, PROVENANCE
from regard.events.store import Store


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is sealed at once, and by how many hands.

    Args:
        rows: events of one part; what is beyond waits for the next. Some 200 bytes each pass through memory.
        chunk: rows read at a time, so that only so many are Python objects at once.
        threads: of the query engine. One, since the writer and the answers go on beside it.
        cleared: rows that leave the live tables in one transaction, for some milliseconds of which live events wait.
    """

    rows: int = 500_000
    chunk: int = 10_000
    threads: int = 1
    cleared: int = 2_000


def seal(store: Store, *, settings: Settings | None = None) -> IngestReport | None:
    """Make a part of the events that have arrived; live events come in meanwhile.

    Args:
        store: the workspace's store.
        settings: how much at once.

    Returns:
        The report that stands in the history, None where the tail is empty.

    Raises:
        WorkspaceError: another writer is at work, the disk is full; every event is where it was.

    >>> import tempfile
    >>> from regard.events.live.writer import Writer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.create(f"{folder}/shop")
    ...     with Writer(store) as writer:
    ...         _ = writer.submit([{"customer": "C42", "behaviour": "purchase", "item": "pen"}]).result()
    ...     report = seal(store)
    ...     report.number, report.accepted, seal(store)
    (1, 1, None)
    """
    settings = settings or Settings()
    with store.writing(), disk_errors(), Engine(store.folder, threads=settings.threads) as engine:
        began = perf_counter()
        if store.catalog.live():
            prepare(store.catalog.path)
        tail = _read(store.catalog.path, settings)
        if tail.num_rows == 0:
            people.settle_waiting(store.catalog)
            return None
        columns = _spread(engine, tail)
        number = store.catalog.next_ingest()
        part = engine.write_part(
            f"SELECT {listed(columns)}, {number:d}::INTEGER AS ingest, 0::INTEGER AS file, line FROM spread",
            part_path("events", number), kind="events", ingest=number, columns=[*columns, *PROVENANCE],
            sort=sort_key([*columns, "line"]),
        )  # fmt: skip
        report = IngestReport(
            number=number,
            at=f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z",
            files=(FileReport(name=NAME, rows=part.rows, rejected=0, columns=()),),
            rows=part.rows,
            accepted=part.rows,
            rejected={},
            clock="clock",
            seconds=round(perf_counter() - began, 3),
        )
        first, last = tail["seq"][0].as_py(), tail["seq"][-1].as_py()
        ids, older = gathered(store.catalog.path, number, last)
        report = enter(
            engine, store.catalog, store.config, report, number, [part, *ids], clock="clock", remove=older,
            also=_sealed(first, last, part.rows), often=True,
        )  # fmt: skip
    with suppress(WorkspaceError):  # it is sealed; what cannot be deleted now, the next seal will
        clear(store.catalog.path, rows=settings.cleared)
    return report


def _read(path: Path, settings: Settings) -> pa.Table:
    """The oldest events of the tail, in order of arrival, as one snapshot has them."""
    batches: list[pa.RecordBatch] = []
    with opened(path) as link:
        if there(link):
            select = f"SELECT {', '.join(_TAIL.names)} FROM tail WHERE {UNSEALED} ORDER BY seq LIMIT ?"
            rows = link.execute(select, (settings.rows,))
            while chunk := rows.fetchmany(settings.chunk):
                columns = zip(*chunk, strict=True)
                arrays = [pa.array(column, kind) for column, kind in zip(columns, _TAIL.types, strict=True)]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=_TAIL))
    return pa.Table.from_batches(batches, schema=_TAIL)


def _spread(engine: Engine, tail: pa.Table) -> list[str]:
    """Make the table `spread` of the fields and `line`, the order of arrival; returns the fields that hold a value."""
    engine.connection.register("tail", tail)
    rest = {field.name: sql_type(field.type) for field in FIELDS if field.name not in _OWN}
    engine.rows(
        "CREATE TABLE spread AS SELECT customer, behaviour, item, make_timestamp(time_us) AS time, event_id,"
        " unnest(from_json(row, ?)), seq AS line FROM tail",
        [json.dumps(rest)],
    )
    engine.connection.unregister("tail")
    names = [field.name for field in FIELDS]
    counts = engine.one(f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM spread")
    return [name for name, count in zip(names, counts, strict=True) if count]


def _sealed(first: int, last: int, rows: int) -> Callable[[Connection], None]:
    def mark(link: Connection) -> None:
        held = link.execute("SELECT count(*) FROM tail WHERE seq BETWEEN ? AND ?", (first, last)).fetchone()[0]
        if held != rows:
            raise WorkspaceError(f"{held} events in the tail where {rows} were sealed", hint="seal it again")
        link.execute("DELETE FROM sealed WHERE seq < (SELECT max(seq) FROM sealed)")
        link.execute("INSERT INTO sealed SELECT max(version), ? FROM versions", (last,))

    return mark


_OWN = ("customer", "behaviour", "item", "time", "event_id")
_TAIL: pa.Schema = pa.schema(
    [
        ("seq", pa.int64()), ("customer", pa.string()), ("behaviour", pa.string()), ("item", pa.string()),
        ("time_us", pa.int64()), ("event_id", pa.string()), ("row", pa.string()),
    ]
)  # fmt: skip
