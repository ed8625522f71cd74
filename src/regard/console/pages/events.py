"""Events: what arrives, what was refused and how to mend it, which files came in and how to take them back."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.pages.home import rate
from regard.console.visit import Managing, Reading, Visit, pages
from regard.errors import RegardError
from regard.serving.problems import of
from regard.serving.server import Server

router = pages()

SHOWN = 50
"""Events or refusals on a page."""

LAST = 2**63 - 1

TABS = (("live", "/events"), ("refused", "/events/refused"), ("files", "/events/files"), ("odd", "/events/odd"))


def tabs(f: Frame) -> list[dict[str, Any]]:
    """The pages of the screen."""
    return [{"title": f.say(f"events.{name}"), "link": f.link(path), "here": f.path == path} for name, path in TABS]


@router.get("/events")
async def live(visit: Reading) -> HTMLResponse:
    """The tail, the latest first."""
    before = visit.number("before", LAST, most=LAST)
    parts = await visit.ask(arrived, visit.server, visit.frame, before)
    return visit.show("parts/tail.html" if visit.part else "events.html", tabs=tabs(visit.frame), **parts)


def arrived(server: Server, f: Frame, before: int) -> dict[str, Any]:
    """A page of the tail, and how fast it grows."""
    say, counts = f.say, server.live.counts()
    found = server.live.newest(SHOWN, before=before)
    figures = [
        {"name": say("home.rate"), "value": say.number(rate(server), 1), "more": ""},
        {"name": say("home.tail"), "value": say.number(counts.tail), "more": say("home.tail_more")},
        {"name": say("events.waiting"), "value": say.number(server.live.waiting), "more": say("events.waiting_more")},
        {
            "name": say("events.refused"),
            "value": say.number(counts.refused),
            "more": "",
            "link": f.link("/events/refused"),
        },
    ]
    return {
        "figures": figures,
        "first": before == LAST,
        "events": [
            {
                "time": say.at_us(event.received_us),
                "customer": event.customer,
                "behaviour": say.behaviour(event.behaviour),
                "item": event.item or "",
                "late": say.ago(datetime.fromtimestamp(event.time_us / 1e6, UTC), now=datetime.fromtimestamp(event.received_us / 1e6, UTC))
                if event.received_us - event.time_us > 60_000_000
                else "",
            }
            for event in found
        ],
        "more": found[-1].seq if len(found) == SHOWN else None,
    }  # fmt: skip


@router.get("/events/refused")
async def refused(visit: Reading) -> HTMLResponse:
    """What was refused, with the reason, to be mended."""
    before = visit.number("before", LAST, most=LAST)
    parts = await visit.ask(turned_down, visit.server, visit.frame, before)
    return visit.show("events_refused.html", tabs=tabs(visit.frame), sent=visit.word("sent"), **parts)


def turned_down(server: Server, f: Frame, before: int) -> dict[str, Any]:
    """A page of refusals, those that wait first."""
    found = server.live.refused(SHOWN, before=before)
    return {
        "refused": [
            {
                "number": one.number,
                "time": f.say.at_us(one.received_us),
                "reason": f.say.finding(one.reason),
                "raw": pretty(one.raw),
                "replayed": f.say.at_us(one.replayed) if one.replayed else "",
            }
            for one in found
        ],
        "waiting": server.live.counts().refused,
        "more": found[-1].number if len(found) == SHOWN else None,
    }


def pretty(raw: str) -> str:
    """A record as people edit it; what is no JSON stays as it came."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return raw


@router.post("/events/refused/mend", response_model=None)
async def mend(visit: Managing) -> Response:
    """Send one refused record again as it was edited."""
    sent = await visit.form()
    number = int(sent["number"]) if sent.get("number", "").isdigit() else 0
    try:
        record = json.loads(sent.get("record", ""))
    except (ValueError, RecursionError):
        return await _again(visit, {number: visit.say("events.no_json")}, sent)
    try:
        results = await _send(visit, [number], {number: record})
    except RegardError as error:
        return await _again(visit, {number: of(error).detail}, sent)
    if results[0].status == "refused":
        return await _again(visit, {number: visit.say.finding(results[0].reason)}, sent)
    return visit.go("/events/refused", sent=1)


