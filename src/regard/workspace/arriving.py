"""Arriving: what catalog.sqlite says right now, asked many times a second: the newest version, and the events of its tail."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.sequences.arrivals import Arrival, Arrived
from regard.sequences.log import Log
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

    def people(self, version: int, names: Iterable[str], *, read: int) -> dict[str, Person]:
        """Whom ids mean now, and what they have said since a version (see `events.consent.people`)."""
        from regard.events.consent import people

        with self._asking.link() as link:
            return people(link, version, names, read=read)

    def withdrawn(self, version: int) -> set[str]:
        """The ids that may no longer be looked at, of those that might at a version."""
        from regard.events.consent import withdrawn

        with self._asking.link() as link:
            return withdrawn(link, version)

    def since(self, version: int, log: Log) -> Arrived:
        """What gives the events of customers that are not theirs in a log: what no part of its version holds, and what the log
        has under ids that were joined to them since.

        Args: version: of the manifest. log: of its parts.

        Raises:
            WorkspaceError: when it is asked, and the version has been left so long ago that nobody can tell any more.
        """

        def arrived(customers: Sequence[str]) -> Mapping[str, Sequence[Arrival]]:
            from regard.events import aliases
            from regard.events.live.tail import Tail

            with self._asking.link() as link:
                found = Tail(link).since(version, customers)
                spans = aliases.since(link, version, customers)
            came = {name: [arrival(row) for row in rows] for name, rows in found.items()}
            for name, joined in spans.items():
                for span in joined:
                    came[name] += [one for one in told(log, span.id) if one.time * SECOND in span]
            return {name: rows for name, rows in came.items() if rows}

        return arrived


def told(log: Log, customer: str) -> list[Arrival]:
    """What a log has of one customer, as events that could be another's."""
    code = log.customers.code(customer)
    if code < 0:
        return []
    return [
        Arrival(
            behaviour=log.behaviours[log.behaviour[row]],
            item=log.items.id(log.item[row]) if log.item[row] >= 0 else None,
            time=int(log.time[row]),
            quantity=float(log.quantity[row]),
            value=float(log.value[row]),
            context={name: words[codes[row]] for name, (words, codes) in log.context.items() if codes[row] >= 0},
        )
        for row in range(int(log.offsets[code]), int(log.offsets[code + 1]))
    ]


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
