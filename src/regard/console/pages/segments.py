"""Segments: who the customers are in groups, a card for each, and a builder of rules with a live count."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.visit import Managing, Reading, pages
from regard.customers.profile.fields import FIELDS
from regard.customers.segments import Card
from regard.customers.segments import words as told
from regard.errors import InputError, UsageError
from regard.report.charts import bar
from regard.report.speech import MISSING
from regard.serving.problems import Problem, of
from regard.serving.server import Server

router = pages()

EXAMPLE = 'churn_30d > 0.4 and value_tier = "gold"'


@router.get("/segments")
async def segments(visit: Reading) -> HTMLResponse:
    """All segments."""
    try:
        return visit.show("segments.html", **await visit.ask(groups, visit.server, visit.frame))
    except InputError:  # nobody is there yet
        return visit.show("nobody.html", title=visit.say("nav.segments"))


def groups(server: Server, f: Frame) -> dict[str, Any]:
    """Clusters, cells and saved rules."""
    report = server.shop.segments(language=f.say.language)
    named = {card.id: card.name for card in report.segments}
    return {
        "report": report,
        "clusters": [_row(card, f) for card in report.segments],
        "rules": [_row(card, f) for card in report.rules],
        "cells": [
            {"id": cell.cell, "name": cell.name, "size": f.say.number(cell.size), "share": f.say.share(cell.share),
             "bar": bar(cell.share, ours=True), "value": f.say.money(cell.value)}
            for cell in report.rfm
        ],
        "named": named,
    }  # fmt: skip


def _row(card: Card, f: Frame) -> dict[str, Any]:
    say = f.say
    return {
        "id": card.id,
        "name": card.name,
        "rule": card.rule,
        "size": say.number(card.size),
        "share": say.share(card.share),
        "bar": bar(card.share, ours=True),
        "value": say.share(card.value_share) if card.value_share is not None else MISSING,
        "growth": signed_share(card.growth, f) or MISSING,
        "stability": say.number(card.stability, 2),
        "warnings": card.warnings,
    }


def signed_share(change: float | None, f: Frame) -> str:
    """A change in per cent, its sign always written; '' where there is nothing to compare."""
    if change is None:
        return ""
    return ("+" if change >= 0 else "−") + f.say.share(abs(change))


@router.get("/segments/one")
async def one(visit: Reading) -> HTMLResponse:
    """One segment's card, by `id`; beside another with `with`."""
    return visit.show(
        "segment.html", **await visit.ask(card_of, visit.server, visit.frame, visit.word("id"), visit.word("with"))
    )


def card_of(server: Server, f: Frame, id: str, beside: str) -> dict[str, Any]:
    """A card and what it shares with another segment.

    Raises:
        Problem: there is no such segment.
    """
    say = f.say
    report = server.shop.segments(language=say.language)
    cells = {cell.cell: cell for cell in report.rfm}
    card = next((card for card in (*report.segments, *report.rules) if card.id == id), None)
    if card is None and id in cells:
        (card,) = server.shop.segments(f'rfm = "{id}"', language=say.language).rules
    if card is None:
        raise Problem("not-found", detail=f"segment {id[:80]}")
    others = {other.id: other.name for other in (*report.segments, *report.rules)}
    others |= {cell: found.name for cell, found in cells.items()}
    shared = server.shop.overlap(id, beside) if beside in others and beside != id else None
    return {
        "id": id,
        "name": cells[id].name if id in cells else card.name,
        "told": shown(card, f),
        "others": {name: title for name, title in others.items() if name != id},
        "beside": beside,
        "shared": shared,
    }


