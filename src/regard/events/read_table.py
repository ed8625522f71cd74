"""Tables of items and customers, and of edges and scores of customers: the key and the usual columns by their names, all others as they are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Names
from dataclasses import dataclass
from typing import Literal

import duckdb

from regard.errors import InputError, UsageError
from regard.events.clean import has_comma, id_sql, number_sql
from regard.events.consent import CONSENT, odd_sql, said_sql
from regard.events.names import CONSENT_WORDS, FIRST_END, TABLE_COLUMNS, plain
from regard.events.read_json import list_of
from regard.events.read_scan import Ready, ready, relation
from regard.events.read_source import Source
from regard.events.read_sql import Binder, Relation, quoted

Kind = Literal["items", "customers", "edges", "scores"]

_PLAIN_KEYS = frozenset({"id", "编号", "code"})
TABLE_FIELDS: dict[Kind, tuple[str, ...]] = {
    "items": ("item", "item_name", "category", "brand", "price"), "customers": ("customer", CONSENT),
    "edges": ("customer", "other", "kind", "weight"), "scores": ("customer",),
}  # fmt: skip
"""Fields of each table, the key first."""

_ENDS: dict[Kind, tuple[str, ...]] = {"edges": ("customer", "other")}
"""Fields that must be known in a row; the key alone unless said."""

_KIND = "kind"


@dataclass(frozen=True, kw_only=True)
class Table:
    """What came of a table.

    Args:
        rows: distinct keys.
        columns: column of the result -> column of the source.
        missing: rows without a key, left out.
        repeated: rows whose key comes again later; the last one counts.
        consents: rows that consent; None where no column says so.
        odd: rows whose consent is neither yes nor no, and so is no.
    """

    rows: int
    columns: dict[str, str]
    missing: int
    repeated: int
    consents: int | None = None
    odd: int = 0


def read_table(
    connection: duckdb.DuckDBPyConnection, source: Source, *, kind: Kind, overrides: Names[str, str], table: str
) -> Table:
    """Read a table into `table`, one row a key; of edges one row for two customers and a kind.

    Args:
        connection: where the table is made (replaced if it is there).
        source: as opened.
        kind: of the table; the key column is called `item` or `customer`.
        overrides: field -> column, as for events; for items also item_name, category, brand, price.
        table: its name.

    Raises:
        InputError: no column is recognised as the key, or no row has one.
        UsageError: an override names no field or no column.
    """
    ends = _ENDS.get(kind, TABLE_FIELDS[kind][:1])
    found = _recognise(source, kind, ends, overrides)
    others = [column for column in source.columns if column not in found.values() and not list_of(column)]
    with ready(connection, source) as here:
        kinds = _kinds(connection, here, others)
        binder = Binder()
        rows = relation(here, (*found.values(), *others), "", binder)
        names = _names(found, others)
        select = [f"{_value(rows, field, column, source)} AS {quoted(field)}" for field, column in found.items()]
        select += [f"{_other(rows, column, kinds)} AS {quoted(names[column])}" for column in others]
        row = ends
        if kind == "edges":
            row = (*ends, _KIND)
            select += [] if _KIND in found else [f"'' AS {_KIND}"]
        everything = f"SELECT line, {', '.join(select)} FROM {rows.sql}"
        values = binder.of(everything)
        there = " AND ".join(f"{quoted(end)} IS NOT NULL" for end in ends)
        key = f"({', '.join(map(quoted, row))})"
        counts = (
            f"SELECT count(*), count(*) FILTER ({there}), count(DISTINCT {key}) FILTER ({there}) FROM ({everything})"
        )
        lines, known, distinct = connection.execute(counts, values).fetchall()[0]
        odd = _odd(connection, rows, found, binder)
        if not distinct:
            what = {"items": "an item", "edges": "two customers"}.get(kind, "a customer")
            raise InputError(f"{source.name} has no row with {what}")
        connection.execute(
            f"CREATE OR REPLACE TABLE {quoted(table)} AS SELECT * EXCLUDE (line) FROM ({everything})"
            f" WHERE {there} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY line DESC) = 1 ORDER BY line",
            values,
        )
    columns = {**found, **{names[column]: column for column in others}}
    consents = None
    if CONSENT in found:
        consents = connection.execute(f"SELECT count(*) FILTER ({CONSENT}) FROM {quoted(table)}").fetchall()[0][0]
    return Table(
        rows=distinct, columns=columns, missing=lines - known, repeated=known - distinct, consents=consents, odd=odd
    )


def _odd(connection: duckdb.DuckDBPyConnection, rows: Relation, found: dict[str, str], binder: Binder) -> int:
    """Rows whose consent cannot be read."""
    if CONSENT not in found:
        return 0
    column = found[CONSENT]
    query = f"SELECT count(*) FILTER ({odd_sql(_text(rows, column))}) FROM {rows.sql}"
    return int(connection.execute(query, binder.of(query)).fetchall()[0][0])


def _recognise(source: Source, kind: Kind, ends: tuple[str, ...], overrides: Names[str, str]) -> dict[str, str]:
    fields, key, found = TABLE_FIELDS[kind], ends[0], dict[str, str]()
    last = FIRST_END if kind == "edges" else _PLAIN_KEYS
    for field, wanted in overrides.items():
        if field not in fields:
            raise UsageError(f"--map {field}=…: this table has the fields {', '.join(fields)}")
        column = source.find(wanted)
        if column is None:
            near = difflib.get_close_matches(wanted, source.columns, n=1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"--map {field}={wanted}: {source.name} has no such column", hint=hint)
        found[field] = column
    for field in fields:
        if field in found:
            continue
        tiers = (*TABLE_COLUMNS[field], last) if field == key else TABLE_COLUMNS[field]
        for tier in tiers:
            named = [column for column in source.columns if column not in found.values() and plain(column) in tier]
            if len(named) > 1 and field in ends:
                named = [column for column in named if not _yes_or_no(source.values(column))] or named
            if len(named) > 1 and field in (*ends, CONSENT):
                raise InputError(
                    f"{source.name}: '{named[0]}' and '{named[1]}' could each be the {field}",
                    hint=f'--map {field}="{named[0]}"',
                )
            if named:
                found[field] = named[0]
                break
    for end in ends:
        if end not in found:
            shown = ", ".join(f"'{column}'" for column in source.columns[:8])
            raise InputError(
                f"{source.name}: no column is recognised as the {end} among {shown}", hint=f"--map {end}=COLUMN"
            )
    return {field: found[field] for field in fields if field in found}


def _yes_or_no(values: list[str | None]) -> bool:
    """Whether a column such as `member` says yes and no, and so is nobody's id."""
    said = {value.strip().lower() for value in values if value}
    return bool(said) and said <= CONSENT_WORDS[True] | CONSENT_WORDS[False]


