"""Aliases: which ids are whose, so that what somebody did before they were known is theirs everywhere.

An event keeps the id that it came with, and whoever reads events maps it; taking an alias back is deleting its row, and
both histories are then what they were. Packed logs and counts are kept by the version of the manifest, and a version for
every log-in would have them made anew all day. So an alias is open at first: it holds at once for whoever asks about one
customer, their events of the tail included (`under`), and for parts from the next version on, whatever makes that
version.

One id belongs to one customer at a time. The first alias of an id gives its customer all that the id did before and
does from then on. One to another customer holds from its own time: on a device that two share, what was done before the
second was known to be there is not theirs to see, and refusing them would give the first what the second does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from regard.events.engine import Engine

EVER, NEVER = -(2**62), 2**62
"""Microseconds before and after every event; a comparison with them stays within 64 bits."""

_TABLES = """
CREATE TABLE IF NOT EXISTS aliases (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, anonymous TEXT NOT NULL, customer TEXT NOT NULL, from_us INTEGER NOT NULL,
    added INTEGER
);
CREATE INDEX IF NOT EXISTS aliases_anonymous ON aliases (anonymous, from_us, seq);
CREATE INDEX IF NOT EXISTS aliases_customer ON aliases (customer);
CREATE INDEX IF NOT EXISTS aliases_open ON aliases (added) WHERE added IS NULL
"""
"""aliases.added = the version from which parts are read with it, NULL while it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Args: id: whose events. from_us, until_us: those from the one time and before the other, microseconds since 1970."""

    id: str
    from_us: int = EVER
    until_us: int = NEVER

    def __contains__(self, time_us: int) -> bool:
        return self.from_us <= time_us < self.until_us


def circles(link: sqlite3.Connection, anonymous: str, customer: str) -> bool:
    """Whether an alias would lead, by way of others, back to where it began."""
    return anonymous != customer and customer in _around(link, [anonymous])


def join(link: sqlite3.Connection, anonymous: str, customer: str, time_us: int) -> None:
    """Give an id to a customer from a time on, all of it when it is nobody's yet; in the caller's transaction.

    A repeat that changes nothing when it comes is not kept: a page says who is there at every view.
    """
    if anonymous == customer:
        return
    for statement in _TABLES.split(";"):
        link.execute(statement)
    now = link.execute(
        "SELECT customer FROM aliases WHERE anonymous = ? AND from_us <= ? ORDER BY from_us DESC, seq DESC LIMIT 1",
        (anonymous, time_us),
    ).fetchone()
    if now != (customer,):
        link.execute(
            "INSERT INTO aliases (anonymous, customer, from_us) VALUES (?, ?, ?)", (anonymous, customer, time_us)
        )


def part(link: sqlite3.Connection, anonymous: str, customer: str) -> bool:
    """Take an id from a customer, in the caller's transaction; returns whether it was theirs."""
    if not there(link):
        return False
    gone = link.execute("DELETE FROM aliases WHERE anonymous = ? AND customer = ?", (anonymous, customer))
    return gone.rowcount > 0


def there(link: sqlite3.Connection) -> bool:
    """Whether a catalogue has ever joined anybody."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'aliases'").fetchone() is not None


def under(link: sqlite3.Connection, customers: Iterable[str]) -> dict[str, tuple[Span, ...]]:
    """The ids whose events are a customer's now, their own among them; none for an id that is somebody else's."""
    asked = list(dict.fromkeys(customers))
    known = _around(link, asked)
    found: dict[str, list[Span]] = {name: [] for name in asked}
    for name in dict.fromkeys([*asked, *known]):
        for owner, span in owners(known, name):
            if owner in found:
                found[owner].append(span)
    return {name: tuple(spans) for name, spans in found.items()}


def since(link: sqlite3.Connection, version: int, customers: Iterable[str]) -> dict[str, tuple[Span, ...]]:
    """The ids that have become a customer's since a version: what was read at it has their events under these ids still."""
    found = under(link, customers)
    names = {span.id for spans in found.values() for span in spans}
    if not there(link):
        return dict.fromkeys(found, ())
    fresh = link.execute(
        "SELECT anonymous FROM aliases WHERE anonymous IN (SELECT value FROM json_each(?))"
        " GROUP BY anonymous HAVING min(coalesce(added, ?)) > ?",
        (json.dumps(list(names)), NEVER, version),
    )
    new = {name for (name,) in fresh}
    return {name: tuple(span for span in spans if span.id in new) for name, spans in found.items()}


