"""Erasure: one customer taken out of every place of the inventory, and a proof of it that names nobody.

    {rows of the tables deleted, who is being erased noted}      one transaction: from here on nobody sees anything of them
    {parts without their rows}                                   part by part, in the memory of one query; one transaction
    old parts, caches, reports, saved segments                   deleted or rewritten
    {the proof; their ids forgotten}                             one transaction
    the log of SQLite cut                                        deleted rows were overwritten as they went

Killed before the first commit, the erasure never was; after it, whoever next opens the workspace or writes to it goes on
where it stopped. Live events come in meanwhile; an ingest that is under way is waited for.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regard.errors import UsageError, WorkspaceError
from regard.events import aliases, erased, erasure_files, erasure_parts
from regard.events.aliases import Span
from regard.events.catalog import Change, opened
from regard.events.erased import Erasing
from regard.events.inventory import MODELS, TABLES, Table
from regard.events.naming import names_in, pattern_of

if TYPE_CHECKING:
    from regard.events.store import Store

_OWN = ("erasing", "erased", "erasures")
"""Tables of erasures themselves."""

_PAUSE = 0.1
"""Seconds between two looks."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What an erasure did; nobody's name or doing is in it.

    Args:
        number: of the erasure, from 1.
        at: when it began, ISO 8601 UTC.
        done: when nothing was left, '' while something is.
        digest: of the customer's id under the workspace's salt: who has the id can tell that it is this one's.
        removed: place -> rows, files that went.
        kept: place -> why it keeps what it does.
        version: of the store, the first without them; None while there is none.
    """

    number: int
    at: str
    done: str
    digest: str
    removed: dict[str, int]
    kept: dict[str, str]
    version: int | None


def erase(store: Store, customer: str, *, patience: float = 60.0) -> Proof:
    """Take a customer out of the store, with every id that was joined to them.

    Args:
        store: the workspace's store.
        customer: id; nobody need have it.
        patience: seconds to wait for other writers and readers.

    Raises:
        UsageError: the id is somebody else's since they were joined.
        WorkspaceError: the workspace is read-only or damaged, the disk is full.
    """
    number = _begin(store, customer)
    until = time.monotonic() + patience
    while True:
        try:
            with store.locked():
                finish(store)
                store.collect()
        except WorkspaceError as error:
            if "another writer" not in error.message:
                raise
        proof = next(one for one in proofs(store) if one.number == number)
        if proof.done or time.monotonic() > until:
            return proof
        time.sleep(_PAUSE)


def finish(store: Store) -> None:
    """Do what is left of the erasures that have begun; the caller holds the writer's lock.

    Raises:
        WorkspaceError: a part is missing or damaged, the disk is full; nothing of the customers is shown meanwhile.
    """
    with opened(store.catalog.path) as link:
        left = erased.under_way(link)
    for one in left:
        if one.version is None:
            _rewrite(store, one)
    store.collect()
    with opened(store.catalog.path) as link:
        left = erased.under_way(link)
    for one in left:
        if not erasure_parts.left(store, one):
            erasure_files.clean(store.folder, one)
            _prove(store, one)
    _cut(store)


def waiting(link: sqlite3.Connection) -> bool:
    """Whether an erasure has anything left to do."""
    return erased.there(link) and link.execute("SELECT 1 FROM erasures WHERE done = '' LIMIT 1").fetchone() is not None


def proofs(store: Store) -> list[Proof]:
    """All erasures, the first first."""
    with opened(store.catalog.path) as link:
        if not erased.there(link):
            return []
        rows = link.execute("SELECT number, at, done, proof FROM erasures ORDER BY number").fetchall()
        left = {one.number: one for one in erased.under_way(link)}
        return [
            Proof(
                number=number, at=at, done=done, **(_told(link, left[number]) if number in left else json.loads(proof))
            )
            for number, at, done, proof in rows
        ]


def _begin(store: Store, customer: str) -> int:
    """The first transaction; returns the erasure's number."""
    erasure_files.overwriting(store.catalog.path)
    with opened(store.catalog.path) as link:
        link.execute("BEGIN IMMEDIATE")
        try:
            number = _note(link, customer)
            link.execute("COMMIT")
        except BaseException:
            link.execute("ROLLBACK")
            raise
    return number


