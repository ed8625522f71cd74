"""Arriving: what catalog.sqlite says right now, asked many times a second: the newest version, and the events of its tail."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.sequences.arrivals import Arrival, Arrived
from regard.sequences.pack import CONTEXT
from regard.workspace.asking import Asking

if TYPE_CHECKING:
    from regard.events.consent import Person
    from regard.events.live.tail import Arrived as Row

SECOND = 1_000_000
"""Microseconds."""


class Arriving:
    """Reads a workspace's catalogue from any number of threads.

    Args:
        path: of catalog.sqlite.
    """

    def __init__(self, path: Path) -> None:
        self._asking = Asking(path)

    def version(self) -> int:
        """The newest version of the manifest."""
        with self._asking.link() as link:
            return int(link.execute("SELECT coalesce(max(version), 0) FROM versions").fetchone()[0])

    def people(self, version: int, names: Iterable[str]) -> dict[str, Person]:
        """Whom ids mean now, and what they have said since a version (see `events.consent.people`)."""
        from regard.events.consent import people

        with self._asking.link() as link:
            return people(link, version, names)

    def since(self, version: int) -> Arrived:
        """What gives the events that no part of a version holds.

        Raises:
            WorkspaceError: when it is asked, and the version has been left so long ago that nobody can tell any more.
        """

        def arrived(customers: Sequence[str]) -> Mapping[str, Sequence[Arrival]]:
            from regard.events.live.tail import Tail

            with self._asking.link() as link:
                found = Tail(link).since(version, customers)
            return {name: [arrival(row) for row in rows] for name, rows in found.items() if rows}

        return arrived


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
