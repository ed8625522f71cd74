"""The tree of a filter, and how it is written back as text."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

Value = str | int | float | bool | dt.date | dt.datetime
"""A constant: text, number, truth, day, or moment (with its zone, UTC)."""

OPERATORS: tuple[str, ...] = ("=", "!=", "<", "<=", ">", ">=")
KEYWORDS: frozenset[str] = frozenset(
    {"and", "or", "not", "in", "is", "null", "contains", "starts", "with", "true", "false"}
)


@dataclass(frozen=True)
class Compare:
    """`column operator value`; operator is one of OPERATORS."""

    column: str
    operator: str
    value: Value


@dataclass(frozen=True)
class In:
    """`column in (value, ...)`."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsNull:
    """`column is null`."""

    column: str


@dataclass(frozen=True)
class Contains:
    """`column contains value`: part of a text, or an element of a list."""

    column: str
    value: Value


@dataclass(frozen=True)
class StartsWith:
    """`column starts with "text"`."""

    column: str
    value: str


@dataclass(frozen=True)
class Not:
    """`not part`."""

    part: Tree


@dataclass(frozen=True)
class And:
    """All of two or more parts."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Or:
    """Any of two or more parts."""

    parts: tuple[Tree, ...]


Test = Compare | In | IsNull | Contains | StartsWith
Tree = Test | Not | And | Or

_BARE = re.compile(r"[^\W\d]\w*")


def text_of(tree: Tree) -> str:
    """The tree as text that parses to the same tree.

    >>> text_of(And((Compare("category", "=", "lights"), Not(IsNull("price")))))
    'category = "lights" and price is not null'
    """
    match tree:
        case Or(parts):
            return " or ".join(_part(part, (Or,)) for part in parts)
        case And(parts):
            return " and ".join(_part(part, (Or, And)) for part in parts)
        case Not(IsNull(column)):
            return f"{_column(column)} is not null"
        case Not(In(column, values)):
            return f"{_column(column)} not in ({', '.join(map(_value, values))})"
        case Not(part):
            return f"not {_part(part, (Or, And))}"
        case Compare(column, operator, value):
            return f"{_column(column)} {operator} {_value(value)}"
        case In(column, values):
            return f"{_column(column)} in ({', '.join(map(_value, values))})"
        case IsNull(column):
            return f"{_column(column)} is null"
        case Contains(column, value):
            return f"{_column(column)} contains {_value(value)}"
        case StartsWith(column, value):
            return f"{_column(column)} starts with {_value(value)}"


def _part(tree: Tree, looser: tuple[type, ...]) -> str:
    return f"({text_of(tree)})" if isinstance(tree, looser) else text_of(tree)


def _column(name: str) -> str:
    if _BARE.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace('"', '""') + '"'
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case dt.date():
            return value.isoformat()
        case _:
            return repr(value)
