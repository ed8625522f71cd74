"""Export: everything that a workspace keeps of one customer, place by place, by the same inventory as an erasure.

Copies of it, in caches, report pages and answers that a repeated request would get again, are not in it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from safetensors.numpy import load_file

from regard.events import aliases, erased
from regard.events.aliases import NEVER
from regard.events.catalog import CATALOG_NAME, opened
from regard.events.engine import Engine, disk_errors
from regard.events.erased import Erasing
from regard.events.erasure_parts import of
from regard.events.inventory import PARTS, TABLES, Table
from regard.events.naming import names_in, pattern_of

if TYPE_CHECKING:
    from regard.events.store import Store

Places = dict[str, list[dict[str, Any]]]


def export(store: Store, customer: str) -> dict[str, Any]:
    """Everything that is kept of a customer, under whatever id it came; also of one who does not consent.

    Args:
        store: the workspace's store.
        customer: id; an id that is somebody else's since they were joined has nothing of its own.

    Returns:
        `customer`, `at`, `ids` (id, from and until when, where it is shared) and `places` (place -> rows), plain JSON values.

    Raises:
        WorkspaceError: a part is missing or damaged.

    >>> import tempfile
    >>> from regard.events.live import Writer
    >>> from regard.events.store import Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.create(f"{folder}/shop")
    ...     with Writer(store) as writer:
    ...         _ = writer.submit([{"customer": "C42", "behaviour": "purchase", "item": "pen"}]).result()
    ...     [row["item"] for row in export(store, "C42")["places"]["tail"]]
    ['pen']
    """
    with store.reading() as (_, version):  # the parts stay on the disk meanwhile
        with opened(store.catalog.path) as link:
            one = _asked(link, customer)
            places = _tables(link, one)
        places |= _parts(store, one, version)
    places["segments"] = _fits(store.folder, one)
    return {
        "customer": customer,
        "at": one.at,
        "ids": [{"id": span.id, "from": _moment(span.from_us), "until": _moment(span.until_us)} for span in one.spans],
        "places": {place: rows for place, rows in places.items() if rows},
    }


def _asked(link: sqlite3.Connection, customer: str) -> Erasing:
    """The customer as an erasure would have them, of whom everything that there is would go."""
    return Erasing(
        number=0, at=f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z", customer=customer,
        spans=aliases.under(link, [customer])[customer], until_us=NEVER, ingest=2**31 - 1, removed={}, version=None,
    )  # fmt: skip


def _tables(link: sqlite3.Connection, one: Erasing) -> Places:
    there = {name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables = [table for table in TABLES if table.personal and table.file == CATALOG_NAME and table.name in there]
    return {table.name: _rows(link, table, one) for table in tables}


def _rows(link: sqlite3.Connection, table: Table, one: Erasing) -> list[dict[str, Any]]:
    with closing(link.cursor()) as cursor:
        cursor.row_factory = sqlite3.Row
        if table.raw:
            found = pattern_of(one.ids)
            rows = [dict(row) for row in cursor.execute(f"SELECT * FROM {table.name}")]
            return [row for row in rows if names_in(row[table.raw], one.ids, found)]
        where = " OR ".join(f"{column} IN (SELECT value FROM json_each(?1))" for column in table.customers)
        rows = [
            dict(row) for row in cursor.execute(f"SELECT * FROM {table.name} WHERE {where}", (json.dumps(one.ids),))
        ]
    own = set(one.own)
    return [
        row
        for row in rows
        if any(
            (row[column] in own and not table.time)
            or (table.time and any(row[column] == span.id and row[table.time] in span for span in one.spans))
            for column in table.customers
        )
    ]


def _parts(store: Store, one: Erasing, version: int) -> Places:
    places: Places = {}
    with disk_errors(), Engine(store.folder, threads=1) as engine:
        erased.obey(engine, [one])
        if not engine.gone:
            return places
        for part in store.catalog.parts(version, *(parts.kind for parts in PARTS if parts.by != "nobody")):
            engine.over("one part", [part])
            found = engine.table(f'SELECT row.* FROM "one part" AS row SEMI JOIN gone ON {of(part)}')
            rows = [{name: _plain(value) for name, value in row.items()} for row in found.to_pylist()]
            places.setdefault(part.kind, []).extend(rows)
    return places


def _fits(folder: Path, one: Erasing) -> list[dict[str, Any]]:
    """The segments that they are in, and where they lie in the space of the segments."""
    found = []
    for path in sorted(folder.glob("models/*/segments/*/customers.parquet")):
        names = pq.read_table(path)["customer"].to_pylist()
        arrays = load_file(path.with_name("segments.safetensors"))
        for name in one.own:
            if name in names:
                row = names.index(name)
                found.append({"customer": name, "fit": str(path.parent.relative_to(folder))} | {
                    key: arrays[key][row].tolist() for key in ("label", "events", "states")
                })  # fmt: skip
    return found


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _moment(us: int) -> str | None:
    """A time as RFC 3339 has it; None for ever and for never."""
    return None if abs(us) >= NEVER else f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
