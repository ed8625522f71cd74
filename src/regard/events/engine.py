"""The narrow seam to the query engine: a few named operations over the manifest's Parquet parts.

DuckDB works in memory and holds nothing that cannot be rebuilt. Values are bound, identifiers go through `quoted`,
the paths of parts through the relation API; no text from outside is ever pasted into SQL.
"""

from __future__ import annotations

import atexit
import errno
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from regard.errors import RegardError, WorkspaceError, disk_full
from regard.events.catalog import Kind, Part, writable
from regard.events.duck import connect
from regard.events.erased import event_sql
from regard.events.read_sql import quoted
from regard.events.schema import SCHEMA

MEMORY_MB = 800
"""DuckDB's own limit; beyond it, it spills to the workspace's cache. A process with Arrow and NumPy around it stays
under 1.5 GB.
"""

BATCH = 1 << 19
"""Rows of an Arrow batch: large enough that work per batch does not count, small beside the memory limit."""

_GROUP = 1 << 18
_SQL_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.int32(): "INTEGER"}


def listed(names: Iterable[str]) -> str:
    """Identifiers as a SQL list."""
    return ", ".join(quoted(name) for name in names)


def sql_type(kind: pa.DataType) -> str:
    """The SQL type of a column of the event schema."""
    return "TIMESTAMP" if pa.types.is_timestamp(kind) else _SQL_TYPES[kind]


