"""Who somebody is, as it becomes known: records of kind 'identify' and 'alias', beside those of events.

    {"kind": "identify", "customer": "C42", "anonymous": "a-1", "traits": {"consent": true, "city": "Ulm"}}
    {"kind": "alias", "customer": "C42", "anonymous": "a-1"}

They come in through the same writer, in the same transaction, and count once by their event_id. What an alias means is in
`events.aliases`, what a consent means in `events.consent`, where traits go in `events.traits`; here is how they come in
and how an identification is taken back.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from regard.errors import UsageError
from regard.events import aliases, consent, traits
from regard.events.catalog import Catalog, Change, opened
from regard.events.consent import CONSENT
from regard.events.gate import FUTURE, NO_CUSTOMER
from regard.events.live import record as records
from regard.events.live.record import LIMITS, Limits, Record, Refusal, Words
from regard.events.store import Store

KINDS = ("identify", "alias")
"""What stands in the field `kind`; a record of any other kind is an event that has a column of that name."""

NO_ANONYMOUS, CIRCLE = "no anonymous id", "joins an id to itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An identification that may be kept.

    Args:
        customer: who it is. anonymous: the id under which they were known so far, None where only traits are told.
        traits: what is said of them, without their consent. consent: what they say of being looked at, None for nothing.
        time_us: when it was said, microseconds since 1970 UTC. event_id: its id. raw: the record as JSON.
    """

    customer: str
    anonymous: str | None
    traits: Mapping[str, Any]
    consent: bool | None
    time_us: int
    event_id: str
    raw: str

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for the id, as those of an event do."""
        return hashlib.sha256(self.event_id.encode()).digest()[:16]


def check(
    record: object, *, now_us: int, arrived_us: int | None = None, own: Words = (), limits: Limits = LIMITS
) -> Record | Said:
    """Check one record, of an event or of who somebody is.

    Traits without an id for the customer are those of the anonymous id.

    Args:
        record, now_us, arrived_us, own, limits: as `record.check` has them.

    >>> said = check({"kind": "identify", "customer": "C42", "anonymous": "a-1", "traits": {"consent": "no"}}, now_us=0)
    >>> said.customer, said.anonymous, said.consent, check({"kind": "alias", "customer": "C42"}, now_us=0).reason
    ('C42', 'a-1', False, 'no anonymous id')
    """
    if not isinstance(record, Mapping) or record.get("kind") not in KINDS:
        return records.check(record, now_us=now_us, arrived_us=arrived_us, own=own, limits=limits)
    try:
        return _said(record, now_us, now_us if arrived_us is None else arrived_us, limits)
    except records.RefusedError as refused:
        return Refusal(reason=str(refused), raw=records.raw_of(record, limits=limits))


def bars(link: sqlite3.Connection, said: Said) -> str:
    """Why an identification may not be kept, '' where it may."""
    circle = said.anonymous is not None and aliases.circles(link, said.anonymous, said.customer)
    return CIRCLE if circle else ""


def keep(link: sqlite3.Connection, said: Said) -> None:
    """Keep an identification that nothing bars, in the caller's transaction."""
    if said.anonymous is not None:
        aliases.join(link, said.anonymous, said.customer, said.time_us)
    if said.traits:
        traits.keep(link, said.customer, said.traits, said.time_us)
    if said.consent is not None:
        consent.say(link, said.customer, said.consent, said.time_us)


def part(store: Store, anonymous: str, customer: str) -> None:
    """Take an identification back: both have the histories that they would have had without it, from the version on that this
    makes. What was said of the customer stays said.

    Raises:
        UsageError: they are not joined.
        WorkspaceError: another writer is at work.
    """

    def delete(link: sqlite3.Connection) -> None:
        if not aliases.part(link, anonymous, customer):
            raise UsageError(
                f"'{anonymous}' was never said to be '{customer}'", hint="name the two as they were joined"
            )

    with store.writing():
        settle(store.catalog, "an identification taken back", also=delete)


def settle(catalog: Catalog, what: str, *, also: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """Make a version of what is open, for parts and caches; the caller holds the writer's lock."""
    at = f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
    catalog.commit(Change(what=what, at=at, bots=None, clock=catalog.clock(), also=also))


def settle_waiting(catalog: Catalog) -> None:
    """Make a version of what is open, where anything is; the caller holds the writer's lock."""
    with opened(catalog.path) as link:
        open_ = any(
            module.there(link) and link.execute(f"SELECT 1 FROM {table} WHERE added IS NULL LIMIT 1").fetchone()
            for module, table in ((aliases, "aliases"), (consent, "consents"))
        )
    if open_:
        settle(catalog, "what customers said")


def _said(record: Mapping[str, Any], now_us: int, arrived_us: int, limits: Limits) -> Said:
    fields = {
        name: None if record.get(name) is None else records.READERS[of](name, record[name], limits)
        for name, of in (
            ("customer", "customer"),
            ("anonymous", "customer"),
            ("event_id", "event_id"),
            ("time", "time"),
        )
    }
    customer, anonymous = fields["customer"], fields["anonymous"]
    if record["kind"] == "alias" and anonymous is None:
        raise records.RefusedError(NO_ANONYMOUS)
    if customer is None and record["kind"] == "identify":
        customer, anonymous = anonymous, None
    if customer is None:
        raise records.RefusedError(NO_CUSTOMER)
    time_us = arrived_us if fields["time"] is None else fields["time"]
    if time_us > now_us + limits.lead:
        raise records.RefusedError(FUTURE)
    told = _traits(record.get("traits"), limits)
    words = [value for name, value in told.items() if name.casefold() == CONSENT and value is not None]
    return Said(
        customer=customer, anonymous=anonymous,
        traits={name: value for name, value in told.items() if name.casefold() != CONSENT},
        consent=consent.word(words[-1]) if words else None, time_us=time_us,
        event_id=fields["event_id"] or str(uuid.uuid4()), raw=records.raw_of(record, limits=limits),
    )  # fmt: skip


def _traits(given: object, limits: Limits) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise records.RefusedError("traits are not an object")
    try:
        size = len(json.dumps(given, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        raise records.RefusedError("traits are not JSON") from None
    if size > limits.extra or any(len(name) > limits.name for name in given):
        raise records.RefusedError("traits are too long")
    return {name.strip(): value for name, value in given.items() if name.strip()}