def _note(link: sqlite3.Connection, customer: str) -> int:
    spans = aliases.under(link, [customer])[customer]
    if Span(id=customer) not in spans:
        raise UsageError(
            f"'{customer}' is an id of another customer", hint="erase that one, or take the identification back first"
        )
    erased.prepare(link)
    now_us = time.time_ns() // 1_000
    tables = {name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    latest = [_latest(link, span) for span in spans] if "tail" in tables else []
    at = f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
    made = link.execute("INSERT INTO erasures (at, proof, done) VALUES (?, '', '')", (at,))
    one = Erasing(
        number=int(made.lastrowid or 0), at=at, customer=customer, spans=spans,
        until_us=max([now_us, *latest]) + 1, removed={}, version=None,
        ingest=int(link.execute("SELECT coalesce(max(number), 0) FROM ingests").fetchone()[0]),
    )  # fmt: skip
    for table in TABLES:
        if table.personal and not table.file.startswith("server") and table.name in tables:
            one.removed[table.name] = _delete(link, table, one)
    key = erased.salt(link)
    link.executemany(
        "INSERT INTO erased VALUES (?, ?, ?, ?, NULL)",
        [(one.number, erased.digest(key, name), low, high) for name, low, high in erased.ends(one)],
    )
    link.execute(
        "INSERT INTO erasing VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            one.number, at, customer, json.dumps([(span.id, span.from_us, span.until_us) for span in spans]),
            one.until_us, one.ingest, json.dumps(one.removed),
        ),
    )  # fmt: skip
    return one.number


def _latest(link: sqlite3.Connection, span: Span) -> int:
    where = "customer = ? AND time_us >= ? AND time_us < ?"
    values = (span.id, span.from_us, span.until_us)
    return int(link.execute(f"SELECT coalesce(max(time_us), 0) FROM tail WHERE {where}", values).fetchone()[0])


def _delete(link: sqlite3.Connection, table: Table, one: Erasing) -> int:
    """Delete what a table says of a customer; returns how many rows it was."""
    if table.raw:
        found = pattern_of(one.ids)
        rows = link.execute(f"SELECT rowid, {table.raw} FROM {table.name}")
        gone = [(number,) for number, raw in rows if names_in(raw, one.ids, found)]
        link.executemany(f"DELETE FROM {table.name} WHERE rowid = ?", gone)
        return len(gone)
    if not table.time:
        where = " OR ".join(f"{column} IN (SELECT value FROM json_each(?1))" for column in table.customers)
        return link.execute(f"DELETE FROM {table.name} WHERE {where}", (json.dumps(one.own),)).rowcount
    count = 0
    for span in one.spans:
        for column in table.customers:
            where = f"{column} = ? AND {table.time} >= ? AND {table.time} < ?"
            count += link.execute(
                f"DELETE FROM {table.name} WHERE {where}", (span.id, span.from_us, span.until_us)
            ).rowcount
    return count


def _rewrite(store: Store, one: Erasing) -> None:
    """Commit the version whose parts are without the customer."""
    catalog = store.catalog
    version = catalog.version()
    add, remove, removed = erasure_parts.rewritten(store, one, version)

    def noted(link: sqlite3.Connection) -> None:
        made = link.execute("SELECT max(version) FROM versions").fetchone()[0]
        told = json.dumps(one.removed | removed)
        link.execute("UPDATE erasing SET version = ?, removed = ? WHERE number = ?", (made, told, one.number))
        link.execute("UPDATE erased SET version = ? WHERE number = ?", (made, one.number))

    at = f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
    what, clock = f"erasure {one.number}", catalog.clock()
    catalog.commit(Change(what=what, at=at, add=add, remove=remove, bots=None, clock=clock, also=noted))


def _prove(store: Store, one: Erasing) -> None:
    """Keep the proof and forget the ids."""
    with opened(store.catalog.path) as link:
        link.execute("BEGIN IMMEDIATE")
        link.execute("UPDATE erasures SET proof = ? WHERE number = ?", (json.dumps(_told(link, one)), one.number))
        link.execute("DELETE FROM erasing WHERE number = ?", (one.number,))
        link.execute("COMMIT")


def _cut(store: Store) -> None:
    """Leave nothing of deleted rows in the log of SQLite; only then is an erasure done."""
    with opened(store.catalog.path) as link:
        open_ = "done = '' AND number NOT IN (SELECT number FROM erasing)"
        if not erased.there(link) or not link.execute(f"SELECT 1 FROM erasures WHERE {open_}").fetchone():
            return
        if not erasure_files.cut(link):
            return
        at = f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
        link.execute(f"UPDATE erasures SET done = ? WHERE {open_}", (at,))


def _told(link: sqlite3.Connection, one: Erasing) -> dict[str, object]:
    return {
        "digest": erased.digest(erased.salt(link), one.customer),
        "removed": {place: count for place, count in one.removed.items() if count},
        "kept": {table.name: table.kept for table in TABLES if table.kept and table.name not in _OWN}
        | {"models": MODELS},
        "version": one.version,
    }


def to_json(found: Iterable[Proof]) -> list[dict[str, object]]:
    """Plain JSON values."""
    return [asdict(one) for one in found]
