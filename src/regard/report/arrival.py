"""What came in: where every row went, what customers did, what is odd, what is not merchandise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from regard.report.charts import bar
from regard.report.data import Json, ReportData
from regard.report.headline import has_no_clock
from regard.report.speech import Speech

_SHOWN = 8
"""Rows of a table that stand open; more are folded away."""

_PAIRS = 6
"""Pairs of files with rows in common that are named; the others are counted."""


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
    first, last = data.totals.first, data.totals.last
    return say("key.span", first=say.day(first), last=say.day(last)) if first and last else ""


def arrival(data: ReportData, say: Speech) -> dict[str, Any]:
    """The section's parts."""
    if data.doctor is None:
        return {"empty": say("data.empty")}
    findings = {finding["name"]: finding for finding in data.doctor["findings"]}
    accepted = data.doctor["events"]
    once = findings["counted once"]["count"] if "counted once" in findings else 0
    read = accepted + data.doctor["rejected"] + once
    rows = [("accepted", say("data.accepted"), accepted)]
    rows += [("counted once", say("data.counted_once"), once)] if once else []
    rows += _rejected(data.ingests, findings, say)
    classes = [_class(*row, read, findings, say) for row in rows]
    named = {row["name"] for row in classes} | {"not merchandise"}  # it has a section of its own
    names = _names(data.ingests)
    return {
        "lead": say(
            "data.all" if read == accepted else "data.lead", rows=say.number(read), accepted=say.number(accepted)
        ),
        "classes": classes,
        "notes": [*_overlaps(data.ingests, names, say), *_notes(data.doctor, data, say)],
        "findings": [_finding(found, say) for name, found in findings.items() if name not in named],
        "behaviours": _behaviours(data.totals.behaviours, say),
        "files": [_file(file, names, say) for report in data.ingests for file in report["files"]],
        "services": [_service(service, say) for service in data.doctor["not_merchandise"]],
        "shown": _SHOWN,
    }


def _rejected(ingests: Sequence[Json], findings: Mapping[str, Json], say: Speech) -> list[tuple[str, str, int]]:
    """The doctor's findings that are reasons of the gate, the largest first."""
    reasons = {reason for report in ingests for reason in report["rejected"]} & findings.keys()
    counts = sorted(((findings[reason]["count"], reason) for reason in reasons), reverse=True)
    return [(reason, say("data.rejected", reason=say.finding(reason)), count) for count, reason in counts]


def _class(name: str, label: str, count: int, read: int, findings: Mapping[str, Json], say: Speech) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "count": say.number(count),
        "share": say.share(count, read),
        "bar": bar(count / read if read else 0.0, ours=name == "accepted"),
        **_told(findings.get(name), say),
    }


def _told(finding: Json | None, say: Speech) -> dict[str, Any]:
    if finding is None:
        return {"advice": "", "examples": [], "folded": ""}
    own = finding["unit"] == "rows"  # examples of rows are the shop's own text
    examples = [text if own else say.finding(text) for text in finding["examples"]]
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


def _names(ingests: Sequence[Json]) -> dict[str, str]:
    """How each file is called: by its name without folders, or as it was given where two would be called the same."""
    given = dict.fromkeys(str(file["name"]) for report in ingests for file in report["files"])
    bare = {name: name.replace("\\", "/").rpartition("/")[2] for name in given}
    alike = Counter(bare.values())
    return {name: short if alike[short] == 1 else name for name, short in bare.items()}


def _overlaps(ingests: Sequence[Json], names: dict[str, str], say: Speech) -> list[str]:
    pairs = sorted((pair for report in ingests for pair in report["overlaps"]), key=lambda pair: -pair["rows"])
    lines = []
    for pair in pairs[:_PAIRS]:
        first, again = (names[name] for name in pair["files"])
        lines.append(say.count("data.overlap", pair["rows"], first=first, again=again))
    more = len(pairs) - _PAIRS
    return lines + ([say.count("data.overlaps_more", more)] if more > 0 else [])


def _notes(doctor: Json, data: ReportData, say: Speech) -> list[str]:
    totals, lines = data.totals, []
    services = sum(service[3] for service in doctor["not_merchandise"])
    lines += [say.count("data.services_rows", services)] if services else []
    if 0 < totals.events < doctor["events"]:
        lines.append(say.count("data.merged", totals.events, rows=say.number(doctor["events"])))
    lines += [say.count("data.future", totals.future)] if totals.future else []
    lines += [say.count("data.far", totals.far)] if totals.far else []
    return lines + ([say("data.no_clock")] if has_no_clock(data) else [])


def _behaviours(counts: Mapping[str, int], say: Speech) -> list[dict[str, Any]]:
    events, most = sum(counts.values()), max(counts.values(), default=1)
    return [
        {
            "label": say.behaviour(name),
            "count": say.number(count),
            "share": say.share(count, events),
            "bar": bar(count / most, ours=True),
        }
        for name, count in counts.items()
    ]


def _file(file: Json, names: dict[str, str], say: Speech) -> dict[str, Any]:
    return {
        "name": names[str(file["name"])],
        "rows": say.number(file["rows"]),
        "rejected": say.number(file["rejected"]),
        "notes": [say.finding(note) for note in file["notes"]],
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
