"""The last step of an ingest, of files or of live events: say what came, find who acts like a robot, make it true."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection
from time import perf_counter
from typing import TYPE_CHECKING, Any

from regard.config import Config
from regard.events import consent, gate_rules, merchandise
from regard.events.catalog import Catalog, Change, Part, opened
from regard.events.engine import Engine

if TYPE_CHECKING:
    from regard.events.ingest import IngestReport

LOOKED = "looked"
"""Name of the fact that says what the last look over the whole store found, and when."""

GROWN = 1.1
"""Live events ask for a look over the whole store when it has grown by a tenth since the last one: all looks together then
cost some ten times the store, however many seals there are.
"""

STALE = timedelta(days=1)
"""And at the first seal a day after the last look, so that a robot of a large store is found by the next day."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the whole store shows: who acts like a robot, which refunds belong to a purchase, what is not merchandise.

    Args:
        rows: events in the store. at: ISO 8601 UTC.
        refunds: refund rows. refunds_matched: those with an earlier purchase they can belong to.
        not_merchandise: item -> rows.
        bots: customer -> acts per active day; None = as they are in the catalogue.
    """

    rows: int
    at: str
    refunds: int
    refunds_matched: int
    not_merchandise: Mapping[str, int]
    bots: dict[str, float] | None = None

    @property
    def fact(self) -> str:
        """It as JSON, all but the bots, which have a table."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "bots"}, ensure_ascii=False)


def look(
    engine: Engine, catalog: Catalog, config: Config, events: Sequence[Part], customers: Sequence[Part], *, clock: str
) -> Look:
    """Look over a whole store; the engine's view `events` shows it from then on, as far as it may be looked at.

    Args:
        events: its event parts. customers: its customers tables, the oldest first.
        clock: what times mean.
    """
    engine.scan("events", events)
    refunds, matched = gate_rules.refunds(engine)
    services = merchandise.services(engine, config)
    # Who acts like a robot is asked of whoever may be looked at, and by their events alone.
    with opened(catalog.path) as link:
        consent.obey(engine, customers, link)
    engine.scan("events", events)
    return Look(
        rows=sum(part.rows for part in events),
        at=f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z",
        refunds=refunds,
        refunds_matched=matched,
        not_merchandise={found.item: found.rows for found in services if found.rows},
        bots=gate_rules.bots(engine) if clock == "clock" else {},
    )


def last_look(catalog: Catalog, rows: int) -> Look | None:
    """What the last look found, None where it is time for another one.

    Args:
        rows: events that the store has now.
    """
    told: dict[str, Any] = json.loads(catalog.fact(LOOKED) or "{}")
    if not told:
        return None
    last = Look(**told)
    now = datetime.now(UTC).replace(tzinfo=None)
    since = now - datetime.fromisoformat(last.at.removesuffix("Z"))
    alike = last.rows <= rows < GROWN * last.rows and timedelta(0) <= since < STALE
    return last if alike else None


def enter(
    engine: Engine,
    catalog: Catalog,
    config: Config,
    report: IngestReport,
    number: int,
    parts: Sequence[Part],
    *,
    clock: str,
    remove: Sequence[str] = (),
    also: Callable[[Connection], None] | None = None,
    often: bool = False,
) -> IngestReport:
    """Make written parts ingest `number`, in one transaction with the parts to `remove` and what is `also` to become true;
    returns what is now known of it. The caller holds the writer's lock.

    Where ingests come `often`, the whole store is looked over only now and then, and the report says what it showed then.
    """
    began, version = perf_counter(), catalog.version()
    fresh = [part for part in parts if part.kind == "events"]
    events = [*catalog.parts(version, "events"), *fresh]
    report = _describe(engine, report, fresh, number)
    found = last_look(catalog, sum(part.rows for part in events)) if often else None
    if found is None:
        customers = [*catalog.parts(version, "customers"), *(part for part in parts if part.kind == "customers")]
        found = look(engine, catalog, config, events, customers, clock=report.clock)
    report = replace(
        report,
        refunds=found.refunds,
        refunds_matched=found.refunds_matched,
        not_merchandise=dict(found.not_merchandise),
        bots=len(catalog.bots(version) if found.bots is None else found.bots),
        seconds=round(report.seconds + perf_counter() - began, 3),
    )
    new = (number, report.to_json())
    catalog.commit(
        Change(
            what=f"ingest {number}", at=report.at, add=parts, remove=remove, ingest=new, bots=found.bots, clock=clock,
            facts={LOOKED: found.fact}, also=also,
        )
    )  # fmt: skip
    return report


def _describe(engine: Engine, report: IngestReport, fresh: Sequence[Part], number: int) -> IngestReport:
    engine.scan("events", fresh)
    behaviours = dict(
        engine.rows("SELECT behaviour, count(*) FROM events GROUP BY behaviour ORDER BY count(*) DESC, behaviour")
    )
    customers, items = engine.one("SELECT count(DISTINCT customer), count(DISTINCT item) FROM events")
    first, last = engine.one("SELECT min(time), max(time) FROM events")
    return replace(
        report,
        number=number,
        behaviours=behaviours,
        customers=customers,
        items=items,
        first="" if first is None else f"{first:%Y-%m-%dT%H:%M:%SZ}",
        last="" if last is None else f"{last:%Y-%m-%dT%H:%M:%SZ}",
    )
