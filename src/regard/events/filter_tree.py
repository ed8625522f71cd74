"""The tree of a filter."""

from __future__ import annotations

import datetime as dt
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
