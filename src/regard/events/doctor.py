"""Doctor: every class of trouble in a store, with its share and examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from regard.config import Config
from regard.events import gate_rules, merchandise
from regard.events.catalog import Catalog, Part
from regard.events.engine import Engine
from regard.events.naming import row_sql
from regard.events.tables import TABLES

_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One class of trouble.

    Args:
        name: the class.
        count: rows, or customers where `unit` says so.
        of: the whole of which `count` is a part.
        unit: 'rows' or 'customers'.
        advice: what it means and what can be done, one line.
        examples: a few, as readable text.
    """

    name: str
    count: int
    of: int
    unit: str
    advice: str
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """count / of."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """The state of a store's data.

    Args:
        version: of the manifest that was examined.
        events: rows accepted.
        rejected: rows refused, all reasons.
        findings: classes of trouble that occur, the largest share first.
        not_merchandise: (item, name, reasons, rows) of every item taken for a service; edit the lists in
            regard.toml to change it.
    """

    version: int
    events: int
    rejected: int
    findings: tuple[Finding, ...]
    not_merchandise: tuple[tuple[str, str, str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-able values, shares included."""
        plain = asdict(self)
        for finding, raw in zip(self.findings, plain["findings"], strict=True):
            raw["share"] = finding.share
        return plain


def examine(engine: Engine, catalog: Catalog, config: Config, version: int) -> DoctorReport:
    """Look through the store at one version.

    Raises:
        WorkspaceError: a part is missing, or is not what was written.
    """
    engine.verify(catalog.parts(version, "events", "covered", "rejected", "ids", *TABLES))
    parts = catalog.parts(version, "events")
    columns = engine.scan("events", parts)
    accepted = sum(part.rows for part in parts)
    events = (
        int(engine.one("SELECT count(*) FROM events")[0]) if engine.among or engine.without or engine.gone else accepted
    )
    refused, findings = _rejected(engine, catalog, version, accepted)
    covered = sum(part.rows for part in catalog.parts(version, "covered"))
    findings.append(
        Finding(
            name="counted once", count=covered, of=covered + accepted + refused, unit="rows",
            advice="other files had these rows as well; rows rejected as unreadable or incomplete are not compared",
        )
    )  # fmt: skip
    services = merchandise.services(engine, config)
    findings += [
        *_withheld(engine, parts),
        _refunds(engine, events),
        _bots(engine, catalog, version),
        _services(services, events),
        *_gaps(engine, columns, events),
    ]
    there = sorted((finding for finding in findings if finding.count), key=lambda finding: -finding.share)
    listing = tuple((service.item, service.name, ", ".join(service.reasons), service.rows) for service in services)
    return DoctorReport(
        version=version, events=accepted, rejected=refused, findings=tuple(there), not_merchandise=listing
    )


def _rejected(engine: Engine, catalog: Catalog, version: int, events: int) -> tuple[int, list[Finding]]:
    parts = catalog.parts(version, "rejected")
    if not parts:
        return 0, []
    engine.over("refused parts", parts)
    left = f"ANTI JOIN {engine.gone} AS gone ON {row_sql('row.raw', 'gone.id')}" if engine.gone else ""
    engine.rows(f'CREATE OR REPLACE TEMP VIEW refused AS SELECT row.* FROM "refused parts" AS row {left}')
    total = sum(part.rows for part in parts)
    findings = []
    for reason, count in engine.rows("SELECT reason, count(*) FROM refused GROUP BY reason"):
        examples = engine.rows(
            "SELECT file, line, raw FROM refused WHERE reason = ? ORDER BY file, line LIMIT ?", [reason, _EXAMPLES]
        )
        texts = tuple(f"{PurePath(file).name}:{line}: {(raw or '')[:120]}" for file, line, raw in examples)
        advice = "not accepted; file, line and text are in rejected/"
        findings.append(
            Finding(name=str(reason), count=count, of=total + events, unit="rows", advice=advice, examples=texts)
        )
    return total, findings


def _refunds(engine: Engine, events: int) -> Finding:
    rows, matched = gate_rules.refunds(engine)
    return Finding(
        name="refunds without a purchase",
        count=rows - matched,
        of=events,
        unit="rows",
        advice=f"{matched:,} of {rows:,} refunds match an earlier purchase; others may be older than the first file",
    )


def _withheld(engine: Engine, parts: Sequence[Part]) -> list[Finding]:
    if not (parts and (engine.among or engine.without)):
        return []
    engine.scan("everybody", parts, everybody=True)
    everybody = int(engine.one("SELECT count(DISTINCT customer) FROM everybody")[0])
    seen = int(engine.one("SELECT count(DISTINCT customer) FROM events")[0])
    why = "no customers table says that they consent" if engine.among else "they have said that they do not consent"
    advice = f"{why}; kept, and neither learned from nor looked at"
    return [Finding(name="no consent", count=everybody - seen, of=everybody, unit="customers", advice=advice)]


def _bots(engine: Engine, catalog: Catalog, version: int) -> Finding:
    flagged = catalog.bots(version)
    customers = int(engine.one("SELECT count(DISTINCT customer) FROM events")[0])
    examples = tuple(f"{name}: {rate:,.0f} acts on an active day" for name, rate in list(flagged.items())[:_EXAMPLES])
    return Finding(
        name="bot-like customers", count=len(flagged), of=customers, unit="customers",
        advice="far busier than everybody else; kept, and left out of training", examples=examples,
    )  # fmt: skip


def _services(services: list[merchandise.Service], events: int) -> Finding:
    return Finding(
        name="not merchandise",
        count=sum(service.rows for service in services),
        of=events,
        unit="rows",
        advice="postage and the like: counts as money, is never recommended; regard.toml has the last word",
        examples=tuple(f"{service.item} {service.name}".rstrip() for service in services[:_EXAMPLES]),
    )


def _gaps(engine: Engine, columns: tuple[str, ...], events: int) -> list[Finding]:
    findings = []
    if "item" in columns:
        bare = engine.one(
            "SELECT count(*) FROM events WHERE item IS NULL AND behaviour IN ('purchase', 'refund', 'add_to_cart')"
        )[0]
        findings.append(
            Finding(
                name="purchase or cart without an item",
                count=bare,
                of=events,
                unit="rows",
                advice="history only, nothing to learn from",
            )
        )
    if "price" in columns:
        free = engine.one("SELECT count(*) FROM events WHERE behaviour = 'purchase' AND price = 0")[0]
        findings.append(
            Finding(
                name="free items",
                count=free,
                of=events,
                unit="rows",
                advice="accepted; look whether they are gifts or corrections",
            )
        )
    return findings
