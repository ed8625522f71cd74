"""Home: is anything coming in, how good is the model that answers, and what needs a look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse

from regard.console.charts import columns
from regard.console.frame import Frame
from regard.console.visit import Reading, pages
from regard.console.words import Words
from regard.errors import RegardError
from regard.report.data import ReportData, Totals
from regard.report.headline import first_metric, headline
from regard.report.quality import quality
from regard.sequences.anomalies import Burst
from regard.serving.server import Server
from regard.workspace import Workspace
from regard.workspace.models import Registered

router = pages()

DAYS = 60
"""Days of the chart: two months show weeks and a trend."""

RATED = 500
"""Latest arrivals from which events a second are read; their own span is divided by, so that any rate can be told."""

MINUTE_US = 60_000_000
"""Arrivals older than this say nothing about the rate now."""


@router.get("/")
async def home(visit: Reading) -> HTMLResponse:
    """The whole shop at a glance."""
    return visit.show("home.html", **await visit.ask(glance, visit.server, visit.frame))


@router.get("/home/live")
async def live(visit: Reading) -> HTMLResponse:
    """The figures that move, for a page that is open."""
    return visit.show("parts/live.html", figures=await visit.ask(moving, visit.server, visit.frame))


@router.get("/home/alarms")
async def alarms(visit: Reading) -> HTMLResponse:
    """What needs a look; by itself, because looking at everybody takes a while."""
    found = await visit.ask(trouble, visit.server, visit.frame)
    return visit.show("parts/alarms.html" if visit.part else "alarms.html", alarms=found)


def glance(server: Server, f: Frame) -> dict[str, Any]:
    """All parts of the page but the alarms."""
    shop, say = server.shop, f.say
    totals, entry = shop.totals(), answering(shop)
    days = shop.daily(DAYS) if totals.events else ()
    evaluation = entry.evaluation if entry else None
    told = ReportData(
        shop=f.shop,
        made_at=datetime.now(UTC),
        version="",
        totals=totals,
        model=entry.id if entry else None,
        evaluation=evaluation,
    )
    return {
        "found": headline(told, say) if totals.events else None,
        "figures": moving(server, f),
        "shop": _standing(totals, f),
        "quality": quality(evaluation, say) if evaluation else None,
        "model": entry,
        "chart": columns(
            [(say("home.day", day=day_of(say, day.day), n=say.number(day.events)), day.events) for day in days],
            label=say("home.chart"),
        ) if days else None,
        "days": [(day_of(say, day.day), say.number(day.events), say.number(day.wanted)) for day in reversed(days)],
        "ends": (day_of(say, days[0].day), day_of(say, days[-1].day)) if days else ("", ""),
    }  # fmt: skip


def day_of(say: Words, day: Any) -> str:
    """A calendar day, which no zone can move."""
    return say.day(datetime(day.year, day.month, day.day))


def answering(shop: Workspace) -> Registered | None:
    """The newest model that is registered, None before the first."""
    return next(iter(shop.models.all()), None)


def moving(server: Server, f: Frame) -> list[dict[str, Any]]:
    """Rate, freshness, what waits, and the model's age and quality."""
    say, counts = f.say, server.live.counts()
    entry = answering(server.shop)
    newest = datetime.fromtimestamp(counts.newest_us / 1e6, UTC) if counts.newest_us else None
    figures = [
        {"name": say("home.rate"), "value": say.number(rate(server), 1), "more": "", "link": f.link("/events")},
        {"name": say("home.newest"), "value": say.ago(newest) if newest else say("home.never"), "more": ""},
        {"name": say("home.tail"), "value": say.number(counts.tail), "more": say("home.tail_more")},
    ]
    if entry is not None:
        figures.append(
            {"name": say("home.model"), "value": say.ago(entry.at), "more": entry.id, "link": f.link("/models")}
        )
        if entry.evaluation and entry.evaluation["split"]["customers"]:
            metric = first_metric(entry.evaluation)
            found = entry.evaluation["model"][metric]
            ends = say.interval(found["interval"])
            figures.append({"name": say("home.quality"), "value": say.number(found["mean"], 3), "more": ends})
    return figures


def rate(server: Server) -> float:
    """Events a second over the last minute."""
    now = datetime.now(UTC).timestamp() * 1e6
    arrived = [event.received_us for event in server.live.newest(RATED) if now - event.received_us < MINUTE_US]
    if not arrived:
        return 0.0
    span = now - arrived[-1] if len(arrived) == RATED else MINUTE_US
    return len(arrived) / max(span / 1e6, 1e-3)


def _standing(totals: Totals, f: Frame) -> list[dict[str, Any]]:
    say = f.say
    links = {"customers": "/customers", "items": "/catalogue", "events": "/events"}
    figures = [
        {
            "name": say(f"key.{name}"),
            "value": say.number(getattr(totals, name)),
            "more": "",
            "link": f.link(links[name]),
        }
        for name in ("customers", "items", "events")
    ]
    figures.append({"name": say("key.orders"), "value": say.number(totals.orders), "more": ""})
    if totals.revenue is not None:
        figures.append({"name": say("key.revenue"), "value": say.money(totals.revenue), "more": ""})
    return figures


def trouble(server: Server, f: Frame) -> list[dict[str, str]]:
    """What needs a look, the most pressing first."""
    say, found = f.say, []
    refused = server.live.counts().refused
    if refused:
        found.append(_alarm(say.count("alarm.refused", refused), say("alarm.refused_more"), f.link("/events/refused")))
    entry = answering(server.shop)
    outcome = ((entry.evaluation if entry else None) or {}).get("verdict", {}).get("outcome")
    if outcome == "worse":
        found.append(_alarm(say("alarm.worse"), say("alarm.worse_more"), f.link("/models")))
    try:
        odd = server.shop.anomalies(n=1, language=say.language)
    except RegardError:
        return found
    if odd.flagged:
        found.append(
            _alarm(say.count("alarm.flagged", odd.flagged), say("alarm.flagged_more"), f.link("/customers", odd=1))
        )
    latest = sorted(odd.bursts, key=lambda burst: burst.day, reverse=True)
    found += [_burst(burst, f) for burst in latest[:3]]
    found += [
        _alarm(say("alarm.drift", column=_column(shift.column, say)), say("alarm.drift_more"), "")
        for shift in odd.drift[:3]
    ]
    return found


def _burst(burst: Burst, f: Frame) -> dict[str, str]:
    say, key = f.say, "alarm.burst" if burst.deviations > 0 else "alarm.lull"
    line = say(key, day=say.day(f"{burst.day}T12:00:00"), behaviour=say.behaviour(burst.behaviour))
    return _alarm(line, say("alarm.burst_more", count=say.number(burst.count), expected=say.number(burst.expected)), "")


def _column(name: str, say: Words) -> str:
    return say(f"column.{name}") if say.has(f"column.{name}") else name


def _alarm(title: str, more: str, link: str) -> dict[str, str]:
    return {"title": title, "more": more, "link": link}