def _names(found: dict[str, str], others: list[str]) -> dict[str, str]:
    """Names of the other columns, apart from those of the fields and, whatever their case, from each other."""
    taken = {field.casefold() for field in found} | {"line"}
    names = {}
    for column in others:
        name = column
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        names[column] = name
    return names


def _kinds(connection: duckdb.DuckDBPyConnection, here: Ready, columns: list[str]) -> dict[str, str]:
    """DOUBLE, DATE or TIMESTAMP for text columns that hold nothing else; codes such as 00123 stay text."""
    texts = [column for column in columns if here.source.types[column] == "VARCHAR"]
    if not texts:
        return {}
    binder = Binder()
    rows = relation(here, tuple(texts), "", binder)
    tests = []
    for column in texts:
        value = id_sql(rows.cells[column], "VARCHAR", False)
        tests.append(f"count({value})")
        tests.append(f"count(TRY_CAST({value} AS DOUBLE)) FILTER (NOT regexp_matches({value}, '^[+-]?0[0-9]'))")
        tests += [f"count(TRY_CAST({value} AS {kind})) FILTER (length({value}) >= 8)" for kind in ("DATE", "TIMESTAMP")]
    query = f"SELECT {', '.join(tests)} FROM {rows.sql}"
    row = connection.execute(query, binder.of(query)).fetchall()[0]
    kinds = {}
    for at, column in enumerate(texts):
        known, numbers, dates, times = row[4 * at : 4 * at + 4]
        if known:
            fits = {"DOUBLE": numbers, "TIMESTAMP": times}
            kinds[column] = next((kind for kind, count in fits.items() if count == known), "VARCHAR")
            if kinds[column] == "TIMESTAMP" and dates == known and _only_days(here.source.values(column)):
                kinds[column] = "DATE"
    return kinds


def _only_days(values: list[str | None]) -> bool:
    return all(":" not in value for value in values if value)


def _value(rows: Relation, field: str, column: str, source: Source) -> str:
    cell, kind = rows.cells[column], rows.types[column]
    if field in ("price", "weight"):
        return number_sql(cell, kind, has_comma(source.values(column)))
    if field in ("item", "customer", "other"):
        known = [value for value in source.values(column) if value]
        return id_sql(cell, kind, bool(known) and all(_integral(value) for value in known))
    if field == _KIND:
        return f"coalesce({id_sql(cell, kind, False)}, '')"
    return said_sql(_text(rows, column)) if field == CONSENT else id_sql(cell, kind, False)


def _text(rows: Relation, column: str) -> str:
    return id_sql(rows.cells[column], rows.types[column], False)


def _integral(value: str) -> bool:
    whole, dot, rest = value.strip().lstrip("-").partition(".")
    return bool(dot) and whole.isdigit() and not rest.strip("0")


def _other(rows: Relation, column: str, kinds: dict[str, str]) -> str:
    cell = rows.cells[column]
    if column not in kinds:
        return cell
    value = id_sql(cell, "VARCHAR", False)
    return value if kinds[column] == "VARCHAR" else f"TRY_CAST({value} AS {kinds[column]})"
