"""Source: one file or table to read from, as far as it can be known without reading all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from regard.errors import InputError
from regard.events import read_json
from regard.events.duck import connect
from regard.events.names import plain
from regard.events.read_sniff import SAMPLE_ROWS, Look, look_at, split_rows
from regard.events.read_sql import literal, quoted

Cell = str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """One file or table.

    Args:
        name: path as given, or what kind of table it is.
        kind: 'csv' is any delimited text, 'json' one record a line or one list of records, 'frame' a table in memory.
        path: the file, None for a frame.
        frame: the Arrow table, None for a file.
        columns: names in order; paths such as 'properties.price' or 'items[].item_id' for nested records.
        types: column -> DuckDB type; VARCHAR for text files.
        sample: the first rows as text, None = missing.
        look: what the first megabyte told.
        params: paths of nested records that are lists of {key, value}.
        nested: True when rows are records with structure, read as JSON whatever the file is.
    """

    name: str
    kind: Literal["csv", "json", "parquet", "frame"]
    path: Path | None = None
    frame: pa.Table | None = None
    columns: tuple[str, ...]
    types: dict[str, str]
    sample: tuple[tuple[Cell, ...], ...]
    look: Look = field(default_factory=lambda: Look(format="parquet"))
    params: frozenset[str] = frozenset()
    nested: bool = False

    @property
    def named(self) -> bool:
        """False when the file has no header and columns are known by number only."""
        return self.kind != "csv" or self.look.header

    def find(self, name: str) -> str | None:
        """The column a person means by `name`, whatever its case and punctuation; '#2' is the second one."""
        if name in self.columns:
            return name
        if re.fullmatch(r"#\d+", name) and 0 < int(name[1:]) <= len(self.columns):
            return self.columns[int(name[1:]) - 1]
        same = [column for column in self.columns if plain(column) == plain(name)]
        return same[0] if len(same) == 1 and plain(name) else None

    def values(self, column: str) -> list[Cell]:
        """The sample of one column."""
        at = self.columns.index(column)
        return [row[at] for row in self.sample]


def expand_sources(given: Sequence[Any]) -> list[Source]:
    """Files, globs and tables, opened in the order given; the matches of a glob in the order of their names.

    Args:
        given: paths or globs (str, Path), pandas or polars DataFrames, Arrow tables.

    Raises:
        InputError: nothing matches, or one of them cannot be read at all.
    """
    sources: list[Source] = []
    for one in given:
        text = str(one) if isinstance(one, (str, Path)) else ""
        if text and any(mark in text for mark in "*?[") and not Path(text).exists():
            matches = sorted(path for path in _matches(Path(text)) if not path.is_dir())
            if not matches:
                raise InputError(f"no file matches {text}")
            sources += [open_source(path) for path in matches]
        else:
            sources.append(open_source(one))
    return sources


def _matches(pattern: Path) -> Iterable[Path]:
    base = Path(pattern.anchor)
    return base.glob(str(pattern.relative_to(base)))


def open_source(given: Any) -> Source:
    """Look at one file or table.

    Args:
        given: path, pandas or polars DataFrame, or Arrow table.

    Raises:
        InputError: not a file, empty, binary, an unknown encoding, or a table without columns.
    """
    if not isinstance(given, (str, Path)):
        return _open_frame(given)
    path = Path(given)
    look = look_at(path)
    if look.format == "csv":
        return _open_table(path, look)
    if look.format == "parquet":
        return _open_parquet(path)
    return _open_json(path, look)


@contextmanager
def scanning(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterator[str]:
    """A FROM item for the rows of a Parquet file (its `$path` bound by the caller) or of a frame, let go afterwards."""
    if source.frame is None:
        yield "read_parquet($path, file_row_number = true)"
        return
    name = f"regard_frame_{id(source.frame)}"
    connection.register(name, source.frame)
    try:
        yield quoted(name)
    finally:
        connection.unregister(name)


def _open_table(path: Path, look: Look) -> Source:
    rows = split_rows(look, look.lines[: SAMPLE_ROWS + 1])
    width = len(rows[0])
    if look.header:
        names, rows = (
            _unique([name.strip().lstrip("\ufeff") or f"column{at}" for at, name in enumerate(rows[0], 1)]),
            rows[1:],
        )
        if not rows:
            raise InputError(f"{path} has a header and no rows")
    else:
        names = [f"#{at}" for at in range(1, width + 1)]
    cells: list[tuple[Cell, ...]] = [
        tuple(cell if cell != "" else None for cell in row) for row in rows if len(row) == width
    ]
    return Source(
        name=str(path),
        kind="csv",
        path=path,
        columns=tuple(names),
        types=dict.fromkeys(names, "VARCHAR"),
        sample=tuple(cells),
        look=look,
    )


def _open_json(path: Path, look: Look) -> Source:
    records = list(_records(path, look))
    if not records:
        raise InputError(f"{path} holds no JSON records", hint="one object a line, or one list of objects")
    return _of_records(str(path), "json", records, path=path, look=look)


def _records(path: Path, look: Look) -> Iterator[dict[str, Any]]:
    if look.format == "json":
        query = "SELECT json FROM read_json_objects($path, format = 'array') LIMIT $rows"
        try:
            with connect() as connection:
                texts = [
                    row[0] for row in connection.execute(query, {"path": literal(path), "rows": SAMPLE_ROWS}).fetchall()
                ]
        except duckdb.Error as error:
            raise InputError(f"{path} is not valid JSON: {str(error).splitlines()[0]}") from None
    else:
        texts = list(look.lines)
    for text in texts:
        try:
            record = json.loads(text)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _of_records(
    name: str, kind: Literal["json", "parquet", "frame"], records: Iterable[dict[str, Any]], **more: Any
) -> Source:
    records = list(records)
    rows = [row for record in records for row in read_json.flatten(record)]
    columns = read_json.columns_of(rows)
    if not columns:
        raise InputError(f"{name} holds empty records only")
    return Source(
        name=name,
        kind=kind,
        columns=columns,
        types=dict.fromkeys(columns, "VARCHAR"),
        sample=tuple(tuple(row.get(column) for column in columns) for row in rows),
        params=frozenset().union(*(read_json.params_of(record) for record in records)),
        nested=True,
        **more,
    )


def _open_parquet(path: Path) -> Source:
    try:
        return _open_typed(str(path), "parquet", path=path)
    except duckdb.Error as error:
        raise InputError(
            f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}", hint="write it again"
        ) from None


def _open_frame(given: Any) -> Source:
    table = _arrow(given)
    if table.num_rows == 0:
        raise InputError("the table is empty")
    return _open_typed(f"{type(given).__name__} of {table.num_rows:,} rows", "frame", frame=table)


def _arrow(given: Any) -> pa.Table:
    if isinstance(given, pa.Table):
        return given
    if isinstance(given, pa.RecordBatch):
        return pa.Table.from_batches([given])
    if hasattr(given, "to_arrow"):
        return given.to_arrow()
    if not hasattr(given, "columns") or not hasattr(given, "dtypes"):
        raise InputError(
            f"cannot read a {type(given).__name__}", hint="give a path, a pandas or polars DataFrame, or an Arrow table"
        )
    frame = given.rename(columns=str)
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column of mixed Python objects: its cells are text to us
        mixed = {
            name: frame[name].map(str, na_action="ignore") for name in frame.columns if frame[name].dtype == object
        }
        return pa.Table.from_pandas(frame.assign(**mixed), preserve_index=False)


def _open_typed(
    name: str, kind: Literal["parquet", "frame"], *, path: Path | None = None, frame: pa.Table | None = None
) -> Source:
    shell = Source(name=name, kind=kind, path=path, frame=frame, columns=(), types={}, sample=())
    values = {"path": literal(path)} if path else {}
    with connect() as connection, scanning(connection, shell) as rows:
        described = connection.execute(f"DESCRIBE SELECT * FROM {rows}", values).fetchall()
        types = {column: kind for column, kind, *_ in described if column != "file_row_number"}
        if not types:
            raise InputError(f"{name} has no columns")
        nested = any(kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]") for kind in types.values())
        if nested:
            found = connection.execute(
                f"SELECT to_json(t) FROM (SELECT * FROM {rows} LIMIT {SAMPLE_ROWS}) t", values
            ).fetchall()
            return _of_records(name, kind, [json.loads(row[0]) for row in found], path=path, frame=frame)
        cells = ", ".join(f"CAST({quoted(column)} AS VARCHAR)" for column in types)
        sample = tuple(connection.execute(f"SELECT {cells} FROM {rows} LIMIT {SAMPLE_ROWS}", values).fetchall())
    if not sample:
        raise InputError(f"{name} has no rows")
    return Source(name=name, kind=kind, path=path, frame=frame, columns=tuple(types), types=types, sample=sample)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique
