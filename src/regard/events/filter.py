"""Filters over the columns of any table: parsed once to a tree, then run as SQL or on Arrow, with the same answer.

    category = "lights" and price < 20
    brand in ("Acme", "Kestrel") or not (stock = 0)
    "类目" = "灯具" and added >= 2024-03-01 and tags contains "sale"

What is missing is neither equal nor unequal to anything: a test on a missing value is unknown, `not` leaves it
unknown, and a row is kept only where the filter is true. A number that is NaN is missing. Numbers compare as 64-bit
floats, texts by code point and with regard to case, times in UTC; a time compared with a day is compared by the
day.
"""

from __future__ import annotations

import datetime as dt
import difflib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.events.filter_parse import parse
from regard.events.filter_tree import And, Compare, Contains, In, IsNull, Not, Or, StartsWith, Test, Tree, Value
from regard.events.read_sql import quoted

__all__ = ["Tree", "check", "columns_of", "evaluate", "mask", "parse", "to_sql"]

_DAY = 86_400_000_000
"""Microseconds."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SPOKEN = {"text": "a text", "number": "a number", "truth": "true or false", "time": "a date", "list": "a list"}
_ARROW = {"=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
_BY_DAY = {
    "=": (">=", "<"),
    "<": ("<", ""),
    "<=": ("", "<"),
    ">": ("", ">="),
    ">=": (">=", ""),
}
"""operator -> (comparison with the day's first moment, comparison with the next day's)."""


def columns_of(tree: Tree) -> set[str]:
    """Names of the columns that the filter reads."""
    match tree:
        case And(parts) | Or(parts):
            return set().union(*(columns_of(part) for part in parts))
        case Not(part):
            return columns_of(part)
        case _:
            return {tree.column}


def check(tree: Tree, schema: pa.Schema) -> None:
    """Say no to a filter that does not fit the table.

    Raises:
        UsageError: an unknown column (the hint names the nearest one), or a value of another type than its column.
    """
    match tree:
        case And(parts) | Or(parts):
            for part in parts:
                check(part, schema)
        case Not(part):
            check(part, schema)
        case _:
            _check_test(tree, schema)


def to_sql(tree: Tree, schema: pa.Schema) -> tuple[str, list[Any]]:
    """The filter as a DuckDB expression and the values bound to its question marks.

    Args:
        tree: of `parse`.
        schema: of the table that the expression will run on.

    Raises:
        UsageError: as `check`.

    >>> to_sql(parse('price < 20'), pa.schema([("price", pa.float64())]))
    ('(CASE WHEN isnan("price"::DOUBLE) THEN NULL ELSE "price"::DOUBLE END < ?)', [20.0])
    """
    check(tree, schema)
    values: list[Any] = []
    return _sql(tree, schema, values), values


def evaluate(tree: Tree, table: pa.Table) -> pa.Array:
    """bool [rows], true, false or null for unknown.

    Raises:
        UsageError: as `check`.
    """
    check(tree, table.schema)
    return _arrow(tree, table)


def mask(tree: Tree, table: pa.Table) -> NDArray[np.bool_]:
    """bool [rows], the rows to keep.

    Raises:
        UsageError: as `check`.

    >>> mask(parse('brand = "Acme"'), pa.table({"brand": ["Acme", None, "Kestrel"]})).tolist()
    [True, False, False]
    """
    return np.asarray(evaluate(tree, table).fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _kind(type_: pa.DataType) -> str:
    """'text', 'number', 'truth', 'time', 'list', 'nothing' (no value at all) or 'other' (only `is null`)."""
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    tests = {
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "truth": (pa.types.is_boolean,),
        "time": (pa.types.is_date, pa.types.is_timestamp),
        "list": (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
        "nothing": (pa.types.is_null,),
    }
    return next((kind for kind, ways in tests.items() if any(way(type_) for way in ways)), "other")


def _value_kind(value: Value) -> str:
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "time" if isinstance(value, dt.date) else "number"


def _check_test(test: Test, schema: pa.Schema) -> None:
    places = schema.get_all_field_indices(test.column)
    if len(places) != 1:
        _no_column(test.column, schema, len(places))
    type_ = schema.field(places[0]).type
    kind = _kind(type_)
    if isinstance(test, IsNull) or kind == "nothing":
        return
    if kind == "other":
        raise UsageError(f"column '{test.column}' is {type_}, which a filter can only test with is null")
    if kind == "list":
        if not isinstance(test, Contains):
            raise UsageError(f"column '{test.column}' is a list", hint=f'{test.column} contains "..."')
        kind = _kind(type_.value_type)
        if kind not in ("text", "number", "truth"):
            raise UsageError(f"column '{test.column}' is {type_}, whose elements a filter cannot compare")
    elif isinstance(test, Contains | StartsWith) and kind != "text":
        raise UsageError(f"column '{test.column}' is {_SPOKEN[kind]}, not a text: it cannot contain or start with one")
    if isinstance(test, Compare) and kind == "truth" and test.operator not in ("=", "!="):
        raise UsageError(f"column '{test.column}' is true or false: compare it with = or !=")
    for value in test.values if isinstance(test, In) else (test.value,):
        if _value_kind(value) != kind:
            raise UsageError(
                f"column '{test.column}' is {_SPOKEN[kind]}, but it is compared with {_SPOKEN[_value_kind(value)]}",
                hint=_hint(test.column, kind, value),
            )


def _hint(column: str, kind: str, value: Value) -> str:
    """How a value of another kind is written for a column of this one."""
    told = str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "number":
        return f"write {int(value)} for {told}" if isinstance(value, bool) else ""
    hints = {
        "text": f'quote it: "{told}"',
        "time": "write it as 2024-03-01, without quotes",
        "truth": f"{column} = true",
    }
    return hints.get(kind, "")


def _no_column(name: str, schema: pa.Schema, found: int) -> None:
    if found:
        raise UsageError(f"the table has {found} columns named '{name}'", hint="rename one")
    folded = {other.casefold(): other for other in schema.names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    hint = f"did you mean '{folded[near[0]]}'?" if near else f"there are {', '.join(schema.names[:12])}"
    raise UsageError(f"no column '{name[:80]}'", hint=hint)


def _microseconds(value: dt.date) -> int:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time(), dt.UTC)
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def _bound(value: Value) -> Any:
    """The value as both compilers compare it; adding zero makes one of the two zeros."""
    if isinstance(value, bool | str):
        return value
    return _microseconds(value) if isinstance(value, dt.date) else float(value) + 0.0


def _moments(test: Compare | In) -> Tree | None:
    """A test of a time by day, as tests by moment; None where it is one already."""
    column = test.column
    if isinstance(test, In):
        return _joined(Or, [Compare(column, "=", value) for value in test.values])
    if isinstance(test.value, dt.datetime):
        return None
    if test.operator == "!=":
        return Not(Compare(column, "=", test.value))
    first = dt.datetime.combine(test.value, dt.time(), dt.UTC) if isinstance(test.value, dt.date) else _EPOCH
    last = test.value == dt.date.max  # the day after it cannot be written down
    following = first if last else first + dt.timedelta(days=1)
    low, high = _BY_DAY[test.operator]
    parts: list[Tree] = [Compare(column, low, first)] if low else []
    parts += [Compare(column, high, following)] if high else []
    return _joined(And, parts)


def _joined(kind: type[And] | type[Or], parts: list[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


# SQL


def _sql(tree: Tree, schema: pa.Schema, values: list[Any]) -> str:
    match tree:
        case And(parts):
            return _balanced([_sql(part, schema, values) for part in parts], "AND")
        case Or(parts):
            return _balanced([_sql(part, schema, values) for part in parts], "OR")
        case Not(part):
            return f"(NOT {_sql(part, schema, values)})"
        case _:
            return _sql_test(tree, schema.field(tree.column).type, schema, values)


def _balanced(parts: list[str], word: str) -> str:
    """Brackets by halves: a chain of thousands of parts stays within the engine's depth."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle], word)} {word} {_balanced(parts[middle:], word)})"


def _sql_test(test: Test, type_: pa.DataType, schema: pa.Schema, values: list[Any]) -> str:
    kind, column = _kind(type_), _sql_column(test.column, type_)
    if isinstance(test, IsNull):
        return f"({column} IS NULL)"
    if kind == "nothing":
        return "(CAST(NULL AS BOOLEAN))"
    if kind == "time" and isinstance(test, Compare | In) and (by_moment := _moments(test)) is not None:
        return _sql(by_moment, schema, values)
    if isinstance(test, In):
        values.extend(_bound(value) for value in test.values)
        return f"({column} IN ({', '.join('?' * len(test.values))}))"
    values.append(_bound(test.value))
    if isinstance(test, Compare):
        return f"({column} {test.operator} ?)"
    if isinstance(test, StartsWith):
        return f"starts_with({column}, ?)"
    return f"list_contains({column}, ?)" if kind == "list" else f"contains({column}, ?)"


def _sql_column(name: str, type_: pa.DataType) -> str:
    """The column as it is compared: NaN as NULL, times as microseconds since 1970 UTC whatever the session's zone."""
    column, kind = quoted(name), _kind(type_)
    if kind == "number":
        number = f"{column}::DOUBLE"
        return f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END" if pa.types.is_floating(type_) else number
    if kind == "time":
        zoned = pa.types.is_timestamp(type_) and type_.tz is not None
        return f"epoch_us({column}::{'TIMESTAMPTZ' if zoned else 'TIMESTAMP'})"
    if kind == "text":
        return f"{column}::VARCHAR"
    if kind == "list" and _kind(type_.value_type) == "number":
        return f"list_transform({column}::DOUBLE[], lambda x: x + 0.0)"
    return column


