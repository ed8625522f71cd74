"""Models: which were trained, which one answers, how good each is beside simple methods, and where it is weak."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.visit import Managing, Reading, pages
from regard.evaluation.verdict import baseline_name, metric_name
from regard.report.data import ReportData
from regard.report.headline import first_metric
from regard.report.learned import training
from regard.report.quality import quality, weakness
from regard.report.speech import MISSING
from regard.serving.problems import Problem
from regard.serving.server import Server
from regard.workspace.models import Registered

router = pages()

TABS = ("figures", "weak", "card")


@router.get("/models")
async def models(visit: Reading) -> HTMLResponse:
    """All models, the newest first, and what happened in service."""
    return visit.show("models.html", **await visit.ask(listed, visit.server, visit.frame))


def listed(server: Server, f: Frame) -> dict[str, Any]:
    """One row a model."""
    entries = server.shop.models.all()
    current = server.shop.models.current()
    named = next((first_metric(one.evaluation) for one in entries if one.evaluation and _measured(one)), "ndcg_at_10")
    return {
        "metric": metric_name(named, f.say.language),
        "rows": [_row(one, current, f) for one in entries],
        "previous": next((one.id for one in entries if one.state == "previous"), ""),
        "switches": [
            {
                "at": f.say.moment(one.at),
                "what": f.say(f"models.{one.what.replace(' ', '_')}"),
                "model": one.model,
                "why": one.why,
            }
            for one in server.shop.models.switches()[:20]
        ],
    }


def _measured(entry: Registered) -> bool:
    return bool(entry.evaluation and entry.evaluation["split"]["customers"])


def _row(entry: Registered, current: Registered | None, f: Frame) -> dict[str, Any]:
    say = f.say
    serving = current is not None and entry.id == current.id
    row = {
        "id": entry.id,
        "at": say.moment(entry.at),
        "ago": say.ago(entry.at),
        "state": "serving" if serving else entry.state,
        "why": entry.why,
        "value": MISSING,
        "interval": "",
        "against": "",
        "outcome": "",
    }
    if entry.evaluation and _measured(entry):
        metric, verdict = first_metric(entry.evaluation), entry.evaluation["verdict"]
        found = entry.evaluation["model"][metric]
        row |= {"value": say.number(found["mean"], 3), "interval": say.interval(found["interval"])}
        change = verdict["difference"].get(metric)
        if change and verdict["best_baseline"]:
            row["against"] = say(
                "models.against",
                difference=say.signed(change["mean"]),
                method=baseline_name(verdict["best_baseline"], say.language),
            )
        row["outcome"] = verdict["outcome"]
    return row


@router.get("/model")
async def model(visit: Reading) -> HTMLResponse:
    """One model, by `id`."""
    id, tab = visit.word("id"), visit.word("tab", "figures")
    if tab not in TABS:
        raise Problem("not-found", detail="no such model page")
    parts = await visit.ask(described, visit.server, visit.frame, id, tab)
    return visit.show(f"model_{tab}.html", **parts)


def described(server: Server, f: Frame, id: str, tab: str) -> dict[str, Any]:
    """One tab of a model's page.

    Raises:
        ModelError: there is none of that id.
    """
    entry = server.shop.models.get(id)
    told: dict[str, Any] = {
        "row": _row(entry, server.shop.models.current(), f),
        "tabs": [
            {"title": f.say(f"models.{name}"), "link": f.link("/model", id=id, tab="" if name == "figures" else name), "here": name == tab}
            for name in TABS
        ],
    }  # fmt: skip
    if tab == "card":
        card = _card(entry)
        data = ReportData(
            shop=f.shop,
            made_at=datetime.now(UTC),
            version="",
            model=id,
            card=card,
            curve=card.get("curve", []),
            evaluation=entry.evaluation,
        )
        return told | {"training": training(data, f.say), "gate": entry.gate}
    return told | {
        "quality" if tab == "figures" else "weakness": (quality if tab == "figures" else weakness)(
            entry.evaluation, f.say
        )
    }


def _card(entry: Registered) -> dict[str, Any]:
    """The figures of the training, as the model's folder keeps them; nothing where it is gone."""
    try:
        told: dict[str, Any] = json.loads((entry.folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told


@router.post("/models/promote", response_model=None)
async def promote(visit: Managing) -> Response:
    """Put a model in service once it has answered a few customers as it should."""
    sent = await visit.form()
    await visit.ask(
        visit.server.shop.promote, sent.get("id", ""), why=visit.say("models.by_hand", who=visit.caller.name)
    )
    visit.note("model.promote", sent.get("id", ""))
    return visit.go("/models")


@router.post("/models/back", response_model=None)
async def back(visit: Managing) -> Response:
    """Put the previous model back in service."""
    await visit.form()
    entry = await visit.ask(visit.server.shop.roll_back, why=visit.say("models.by_hand", who=visit.caller.name))
    visit.note("model.roll_back", entry.id)
    return visit.go("/models")
