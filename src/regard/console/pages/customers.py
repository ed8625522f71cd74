"""Customers: found by a part of their id, or the unusual ones."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from regard.console.frame import Frame
from regard.console.visit import Reading, pages
from regard.errors import InputError
from regard.workspace import Workspace

router = pages()

SHOWN = 50
"""Customers on a page."""


@router.get("/customers", response_model=None)
async def customers(visit: Reading) -> Response:
    """Whoever the search finds; one whole id goes straight to the customer."""
    text = visit.word("q")
    if visit.word("odd"):
        try:
            return visit.show("customers_odd.html", **await visit.ask(odd, visit.server.shop, visit.frame))
        except InputError:  # nobody is there yet
            return visit.show("nobody.html", title=visit.say("customers.odd"))
    found = await visit.ask(visit.server.shop.find, text, SHOWN)
    if text and not visit.part and len(found) == 1 and found[0].customer == text:
        return visit.go("/customer", id=text)
    return visit.show("parts/customers.html" if visit.part else "customers.html", text=text, found=found, most=SHOWN)


def odd(shop: Workspace, f: Frame) -> dict[str, Any]:
    """The customers who behave unlike the others, each with what shows it."""
    report = shop.anomalies(n=SHOWN, language=f.say.language).to_json()
    return {"report": report}
