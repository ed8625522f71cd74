"""Nested records as columns: paths such as `properties.price`, `event_params.ga_session_id` and `items[].item_id`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from regard.events.read_sql import Binder, Relation

VALUES = ("string_value", "int_value", "double_value", "float_value")
"""GA4's four places for the value of a parameter."""
MAX_COLUMNS = 400
"""Paths kept of records without end; a log with more is somebody's dump of objects."""


def flatten(record: dict[str, Any]) -> list[dict[str, str | None]]:
    """One record as rows of path -> text; a list of objects gives one row per entry.

    >>> flatten({"event": "buy", "items": [{"id": 1}, {"id": 2}]})
    [{'event': 'buy', 'items[].id': '1'}, {'event': 'buy', 'items[].id': '2'}]
    """
    flat: dict[str, str | None] = {}
    lists: dict[str, list[dict[str, Any]]] = {}
    _walk(record, "", flat, lists)
    if not lists:
        return [flat]
    path = max(lists, key=lambda key: len(lists[key]))
    rows = []
    for entry in lists[path]:
        inner: dict[str, str | None] = {}
        _walk(entry, "", inner, {})
        rows.append({**flat, **{f"{path}[].{key}": value for key, value in inner.items()}})
    return rows


def columns_of(rows: Iterable[dict[str, str | None]]) -> tuple[str, ...]:
    """Every path seen, in order of appearance."""
    seen: dict[str, None] = {}
    for row in rows:
        seen.update(dict.fromkeys(row))
    return tuple(seen)[:MAX_COLUMNS]


def list_of(column: str) -> str:
    """The list a path goes through, '' when none: 'properties.products[].sku' -> 'properties.products'."""
    return column.split("[].", 1)[0] if "[]." in column else ""


def relation(records: str, columns: Iterable[str], params: frozenset[str], explode: str, binder: Binder) -> Relation:
    """The wanted paths of JSON records as VARCHAR columns.

    Args:
        records: FROM item with `line` and `record` (VARCHAR or JSON).
        columns: paths.
        params: paths that are lists of {key, value} objects, such as event_params.
        explode: list whose entries become rows, '' for none.
        binder: takes the values.
    """
    columns = list(columns)
    checked = (
        "SELECT line, record, CASE WHEN NOT json_valid(record) THEN 'not JSON'"
        " WHEN json_type(record) <> 'OBJECT' THEN 'not a JSON object' END AS broken"
        f" FROM {records} WHERE record IS NOT NULL AND trim(record) <> ''"
    )
    good = "CASE WHEN broken IS NULL THEN record END"
    part = ""
    if explode:
        path = binder(_pointer(explode) + "[*]")
        part = (
            f", unnest(CASE WHEN broken IS NULL AND len(json_extract(record, {path})) > 0"
            f" THEN json_extract(record, {path}) ELSE [NULL::JSON] END) AS part"
        )
    plain = [column for column in columns if not list_of(column) and _box(column, params) is None]
    inner = [column for column in columns if explode and list_of(column) == explode]
    selected = ["line", "broken", "record"]
    if plain:
        selected.append(f"json_extract_string({good}, {binder([_pointer(column) for column in plain])}) AS whole")
    if inner:
        pointers = [_pointer(column.split("[].", 1)[1]) for column in inner]
        selected.append(f"json_extract_string(part, {binder(pointers)}) AS piece")
    cells = {column: f"whole[{at}]" for at, column in enumerate(plain, 1)}
    cells |= {column: f"piece[{at}]" for at, column in enumerate(inner, 1)}
    for at, column in enumerate(column for column in columns if _box(column, params) is not None):
        box = _box(column, params) or ""
        found = (
            f"list_filter(json_extract({good}, {binder(_pointer(box) + '[*]')}),"
            f" lambda p: json_extract_string(p, '$.key') = {binder(column[len(box) + 1 :])})[1]"
        )
        values = ", ".join(f"json_extract_string({found}, '$.value.{name}')" for name in VALUES)
        selected.append(f"coalesce({values}) AS param{at}")
        cells[column] = f"param{at}"
    sql = f"(SELECT {', '.join(selected)} FROM (SELECT *{part} FROM ({checked})))"
    return Relation(sql=sql, cells=cells, types=dict.fromkeys(columns, "VARCHAR"), raw="record")


def params_of(record: dict[str, Any], prefix: str = "") -> set[str]:
    """Paths that hold lists of {key, value} objects."""
    found: set[str] = set()
    for key, value in record.items():
        path = f"{prefix}{key}"
        if _is_params(value):
            found.add(path)
        elif isinstance(value, dict):
            found |= params_of(value, path + ".")
    return found


def _walk(
    record: dict[str, Any], prefix: str, flat: dict[str, str | None], lists: dict[str, list[dict[str, Any]]]
) -> None:
    for key, value in record.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            _walk(value, path + ".", flat, lists)
        elif _is_params(value):
            for entry in value:
                held = entry.get("value")
                texts = [held.get(name) for name in VALUES] if isinstance(held, dict) else [held]
                flat[f"{path}.{entry['key']}"] = next((_text(text) for text in texts if text is not None), None)
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            lists[path] = value
        else:
            flat[path] = _text(value)


def _is_params(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(entry, dict) and set(entry) == {"key", "value"} and isinstance(entry["value"], dict)
            for entry in value
        )
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _box(column: str, params: frozenset[str]) -> str | None:
    return next((box for box in params if column.startswith(box + ".")), None)


def _pointer(path: str) -> str:
    return "$" + "".join('."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"' for step in path.split("."))