@router.post("/events/refused/replay", response_model=None)
async def replay(visit: Managing) -> Response:
    """Send all that wait again, as they are."""
    await visit.form()
    found = await visit.ask(visit.server.live.refused, 1000)
    numbers = [one.number for one in found if one.replayed is None]
    results = await _send(visit, numbers, {}) if numbers else []
    return visit.go("/events/refused", sent=sum(result.status != "refused" for result in results))


async def _send(visit: Visit, numbers: list[int], mended: dict[int, object]) -> Any:
    sent = await visit.ask(visit.server.live.replay, numbers, mended)
    return await asyncio.wrap_future(sent)


async def _again(visit: Visit, wrong: dict[int, str], sent: dict[str, str]) -> HTMLResponse:
    """The list once more, with what is wrong beside what was edited."""
    parts = await visit.ask(turned_down, visit.server, visit.frame, LAST)
    for one in parts["refused"]:
        if one["number"] in wrong:
            one |= {"reason": wrong[one["number"]], "raw": sent.get("record", ""), "open": True}
    return visit.show("events_refused.html", tabs=tabs(visit.frame), sent="", **parts)


@router.get("/events/files")
async def files(visit: Reading) -> HTMLResponse:
    """Every ingest, and what became of its rows."""
    return visit.show(
        "events_files.html", tabs=tabs(visit.frame), **await visit.ask(ingests, visit.server, visit.frame)
    )


def ingests(server: Server, f: Frame) -> dict[str, Any]:
    """The history, the latest first."""
    say = f.say
    return {
        "ingests": [
            {
                "number": one.number,
                "at": say.moment(one.at),
                "undone": one.undone,
                "files": [
                    str(file["name"]).replace("\\", "/").rpartition("/")[2] for file in one.report.get("files", ())
                ],
                "accepted": say.number(one.report.get("accepted")),
                "rejected": [
                    (say.finding(reason), say.number(n)) for reason, n in one.report.get("rejected", {}).items()
                ],
                "notes": [say.finding(note) for note in one.report.get("notes", ())],
            }
            for one in reversed(server.shop.history())
        ],
        "name": server.shop.folder.name,
    }


@router.post("/events/files/undo", response_model=None)
async def undo(visit: Managing) -> Response:
    """Take one ingest back."""
    sent = await visit.form()
    number = int(sent["number"]) if sent.get("number", "").isdigit() else 0
    await visit.ask(taken_back, visit.server, number)
    visit.note("ingest.undo", str(number))
    return visit.go("/events/files")


def taken_back(server: Server, number: int) -> None:
    """Raises UsageError where there is no such ingest, or it is undone."""
    server.shop.undo(number)
    server.shop.refresh()


@router.get("/events/odd")
async def odd(visit: Reading) -> HTMLResponse:
    """What is odd in all events: every class of trouble with its share and examples."""
    return visit.show(
        "events_odd.html", tabs=tabs(visit.frame), findings=await visit.ask(doctor, visit.server, visit.frame)
    )


def doctor(server: Server, f: Frame) -> list[dict[str, Any]]:
    """The doctor's findings."""
    say = f.say
    if not server.shop.totals().events:
        return []
    return [
        {
            "name": say.finding(found["name"]),
            "count": say.count(f"unit.{found['unit']}", found["count"]),
            "share": say.share(found["count"], found["of"]),
            "advice": say.finding(found["advice"]),
            "examples": found["examples"]
            if found["unit"] == "rows"
            else [say.finding(text) for text in found["examples"]],
        }
        for found in server.shop.doctor().to_json()["findings"]
    ]
