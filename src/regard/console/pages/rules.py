"""Rules: scenarios over the lists a shop shows, with a preview before they hold, every edit kept, and a time to end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.pages.playground import parted
from regard.console.visit import Managing, Reading, pages
from regard.errors import RegardError, UsageError
from regard.insight.scenario import Boost, Cap, Pin, Scenario, Split
from regard.report.data import Customer
from regard.report.people import person
from regard.serving.problems import Problem, of
from regard.serving.server import Server
from regard.workspace.scenarios import ChangedError, Kept

router = pages()

SPARE = 2
"""Empty rows of a kind of rule that the form offers beside those that are filled."""

ROWS = {"pin": ("item", "position"), "boost": ("when", "factor"), "cap": ("column", "most")}
"""Kind of rule that comes in rows -> the fields of a row."""

FIELDS = (
    "filter",
    "exclude",
    "variant_of",
    "alike",
    "starts",
    "ends",
    "split_model",
    "split_share",
    "split_salt",
    "number",
)
"""Fields of the form that come once."""

SHOWN = 10
"""Items of a preview."""


@router.get("/rules")
async def rules(visit: Reading) -> HTMLResponse:
    """All scenarios."""
    return visit.show("rules.html", rows=await visit.ask(listed, visit.server, visit.frame))


def listed(server: Server, f: Frame) -> list[dict[str, Any]]:
    """One row a scenario, with what it does in a few words."""
    now = datetime.now(UTC)
    return [
        {
            "name": kept.name,
            "does": [f.say.count(f"rules.n_{kind}", n) for kind, n in _counts(kept.scenario).items() if n],
            "state": _state(kept.scenario, now),
            "ends": f.say.moment(kept.scenario.ends) if kept.scenario.ends else "",
            "at": f.say.ago(kept.at),
            "by": kept.by,
        }
        for kept in server.shop.scenarios.all()
    ]


def _counts(scenario: Scenario) -> dict[str, int]:
    return {
        "filter": int(bool(scenario.filter)),
        "exclude": len(scenario.exclude),
        "pin": len(scenario.pins),
        "boost": len(scenario.boosts),
        "cap": len(scenario.caps),
        "variant": int(bool(scenario.variant_of)),
        "alike": int(scenario.alike is not None),
        "split": int(scenario.split is not None),
    }


def _state(scenario: Scenario, now: datetime) -> str:
    if scenario.runs(now):
        return "runs"
    return "later" if scenario.starts is not None and now < scenario.starts else "over"


@router.get("/rules/one")
async def one(visit: Reading) -> HTMLResponse:
    """A scenario to edit: the kept one of `name`, or what the address says, with a preview for `customer`."""
    told = dict(visit.request.query_params)
    return visit.show(
        "parts/preview.html" if visit.part else "rule.html", **await visit.ask(edited, visit.server, visit.frame, told)
    )


def edited(server: Server, f: Frame, told: Mapping[str, str]) -> dict[str, Any]:
    """The form, and what the scenario would change.

    Raises:
        Problem: there is no scenario of that name.
    """
    name = told.get("name", "").strip()
    kept = server.shop.scenarios.find(name) if name else None
    fresh = told.get("asked") == "1"
    if name and kept is None and not fresh:
        raise Problem("not-found", detail=f"no scenario '{name[:80]}'")
    form = dict(told) if fresh else (written(kept.scenario, f) if kept else {})
    form["number"] = str(kept.number if kept else 0)
    customer = told.get("customer", "").strip()
    preview = _preview(server, f, form, customer) if fresh or kept else None
    return {
        "name": name,
        "kept": kept,
        "customer": customer,
        "preview": preview,
        **_choices(server, f, form),
        **_edits(server, f, kept),
    }


def _choices(server: Server, f: Frame, form: dict[str, str]) -> dict[str, Any]:
    """The form's values, its rows, and what can be chosen."""
    rows = {}
    for kind, fields in ROWS.items():
        filled = [at for at in range(60) if any(form.get(f"{kind}_{field}_{at}") for field in fields)]
        rows[kind] = [{field: form.get(f"{kind}_{field}_{at}", "") for field in fields} for at in filled]
        rows[kind] += [dict.fromkeys(fields, "")] * SPARE
    return {
        "form": {name: form.get(name, "") for name in FIELDS},
        "rows": rows,
        "columns": [field.name for field in server.shop.item_fields()],
        "models": [entry.id for entry in server.shop.models.all()],
    }  # fmt: skip


def _edits(server: Server, f: Frame, kept: Kept | None) -> dict[str, Any]:
    history = server.shop.scenarios.history(kept.name) if kept else []
    return {
        "history": [
            {"number": edit.number, "at": f.say.moment(edit.at), "by": edit.by, "removed": edit.removed}
            for edit in history[:20]
        ]
    }


