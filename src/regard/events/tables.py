"""Items, customers, their edges and scores: versioned parts, merged row by row; the latest ingest that names an id
describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

import duckdb
import pyarrow as pa

from regard.errors import InputError
from regard.events.catalog import Part
from regard.events.engine import Engine, listed
from regard.events.read_sql import quoted

Table = Literal["items", "customers", "edges", "scores"]
TABLES: tuple[Table, ...] = get_args(Table)
KEY: dict[Table, tuple[str, ...]] = {
    "items": ("item",), "customers": ("customer",), "edges": ("customer", "other", "kind"), "scores": ("customer",)
}  # fmt: skip
"""What names a row of each table."""

NAMED = ("item_name", "category", "brand")
"""What events may say of their item in words; the price is a number and treated apart."""


def merged(engine: Engine, parts: Sequence[Part], kind: Table) -> pa.Table:
    """One row an id over all parts of a table; the part of the latest ingest wins as a whole row."""
    key = listed(KEY[kind])
    if not parts:
        return pa.table({name: pa.array([], pa.string()) for name in KEY[kind]})
    views = []
    for number, part in enumerate(parts):
        engine.over(f"{kind} {number}", [part])
        views.append(f'SELECT *, {number} AS "part of {kind}" FROM {quoted(f"{kind} {number}")}')
    union = " UNION ALL BY NAME ".join(views)
    return engine.table(
        f'SELECT * EXCLUDE ("part of {kind}") FROM ({union})'
        f' QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY "part of {kind}" DESC) = 1'
        f" ORDER BY {key}"
    )


def changes(engine: Engine, parts: Sequence[Part], kind: Table, given: str) -> bool:
    """Whether the table `given` says anything of an id that the store does not say already.

    Raises:
        InputError: a column holds values that those of the same name in the store cannot stand beside.
    """
    if not parts:
        return True
    engine.connection.register(f"known {kind}", merged(engine, parts, kind))
    # One union brings both sides to the same columns, whatever their case, and the same types.
    both = (
        f'SELECT *, true AS "is given" FROM {quoted(given)}'
        f' UNION ALL BY NAME SELECT *, false AS "is given" FROM {quoted(f"known {kind}")}'
    )
    rows = 'SELECT * EXCLUDE ("is given") FROM both_sides WHERE'
    try:
        query = f'WITH both_sides AS ({both}) {rows} "is given" EXCEPT {rows} NOT "is given" LIMIT 1'
        return bool(engine.rows(query))
    except duckdb.ConversionException as error:
        raise InputError(
            f"{kind}: a column holds another kind of values than in the store: {str(error).splitlines()[0]}",
            hint="give the column another name, or its values the form they had before",
        ) from None


def told_by_events(engine: Engine, columns: Sequence[str], before: datetime | None) -> pa.Table:
    """What the view `events` says of items before a time: the commonest name, category and brand, the median price
    above zero.

    Args:
        columns: fields that hold values in the view.
        before: naive UTC; None = all of it.
    """
    named = [name for name in NAMED if name in columns]
    past = " AND time < ?::TIMESTAMP" if before is not None else ""
    values = [] if before is None else [before]
    engine.rows(
        f"CREATE OR REPLACE TABLE told AS SELECT DISTINCT item FROM events WHERE item IS NOT NULL{past}", values
    )
    select, joins = ["told.item"], []
    for name in named:
        engine.rows(
            f"CREATE OR REPLACE TABLE {quoted(f'told {name}')} AS"
            f" SELECT item, arg_max({name}, (n, {name})) AS {name} FROM"
            f" (SELECT item, {name}, count(*) AS n FROM events"
            f" WHERE item IS NOT NULL AND {name} IS NOT NULL{past} GROUP BY item, {name})"
            " GROUP BY item",
            values,
        )
        select.append(name)
        joins.append(f"LEFT JOIN {quoted(f'told {name}')} USING (item)")
    if "price" in columns:
        engine.rows(
            'CREATE OR REPLACE TABLE "told price" AS SELECT item, median(price) AS price FROM events'
            f" WHERE item IS NOT NULL AND price > 0{past} GROUP BY item",
            values,
        )
        select.append("price")
        joins.append('LEFT JOIN "told price" USING (item)')
    return engine.table(f"SELECT {', '.join(select)} FROM told {' '.join(joins)} ORDER BY told.item")


def described(engine: Engine, table: pa.Table, told: pa.Table) -> pa.Table:
    """The items table, its gaps filled with what events tell; items that only events know come along."""
    engine.connection.register("given items", table)
    engine.connection.register("told items", told)
    both = [name for name in told.column_names if name in table.column_names and name != "item"]
    only_given = [name for name in table.column_names if name not in told.column_names]
    only_told = [name for name in told.column_names if name not in table.column_names]
    select = [
        "item",
        *(f"coalesce(g.{quoted(name)}, t.{quoted(name)}) AS {quoted(name)}" for name in both),
        *([listed(only_told)] if only_told else []),
        *([listed(only_given)] if only_given else []),
    ]
    return engine.table(
        f'SELECT {", ".join(select)} FROM "given items" AS g FULL JOIN "told items" AS t USING (item) ORDER BY item'
    )
