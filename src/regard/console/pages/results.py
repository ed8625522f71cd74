"""Results: did it work? What came of the lists that were shown, by scenario and model, with intervals."""

from __future__ import annotations

import time
from typing import Any

from fastapi.responses import HTMLResponse

from regard.console.frame import Frame
from regard.console.visit import Reading, pages
from regard.errors import UsageError
from regard.report.charts import axis, marks, whisker
from regard.report.speech import MISSING
from regard.serving.problems import of
from regard.serving.server import Server
from regard.workspace.outcomes import METRICS, Group

router = pages()

DAY = 86_400
PERIODS = (7, 28, 90)
"""Days of lists that are read out; four weeks at first, so that every weekday weighs the same."""

FOLLOWED = (1, 7, 30)
"""Days for which an event counts after its item was shown."""


@router.get("/results")
async def results(visit: Reading) -> HTMLResponse:
    """The figures of a period."""
    told = {"period": visit.number("period", 28, most=365) or 28, "days": visit.number("days", 7, most=60) or 7}
    parts = await visit.ask(read, visit.server, visit.frame, told["period"], told["days"])
    return visit.show("results.html", **parts, **told, periods=PERIODS, followed=FOLLOWED)


def read(server: Server, f: Frame, period: int, days: int) -> dict[str, Any]:
    """Groups, the comparison of models that share customers, and what the reader should know."""
    end = int(time.time()) + 1
    try:
        found = server.shop.outcomes(end - period * DAY, end, days=days, language=f.say.language)
    except UsageError as error:
        return {"error": of(error), "groups": (), "differences": (), "notes": (), "marks": ""}
    shares = [end for group in found.groups for end in (group.buyers["interval"] or [group.buyers["mean"] or 0.0])]
    scale = axis(shares, from_zero=True)
    return {
        "error": None,
        "groups": [_group(group, scale, f) for group in found.groups],
        "differences": found.differences,
        "notes": found.notes,
        "marks": marks(scale, lambda value, _: f.say.percent(value)),
    }


def _group(group: Group, scale: Any, f: Frame) -> dict[str, Any]:
    say = f.say
    buyers = group.buyers
    return {
        "scenario": group.scenario or say("results.none"),
        "link": f.link("/rules/one", name=group.scenario) if group.scenario else "",
        "model": group.model or say("results.counting"),
        "answers": say.number(group.answers),
        "customers": say.number(group.customers),
        "metrics": [_total(name, getattr(group, name).total, f) for name in METRICS],
        "otherwise": say.number(group.orders_otherwise, 1) if group.orders_otherwise is not None else MISSING,
        "chart": whisker(scale, buyers["mean"], buyers["interval"], ours=True),
        "buyers": say.share(buyers["mean"]) if buyers["mean"] is not None else MISSING,
        "interval": say("to", low=say.share(buyers["interval"][0]), high=say.share(buyers["interval"][1]))
        if buyers["interval"]
        else "",
    }


def _total(name: str, value: float, f: Frame) -> str:
    return f.say.money(value) if name == "revenue" else f.say.number(value)
