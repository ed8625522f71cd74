"""A source as a DuckDB relation; text that DuckDB does not take as it is goes through a temporary file first."""

from __future__ import annotations

import csv
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from regard.errors import InputError
from regard.events import read_json
from regard.events.duck import connect
from regard.events.read_repair import repair, transcode
from regard.events.read_sniff import BLANKS, is_gzip, late_encoding
from regard.events.read_source import Source, scanning
from regard.events.read_sql import Binder, Relation, literal, quoted


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A source that DuckDB reads without complaint.

    Args:
        source: what is read.
        rows: FROM item of a typed table, '' for text.
        path: text to read: the file itself, or its repaired copy.
        broken: CSV of (line, reason, text) of the rows set aside by the repair, None when nothing was repaired.
        total: rows of delimited text, -1 where they were not counted.
    """

    source: Source
    rows: str = ""
    path: Path | None = None
    broken: Path | None = None
    total: int = -1


@contextmanager
def ready(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterator[Ready]:
    """Look through a text file once, strictly; where it is not clean, read a repaired copy instead.

    Args:
        connection: takes the frame; text is looked through on a cursor: a failure there ends no transaction here.
        source: as opened.

    Raises:
        InputError: the file is damaged beyond rows.
    """
    if source.path is None or source.look.format in ("parquet", "json"):
        with scanning(connection, source) as rows:
            yield Ready(source=source, rows=rows, path=source.path)
        return
    plain = source.look.encoding in ("utf-8", "utf-8-sig") and source.look.delimiter != BLANKS
    total = _count(connection, Ready(source=source, path=source.path)) if plain else None
    if total is not None:
        yield Ready(source=source, path=source.path, total=total)
        return
    with tempfile.TemporaryDirectory(prefix="regard-") as folder:
        clean, broken = Path(folder) / "clean", Path(folder) / "broken"
        _copy(source, source.path, clean, broken)
        mended = Ready(source=source, path=clean, broken=broken)
        total = _count(connection, mended)
        if total is None:
            raise InputError(
                f"{source.name} cannot be read as {source.look.format}", hint="export it again as CSV in UTF-8"
            )
        yield Ready(source=source, path=clean, broken=broken, total=total)


def relation(ready: Ready, columns: tuple[str, ...], explode: str, binder: Binder) -> Relation:
    """The named columns of a source as something to select from."""
    source = ready.source
    if source.nested:
        return read_json.relation(_records(ready, binder), columns, source.params, explode, binder)
    if source.kind == "csv":
        return _table(ready, columns, binder)
    line = "file_row_number + 1" if source.path else "row_number() OVER ()"
    if source.path:
        binder.values["path"] = literal(source.path)
    cells = {column: f"c{at}" for at, column in enumerate(columns)}
    picked = "".join(f", {quoted(column)} AS c{at}" for at, column in enumerate(columns))
    fields = ", ".join(f"{binder(column)}, {cells[column]}" for column in columns)
    return Relation(
        sql=f"(SELECT {line} AS line, NULL AS broken{picked} FROM {ready.rows})",
        cells=cells,
        types={column: source.types[column] for column in columns},
        raw=f"CAST(json_object({fields}) AS VARCHAR)",
    )


def distinct(source: Source, column: str) -> list[str | None]:
    """Every different value of a column: asked where the sample leaves a doubt that the whole may settle."""
    binder = Binder()
    with connect() as connection, ready(connection, source) as here:
        rows = relation(here, (column,), read_json.list_of(column), binder)
        query = f"SELECT DISTINCT CAST({rows.cells[column]} AS VARCHAR) FROM {rows.sql}"
        return [row[0] for row in connection.execute(query, binder.of(query)).fetchall()]


def _table(ready: Ready, columns: tuple[str, ...], binder: Binder) -> Relation:
    source, look = ready.source, ready.source.look
    mended = ready.broken is not None
    cells = {column: f"c{source.columns.index(column)}" for column in columns}
    schema = [f"'c{at}': 'VARCHAR'" for at in range(len(source.columns))]
    schema = ["'line': 'BIGINT'", *schema] if mended else schema
    delimiter, escape = (",", '"') if mended else (look.delimiter, look.escape)
    scan = (
        f"read_csv({_file(ready, binder)}, auto_detect = false, strict_mode = true, quote = '\"',"
        f" delim = {binder(delimiter)}, escape = {binder(escape)}, columns = {{{', '.join(schema)}}},"
        f" header = {'true' if look.header and not mended else 'false'})"
    )
    line = "" if mended else "row_number() OVER () AS line, "
    texts = ", ".join(f"coalesce({cell}, '')" for cell in cells.values())
    mark = binder("," if look.delimiter == BLANKS else look.delimiter)
    return Relation(
        sql=f"(SELECT {line}*, NULL AS broken FROM {scan})",
        cells=cells,
        types=dict.fromkeys(columns, "VARCHAR"),
        raw=f"array_to_string([{texts}], {mark})",
    )


def _records(ready: Ready, binder: Binder) -> str:
    look = ready.source.look
    if look.format == "jsonl":
        # A control character cannot stand in JSON, so as a delimiter it never cuts a record.
        return (
            f"(SELECT row_number() OVER () AS line, record FROM read_csv({_file(ready, binder)},"
            f" auto_detect = false, header = false, delim = {binder(chr(1))}, quote = '', escape = '',"
            " columns = {'record': 'VARCHAR'}))"
        )
    if look.format == "json":
        objects = f"read_json_objects({binder(literal(ready.path))}, format = 'array')"
        return f"(SELECT row_number() OVER () AS line, CAST(json AS VARCHAR) AS record FROM {objects})"
    if ready.source.path:
        binder.values["path"] = literal(ready.source.path)
        # The row's number is a column of the scan, so it shows in the record; no path asks for it.
        return f"(SELECT t.file_row_number + 1 AS line, CAST(to_json(t) AS VARCHAR) AS record FROM {ready.rows} t)"
    return f"(SELECT row_number() OVER () AS line, CAST(to_json(t) AS VARCHAR) AS record FROM {ready.rows} t)"


def _file(ready: Ready, binder: Binder) -> str:
    packed = ready.path is not None and is_gzip(ready.path)
    return f"{binder(literal(ready.path))}, compression = {binder('gzip' if packed else 'none')}"


def _count(connection: duckdb.DuckDBPyConnection, ready: Ready) -> int | None:
    """Rows of a text file in which every cell of every row is sound, None when one is not."""
    binder = Binder()
    if ready.source.look.format == "csv":
        table = _table(ready, ready.source.columns, binder)
        counts = ", ".join(f"count({cell})" for cell in table.cells.values())
        query = f"SELECT count(*), {counts} FROM {table.sql}"
    else:
        query = f"SELECT count(record) FROM {_records(ready, binder)}"
    try:
        with connection.cursor() as cursor:
            rows = cursor.execute(query, binder.of(query)).fetchall()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return None
    except duckdb.IOException as error:
        if "gzip" in str(error).lower() or "decompress" in str(error).lower():
            raise InputError(
                f"{ready.source.name} is a damaged or truncated gzip file", hint="fetch it again"
            ) from None
        raise
    return int(rows[0][0])


def _copy(source: Source, path: Path, clean: Path, broken: Path) -> None:
    look = source.look
    try:
        encoding = late_encoding(path, look.encoding) if look.encoding.startswith("utf-8") else look.encoding
        with (
            clean.open("w", encoding="utf-8", newline="") as good,
            broken.open("w", encoding="utf-8", newline="") as bad,
        ):
            if look.format == "jsonl":
                transcode(path, good, bad, encoding=encoding)
            else:
                repair(
                    path,
                    good,
                    bad,
                    encoding=encoding,
                    delimiter=look.delimiter,
                    escape=look.escape,
                    header=look.header,
                    width=len(source.columns),
                )
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{source.name} is a damaged or truncated gzip file", hint="fetch the file again") from None
    except csv.Error as error:
        raise InputError(f"{source.name} cannot be read: {error}") from None
