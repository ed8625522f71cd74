"""The last step of an ingest, of files or of live events: say what came, find who acts like a robot, make it true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from sqlite3 import Connection
from time import perf_counter
from typing import TYPE_CHECKING

from regard.config import Config
from regard.events import consent, gate_rules, merchandise
from regard.events.catalog import Catalog, Change, Part, opened
from regard.events.engine import Engine

if TYPE_CHECKING:
    from regard.events.ingest import IngestReport


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
) -> IngestReport:
    """Make written parts ingest `number`, in one transaction with the parts to `remove` and what is `also` to become true;
    returns what is now known of it. The caller holds the writer's lock.
    """
    began, version = perf_counter(), catalog.version()
    live = catalog.parts(version, "events")
    report = _describe(engine, report, config, live, parts, number)
    # Who acts like a robot is asked of whoever may be looked at, and by their events alone.
    known = [*catalog.parts(version, "customers"), *(part for part in parts if part.kind == "customers")]
    with opened(catalog.path) as link:
        consent.obey(engine, known, link)
    engine.scan("events", [*live, *(part for part in parts if part.kind == "events")])
    bots = gate_rules.bots(engine) if report.clock == "clock" else {}
    report = replace(report, bots=len(bots), seconds=round(report.seconds + perf_counter() - began, 3))
    new = (number, report.to_json())
    catalog.commit(
        Change(
            what=f"ingest {number}", at=report.at, add=parts, remove=remove, ingest=new, bots=bots, clock=clock, also=also
        )
    )  # fmt: skip
    return report


def _describe(
    engine: Engine, report: IngestReport, config: Config, live: Sequence[Part], parts: Sequence[Part], number: int
) -> IngestReport:
    fresh = [part for part in parts if part.kind == "events"]
    engine.scan("events", fresh)
    behaviours = dict(
        engine.rows("SELECT behaviour, count(*) FROM events GROUP BY behaviour ORDER BY count(*) DESC, behaviour")
    )
    customers, items = engine.one("SELECT count(DISTINCT customer), count(DISTINCT item) FROM events")
    first, last = engine.one("SELECT min(time), max(time) FROM events")
    engine.scan("events", [*live, *fresh])
    refunds, matched = gate_rules.refunds(engine)
    return replace(
        report,
        number=number,
        behaviours=behaviours,
        customers=customers,
        items=items,
        first="" if first is None else f"{first:%Y-%m-%dT%H:%M:%SZ}",
        last="" if last is None else f"{last:%Y-%m-%dT%H:%M:%SZ}",
        refunds=refunds,
        refunds_matched=matched,
        not_merchandise={found.item: found.rows for found in merchandise.services(engine, config) if found.rows},
    )
