"""Consent: who may be looked at. This is the one place that decides; the store's readers obey it, everything else asks it.

A customers table with a column `consent` (see `names.TABLE_COLUMNS`) makes consent a condition for everybody: whoever
does not say yes in the latest table that has the column and names them is left out, whether they said no, said nothing,
or are in no such table. A shop without such a column has asked nobody, and looks at all. A later table without the
column changes nobody's consent.

A live word (`say`) is about one customer and makes it a condition for nobody else. It holds at once; a word under an id
that was joined to a customer is theirs, and their latest counts. A live no stands until a live yes: a table is exported
some time before it comes in, and must not undo what the customer has just said. After a live yes, a later table may say no.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.events import aliases, erased
from regard.events.catalog import Part
from regard.events.engine import Engine
from regard.events.names import CONSENT_WORDS
from regard.events.read_sql import quoted

CONSENT = "consent"
"""Column that says whether a customer may be looked at: true or false."""


def said_sql(cell: str) -> str:
    """SQL of what a text cell says: true for yes, NULL for nothing, false for everything else."""
    return f"(lower({cell}) IN ({_listed(CONSENT_WORDS[True])}))"


def odd_sql(cell: str) -> str:
    """SQL of whether a text cell says neither yes nor no."""
    return f"(lower({cell}) NOT IN ({_listed(CONSENT_WORDS[True] | CONSENT_WORDS[False])}))"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


_TABLE = """
CREATE TABLE IF NOT EXISTS consents (
    customer TEXT PRIMARY KEY, said INTEGER NOT NULL, time_us INTEGER NOT NULL, ingest INTEGER NOT NULL, added INTEGER
) WITHOUT ROWID
"""
"""consents.ingest = the last ingest before the word; added = the first version after it, NULL while there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom an id means now.

    Args:
        customer: whose events under it are.
        said: True or False where a live word decides, whatever was true at a version; False also where they were erased since;
            None where what was true then still holds.
    """

    customer: str
    said: bool | None = None


def word(value: object) -> bool:
    """What a live consent says: true for yes, false for everything else."""
    return value is True or (isinstance(value, str | int) and str(value).strip().lower() in CONSENT_WORDS[True])


def say(link: sqlite3.Connection, customer: str, said: bool, time_us: int) -> None:
    """Keep what a customer says unless they have said something later; in the caller's transaction."""
    link.execute(_TABLE)
    link.execute(
        "INSERT INTO consents SELECT ?, ?, ?, (SELECT coalesce(max(number), 0) FROM ingests), NULL WHERE true"
        " ON CONFLICT (customer) DO UPDATE SET said = excluded.said, time_us = excluded.time_us, ingest = excluded.ingest,"
        " added = iif(said = excluded.said AND ingest = excluded.ingest, added, NULL)"
        " WHERE excluded.time_us >= time_us",
        (customer, said, time_us),
    )


