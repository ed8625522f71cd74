"""From cells to fields: the SQL that trims ids, names behaviours, reads numbers and says what is wrong with a row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Names
from dataclasses import dataclass

import pyarrow as pa

from regard.events.clean_time import AHEAD_DAYS, EARLIEST, time_sql
from regard.events.mapping import Mapping
from regard.events.names import MISSING
from regard.events.read_sql import Binder, Relation, quoted
from regard.events.schema import FIELDS

LARGEST = {"quantity": 1e7, "price": 1e9, "value": 1e10, "dwell": 1e7, "rating": 1e6}
"""Absolute sizes beyond which a number is a slip (a barcode in the price column) and not a fact."""

_BLANK = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff\u200b"
_NOTHING = f"[{_BLANK}]*(?:{'|'.join(map(re.escape, MISSING))})[{_BLANK}]*"
_NUMERIC = frozenset(
    {
        "DOUBLE",
        "FLOAT",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    }
)
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_INTEGRAL = r"-?[0-9]+[.]0+"
_MONEY = r"\s*[-+(]?\s*(?:[£$€¥￥₹]|[A-Z]{2,3}\$?)?\s*[-+]?[0-9][0-9,.\s\x{00A0}]*(?:[£$€¥￥₹元]|[A-Z]{3})?\s*\)?\s*"
_POINT = "[-+]?(?:[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}|[0-9]*)(?:[.][0-9]*)?"
"""A number with a decimal point; thousands, and what Indians count in hundreds, may be marked with commas."""
_COMMA = "[-+]?(?:[1-9][0-9]{0,2}(?:[.][0-9]{3})+|[0-9]*)(?:,[0-9]*)?"
"""A number with a decimal comma. Of all numbers with a mark only those such as 1.234 and 1,234 are of both forms."""
_SQL = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT"}
_LATEST = f"CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP) + to_days({AHEAD_DAYS})"
_IDS = ("customer", "item", "order", "event_id", "session")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What only the whole file can tell.

    Args:
        behaviours: word of the file -> behaviour, '' where the word means nothing, for every word in it.
        integral: fields whose ids are all numbers such as '17850.0'.
    """

    behaviours: Names[str, str]
    integral: frozenset[str] = frozenset()


def facts_sql(rows: Relation, mapping: Mapping) -> str:
    """A query for [words of the behaviour column], then whether each id field in question is integral throughout."""
    columns = mapping.columns.get("behaviour", ())
    found = [f"list(DISTINCT {_word([rows.cells[column] for column in columns])})" if columns else "[]"]
    for field in doubtful(rows, mapping):
        cell = _first(rows, mapping, field)
        if rows.types[mapping.columns[field][0]] in _FLOATS:
            found.append(f"bool_and(NOT isfinite({cell}) OR {cell} = trunc({cell}))")
        else:
            found.append(f"bool_and(regexp_full_match(trim({cell}), '{_INTEGRAL}') OR {cell} IN ({_missing()}))")
    return f"SELECT {', '.join(found)} FROM {rows.sql}"


def doubtful(rows: Relation, mapping: Mapping) -> list[str]:
    """Id fields that may hold floats."""
    single = [field for field in _IDS if len(mapping.columns.get(field, ())) == 1]
    return [
        field
        for field in single
        if rows.types[mapping.columns[field][0]] in (*_FLOATS, "VARCHAR") and field in mapping.floats
    ]


def events_sql(rows: Relation, mapping: Mapping, facts: Facts, *, file: int, binder: Binder) -> str:
    """A SELECT of every field, then file, line, reason (NULL for a good row) and raw (of the others).

    Args:
        rows: the source.
        mapping: which column is which field.
        facts: what the whole file told.
        file: number of the file in the ingest.
        binder: takes the values.
    """
    cells = {field.name: _cell(rows, mapping, facts, field.name, binder) for field in FIELDS if field.name != "extra"}
    texts = [field for field in LARGEST if field in mapping.columns]
    first = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in cells.items() if sql != "NULL")
    present = ", ".join(f"{_text(rows, mapping, name)} IS NOT NULL AS {quoted('has ' + name)}" for name in texts)
    time = f', {_text(rows, mapping, "time")} IS NOT NULL AS "has time"' if cells["time"] != "NULL" else ""
    filled = _filled(mapping)
    extra = _extra(rows, mapping, binder)
    select = (
        f"SELECT *, broken AS fault, {extra} AS extra, {first}{', ' + present if present else ''}{time} FROM {rows.sql}"
    )
    select = f"SELECT * {filled} FROM ({select})" if filled else select
    judged = f"SELECT *, {_reason(cells, texts)} AS reason FROM ({select})"
    output = ", ".join(f"{_output(field.name, cells, mapping, binder)} AS {quoted(field.name)}" for field in FIELDS)
    return (
        f"SELECT {output}, CAST({binder(file)} AS INTEGER) AS file, CAST(line AS BIGINT) AS line, reason,"
        f" CASE WHEN reason IS NOT NULL THEN {rows.raw} END AS raw FROM ({judged})"
    )


def id_sql(cell: str, kind: str, integral: bool) -> str:
    """An id as text: no blanks around it, no '.0' where the whole column has it, NULL for any spelling of missing."""
    if kind in _FLOATS:
        whole = f"CAST(TRY_CAST({cell} AS HUGEINT) AS VARCHAR)" if integral else f"CAST({cell} AS VARCHAR)"
        return f"CASE WHEN isfinite({cell}) THEN {whole} END"
    if kind != "VARCHAR":
        return f"CAST({cell} AS VARCHAR)"
    # Most ids need no trimming; a look at the two ends is far cheaper than a trim of every one.
    edges = f"{cell} < '!' OR {cell} > '~' OR right({cell}, 1) < '!' OR right({cell}, 1) > '~'"
    trimmed = f"CASE WHEN NOT regexp_full_match({cell}, '{_NOTHING}') THEN trim({cell}, '{_BLANK}') END"
    # Spelt out: DuckDB would make a join of IN or list_contains.
    known = " ".join(f"WHEN '{word}' THEN NULL" for word in MISSING)
    longest = max(map(len, MISSING))
    short = f"CASE {cell} {known} ELSE {cell} END"
    text = f"CASE WHEN {edges} THEN {trimmed} WHEN strlen({cell}) > {longest} THEN {cell} ELSE {short} END"
    return f"regexp_replace({text}, '[.]0+$', '')" if integral else text


def has_comma(values: Iterable[str | None]) -> bool:
    """Whether most numbers that can be read in one way only have a decimal comma.

    >>> has_comma(["12,95", "1.234", "1.234,50"]), has_comma(["5.99", "12,95", "7.50"]), has_comma(["1,234", "5"])
    (True, False, False)
    """
    digits = [re.sub("[^0-9.,+-]", "", value) for value in values if value]
    forms = [(bool(re.fullmatch(_COMMA, number)), bool(re.fullmatch(_POINT, number))) for number in digits]
    return forms.count((True, False)) > forms.count((False, True))


def number_sql(cell: str, kind: str, comma: bool) -> str:
    """A number as DOUBLE, NULL where it is missing or unreadable; money signs and thousands marks are passed over.

    Args:
        cell: SQL of the cell.
        kind: its DuckDB type.
        comma: True where 1.234 is a thousand and 1,234 is little more than one; every other number tells by itself.
    """
    if kind in _NUMERIC or kind.startswith("DECIMAL"):
        return f"CAST({cell} AS DOUBLE)"
    plain = f"TRY_CAST({cell} AS DOUBLE)"
    digits = f"regexp_replace({cell}, '[^0-9.,+-]', '', 'g')"
    points = f"WHEN regexp_full_match({digits}, '{_POINT}') THEN replace({digits}, ',', '')"
    commas = f"WHEN regexp_full_match({digits}, '{_COMMA}') THEN replace(replace({digits}, '.', ''), ',', '.')"
    sign = f"CASE WHEN starts_with(trim({cell}), '(') THEN -1 ELSE 1 END"
    number = f"CASE {commas} {points} END" if comma else f"CASE {points} {commas} END"
    money = f"CASE WHEN regexp_full_match({cell}, '{_MONEY}') THEN {sign} * TRY_CAST({number} AS DOUBLE) END"
    return f"coalesce({money}, {plain})" if comma else f"coalesce({plain}, {money})"


def _cell(rows: Relation, mapping: Mapping, facts: Facts, field: str, binder: Binder) -> str:
    columns = mapping.columns.get(field, ())
    if not columns:
        return "NULL"
    kinds = [rows.types[column] for column in columns]
    cells = [rows.cells[column] for column in columns]
    if field == "time":
        joined = _text(rows, mapping, "time") if mapping.joined else None
        if joined:
            return time_sql(joined, "VARCHAR", mapping.time, binder)
        return _either([time_sql(cell, kind, mapping.time, binder) for cell, kind in zip(cells, kinds, strict=True)])
    if field in LARGEST:
        return _either(
            [number_sql(cell, kind, field in mapping.comma) for cell, kind in zip(cells, kinds, strict=True)]
        )
    if field == "position":
        return _either([f"TRY_CAST({cell} AS BIGINT)" for cell in cells])
    if field == "behaviour":
        return _behaviour(cells, facts, binder)
    return _either([id_sql(cell, kind, field in facts.integral) for cell, kind in zip(cells, kinds, strict=True)])


def _behaviour(cells: list[str], facts: Facts, binder: Binder) -> str:
    word = _word(cells)
    cases = [
        f"WHEN {binder(word)} THEN {binder(behaviour) if behaviour else 'NULL'}"
        for word, behaviour in facts.behaviours.items()
        if word != behaviour
    ]
    return f"CASE {word} {' '.join(cases)} ELSE {word} END" if cases else word


def _word(cells: list[str]) -> str:
    """The cell of the behaviour column; of several, the first that says something."""
    texts = [f"CAST({cell} AS VARCHAR)" for cell in cells]
    return texts[0] if len(texts) == 1 else _either([f"nullif(trim({text}), '')" for text in texts])


def _output(name: str, cells: dict[str, str], mapping: Mapping, binder: Binder) -> str:
    kind = next(field.type for field in FIELDS if field.name == name)
    sql_type = "TIMESTAMP" if name == "time" else _SQL[kind]
    if name == "behaviour":
        stated = quoted(name) if cells[name] != "NULL" else binder(mapping.behaviour)
        signs = ["quantity < 0"] if cells["quantity"] != "NULL" else []
        signs += ["regexp_matches(\"order\", '^[Cc][0-9]')"] if mapping.cancel_prefix else []
        if not signs:
            return stated
        return f"CASE WHEN {stated} = 'purchase' AND ({' OR '.join(signs)}) THEN 'refund' ELSE {stated} END"
    if name == "value" and cells["quantity"] != "NULL" and cells["price"] != "NULL":
        money = "round(quantity * price, 6)"
        return f"coalesce(value, {money})" if cells["value"] != "NULL" else money
    if name == "value" and cells["value"] == cells["quantity"] == "NULL" != cells["price"]:  # one of each
        stated = quoted("behaviour") if cells["behaviour"] != "NULL" else binder(mapping.behaviour)
        return f"CASE WHEN {stated} IN ('purchase', 'refund') THEN price END"
    if name == "position" and mapping.row_position:
        return "CAST(line AS BIGINT)"
    if name == "extra":
        return "extra"
    return quoted(name) if cells[name] != "NULL" else f"CAST(NULL AS {sql_type})"


def _reason(cells: dict[str, str], numbers: list[str]) -> str:
    cases = ["WHEN fault IS NOT NULL THEN fault", "WHEN customer IS NULL THEN 'no customer'"]
    if cells["behaviour"] != "NULL":
        cases.append("WHEN behaviour IS NULL THEN 'no behaviour'")
    if cells["time"] != "NULL":
        cases += [
            "WHEN NOT \"has time\" THEN 'no time'",
            "WHEN time IS NULL THEN 'unreadable time'",
            f"WHEN time < TIMESTAMP '{EARLIEST}' OR time > {_LATEST} THEN 'absurd time'",
        ]
    if cells["position"] != "NULL":
        cases.append("WHEN position IS NULL THEN 'no position'")
    for name in numbers:
        cases += [
            f"WHEN {quoted(name)} IS NULL AND {quoted('has ' + name)} THEN 'unreadable {name}'",
            f"WHEN NOT isfinite({quoted(name)}) THEN '{name} is not finite'",
            f"WHEN abs({quoted(name)}) > {LARGEST[name]:.0f} THEN 'absurd {name}'",
        ]
    return f"CASE {' '.join(cases)} END"


def _filled(mapping: Mapping) -> str:
    """Carries what stands on an order's first line down to its other lines."""
    above = 'OVER (PARTITION BY "order" ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)'
    carried = []
    for field in mapping.fill:
        down = (
            f'CASE WHEN "order" IS NULL THEN {quoted(field)} ELSE last_value({quoted(field)} IGNORE NULLS) {above} END'
        )
        carried.append(f"{down} AS {quoted(field)}")
        if field == "time":
            carried.append('"has time" OR max("has time") ' + above + ' AS "has time"')
    return f"REPLACE ({', '.join(carried)})" if carried else ""


def _extra(rows: Relation, mapping: Mapping, binder: Binder) -> str:
    if not mapping.extra:
        return "CAST(NULL AS VARCHAR)"
    pairs = ", ".join(f"{binder(column)}, {rows.cells[column]}" for column in mapping.extra)
    return f"CAST(json_object({pairs}) AS VARCHAR)"


def _text(rows: Relation, mapping: Mapping, field: str) -> str:
    """The cell as text, NULL for every spelling of missing but NaN, which is a number gone wrong."""
    cells = [rows.cells[column] for column in mapping.columns[field]]
    kinds = [rows.types[column] for column in mapping.columns[field]]
    if all(kind in _NUMERIC or kind.startswith(("DECIMAL", "TIMESTAMP", "DATE")) for kind in kinds):
        return _either(cells)
    missing = _missing() if field == "time" else _missing("nan", "NaN")
    texts = [f"CASE WHEN trim({cell}) IN ({missing}) THEN NULL ELSE {cell} END" for cell in cells]
    if field == "time" and mapping.joined:
        return f"{texts[0]} || coalesce(' ' || {texts[1]}, '')"
    return _either(texts)


def _first(rows: Relation, mapping: Mapping, field: str) -> str:
    columns = mapping.columns.get(field, ())
    return _either([rows.cells[column] for column in columns]) if columns else "NULL"


def _either(cells: list[str]) -> str:
    return cells[0] if len(cells) == 1 else f"coalesce({', '.join(cells)})"


def _missing(*but: str) -> str:
    return ", ".join("'" + word + "'" for word in MISSING if word not in but)
