"""One map for all files of a call: each field is looked for in every file that can have it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Names
from collections.abc import Sequence

from regard.errors import UsageError
from regard.events.read_source import Source
from regard.events.read_table import TABLE_FIELDS, Kind
from regard.events.schema import FIELD_NAMES

_OF_TABLES = {field for fields in TABLE_FIELDS.values() for field in fields} - set(FIELD_NAMES)
"""Fields that no event has: for these a column of the same name in the files of events is another matter."""


def share(
    overrides: Names[str, str], told: Names[str, str], events: Sequence[Source], tables: Names[Kind, Source]
) -> tuple[list[dict[str, str]], dict[Kind, dict[str, str]]]:
    """What each file of events and each table is told.

    Numbers such as '#2' count the columns of the events; those of the tables where a call has no events.

    Args:
        overrides: field -> column, from `--map`.
        told: likewise, from earlier calls; used where a table has such a column.
        events: the files of events.
        tables: the tables of items and customers.

    Raises:
        UsageError: a field of a table is in no file.
    """
    alone = not events

    def holds(kind: Kind, field: str, column: str) -> bool:
        counted = column.startswith("#") and not alone
        return field in TABLE_FIELDS[kind] and not counted and tables[kind].find(column) is not None

    met = set()
    for field, column in overrides.items():
        of_events = field not in _OF_TABLES and not column.startswith("#")
        named = of_events and any(source.find(column) for source in events)
        if named or any(holds(kind, field, column) for kind in tables):
            met.add(field)
        elif any(field in TABLE_FIELDS[kind] for kind in tables) and (alone or column.strip("#0123456789")):
            columns = [name for source in (*events, *tables.values()) for name in source.columns]
            near = difflib.get_close_matches(column, columns, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the columns are {', '.join(columns[:20])}"
            raise UsageError(f"--map {field}={column}: no file of this call has such a column", hint=hint)
    given = [
        {
            field: column
            for field, column in overrides.items()
            if field not in met or (field not in _OF_TABLES and source.find(column))
        }
        for source in events
    ]
    # A field that is of no table goes to all of them, which refuse it.
    return given, {
        kind: {
            field: column
            for field, column in {**told, **overrides}.items()
            if holds(kind, field, column) or (alone and field in overrides and field not in met)
        }
        for kind in tables
    }