# Arrow


def _arrow(tree: Tree, table: pa.Table) -> pa.Array:
    match tree:
        case And(parts) | Or(parts):
            join = pc.and_kleene if isinstance(tree, And) else pc.or_kleene
            total = _arrow(parts[0], table)
            for part in parts[1:]:
                total = join(total, _arrow(part, table))
            return total
        case Not(part):
            return pc.invert(_arrow(part, table))
        case _:
            return _arrow_test(tree, table)


def _arrow_test(test: Test, table: pa.Table) -> pa.Array:
    type_ = table.schema.field(test.column).type
    kind = _kind(type_)
    if kind == "time" and isinstance(test, Compare | In) and (by_moment := _moments(test)) is not None:
        return _arrow(by_moment, table)
    column = _arrow_column(table.column(test.column), kind)
    if isinstance(test, IsNull):
        return pc.is_null(column)
    if kind == "nothing":
        return pa.nulls(len(column), pa.bool_())
    if isinstance(test, In):
        return _known(pc.is_in(column, pa.array([_bound(value) for value in test.values], column.type)), column)
    value = _bound(test.value)
    if isinstance(test, Compare):
        return _ARROW[test.operator](column, pa.scalar(value, column.type))
    if isinstance(test, StartsWith):
        return pc.starts_with(column, value)
    return _holds(column, value) if kind == "list" else pc.match_substring(column, value)


def _arrow_column(column: pa.ChunkedArray, kind: str) -> pa.Array:
    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    if kind == "number":
        numbers = pc.add(whole.cast(pa.float64(), safe=False), 0.0)
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if kind == "time":
        return whole.cast(pa.timestamp("us", getattr(whole.type, "tz", None)), safe=False).cast(pa.int64())
    return whole.cast(pa.large_string()) if kind == "text" else whole


def _holds(lists: pa.Array, value: Any) -> pa.Array:
    """Whether each list has the element; unknown where there is no list."""
    elements = pc.list_flatten(lists)  # without values that may lie under a missing list
    owner = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).fill_null(0).to_numpy())
    elements = _arrow_column(pa.chunked_array([elements]), _kind(elements.type))
    hit = pc.equal(elements, pa.scalar(value, elements.type)).fill_null(False)
    found = np.zeros(len(lists), dtype=bool)
    found[owner[hit.to_numpy(zero_copy_only=False)]] = True
    return _known(pa.array(found), lists)


def _known(answer: pa.Array, column: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(column), answer, pa.scalar(None, pa.bool_()))
