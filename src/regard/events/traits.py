"""Traits: what a customer, or the shop in their name, says of them as it happens. The last word on each counts.

They stand beside the customers tables and over them: `Store.customers` has both in one row, at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from regard.events import aliases
from regard.events.consent import CONSENT
from regard.events.engine import Engine
from regard.events.read_sql import quoted

COLUMNS = 256
"""Names of traits that become columns, the commonest first: who sends a name of its own for every customer sends no
traits.
"""

_TABLE = """
CREATE TABLE IF NOT EXISTS traits (
    customer TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, time_us INTEGER NOT NULL,
    PRIMARY KEY (customer, name)
) WITHOUT ROWID
"""
"""traits.value = JSON; null takes back what was said."""


def keep(link: sqlite3.Connection, customer: str, traits: Mapping[str, Any], time_us: int) -> None:
    """Keep what is said of a customer unless something later is; in the caller's transaction."""
    link.execute(_TABLE)
    link.executemany(
        "INSERT INTO traits VALUES (?, ?, ?, ?) ON CONFLICT (customer, name) DO UPDATE"
        " SET value = excluded.value, time_us = excluded.time_us WHERE excluded.time_us >= time_us",
        [(customer, name, json.dumps(value, ensure_ascii=False), time_us) for name, value in traits.items()],
    )


def there(link: sqlite3.Connection) -> bool:
    """Whether anything has ever been said."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'traits'").fetchone() is not None


def beside(engine: Engine, link: sqlite3.Connection, table: pa.Table) -> pa.Table:
    """A customers table with the traits in it, sorted by id; what is said of an id is said of whom it belongs to.

    Args:
        engine: of the store. link: of its catalogue.
        table: one row a customer.
    """
    if not there(link):
        return table
    rows = link.execute("SELECT customer, name, value, time_us FROM traits").fetchall()
    if not rows:
        return table
    people = {name: name for name, *_ in rows}
    if aliases.there(link):
        people |= aliases.whose(link, people, max(row[3] for row in rows))
    said = pa.table(
        {
            "customer": pa.array((people[row[0]] for row in rows), pa.string()),
            "name": pa.array((row[1] for row in rows), pa.string()),
            "value": pa.array((row[2] for row in rows), pa.string()),
            "own": pa.array(people[row[0]] == row[0] for row in rows),
            "time_us": pa.array((row[3] for row in rows), pa.int64()),
        }
    )
    engine.connection.register("said rows", said)
    engine.connection.register("told rows", table)
    engine.rows(
        "CREATE OR REPLACE TABLE said AS SELECT customer, lower(name) AS name, min(name) AS spelt,"
        " nullif(arg_max(value, (time_us, own)), 'null') AS value FROM \"said rows\" GROUP BY customer, lower(name)"
    )
    try:
        return _joined(engine, table)
    finally:
        engine.connection.unregister("said rows")
        engine.connection.unregister("told rows")


def _joined(engine: Engine, table: pa.Table) -> pa.Table:
    """The table "told rows" with the traits in the table `said`, the commonest of them."""
    names = engine.rows(
        "SELECT name, mode(spelt), bool_and(json_type(value) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')),"
        " bool_and(json_type(value) = 'BOOLEAN') FROM said WHERE value IS NOT NULL AND name NOT IN ('customer', ?)"
        " GROUP BY name ORDER BY count(*) DESC, name LIMIT ?",
        [CONSENT, COLUMNS],
    )
    held = {name.casefold(): name for name in table.column_names}
    types = dict(engine.rows('SELECT column_name, column_type FROM (DESCRIBE "told rows")'))
    select, wide = [], ["customer"]
    for place, (name, spelt, numeric, truth) in enumerate(names):
        own = held.pop(name, None)
        kind = types[own] if own else "DOUBLE" if numeric else "BOOLEAN" if truth else "VARCHAR"
        wide.append(f"any_value(value ->> '$') FILTER (WHERE name = ?) AS t{place:d}")
        told = f"TRY_CAST(t{place:d} AS {kind})"
        select.append(f"coalesce({told}, told.{quoted(own)}) AS {quoted(own)}" if own else f"{told} AS {quoted(spelt)}")
    rest = [f"told.{quoted(name)}" for name in held.values() if name != "customer"]
    return engine.table(
        f'SELECT {", ".join(["customer", *rest, *select])} FROM "told rows" AS told FULL JOIN'
        f" (SELECT {', '.join(wide)} FROM said GROUP BY customer) AS fresh USING (customer) ORDER BY customer",
        [name for name, *_ in names],
    )
