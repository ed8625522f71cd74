"""Naming: whether a text names somebody, where nothing says which part of it does.

An id is looked for as a word of its own, in every spelling that a page, a log or an address has of it. With a short id
that takes more than it must, never less.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

_BEFORE, _AFTER = "(?:^|[^0-9A-Za-z_])", "(?:$|[^0-9A-Za-z_])"


def pattern_of(ids: Iterable[str]) -> re.Pattern[str]:
    """What finds any of some ids in a text.

    >>> found = pattern_of(["C42", "安 安"])
    >>> [bool(found.search(text)) for text in ("C42;pen", '{"id": "\\\\u5b89 \\\\u5b89"}', "/%E5%AE%89%20%E5%AE%89", "C421")]
    [True, True, True, False]
    """
    spelt = {
        spelling
        for name in ids
        for spelling in (name, json.dumps(name)[1:-1], html.escape(name), quote(name, safe=""), quote(name))
    }
    return re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, sorted(spelt)))}){_AFTER}")


def names_in(raw: str, ids: Iterable[str], found: re.Pattern[str]) -> bool:
    """Whether a record names any of some ids.

    Args:
        raw: JSON, or what was cut off it. ids: looked for as whole values. found: of `pattern_of`, for what is no JSON.
    """
    try:
        return _holds(json.loads(raw), set(ids))
    except (ValueError, RecursionError):
        return bool(found.search(raw))


def row_sql(raw: str, name: str) -> str:
    """SQL of whether a row that was not accepted names an id: by its field where it was read, else anywhere in its text.

    Args:
        raw, name: SQL of the two.
    """
    told = f"CASE WHEN json_valid({raw}) THEN json_extract_string({raw}, '$.customer') END"
    word = f"regexp_matches({raw}, '{_BEFORE}' || regexp_escape({name}) || '{_AFTER}')"
    return f"CASE WHEN {told} IS NOT NULL THEN {told} = {name} ELSE {word} END"


def _holds(value: object, ids: set[str]) -> bool:
    if isinstance(value, dict):
        return any(_holds(one, ids) for one in value.values())
    if isinstance(value, list):
        return any(_holds(one, ids) for one in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value is not None and str(value).strip() in ids
