"""Erased: what was taken out stays out, and nobody's name is kept for it.

What an erased customer did before the erasure is refused, however it is sent again: a shop's next export names them still.
What they do afterwards begins anew: erasure is about what is kept and no ban, and the order of somebody who comes back must
not be lost. Both are told apart by a digest of the id under the workspace's own salt, and by the time of the event.

From the first step of an erasure on nobody sees anything of the customer: `gone` is what readers of parts leave out until
the parts are rewritten, `hidden` whom nobody may ask about who has read the store at a version before that.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from regard.events.aliases import Span

if TYPE_CHECKING:
    from regard.events.engine import Engine

REASON = "erased"
"""Why a record is refused; nothing of it is kept."""

_TABLES = """
CREATE TABLE IF NOT EXISTS erasing (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, customer TEXT NOT NULL, spans TEXT NOT NULL, until_us INTEGER NOT NULL,
    ingest INTEGER NOT NULL, removed TEXT NOT NULL, version INTEGER
);
CREATE TABLE IF NOT EXISTS erased (
    number INTEGER NOT NULL, digest TEXT NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL, version INTEGER
);
CREATE INDEX IF NOT EXISTS erased_digest ON erased (digest);
CREATE TABLE IF NOT EXISTS erasures (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, proof TEXT NOT NULL, done TEXT NOT NULL
)
"""
"""erasing = under way, with the ids that are still needed; erased = who was, for good; erasures = the proofs. version = the
first without their rows, NULL until there is one; done = '' until nothing is left.
"""


@dataclass(frozen=True, kw_only=True)
class Erasing:
    """An erasure that is under way.

    Args:
        number: of the erasure. at: when it began, ISO 8601 UTC.
        customer: who. spans: the ids whose events are theirs.
        until_us: what happened before it goes. ingest: the last one before it; of all parts up to it everything goes.
        removed: place -> rows that are gone already. version: the first without their parts, None until there is one.
    """

    number: int
    at: str
    customer: str
    spans: tuple[Span, ...]
    until_us: int
    ingest: int
    removed: dict[str, int]
    version: int | None

    @property
    def ids(self) -> list[str]:
        """All ids, the customer's own first."""
        return list(dict.fromkeys([self.customer, *(span.id for span in self.spans)]))

    @property
    def own(self) -> list[str]:
        """The ids that are nobody else's."""
        return list(dict.fromkeys([self.customer, *(span.id for span in self.spans if span == Span(id=span.id))]))


def there(link: sqlite3.Connection) -> bool:
    """Whether anybody has ever been erased."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasures'").fetchone() is not None


def prepare(link: sqlite3.Connection) -> None:
    """Make the tables and the salt, in the caller's transaction."""
    for statement in _TABLES.split(";"):
        link.execute(statement)
    link.execute("INSERT INTO facts VALUES ('salt', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(16),))


def salt(link: sqlite3.Connection) -> str:
    """The workspace's own; without it a digest of an id could be found by trying ids."""
    return str(link.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()[0])


def digest(salt: str, name: str) -> str:
    """What stands for an id; the engine's `sha256(salt || id)` is the same."""
    return hashlib.sha256(f"{salt}{name}".encode()).hexdigest()


def under_way(link: sqlite3.Connection) -> list[Erasing]:
    """Erasures that are not finished, the first first."""
    if not there(link):
        return []
    rows = link.execute(
        "SELECT number, at, customer, spans, until_us, ingest, removed, version FROM erasing ORDER BY number"
    )
    return [
        Erasing(
            number=number, at=at, customer=customer, until_us=until_us, ingest=ingest, removed=json.loads(removed),
            spans=tuple(Span(id=id_, from_us=low, until_us=high) for id_, low, high in json.loads(spans)),
            version=version,
        )
        for number, at, customer, spans, until_us, ingest, removed, version in rows
    ]  # fmt: skip


def barred(link: sqlite3.Connection, names: Iterable[str]) -> dict[str, tuple[Span, ...]]:
    """Of some ids those that were erased, and which of their events may not come in again."""
    if not there(link):
        return {}
    key = salt(link)
    by_digest = {digest(key, name): name for name in names}
    rows = link.execute(
        "SELECT digest, from_us, until_us FROM erased WHERE digest IN (SELECT value FROM json_each(?))",
        (json.dumps(list(by_digest)),),
    )
    found: dict[str, list[Span]] = {}
    for mark, from_us, until_us in rows:
        name = by_digest[mark]
        found.setdefault(name, []).append(Span(id=name, from_us=from_us, until_us=until_us))
    return {name: tuple(spans) for name, spans in found.items()}


def hidden(link: sqlite3.Connection, version: int, names: Iterable[str]) -> set[str]:
    """Of some ids those that were erased since a version, and may not be looked at by who has read it."""
    if not there(link):
        return set()
    key = salt(link)
    rows = link.execute("SELECT digest FROM erased WHERE version IS NULL OR version > ?", (version,)).fetchall()
    since = {mark for (mark,) in rows}
    return {name for name in names if digest(key, name) in since} if since else set()


def obey(engine: Engine, erasing: Iterable[Erasing]) -> None:
    """From here on the engine's views leave out what is being erased and still lies in parts.

    Args:
        engine: its `gone` becomes the name of a table (id, from_us, until_us, before_us, ingest), see `event_sql`; '' where
            there is nothing.
    """
    rows = [
        (span.id, span.from_us, span.until_us, one.until_us, one.ingest)
        for one in erasing
        if one.version is None
        for span in one.spans
    ]
    if not rows:
        return
    names = ["id", "from_us", "until_us", "before_us", "ingest"]
    engine.connection.register("gone rows", pa.table([pa.array(one) for one in zip(*rows, strict=True)], names=names))
    engine.rows('CREATE OR REPLACE TABLE gone AS SELECT * FROM "gone rows"')
    engine.connection.unregister("gone rows")
    engine.gone = "gone"


def event_sql(row: str, *, timed: bool) -> str:
    """SQL of whether an event is one of those of `gone`: one of the id in the span, from before the erasure, or from a part of
    which everything is.

    Args:
        row: name of the event's row. timed: whether it has a time; without times all of an id's events are the customer's.
    """
    if not timed:
        return f"{row}.customer = gone.id"
    at = f"epoch_us({row}.time)"
    return (
        f"{row}.customer = gone.id AND {at} >= gone.from_us AND {at} < gone.until_us"
        f" AND ({row}.ingest <= gone.ingest OR {at} < gone.before_us)"
    )


def known(engine: Engine, link: sqlite3.Connection) -> bool:
    """Make the table `erased` (digest, from_us, until_us, salt) of who was; returns whether there is anybody."""
    rows = link.execute("SELECT digest, from_us, until_us FROM erased").fetchall() if there(link) else []
    if not rows:
        return False
    names = ["digest", "from_us", "until_us"]
    engine.connection.register("erased rows", pa.table([pa.array(one) for one in zip(*rows, strict=True)], names=names))
    engine.rows('CREATE OR REPLACE TABLE erased AS SELECT *, ?::VARCHAR AS salt FROM "erased rows"', [salt(link)])
    engine.connection.unregister("erased rows")
    return True


def named_sql(column: str) -> str:
    """SQL of whether a column names one of the table `erased`."""
    return f"sha256(erased.salt || {column}) = erased.digest"


def ends(one: Erasing) -> list[tuple[str, int, int]]:
    """(id, from, until) of what may not come in again."""
    return [(span.id, span.from_us, min(span.until_us, one.until_us)) for span in one.spans]
