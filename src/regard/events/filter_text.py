"""Tree of a filter -> text, as `filter_parse` reads it: to show a person one part of a rule."""

from __future__ import annotations

import datetime as dt
import re

from regard.events.filter_tree import (
    KEYWORDS,
    And,
    Compare,
    Contains,
    In,
    IsNull,
    Not,
    Or,
    StartsWith,
    Test,
    Tree,
    Value,
)

_BARE = re.compile(r"[^\W\d]\w*")


def text(tree: Tree) -> str:
    """The filter as text that parses to the same tree.

    >>> from regard.events.filter_parse import parse
    >>> text(parse("not (price<20 or `my tag` in ('a', 'it''s')) and added is not null"))
    'not (price < 20 or "my tag" in ("a", "it\\'s")) and added is not null'
    """
    match tree:
        case Or(parts):
            return " or ".join(_within(part, (Or,)) for part in parts)
        case And(parts):
            return " and ".join(_within(part, (Or, And)) for part in parts)
        case Not(IsNull(column)):
            return f"{_column(column)} is not null"
        case Not(In() | Contains() | StartsWith() as test):
            return _test(test, "not ")
        case Not(part):
            return f"not {_within(part, (Or, And))}"
        case _:
            return _test(tree, "")


def _test(test: Test, negated: str) -> str:
    column = _column(test.column)
    match test:
        case Compare(operator=operator, value=value):
            return f"{column} {operator} {_value(value)}"
        case In(values=values):
            return f"{column} {negated}in ({', '.join(map(_value, values))})"
        case IsNull():
            return f"{column} is null"
        case Contains(value=value):
            return f"{column} {negated}contains {_value(value)}"
        case StartsWith(value=start):
            return f"{column} {negated}starts with {_value(start)}"


def _within(tree: Tree, looser: tuple[type, ...]) -> str:
    return f"({text(tree)})" if isinstance(tree, looser) else text(tree)


def _column(name: str) -> str:
    return name if _BARE.fullmatch(name) and name.lower() not in KEYWORDS else _quoted(name)


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    return value.isoformat() if isinstance(value, dt.date) else str(value)
