"""Customer: what one did, what they will want and why, who they are, and everything that is kept of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.charts import arcs
from regard.console.frame import Frame
from regard.console.pages.home import answering
from regard.console.visit import Reading, Ruling, pages
from regard.customers.profile.fields import GROUPS, KINDS
from regard.errors import RegardError
from regard.events.erasure import Proof
from regard.report.data import Customer
from regard.report.people import person
from regard.serving.problems import Problem
from regard.serving.server import Server
from regard.workspace.looking import Look

router = pages()

LATEST = 200
"""Events of a timeline; more would be a smear."""

ITEMS = 8
"""Items recommended on the page."""

FIRST = ("lifecycle", "rfm", "value_tier", "orders", "spend", "spend_90d", "next_order", "interests_long", "segments")
"""Fields of the profile beside the recommendations: who it is, what they are worth, and when they come again."""

TABS = ("now", "profile", "data")


@router.get("/customer")
async def customer(visit: Reading) -> HTMLResponse:
    """One customer, by `id`."""
    id, tab = visit.word("id"), visit.word("tab", "now")
    if not id or tab not in TABS:
        raise Problem("not-found", detail="no such customer page")
    f = visit.frame
    tabs = [{"title": f.say(f"customer.{name}"), "link": f.link("/customer", id=id, tab="" if name == "now" else name),
             "here": name == tab} for name in TABS]  # fmt: skip
    work = {"now": now, "profile": profile, "data": kept}[tab]
    parts = await visit.ask(work, visit.server, f, id)
    return visit.show(f"customer_{tab}.html", id=id, tabs=tabs, **parts)


@router.get("/customer/who")
async def who(visit: Reading) -> HTMLResponse:
    """The few fields of the profile that people look at first, for a page that is open."""
    facts = await visit.ask(known, visit.server, visit.frame, visit.word("id"))
    return visit.show("parts/facts.html", facts=facts)


def known(server: Server, f: Frame, id: str) -> list[tuple[str, str]]:
    """(title, value) of FIRST, those of which something is known."""
    fields = server.shop.profile(id, language=f.say.language).fields
    return [(fields[name].title, fields[name].text) for name in FIRST if name in fields and fields[name].text]


def now(server: Server, f: Frame, id: str) -> dict[str, Any]:
    """What is recommended and why, the chances, the timeline, and where the model looked."""
    shop, say = server.shop, f.say
    done = shop.timeline(id, LATEST)
    answer = shop.recommend(id, n=ITEMS, why=True, language=say.language)
    try:
        intent = shop.intent(id)[0]
    except RegardError:
        intent = None
    entry = answering(shop)
    told = Customer(
        id=id,
        events=done.events,
        earlier=done.earlier,
        answer=answer.to_json(),
        intent=intent.to_json() if intent else None,
    )
    return {
        "done": done,
        "person": person(told, say, entry.evaluation if entry else None),
        "intent": intent,
        "look": _drawn(shop.look(id), f),
    }


def _drawn(look: Look | None, f: Frame) -> dict[str, Any] | None:
    if look is None:
        return None
    say = f.say
    names = [
        say("deed", behaviour=say.behaviour(deed.behaviour), item=deed.name or deed.item or "") for deed in look.events
    ]
    back: dict[int, tuple[int, float]] = {}
    for later, earlier, share in look.between:
        if share > back.get(later, (0, 0.0))[1]:
            back[later] = (earlier, share)
    titles = [
        f"{say.day(deed.time)} · {name}" if deed.time else name for deed, name in zip(look.events, names, strict=True)
    ]
    rows = [
        {
            "time": say.moment(deed.time),
            "name": names[place],
            "share": say.share(look.now[place]),
            "back": names[back[place][0]] if place in back else "",
        }
        for place, deed in enumerate(look.events)
    ]
    return {
        "chart": arcs(
            look.now,
            look.between,
            titles,
            ours=[deed.behaviour == "purchase" for deed in look.events],
            label=say("customer.look_label", n=len(look.events)),
        ),
        "rows": rows[::-1],
        "rest": say("customer.look_rest", earlier=say.share(look.earlier), unread=say.share(look.unread)),
        "first": say.day(look.events[0].time) if look.events and look.events[0].time else "",
    }


def profile(server: Server, f: Frame, id: str) -> dict[str, Any]:
    """Field by field: value, certainty, evidence, until when it holds; and what is new."""
    say = f.say
    found = server.shop.profile(id, language=say.language)
    told = found.to_json()
    zh = say.language == "zh"
    groups = []
    for name, titles in GROUPS.items():
        fields = [
            _field(key, field, f) for key, field in told["fields"].items() if field["group"] == name and field["text"]
        ]
        if fields:
            groups.append({"title": titles[zh], "fields": fields})
    return {
        "groups": groups,
        "as_of": say.day(told["as_of"]) if told["as_of"] else "",
        "since": say.day(told["since"]) if told["since"] else "",
        "changes": told["changes"],
        "notes": told["notes"],
    }


def _field(name: str, field: Mapping[str, Any], f: Frame) -> dict[str, Any]:
    say = f.say
    chance, ends = field["probability"], field["interval"]
    sure = say("customer.sure_chance", share=say.share(chance)) if chance is not None else ""
    return {
        "title": field["title"],
        "text": field["text"],
        "kind": KINDS[field["kind"]][say.language == "zh"],
        "sure": sure,
        "range": _range(field, f) if ends and all(end is not None for end in ends) else "",
        "events": say.count("customer.evidence_n", field["events"]) if field["events"] else "",
        "evidence": [
            say(
                "deed_at",
                time=say.moment(one["time"]),
                behaviour=say.behaviour(one["behaviour"]),
                item=one["name"] or one["item"] or "",
            )
            for one in field["evidence"]
        ],
        "until": say("customer.expires", day=say.day(field["expires"])) if field["expires"] else "",
    }


def _range(field: Mapping[str, Any], f: Frame) -> str:
    """The two ends as the value is written: shares, days or numbers."""
    say, ends = f.say, field["interval"]
    if any(isinstance(end, str) for end in ends):
        return say("customer.sure_range", low=say.day(ends[0]), high=say.day(ends[1]))
    share = not isinstance(field["value"], int | float) or field["text"].rstrip().endswith("%")
    low, high = (say.share(end) if share else say.number(end, 0 if abs(end) >= 100 else 1) for end in ends)
    return say("customer.sure_range", low=low, high=high)


def kept(server: Server, f: Frame, id: str) -> dict[str, Any]:
    """What is kept of the customer, place by place, and what can be done with it."""
    told = server.shop.export(id)
    return {
        "places": [
            (f.say(f"place.{name}") if f.say.has(f"place.{name}") else name, f.say.number(len(rows)))
            for name, rows in told["places"].items()
        ],
        "ids": [one["id"] for one in told["ids"]],
    }


@router.get("/customer/export", response_model=None)
async def export(visit: Ruling) -> Response:
    """Everything that is kept of the customer, as one file."""
    id = visit.word("id")
    told = await visit.ask(visit.server.shop.export, id)
    visit.note("customer.export", id)
    body = json.dumps(told, ensure_ascii=False, indent=1, default=str)
    headers = {"Content-Disposition": 'attachment; filename="customer.json"'}
    return Response(body, media_type="application/json", headers=headers)


@router.post("/customer/erase", response_model=None)
async def erase(visit: Ruling) -> Response:
    """Take the customer out of every place, once their id was typed."""
    sent = await visit.form()
    id = sent.get("id", "")
    if not id or sent.get("sure", "").strip() != id:
        raise Problem("conflict", detail="the id that was typed is another one", hint="type it as it stands above")
    proof = await visit.ask(erased, visit.server, id)
    visit.note("customer.erase", "", proof=proof.number)
    return visit.show("customer_erased.html", proof=proof, removed=list(proof.removed.items()))


def erased(server: Server, id: str) -> Proof:
    """Raises UsageError where the id was joined to another customer."""
    proof = server.shop.erase(id)
    server.shop.refresh()
    return proof