class Engine:
    """A DuckDB connection bound to one workspace folder; use it in a `with`.

    Args:
        folder: the workspace.
        threads: 0 = as many as the machine gives this process.
        memory_mb: DuckDB's memory limit, in MB.
    """

    def __init__(self, folder: Path, *, threads: int = 0, memory_mb: int = MEMORY_MB) -> None:
        self.folder = folder
        self.among = ""
        """Table of the customers whose events may be read, see `consent.obey`; '' = everybody's."""
        self.without = ""
        """Table of the customers whose events may not be read, where nobody else was asked; '' = nobody."""
        self.joined = ""
        """Table of whose the events of an id are, see `aliases.obey`; '' = of whom they name."""
        self.gone = ""
        """Table of events that are being erased, see `erased.obey`; '' = none."""
        with disk_errors():
            self._spill = tempfile.mkdtemp(prefix="spill-", dir=cache_of(folder))
        settings: dict[str, Any] = {"memory_limit": f"{memory_mb}MB", "temp_directory": self._spill}
        settings["threads"] = threads or (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        self.connection = connect(**settings)
        # An in-memory database keeps its tables uncompressed unless asked; the fields that a log does not have then
        # cost memory.
        self.connection.execute("ATTACH ':memory:' AS room (COMPRESS)")
        self.connection.execute("USE room")

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory and the spill files back."""
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        with disk_errors():
            answer: list[tuple[Any, ...]] = self.connection.execute(sql, list(values)).fetchall()
        return answer

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The first row of an answer."""
        return self.rows(sql, values)[0]

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """An answer as an Arrow table."""
        with disk_errors():
            return self.connection.sql(sql, params=list(values)).to_arrow_table()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A large answer as a stream of Arrow batches."""
        with disk_errors():
            answer = self.connection.sql(sql)
            # DuckDB 1 calls it fetch_arrow_reader.
            name = "to_arrow_reader" if hasattr(answer, "to_arrow_reader") else "fetch_arrow_reader"
            yield from getattr(answer, name)(BATCH)

    def scan(self, name: str, parts: Sequence[Part], *, everybody: bool = False) -> tuple[str, ...]:
        """Make the view `name` over the rows of event parts that may be read, with every column of the schema; returns
        those that hold values.

        Args:
            name: of the view. parts: of events. everybody: whether rows that may not be read are counted as well.

        Raises:
            WorkspaceError: a part is missing or has another size than the manifest says.
        """
        held, source = {column for part in parts for column in part.columns}, f"{name} parts"
        if parts:
            self.over(source, parts)
        if parts and (self.joined or self.gone):
            source = self._of_customers(source, timed="time" in held)
        if parts and (self.among or self.without) and not everybody:
            held, source = self._allowed(source, held)
        wanted = [
            (
                field.name if field.name in held else f"NULL::{sql_type(field.type)} AS {quoted(field.name)}",
                field.name in held,
            )
            for field in SCHEMA
        ]
        select = ", ".join(quoted(text) if there else text for text, there in wanted)
        of = f"FROM {quoted(source)}" if parts else "WHERE false"
        self.rows(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT {select} {of}")
        return tuple(field.name for field in SCHEMA if field.name in held)

    def _of_customers(self, view: str, *, timed: bool) -> str:
        """A view of the same events, each under the id of the customer whose it is, and without what is being erased."""
        name, source, select = f"{view} joined", f"{quoted(view)} AS event", "event.*"
        if self.gone:
            source += f" ANTI JOIN {quoted(self.gone)} AS gone ON {event_sql('event', timed=timed)}"
        if self.joined and timed:
            select += " REPLACE (coalesce(alias.customer, event.customer) AS customer)"
            source += (
                f" LEFT JOIN {quoted(self.joined)} AS alias ON event.customer = alias.anonymous"
                " AND epoch_us(event.time) >= alias.from_us AND epoch_us(event.time) < alias.until_us"
            )
        self.rows(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT {select} FROM {source}")
        return name

    def _allowed(self, view: str, held: Iterable[str]) -> tuple[set[str], str]:
        """Of the columns those that hold values of customers whose events may be read, and a view of these events."""
        columns, name = sorted(held), f"{view} allowed"
        lists = {"IN": self.among, "NOT IN": self.without}
        told = " AND ".join(
            f"customer {which} (SELECT customer FROM {quoted(table)})" for which, table in lists.items() if table
        )
        self.rows(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT * FROM {quoted(view)} WHERE {told}")
        there = (f"EXISTS (SELECT 1 FROM {quoted(name)} WHERE {quoted(column)} IS NOT NULL)" for column in columns)
        found = self.one(f"SELECT {', '.join(there)}")
        return {column for column, some in zip(columns, found, strict=True) if some}, name

    def over(self, name: str, parts: Sequence[Part]) -> None:
        """Make the view `name` over parts as they are, columns matched by name."""
        paths = [str(self._sound(part)) for part in parts]
        with disk_errors():
            self.connection.read_parquet(paths, union_by_name=len(paths) > 1).create_view(name, replace=True)

    def before(self, name: str, view: str, time: datetime | None) -> None:
        """Make the view `name` over the rows of `view` earlier than a time (naive UTC); None = all of them."""
        past = (
            ""
            if time is None
            else f" WHERE time < make_timestamp({int(time.replace(tzinfo=UTC).timestamp() * 1_000_000):d})"
        )
        self.rows(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT * FROM {quoted(view)}{past}")

    def sequences(self, parts: Sequence[Part], columns: dict[str, str]) -> Iterator[pa.RecordBatch]:
        """Stream the events, customer by customer in time order.

        Args:
            parts: event parts; each is sorted, so one alone is read as it lies.
            columns: name -> SQL expression over the columns of the schema.
        """
        held = self.scan("events", parts)
        select = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns.items())
        as_they_lie = len(parts) == 1 and not (self.among or self.without or self.joined or self.gone)
        order = f" ORDER BY {sort_key(held)}" if held and not as_they_lie else ""
        yield from self.batches(f"SELECT {select} FROM events{order}")

    def write_part(
        self, select: str, path: str, *, kind: Kind, ingest: int, columns: Sequence[str], sort: str = ""
    ) -> Part:
        """Write an answer as a new part that is on the disk when this returns; it counts for nothing until the
        catalogue says so.

        Args:
            select: SQL of the rows.
            path: of the part, relative to the workspace.
            kind: what the rows are.
            ingest: number of the ingest.
            columns: names of the answer's columns.
            sort: SQL of the sort key, '' to keep the order.
        """
        final = self.folder / path
        temporary = final.with_name(f"{final.name}.new")
        order = f" ORDER BY {sort}" if sort else ""
        with disk_errors():
            self.connection.execute(
                f"COPY ({select}{order}) TO $path (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP})",
                {"path": str(temporary)},
            )
            make_durable(temporary, final)
            size, digest = final.stat().st_size, _digest(final)
        span = (
            "epoch_us(min(time)), epoch_us(max(time))"
            if "time" in columns and kind in ("events", "covered")
            else "NULL, NULL"
        )
        written = self.connection.read_parquet(str(final))
        count, first, last = written.aggregate(f"count(*), {span}").fetchall()[0]
        events = kind in ("events", "covered") and "ingest" in columns
        held = written.project("ingest").distinct().order("ingest").fetchall() if events else []
        holds = tuple(int(number) for (number,) in held)
        return Part(
            path=path,
            kind=kind,
            ingest=ingest,
            rows=int(count),
            bytes=size,
            columns=tuple(columns),
            first=first,
            last=last,
            digest=digest,
            holds=() if holds in ((), (ingest,)) else holds,
        )

    def verify(self, parts: Sequence[Part]) -> None:
        """Read parts through and compare them with what was written; those without a digest by their size alone.

        Raises:
            WorkspaceError: a part is missing, or is not what it was.
        """
        for part in parts:
            path = self._sound(part)
            with disk_errors():
                changed = part.digest and _digest(path) != part.digest
            if changed:
                raise self._damaged(part, "its content has changed since it was written")

    def _sound(self, part: Part) -> Path:
        path = self.folder / part.path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise WorkspaceError(f"part {part.path} is missing", hint=self._instead(part)) from None
        if size != part.bytes:
            raise self._damaged(part, f"{size} bytes instead of {part.bytes}")
        return path

    def _damaged(self, part: Part, why: str) -> WorkspaceError:
        return WorkspaceError(f"part {part.path} is damaged: {why}", hint=self._instead(part))

    def _instead(self, part: Part) -> str:
        # Rows of one ingest cannot be taken out of what cannot be read, and ids outlive their ingest.
        if part.holds or part.kind == "ids":
            return "restore it from a backup"
        return f"restore it, or: regard undo {self.folder} {part.ingest} and ingest the files again"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_of(folder: Path) -> Path:
    """The workspace's cache/, made anew when somebody deleted it; for a workspace that is read-only a folder that
    lasts as long as the process.
    """
    cache = folder / "cache"
    if not writable(cache if cache.exists() else folder):
        return _scratch(folder.absolute())
    cache.mkdir(exist_ok=True)
    return cache


@functools.cache
def _scratch(folder: Path) -> Path:
    path = Path(tempfile.mkdtemp(prefix=f"regard-{folder.name}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def sort_key(columns: Iterable[str]) -> str:
    """The order of events: customer, then time, then where the row came from."""
    held = set(columns)
    return listed(name for name in ("customer", "time", "position", "ingest", "file", "line") if name in held)


def make_durable(temporary: Path, final: Path) -> None:
    """Rename a written file into its place so that neither a crash nor a power cut leaves half of it."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn a full disk, a file limit or too little memory into one line that says so."""
    try:
        yield
    except RegardError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise WorkspaceError(
            "not enough memory or spill space for this step; the store is unchanged", hint=_first_line(error)
        ) from error
    except (OSError, duckdb.IOException, duckdb.FatalException) as error:
        text = str(error).lower()
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full or "no space left" in text or "file too large" in text or "disk quota" in text:
            raise disk_full() from error
        raise WorkspaceError(f"cannot read or write: {_first_line(error)}; the store is unchanged") from error
    except duckdb.InvalidInputException as error:
        raise WorkspaceError(
            f"a part is damaged: {_first_line(error)}", hint="restore it from a backup, or undo its ingest"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
