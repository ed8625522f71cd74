"""Catalogue: what is on sale, what is not known of it, what goes with an item."""

from __future__ import annotations

from typing import Any

from fastapi.responses import HTMLResponse

from regard.console.frame import Frame
from regard.console.visit import Reading, pages
from regard.errors import UsageError
from regard.report.charts import bar
from regard.serving.problems import of
from regard.serving.server import Server
from regard.workspace.looking import Ware

router = pages()

SHOWN = 50
"""Items on a page."""

COLUMNS = ("category", "brand", "price", "stock")
"""Columns of the items table that stand in the list, where the shop has them."""

TOLD_APART = {"model": "catalogue.by_model", "customers": "catalogue.by_customers", "content": "catalogue.by_content"}


@router.get("/catalogue")
async def catalogue(visit: Reading) -> HTMLResponse:
    """A page of items."""
    first = visit.number("first", 0, most=10_000_000)
    asked = {"q": visit.word("q"), "filter": visit.word("filter"), "first": first}
    parts = await visit.ask(listed, visit.server, visit.frame, asked)
    return visit.show("parts/wares.html" if visit.part else "catalogue.html", asked=asked, **parts)


def listed(server: Server, f: Frame, asked: dict[str, Any]) -> dict[str, Any]:
    """Items, gaps and pages; or what is wrong with the filter."""
    error = None
    try:
        stock = server.shop.catalogue(asked["q"], filter=asked["filter"], first=asked["first"], n=SHOWN)
    except UsageError as wrong:
        error, stock = of(wrong), server.shop.catalogue(first=0, n=0)
    columns = [name for name in COLUMNS if name in stock.columns]
    return {
        "stock": stock,
        "error": error,
        "columns": columns,
        "rows": [_row(ware, columns, f) for ware in stock.items],
        "gaps": [
            {
                "name": column_name(name, f),
                "n": f.say.number(n),
                "share": f.say.share(n, stock.all),
                "bar": bar(n / stock.all),
            }
            for name, n in stock.gaps.items()
            if stock.all
        ],
        "next": asked["first"] + SHOWN if asked["first"] + SHOWN < stock.found else None,
        "back": max(asked["first"] - SHOWN, 0) if asked["first"] else None,
    }


def column_name(name: str, f: Frame) -> str:
    """A column of the items table as people call it; the shop's own are kept."""
    return f.say(f"ware.{name}") if f.say.has(f"ware.{name}") else name


def _row(ware: Ware, columns: list[str], f: Frame) -> dict[str, Any]:
    return {
        "id": ware.item,
        "name": ware.name,
        "cells": [(written(name, ware.row.get(name), f), name in ("price", "stock")) for name in columns],
        "customers": f.say.number(ware.customers),
        "recent": f.say.number(ware.recent),
        "since": f.say.day(ware.since),
        "sold": ware.sold,
    }


def written(name: str, value: Any, f: Frame) -> str:
    """A cell of the items table."""
    if value is None:
        return ""
    if name == "price" and isinstance(value, int | float):
        return f.say.price(float(value))
    if isinstance(value, bool):
        return f.say("yes" if value else "no")
    if isinstance(value, int | float):
        return f.say.number(value, 0 if float(value).is_integer() else 2)
    if isinstance(value, list | tuple):
        return f.say.joined(map(str, value))
    if hasattr(value, "isoformat"):
        return f.say.day(f"{value.isoformat()[:10]}T12:00:00")
    return str(value)


@router.get("/item")
async def item(visit: Reading) -> HTMLResponse:
    """One item, by `id`."""
    return visit.show("item.html", **await visit.ask(described, visit.server, visit.frame, visit.word("id")))


def described(server: Server, f: Frame, id: str) -> dict[str, Any]:
    """What is known of an item, and what is like it and who says so."""
    ware = server.shop.ware(id)
    say = f.say
    figures = [
        {"name": say("catalogue.customers"), "value": say.number(ware.customers), "more": ""},
        {"name": say("catalogue.recent"), "value": say.number(ware.recent), "more": ""},
        {"name": say("catalogue.since"), "value": say.day(ware.since), "more": ""},
    ]
    (like,) = server.shop.similar(id, n=10)
    return {
        "ware": ware,
        "figures": figures,
        "facts": [
            (column_name(name, f), written(name, value, f)) for name, value in ware.row.items() if name != "item_name"
        ],
        "like": [
            {
                "id": one.item,
                "name": one.name,
                "score": say.number(one.score, 2),
                "by": [say(TOLD_APART[witness]) for witness in one.witnesses],
            }
            for one in like.items
        ],
    }
