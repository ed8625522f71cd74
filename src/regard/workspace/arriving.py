"""Arriving: what catalog.sqlite says right now, asked many times a second: the newest version, and the events of its tail.

A connection costs thirty times what a question does, so every thread keeps one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import WorkspaceError
from regard.sequences.arrivals import Arrival, Arrived
from regard.sequences.pack import CONTEXT

if TYPE_CHECKING:
    from sqlite3 import Connection

    from regard.events.live.tail import Arrived as Row

SECOND = 1_000_000
"""Microseconds."""


class Arriving:
    """Reads a workspace's catalogue from any number of threads.

    Args:
        path: of catalog.sqlite.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()

    def version(self) -> int:
        """The newest version of the manifest."""
        with self._asking() as link:
            return int(link.execute("SELECT coalesce(max(version), 0) FROM versions").fetchone()[0])

    def since(self, version: int) -> Arrived:
        """What gives the events that no part of a version holds.

        Raises:
            WorkspaceError: when it is asked, and the version has been left so long ago that nobody can tell any more.
        """

        def arrived(customers: Sequence[str]) -> Mapping[str, Sequence[Arrival]]:
            from regard.events.live.tail import Tail

            with self._asking() as link:
                found = Tail(link).since(version, customers)
            return {name: [arrival(row) for row in rows] for name, rows in found.items() if rows}

        return arrived

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        """The thread's connection; another one next time where anything went wrong with it."""
        from regard.events.catalog import connected, said

        with said(self._path):
            if not self._path.is_file():
                self._own.link = None
                raise WorkspaceError(f"{self._path} is missing", hint="restore it from a backup")
            link = getattr(self._own, "link", None)
            if link is None:
                link = self._own.link = connected(self._path)
            try:
                yield link
            except BaseException:
                self._own.link = None
                link.close()
                raise


def arrival(row: Row) -> Arrival:
    """An event of the tail as sequences want it, by the rules by which parts are packed."""
    fields: Mapping[str, Any] = row.fields
    back = row.behaviour == "refund"
    quantity = fields.get("quantity")
    units = quantity
    if row.behaviour in ("purchase", "refund"):
        units = abs(1.0 if quantity is None else quantity) * (-1 if back else 1)
    value, price = fields.get("value"), fields.get("price")
    if value is not None:
        value = -abs(value) if back else value
    elif price is not None and units is not None:
        value = price * units
    if quantity is not None and back:
        quantity = -abs(quantity)
    return Arrival(
        behaviour=row.behaviour,
        item=row.item,
        time=row.time_us // SECOND,
        order=fields.get("order"),
        quantity=math.nan if quantity is None else quantity,
        value=math.nan if value is None else value,
        context={name: fields[name] for name in CONTEXT if name in fields},
    )
