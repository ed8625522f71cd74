"""What came in: where every row went, what customers did, what is odd, what is not merchandise."""

from __future__ import annotations

from collections import Counter
from typing import Any

from regard.report.charts import bar
from regard.report.data import Json, ReportData
from regard.report.headline import has_no_clock
from regard.report.speech import Speech

_SHOWN = 8
"""Rows of a table that stand open; more are folded away."""


def key_figures(data: ReportData, say: Speech) -> list[tuple[str, str]]:
    """(figure, what it is), those that are known."""
    totals = data.totals
    figures = [
        (say.number(getattr(totals, name)), say(f"key.{name}")) for name in ("events", "customers", "items", "orders")
    ]
    if totals.revenue is not None:
        figures.append((say.money(totals.revenue), say("key.revenue")))
    return [figure for figure in figures if figure[0] != "0"]


def span(data: ReportData, say: Speech) -> str:
    """The days that the log covers, '' without a clock."""
    first = min((report["first"] for report in data.ingests if report.get("first")), default="")
    last = max((report["last"] for report in data.ingests if report.get("last")), default="")
    return say("key.span", first=say.day(first), last=say.day(last)) if first and last else ""


def arrival(data: ReportData, say: Speech) -> dict[str, Any]:
    """The section's parts."""
    if not data.ingests:
        return {"empty": say("data.empty")}
    read = sum(report["rows"] for report in data.ingests)
    accepted = sum(report["accepted"] for report in data.ingests)
    findings = {finding["name"]: finding for finding in (data.doctor or {}).get("findings", ())}
    classes = _classes(data, read, accepted, findings, say)
    named = {row["name"] for row in classes} | {"not merchandise"}  # it has a section of its own
    services = (data.doctor or {}).get("not_merchandise", ())
    return {
        "lead": say(
            "data.all" if read == accepted else "data.lead", rows=say.number(read), accepted=say.number(accepted)
        ),
        "classes": classes,
        "notes": _notes(data, say),
        "findings": [_finding(found, say) for name, found in findings.items() if name not in named],
        "behaviours": _behaviours(data, say),
        "files": [_file(file, say) for report in data.ingests for file in report["files"]],
        "services": [_service(service, say) for service in services],
        "shown": _SHOWN,
    }


def _classes(
    data: ReportData, read: int, accepted: int, findings: dict[str, Json], say: Speech
) -> list[dict[str, Any]]:
    once = sum(report.get("counted_once", 0) for report in data.ingests)
    already = sum(report.get("already_there", 0) for report in data.ingests)
    rejected: Counter[str] = Counter()
    for report in data.ingests:
        rejected.update(report["rejected"])
    rows = [("accepted", say("data.accepted"), accepted)]
    rows += [("counted once", say("data.counted_once"), once)] if once else []
    rows += [("already there", say("data.already"), already)] if already else []
    rows += [(name, say("data.rejected", reason=say.finding(name)), n) for name, n in rejected.most_common()]
    return [
        {
            "name": name,
            "label": label,
            "count": say.number(count),
            "share": say.share(count, read),
            "bar": bar(count / read if read else 0.0, ours=name == "accepted"),
            **_told(findings.get(name), say),
        }
        for name, label, count in rows
    ]


def _told(finding: Json | None, say: Speech) -> dict[str, Any]:
    if finding is None:
        return {"advice": "", "examples": [], "folded": ""}
    examples = list(finding["examples"])
    return {
        "advice": say.finding(finding["advice"]),
        "examples": examples,
        "folded": say.count("examples", len(examples)) if examples else "",
    }


def _finding(finding: Json, say: Speech) -> dict[str, Any]:
    return {
        "label": say.finding(finding["name"]),
        "count": say.count(f"unit.{finding['unit']}", finding["count"]),
        "share": say.share(finding["count"], finding["of"]),
        **_told(finding, say),
    }


def _notes(data: ReportData, say: Speech) -> list[str]:
    last = data.ingests[-1]
    lines = [
        say.count("data.overlap", shared["rows"], first=_short(shared["files"][0]), again=_short(shared["files"][1]))
        for report in data.ingests
        for shared in report.get("overlaps", ())
    ]
    refunds, matched = last.get("refunds", 0), last.get("refunds_matched", 0)
    lines += [say.count("data.refunds", refunds, matched=say.number(matched))] if refunds else []
    services = sum(service[3] for service in (data.doctor or {}).get("not_merchandise", ()))
    lines += [say.count("data.services_rows", services)] if services else []
    accepted = sum(report["accepted"] for report in data.ingests)
    if 0 < data.totals.events < accepted:
        lines.append(say.count("data.merged", data.totals.events, rows=say.number(accepted)))
    for key, field in (("repeats", "repeats_kept"), ("future", "future"), ("far", "far")):
        found = sum(report.get(field, 0) for report in data.ingests)
        lines += [say.count(f"data.{key}", found)] if found else []
    return lines + ([say("data.no_clock")] if has_no_clock(data) else [])


def _behaviours(data: ReportData, say: Speech) -> list[dict[str, Any]]:
    total: Counter[str] = Counter()
    for report in data.ingests:
        total.update(report["behaviours"])
    most = max(total.values(), default=1)
    events = sum(total.values())
    return [
        {
            "label": say.behaviour(name),
            "count": say.number(count),
            "share": say.share(count, events),
            "bar": bar(count / most, ours=True),
        }
        for name, count in total.most_common()
    ]


def _short(name: str) -> str:
    """A file's name without its folders."""
    return str(name).replace("\\", "/").rpartition("/")[2]


def _file(file: Json, say: Speech) -> dict[str, Any]:
    return {
        "name": _short(file["name"]),
        "rows": say.number(file["rows"]),
        "rejected": say.number(file["rejected"]),
        "notes": list(file["notes"]),
    }


def _service(service: Any, say: Speech) -> dict[str, str]:
    item, name, reasons, rows = service
    why = [say.finding(reason) for reason in reasons.split(", ")] if reasons else []
    return {
        "item": item,
        "name": name,
        "why": ("、" if say.language == "zh" else ", ").join(why),
        "rows": say.number(rows),
    }