def shown(card: Card, f: Frame) -> dict[str, Any]:
    """A card in words: figures, what over-indexes, who is in it, what it suits."""
    say = f.say
    most = max((index.tgi for index in card.over_indexes), default=1.0)
    figures = [
        {
            "name": say("nav.customers"),
            "value": say.number(card.size),
            "more": say("segments.of_all", share=say.share(card.share)),
        },
    ]
    if card.value is not None:
        share = say("segments.of_value", share=say.share(card.value_share)) if card.value_share is not None else ""
        figures.append({"name": say("segments.value"), "value": say.money(card.value), "more": share})
    if card.value_each is not None:
        figures.append({"name": say("segments.each"), "value": say.money(card.value_each), "more": ""})
    if card.growth is not None:
        figures.append(
            {"name": say("segments.growth"), "value": signed_share(card.growth, f), "more": say("segments.since")}
        )
    if card.stability is not None:
        figures.append({"name": say("segments.stability"), "value": say.number(card.stability, 2), "more": ""})
    return {
        "rule": card.rule,
        "figures": figures,
        "use": card.use,
        "warnings": card.warnings,
        "index": [
            {"trait": told.trait(index.field, index.level, say.language), "share": say.share(index.share),
             "base": say.share(index.base), "tgi": say.number(index.tgi), "bar": bar(index.tgi / most, ours=True)}
            for index in card.over_indexes
        ],
        "members": [
            {
                "id": member.customer,
                "reasons": member.reasons,
                "did": [
                    say("segments.did", day=say.day(f"{did.day}T12:00:00") if did.day else "",
                        behaviour=say.behaviour(did.behaviour), items=say.joined(did.items))
                    for did in member.timeline[:3]
                ],
            }
            for member in card.examples
        ],
        "flows": [
            (say("segments.came" if into else "segments.went", n=say.count("customers.n", flow.customers)), flow.segment)
            for into, flows in ((True, card.flows_in), (False, card.flows_out))
            for flow in flows[:5]
        ],
    }  # fmt: skip


@router.get("/segments/new")
async def new(visit: Reading) -> HTMLResponse:
    """The builder, with a rule in the address."""
    rule = visit.word("rule")
    try:
        fields = await visit.ask(choices, visit.server, visit.frame)
    except InputError:
        return visit.show("nobody.html", title=visit.say("segments.new"))
    found = await visit.ask(met, visit.server, visit.frame, rule) if rule else None
    return visit.show("segment_new.html", rule=rule, fields=fields, found=found, example=EXAMPLE)


@router.get("/segments/count")
async def count(visit: Reading) -> HTMLResponse:
    """Who meets a rule, while it is being written."""
    rule = visit.word("rule")
    found = await visit.ask(met, visit.server, visit.frame, rule) if rule else None
    return visit.show("parts/met.html", found=found, rule=rule)


def choices(server: Server, f: Frame) -> list[dict[str, Any]]:
    """What rules can test, for the builder."""
    zh = f.say.language == "zh"

    def title(name: str) -> str:
        field = FIELDS.get(name)
        return name if field is None else f"{field.zh if zh else field.en} ({name})"

    return [
        {"name": field.name, "title": title(field.name), "kind": field.kind, "values": list(field.values)}
        for field in server.shop.rule_fields()
    ]


def met(server: Server, f: Frame, rule: str) -> dict[str, Any]:
    """Who meets a rule: how many, what they have more of than others, and a few of them; or what is wrong with it."""
    try:
        (card,) = server.shop.segments(rule, language=f.say.language).rules
    except UsageError as error:
        return {"error": of(error), "told": None}
    return {"error": None, "told": shown(card, f)}


@router.post("/segments/save", response_model=None)
async def save(visit: Managing) -> Response:
    """Keep a rule under a name."""
    sent = await visit.form()
    name, rule = sent.get("name", "").strip(), sent.get("rule", "").strip()
    await visit.ask(server_save, visit.server, rule, name)
    return visit.go("/segments/one", id=name)


def server_save(server: Server, rule: str, name: str) -> None:
    """Raises UsageError where the rule or the name is none."""
    server.shop.segments(rule, save=name)


@router.get("/segments/members.csv", response_model=None)
async def members(visit: Managing) -> Response:
    """The members of a segment with reasons, as a file that Excel opens."""
    id = visit.word("id")
    text = await visit.ask(exported, visit.server, id, visit.say.language)
    headers = {"Content-Disposition": 'attachment; filename="segment.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def exported(server: Server, id: str, language: str) -> bytes:
    """The file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment.csv"
        server.shop.members(id, path, language=language)
        return path.read_bytes()