def _preview(server: Server, f: Frame, form: Mapping[str, str], customer: str) -> dict[str, Any]:
    """The list without and with the scenario; or what is wrong with it."""
    try:
        (found,) = server.shop.preview(read(form, f), (customer or None,), SHOWN, language=f.say.language)
    except RegardError as error:
        return {"error": of(error), "lists": ()}
    lists: list[dict[str, Any]] = []
    for title, answer in (("rules.without", found.before), ("rules.with", found.after)):
        told = answer.to_json()
        items = person(Customer(id=customer, events=(), answer=told), f.say)["items"]
        lists.append(
            {
                "title": f.say(title),
                "items": [{**one, "key": own["item"]} for one, own in zip(items, told["items"], strict=True)],
            }
        )
    before = {item["key"]: at for at, item in enumerate(lists[0]["items"], 1)}
    for at, item in enumerate(lists[1]["items"], 1):
        was = before.get(item["key"])
        item["moved"] = "" if was == at else f.say("rules.new") if was is None else f.say("rules.was", n=was)
    return {"error": None, "lists": lists}


def written(scenario: Scenario, f: Frame) -> dict[str, str]:
    """A scenario as the form's fields."""
    zone = f.say.zone
    form = {
        "filter": scenario.filter,
        "exclude": ", ".join(scenario.exclude),
        "variant_of": scenario.variant_of,
        "alike": "" if scenario.alike is None else f"{scenario.alike:g}",
        "starts": scenario.starts.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if scenario.starts else "",
        "ends": scenario.ends.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if scenario.ends else "",
        "split_model": scenario.split.model if scenario.split else "",
        "split_share": f"{100 * scenario.split.share:g}" if scenario.split else "",
        "split_salt": scenario.split.salt if scenario.split else "",
    }
    for kind, rules in (("pin", scenario.pins), ("boost", scenario.boosts), ("cap", scenario.caps)):
        for at, rule in enumerate(rules):
            form |= {f"{kind}_{field}_{at}": f"{getattr(rule, field)}" for field in ROWS[kind]}
    return form


def read(form: Mapping[str, str], f: Frame) -> Scenario:
    """The scenario that the form's fields say.

    Raises:
        UsageError: a field is off.
    """
    rows = {
        kind: [
            told for at in range(60) if any(told := [form.get(f"{kind}_{field}_{at}", "").strip() for field in fields])
        ]
        for kind, fields in ROWS.items()
    }
    model = form.get("split_model", "")
    share = _number(form.get("split_share", "")) if model else None
    return Scenario(
        filter=form.get("filter", "").strip(),
        exclude=parted(form.get("exclude", "")),
        pins=tuple(Pin(item=item, position=int(_number(place) or 0)) for item, place in rows["pin"]),
        boosts=tuple(Boost(when=when, factor=_number(factor) or 0.0) for when, factor in rows["boost"]),
        caps=tuple(Cap(column=column, most=int(_number(most) or 0)) for column, most in rows["cap"]),
        variant_of=form.get("variant_of", ""),
        alike=_number(form.get("alike", "")),
        starts=_moment(form.get("starts", ""), f.say.zone),
        ends=_moment(form.get("ends", ""), f.say.zone),
        split=Split(model=model, share=(share or 0.0) / 100, salt=form.get("split_salt", "")) if model else None,
    )


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise UsageError(f"'{text[:40]}' is no number") from None


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """A moment on the shop's wall clock."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise UsageError(f"'{text[:40]}' is no moment", hint="such as 2026-11-27T00:00") from None


@router.post("/rules/save", response_model=None)
async def save(visit: Managing) -> Response:
    """Keep a scenario; somebody else's edit in between is not written over."""
    sent = await visit.form()
    name = sent.get("name", "").strip()
    number = int(sent["number"]) if sent.get("number", "").isdigit() else None
    await visit.ask(kept_as, visit.server, visit.frame, name, sent, number)
    return visit.go("/rules/one", name=name)


def kept_as(server: Server, f: Frame, name: str, form: Mapping[str, str], number: int | None) -> None:
    """Raises UsageError where it does not fit, Problem where somebody else has edited it since."""
    try:
        server.shop.save_scenario(name, read(form, f), by=f.caller.name, on=number)
    except ChangedError as error:
        raise Problem("changed", detail=error.message, hint=error.hint) from None
    server.audit.write(f.caller.name, "scenario.save", name)


@router.post("/rules/remove", response_model=None)
async def remove(visit: Managing) -> Response:
    """Take a scenario away; its history stays."""
    name = (await visit.form()).get("name", "")
    await visit.ask(taken_away, visit.server, visit.frame, name)
    return visit.go("/rules")


def taken_away(server: Server, f: Frame, name: str) -> None:
    """Raises UsageError where there is none."""
    server.shop.scenarios.remove(name, by=f.caller.name)
    server.audit.write(f.caller.name, "scenario.remove", name)
