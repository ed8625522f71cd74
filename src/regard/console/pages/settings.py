"""Settings: keys, people, what regard.toml says, and who changed what."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.pages.playground import parted
from regard.console.visit import Reading, Ruling, Visit, pages
from regard.serving.access import SCOPES
from regard.serving.people import ROLES
from regard.serving.problems import Problem
from regard.serving.server import Server

router = pages()

TABS = (("keys", "admin"), ("people", "admin"), ("audit", "admin"), ("shop", "read"))
"""Tab -> what one must be allowed to see it."""

SHOWN = 100
"""Entries of the audit log on a page."""

LAST = 2**63 - 1


@router.get("/settings")
async def settings(visit: Reading) -> HTMLResponse:
    """The first tab that one may see."""
    return await shown(visit, next(name for name, scope in TABS if visit.frame.may(scope)))


@router.get("/settings/{tab}")
async def tab(tab: str, visit: Reading) -> HTMLResponse:
    """One tab."""
    return await shown(visit, tab)


async def shown(visit: Visit, tab: str, **more: Any) -> HTMLResponse:
    """A tab's page.

    Raises:
        Problem: there is none, or it is not for whoever asks.
    """
    scope = dict(TABS).get(tab)
    if scope is None:
        raise Problem("not-found", detail=f"/settings/{tab[:40]}")
    if not visit.frame.may(scope):
        raise Problem("not-allowed")
    f = visit.frame
    tabs = [
        {"title": f.say(f"settings.{name}"), "link": f.link(f"/settings/{name}"), "here": name == tab}
        for name, needed in TABS
        if f.may(needed)
    ]
    work = {"keys": keys, "people": people, "audit": audit, "shop": shop}[tab]
    parts = await visit.ask(work, visit.server, f)
    return visit.show(f"settings_{tab}.html", tabs=tabs, **(parts | more))


def keys(server: Server, f: Frame) -> dict[str, Any]:
    """Every key, the newest first."""
    say = f.say
    return {
        "keys": [
            {
                "prefix": key.prefix,
                "name": key.name,
                "scopes": key.scopes,
                "origins": key.origins,
                "made": say.at_us(key.made_us),
                "used": say.at_us(key.used_us) if key.used_us else "",
                "revoked": say.at_us(key.revoked_us) if key.revoked_us else "",
            }
            for key in reversed(server.keys.all())
        ],
        "scopes": SCOPES,
        "open": server.open,
        "made": "",
    }


def people(server: Server, f: Frame) -> dict[str, Any]:
    """Everybody who may sign in."""
    return {
        "people": [
            {"name": one.name, "role": one.role, "made": f.say.at_us(one.made_us), "me": one.name == f.caller.name}
            for one in server.people.all()
        ],
        "roles": ("admin",) if server.open else tuple(ROLES),
        "open": server.open,
    }


def audit(server: Server, f: Frame) -> dict[str, Any]:
    """Who changed what, the latest first, and whether the log is whole."""
    query = dict(f.query)
    told = query.get("before", "")
    found = server.audit.newest(SHOWN, before=int(told) if told.isdigit() and len(told) < 19 else LAST)
    return {
        "entries": [
            {
                "number": one.number,
                "at": f.say.at_us(one.at_us),
                "who": one.who,
                "what": one.what,
                "about": one.about,
                "detail": json.dumps(one.detail, ensure_ascii=False) if one.detail else "",
            }
            for one in found
        ],
        "whole": f.say.number(server.audit.verify()),
        "more": found[-1].number if len(found) == SHOWN else None,
    }


def shop(server: Server, f: Frame) -> dict[str, Any]:
    """What regard.toml says; it is edited there."""
    config, say = server.shop.config, f.say
    rows = [
        ("time_zone", config.time_zone),
        ("currency", config.currency),
        ("language", {"en": "English", "zh": "中文"}[config.language]),
        ("clock", config.clock),
        ("session_gap", say.count("span.minute", config.session_gap)),
        ("targets", say.joined(say.behaviour(name) for name in server.shop.target)),
        ("horizons", say.joined(say.count("span.day", days) for days in config.horizons)),
        ("sensitive", say.joined(config.sensitive)),
        ("merchandise", say.number(len(config.merchandise))),
        ("not_merchandise", say.number(len(config.not_merchandise))),
    ]
    return {"rows": [(say(f"config.{name}"), name, value or say("frame.none")) for name, value in rows]}


@router.post("/settings/keys/make", response_model=None)
async def make_key(visit: Ruling) -> Response:
    """Make a key; its text is shown on this page and never again."""
    sent = await visit.form()
    if (
        visit.server.open
    ):  # a key closes the door for who sits at this machine, and nobody could open it again from here
        raise Problem(
            "conflict", detail="nobody could sign in after the first key", hint="let yourself in as an admin first"
        )
    scope = sent.get("scope", "")
    origins = parted(sent.get("origins", "")) if scope == "ingest-public" else ()
    _, text = await visit.ask(visit.server.keys.create, sent.get("name", ""), (scope,), origins, by=visit.caller.name)
    return await shown(visit, "keys", made=text)


@router.post("/settings/keys/revoke", response_model=None)
async def revoke_key(visit: Ruling) -> Response:
    """Let a key in no more."""
    sent = await visit.form()
    await visit.ask(visit.server.keys.revoke, sent.get("prefix", ""), by=visit.caller.name)
    return visit.go("/settings/keys")


@router.post("/settings/people/add", response_model=None)
async def add_person(visit: Ruling) -> Response:
    """Let somebody in."""
    sent = await visit.form()
    told = sent.get("name", ""), sent.get("role", ""), sent.get("password", "")
    if visit.server.open and told[1] != "admin":
        raise Problem("conflict", detail="nobody could let others in", hint="the first person is an admin")
    await visit.ask(visit.server.people.add, *told, by=visit.caller.name)
    return visit.go("/settings/people")


@router.post("/settings/people/change", response_model=None)
async def change_person(visit: Ruling) -> Response:
    """Give somebody another role."""
    sent = await visit.form()
    await visit.ask(visit.server.people.change, sent.get("name", ""), sent.get("role", ""), by=visit.caller.name)
    return visit.go("/settings/people")


@router.post("/settings/people/remove", response_model=None)
async def remove_person(visit: Ruling) -> Response:
    """Let somebody in no more; oneself last of all."""
    sent = await visit.form()
    if sent.get("name", "") == visit.caller.name:
        raise Problem("conflict", detail="you cannot remove yourself", hint="ask another admin")
    await visit.ask(visit.server.people.remove, sent.get("name", ""), by=visit.caller.name)
    return visit.go("/settings/people")
