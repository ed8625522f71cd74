"""One source into a DuckDB table of events, and the rows that cannot be used into another with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from regard.config import Config
from regard.errors import InputError
from regard.events import clean
from regard.events.mapping import Mapping
from regard.events.names import MISSING, behaviour_of
from regard.events.read_scan import Ready, ready, relation
from regard.events.read_source import Source
from regard.events.read_sql import Binder, Relation, literal, quoted
from regard.events.recognise import MAX_BEHAVIOURS
from regard.events.schema import BEHAVIOURS, FIELDS

_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "int64": "BIGINT"}


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What came of one source.

    Args:
        rows: events now in the table.
        rejected: rows now in the table of rejects.
        behaviours: word of the file -> behaviour, for every word in it.
        notes: what a person should know, one line each.
    """

    rows: int
    rejected: int
    behaviours: dict[str, str]
    notes: tuple[str, ...] = ()


def stage(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    mapping: Mapping,
    *,
    table: str,
    rejects: str,
    file: int,
    config: Config,
) -> Staged:
    """Read a source as events. Streaming: DuckDB reads, cleans and inserts; no file is ever whole in Python.

    Args:
        connection: where the tables are; both are made if they are not there, else added to.
        source: as opened.
        mapping: as recognised.
        table: takes the fields of `schema.FIELDS`, `file` and `line` (first data row = 1); times are TIMESTAMP in UTC.
        rejects: takes `file`, `line`, `reason` and `raw`, the row as text.
        file: number of the source in this ingest.
        config: for the shop's own behaviour words.

    Raises:
        InputError: no rows, more than half of them unusable, or a damaged file; nothing of it stays in the tables.
    """
    _make_tables(connection, table, rejects)
    used = {*mapping.extra, *(column for found in mapping.columns.values() for column in found)}
    columns = tuple(column for column in source.columns if column in used)
    try:
        with ready(connection, source) as here:
            facts = _facts(connection, here, columns, mapping, config)
            binder = Binder()
            rows = relation(here, columns, mapping.explode, binder)
            select = clean.events_sql(rows, mapping, facts, file=file, binder=binder)
            # Rejected rows take the same single pass: without a customer, their reason and text in two text columns.
            kept = ", ".join(_kept(field.name) for field in FIELDS)
            connection.execute(
                f"INSERT INTO {quoted(table)} SELECT {kept}, file, line FROM ({select})", binder.of(select)
            )
            if here.broken:
                _add_broken(connection, here, rejects, file)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise InputError(f"{source.name} cannot be read: {str(error).splitlines()[0]}") from None
    return _settle(connection, source, facts, table=table, rejects=rejects, file=file)


def _kept(name: str) -> str:
    column = quoted(name)
    if name == "customer":
        return f"CASE WHEN reason IS NULL THEN {column} END AS {column}"
    if name in ("text", "extra"):
        return f"CASE WHEN reason IS NULL THEN {column} ELSE {'reason' if name == 'text' else 'raw'} END AS {column}"
    return column


def _make_tables(connection: duckdb.DuckDBPyConnection, table: str, rejects: str) -> None:
    columns = ", ".join(
        f"{quoted(field.name)} {'TIMESTAMP' if field.name == 'time' else _TYPES[str(field.type)]}" for field in FIELDS
    )
    connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted(table)} ({columns}, file INTEGER, line BIGINT)")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {quoted(rejects)} (file INTEGER, line BIGINT, reason VARCHAR, raw VARCHAR)"
    )


def _facts(
    connection: duckdb.DuckDBPyConnection, here: Ready, columns: tuple[str, ...], mapping: Mapping, config: Config
) -> clean.Facts:
    binder = Binder()
    rows: Relation = relation(here, columns, mapping.explode, binder)
    doubtful = clean.doubtful(rows, mapping)
    if not doubtful and "behaviour" not in mapping.columns:
        return clean.Facts(behaviours={})
    query = clean.facts_sql(rows, mapping)
    words, *integral = connection.execute(query, binder.of(query)).fetchall()[0]
    words = sorted(word for word in words or () if word is not None)
    if len(words) > MAX_BEHAVIOURS:
        raise InputError(
            f"{mapping.source}: column '{mapping.columns['behaviour'][0]}' has {len(words):,} different words",
            hint="--map behaviour=COLUMN, or what every row is: --map behaviour=purchase",
        )
    return clean.Facts(
        behaviours={word: _behaviour(word, mapping, config) for word in words},
        integral=frozenset(field for field, all_so in zip(doubtful, integral, strict=True) if all_so),
    )


def _behaviour(word: str, mapping: Mapping, config: Config) -> str:
    bare = word.strip()
    return "" if bare in MISSING else mapping.behaviours.get(bare) or behaviour_of(bare, config.behaviours) or bare


def _add_broken(connection: duckdb.DuckDBPyConnection, here: Ready, rejects: str, file: int) -> None:
    connection.execute(
        f"INSERT INTO {quoted(rejects)} SELECT CAST($file AS INTEGER), line, reason, raw FROM read_csv($path,"
        " auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"',"
        " columns = {'line': 'BIGINT', 'reason': 'VARCHAR', 'raw': 'VARCHAR'})",
        {"file": file, "path": literal(here.broken)},
    )


def _settle(
    connection: duckdb.DuckDBPyConnection, source: Source, facts: clean.Facts, *, table: str, rejects: str, file: int
) -> Staged:
    here = {"file": file}
    bad = f"FROM {quoted(table)} WHERE file = $file AND customer IS NULL"
    connection.execute(f"INSERT INTO {quoted(rejects)} SELECT file, line, text, extra {bad}", here)
    connection.execute(f"DELETE {bad}", here)
    rows = _one(connection, f"SELECT count(*) FROM {quoted(table)} WHERE file = $file", here)
    rejected = _one(connection, f"SELECT count(*) FROM {quoted(rejects)} WHERE file = $file", here)
    if rejected > rows or not rows:
        usual = connection.execute(
            f"SELECT reason, arg_min(raw, line) FROM {quoted(rejects)} WHERE file = $file"
            " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
            here,
        ).fetchall()
        for name in (table, rejects):
            connection.execute(f"DELETE FROM {quoted(name)} WHERE file = $file", here)
        if not usual:
            raise InputError(f"{source.name} has no rows")
        reason, raw = usual[0]
        raise InputError(
            f"{source.name}: {rejected:,} of {rows + rejected:,} rows cannot be used; most often: {reason}, as in"
            f" {str(raw)[:80]}",
            hint="check the mapping with --dry-run and correct it with --map",
        )
    own = [word for word, behaviour in facts.behaviours.items() if behaviour not in ("", *BEHAVIOURS)]
    notes = (f"behaviours kept as the shop calls them: {', '.join(own[:10])}",) if own else ()
    return Staged(rows=rows, rejected=rejected, behaviours=dict(facts.behaviours), notes=notes)


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, int]) -> int:
    return int(connection.execute(query, values).fetchall()[0][0])
