"""Welcome: the first run. A sample shop in one click, or the shop's own events with a tick when the first arrives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.visit import Managing, Reading, pages
from regard.serving.problems import Problem
from regard.serving.server import Server

router = pages()

CUSTOMERS, ITEMS = 600, 240
"""Of the sample shop: enough to train on and to look around in, made within seconds."""


@router.get("/welcome")
async def welcome(visit: Reading) -> HTMLResponse:
    """How to begin."""
    request = visit.request
    address = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    parts = await visit.ask(begun, visit.server, visit.frame)
    return visit.show("welcome.html", snippets=snippets(address, keyed=visit.caller.kind != "local"), **parts)


@router.get("/welcome/tick")
async def tick(visit: Reading) -> HTMLResponse:
    """Whether the first event has arrived."""
    return visit.show("parts/tick.html", **await visit.ask(begun, visit.server, visit.frame))


@router.post("/welcome/sample", response_model=None)
async def sample(visit: Managing) -> Response:
    """Fill an empty workspace with a simulated shop."""
    await visit.form()
    await visit.ask(fill, visit.server, visit.say.language)
    return visit.go("/")


def begun(server: Server, f: Frame) -> dict[str, Any]:
    """What has come in so far."""
    newest = server.live.newest(1)
    return {
        "empty": not server.shop.history() and not newest,
        "newest": newest[0] if newest else None,
        "refused": server.live.counts().refused,
    }


def fill(server: Server, language: str) -> None:
    """Simulate a shop and take its export in.

    Raises:
        Problem: the workspace holds events already; a sample among them could not be told apart.
    """
    from regard import simulate

    if server.shop.history() or server.live.counts().tail:
        raise Problem("conflict", detail="the workspace holds events already", hint="make a new workspace for a sample")
    settings = simulate.Settings(customers=CUSTOMERS, items=ITEMS, seed=7, language=language)
    with tempfile.TemporaryDirectory() as folder:
        simulate.write(simulate.shop(settings), Path(folder))
        export = Path(folder)
        server.shop.ingest(
            str(export / "events.csv.gz"), items=str(export / "items.csv"), customers=str(export / "customers.csv")
        )
    server.shop.refresh()


def snippets(address: str, *, keyed: bool) -> dict[str, str]:
    """Text to copy: one event in three languages, and the tag of the page.

    Args: address: of this server. keyed: whether it asks for a key.
    """
    event = '{"customer": "C42", "behaviour": "view_item", "item": "lamp-7"}'
    shown = '"Authorization": "Bearer YOUR_KEY"'
    header = "  -H 'Authorization: Bearer YOUR_KEY' \\\n" if keyed else ""
    headers = f'{{"Content-Type": "application/json"{f", {shown}" if keyed else ""}}}'
    return {
        "curl": f"curl -X POST {address}/v1/events \\\n  -H 'Content-Type: application/json' \\\n"
        f"{header}  -d '{{\"events\": [{event}]}}'",
        "html": f'<script src="{address}/regard.js" data-key="YOUR_PUBLIC_KEY" data-consent="required" defer></script>\n'
        "<!-- nothing is sent before the visitor agrees; then, in a script of yours: regard.consent(true) -->",
        "js": f'await fetch("{address}/v1/events", {{\n  method: "POST",\n  headers: {headers},\n'
        f"  body: JSON.stringify({{events: [{event}]}}),\n}});",
        "python": "import json, urllib.request\n\nrequest = urllib.request.Request(\n"
        f'    "{address}/v1/events",\n    json.dumps({{"events": [{event}]}}).encode(),\n    {headers},\n)\n'
        "print(urllib.request.urlopen(request).status)",
    }