def there(link: sqlite3.Connection) -> bool:
    """Whether anybody has said anything live."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'consents'").fetchone() is not None


def people(
    link: sqlite3.Connection, version: int, names: Iterable[str], *, read: int | None = None
) -> dict[str, Person]:
    """Whom ids mean now, and what they have said since a version.

    Args:
        version: of the manifest, of which it is known who consents. names: ids.
        read: version of which the events were read: who was erased since is not looked at; None = the same.
    """
    asked = list(dict.fromkeys(names))
    found = aliases.whose(link, asked, _now_us())
    said = _said(link, aliases.under(link, found.values())) if there(link) else {}
    gone = erased.hidden(link, version if read is None else read, {*asked, *found.values()})
    return {
        name: Person(
            customer=customer,
            said=False if name in gone or customer in gone else _decides(said.get(customer), version),
        )
        for name, customer in found.items()
    }


def withdrawn(link: sqlite3.Connection, version: int) -> set[str]:
    """The ids that may no longer be looked at, of those that might at a version."""
    gone = {name for one in erased.under_way(link) if one.version is None for name in one.ids}
    if not there(link):
        return gone
    newer = "(SELECT anonymous FROM aliases WHERE added IS NULL OR added > ?1)" if aliases.there(link) else "('')"
    rows = link.execute(
        f"SELECT customer FROM consents WHERE said = 0 AND (added IS NULL OR added > ?1 OR customer IN {newer})",
        (version,),
    )
    found = people(link, version, [name for (name,) in rows])
    return gone | {who for name, person in found.items() if person.said is False for who in (name, person.customer)}


def _said(
    link: sqlite3.Connection, spans: dict[str, tuple[aliases.Span, ...]]
) -> dict[str, tuple[int, bool, int | None]]:
    """(time, word, version) of the latest word of each customer."""
    owner: dict[str, list[tuple[str, aliases.Span]]] = {}
    for customer, own in spans.items():
        for span in own:
            owner.setdefault(span.id, []).append((customer, span))
    rows = link.execute(
        "SELECT customer, time_us, said, added FROM consents WHERE customer IN (SELECT value FROM json_each(?))",
        (json.dumps(list(owner)),),
    )
    latest: dict[str, tuple[int, bool, int | None]] = {}
    for name, time_us, said, added in rows:
        for customer, span in owner[name]:
            if time_us in span and (customer not in latest or latest[customer][0] <= time_us):
                latest[customer] = (time_us, bool(said), added)
    return latest


def _decides(latest: tuple[int, bool, int | None] | None, version: int) -> bool | None:
    if latest is None:
        return None
    _, said, added = latest
    return said if not said or added is None or added > version else None


def _now_us() -> int:
    return time.time_ns() // 1_000


def obey(engine: Engine, parts: Sequence[Part], link: sqlite3.Connection, version: int | None = None) -> None:
    """From here on the engine's views of events are of customers, whatever ids their events came with, and hold nobody's who
    may not be looked at.

    Args:
        engine: its `among` becomes the name of a table with one row for each who may, where consent is a condition for
            everybody; else its `without` that of a table of who may not, and its `joined` as in `aliases.obey`.
        parts: customers tables, the oldest first.
        link: to the catalogue. version: of the aliases; None = the next one.
    """
    aliases.obey(engine, link, version)
    erased.obey(engine, erased.under_way(link))
    said = _heard(engine, link)
    asked = [part for part in parts if CONSENT in part.columns]
    if not asked:
        if said:
            engine.rows("CREATE OR REPLACE TABLE refusing AS SELECT customer FROM heard WHERE NOT said")
            engine.without = "refusing"
        return
    views = []
    for number, part in enumerate(asked):
        engine.over(f"consents {number}", [part])
        # A part from before consent was recognised holds text, or numbers.
        told = said_sql(f"{CONSENT}::VARCHAR")
        view = quoted(f"consents {number}")
        views.append(f"SELECT customer, {told} AS said, {number} AS nth, {part.ingest:d} AS ingest FROM {view}")
    engine.rows(
        "CREATE OR REPLACE TABLE asked AS SELECT customer, arg_max(coalesce(said, false), nth) AS said,"
        f" max(ingest) AS ingest FROM ({' UNION ALL '.join(views)}) GROUP BY customer"
    )
    if not said:
        engine.rows("CREATE OR REPLACE TABLE heard AS SELECT '' AS customer, false AS said, 0 AS ingest WHERE false")
    engine.rows(
        "CREATE OR REPLACE TABLE consenting AS SELECT customer FROM asked FULL JOIN heard USING (customer) WHERE CASE"
        " WHEN heard.said IS NULL THEN asked.said WHEN heard.said AND asked.ingest > heard.ingest THEN asked.said"
        " ELSE heard.said END"
    )
    engine.among = "consenting"


def _heard(engine: Engine, link: sqlite3.Connection) -> bool:
    """Make the table `heard` of each customer's latest live word; returns whether there is one."""
    rows = link.execute("SELECT customer, said, time_us, ingest FROM consents").fetchall() if there(link) else []
    if not rows:
        return False
    names = ["customer", "said", "time_us", "ingest"]
    engine.connection.register("heard rows", pa.table([pa.array(one) for one in zip(*rows, strict=True)], names=names))
    mapped = (
        "SELECT coalesce(alias.customer, word.customer) AS customer, said, time_us, ingest"
        f' FROM "heard rows" AS word LEFT JOIN {quoted(engine.joined)} AS alias ON word.customer = alias.anonymous'
        " AND time_us >= alias.from_us AND time_us < alias.until_us"
    )
    source = f"({mapped})" if engine.joined else '"heard rows"'
    engine.rows(
        "CREATE OR REPLACE TABLE heard AS SELECT customer, arg_max(said, time_us) = 1 AS said,"
        f" arg_max(ingest, time_us) AS ingest FROM {source} GROUP BY customer"
    )
    engine.connection.unregister("heard rows")
    return True


def kept(engine: Engine, table: pa.Table, ends: Sequence[str] = ("customer",)) -> pa.Table:
    """The rows of a table that speak of nobody who does not consent, in the same order, without the column that says so.

    Args:
        engine: as `obey` left it. ends: columns that name customers.
    """
    for named, key, may in (
        (engine.among, "customer", True),
        (engine.without, "customer", False),
        (engine.gone, "id", False),
    ):
        if named:
            known = engine.table(f"SELECT {key} FROM {quoted(named)}")[key]
            for end in ends:
                there = pc.is_in(table[end], known)
                table = table.filter(there if may else pc.invert(there))
    if not engine.among:
        return table
    return table.drop_columns([name for name in table.column_names if name.casefold() == CONSENT])


def consenting(profile: pa.Table) -> NDArray[np.bool_]:
    """bool [N], customers that may be looked at; all of them where there is no column `consent`.

    Args:
        profile: N rows, one a customer.

    Raises:
        UsageError: the column is not of true and false, or is there twice.

    >>> consenting(pa.table({"consent": [True, False, None]})).tolist()
    [True, False, False]
    """
    places = [place for place, name in enumerate(profile.column_names) if name.casefold() == CONSENT]
    if not places:
        return np.ones(profile.num_rows, dtype=bool)
    column = profile.column(places[0])
    if len(places) > 1 or not pa.types.is_boolean(column.type):
        what = f"is there {len(places)} times" if len(places) > 1 else f"is {column.type}"
        raise UsageError(f"column '{CONSENT}' {what}", hint="one column of true and false")
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=bool)