def owners(known: Mapping[str, Sequence[tuple[str, int]]], name: str) -> list[tuple[str, Span]]:
    """Whose the events of an id are, span by span in order of time; aliases of aliases followed to their end.

    Args:
        known: id -> its (customer, from) aliases in order of time.

    >>> known = {"a": [("ann", 5), ("bob", 9)], "bob": [("rob", 1)]}
    >>> [(owner, span.from_us == EVER, span.until_us) for owner, span in owners(known, "a")][0]
    ('ann', True, 9)
    >>> owners(known, "a")[1][0], owners(known, "cat")[0][0]
    ('rob', 'cat')
    """
    open_, done = [(name, Span(id=name))], []
    while open_:
        owner, span = open_.pop()
        rows = known.get(owner)
        if not rows:
            done.append((owner, span))
            continue
        starts = [EVER, *(from_us for _, from_us in rows[1:]), NEVER]
        for (customer, _), begin, end in zip(rows, starts[:-1], starts[1:], strict=True):
            low, high = max(begin, span.from_us), min(end, span.until_us)
            if low < high:
                open_.append((customer, Span(id=name, from_us=low, until_us=high)))
    return sorted(done, key=lambda pair: pair[1].from_us)


def whose(link: sqlite3.Connection, names: Iterable[str], time_us: int) -> dict[str, str]:
    """Whose an event of each id at that moment is: the customer it is joined to, or the id itself."""
    asked = list(dict.fromkeys(names))
    known: dict[str, list[tuple[str, int]]] = {}
    new = asked if there(link) else []
    while new:
        rows = _rows(link, new)
        known |= rows
        new = list({customer for pairs in rows.values() for customer, _ in pairs} - known.keys())
    return {name: next(owner for owner, span in owners(known, name) if time_us in span) for name in asked}


def obey(engine: Engine, link: sqlite3.Connection, version: int | None) -> None:
    """From here on the engine's views of events bear the customers' ids.

    Args:
        engine: its `joined` becomes the name of a table (anonymous, customer, from_us, until_us); '' where there is none.
        version: that is read; None = the next one.
    """
    if not there(link):
        return
    rows = link.execute(
        "SELECT anonymous, customer, from_us, seq FROM aliases WHERE ?1 IS NULL OR added <= ?1", (version,)
    ).fetchall()
    if not rows:
        return
    columns = zip(*rows, strict=True)
    table = pa.table([pa.array(column) for column in columns], names=["anonymous", "customer", "from_us", "seq"])
    engine.connection.register("alias rows", table)
    engine.rows(
        "CREATE OR REPLACE TABLE joined AS SELECT anonymous, customer,"
        f" if(row_number() OVER nth = 1, {EVER}, from_us) AS from_us,"
        f" lead(from_us, 1, {NEVER}) OVER nth AS until_us"
        ' FROM "alias rows" WINDOW nth AS (PARTITION BY anonymous ORDER BY from_us, seq)'
    )
    engine.connection.unregister("alias rows")
    while engine.one("SELECT EXISTS (FROM joined SEMI JOIN joined AS next ON joined.customer = next.anonymous)")[0]:
        engine.rows(
            "CREATE OR REPLACE TABLE joined AS"
            " SELECT one.anonymous, coalesce(next.customer, one.customer) AS customer,"
            " greatest(one.from_us, coalesce(next.from_us, one.from_us)) AS from_us,"
            " least(one.until_us, coalesce(next.until_us, one.until_us)) AS until_us"
            " FROM joined AS one LEFT JOIN joined AS next ON one.customer = next.anonymous"
            " AND one.from_us < next.until_us AND next.from_us < one.until_us"
        )
    engine.joined = "joined"


def _around(link: sqlite3.Connection, asked: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """The aliases that lead to ids, by any number of steps, and those of the ids themselves."""
    if not there(link):
        return {}
    known = _rows(link, asked)
    new = list(asked)
    while new:
        below = link.execute(
            "SELECT DISTINCT anonymous FROM aliases WHERE customer IN (SELECT value FROM json_each(?))",
            (json.dumps(new),),
        )
        new = [name for (name,) in below if name not in known]
        known |= _rows(link, new)
    return known


def _rows(link: sqlite3.Connection, names: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    rows = link.execute(
        "SELECT anonymous, customer, from_us FROM aliases WHERE anonymous IN (SELECT value FROM json_each(?))"
        " ORDER BY anonymous, from_us, seq",
        (json.dumps(names),),
    )
    for anonymous, customer, from_us in rows:
        found.setdefault(anonymous, []).append((customer, from_us))
    return found
