"""Playground: what anybody would be recommended, with any limits, and by two models side by side."""

from __future__ import annotations

import re
from typing import Any

from fastapi.responses import HTMLResponse

from regard.console.frame import Frame
from regard.console.visit import Reading, pages
from regard.errors import RegardError
from regard.report.data import Customer
from regard.report.people import person
from regard.serving.problems import of
from regard.serving.server import Server

router = pages()

EXCLUDES = ("", "none", "target", "seen")


@router.get("/playground")
async def playground(visit: Reading) -> HTMLResponse:
    """A question in the address, and its answers."""
    asked = {
        name: visit.word(name) for name in ("customer", "basket", "interests", "filter", "exclude", "model", "beside")
    }
    n = max(1, visit.number("n", 10, most=50))
    parts = await visit.ask(answers, visit.server, visit.frame, asked, n)
    return visit.show("parts/answers.html" if visit.part else "playground.html", asked=asked, n=n, **parts)


def answers(server: Server, f: Frame, asked: dict[str, str], n: int) -> dict[str, Any]:
    """The answers of one model, or of two, and what can be chosen."""
    models = [entry.id for entry in server.shop.models.all()]
    told = any(asked[name] for name in ("customer", "basket", "interests")) or "ask" in dict(f.query)
    chosen = [asked["model"], *([asked["beside"]] if asked["beside"] else [])]
    shown = [_answer(server, f, asked, n, model) for model in chosen] if told else []
    if len(shown) == 2 and all(one["error"] is None for one in shown):
        places = [{item["key"]: at for at, item in enumerate(one["items"], 1)} for one in shown]
        for mine, other in ((0, 1), (1, 0)):
            for item in shown[mine]["items"]:
                item["elsewhere"] = places[other].get(item["key"])
        same = len(places[0].keys() & places[1].keys())
    else:
        same = None
    columns = [field.name for field in server.shop.item_fields()]
    return {"shown": shown, "models": models, "excludes": EXCLUDES, "told": told, "same": same, "columns": columns}


def _answer(server: Server, f: Frame, asked: dict[str, str], n: int, model: str) -> dict[str, Any]:
    """One model's answer as a card; what was wrong with the question where it has none."""
    title = f.say("playground.model", model=model) if model else f.say("playground.serving")
    try:
        answer = server.shop.recommend(
            asked["customer"] or None,
            n=n,
            why=True,
            events=parted(asked["basket"]),
            interests=parted(asked["interests"], spaces=False),
            filter=asked["filter"] or None,
            exclude=asked["exclude"] or None,
            model=model or None,
            language=f.say.language,
        ).to_json()
    except RegardError as error:
        return {"title": title, "error": of(error), "items": [], "source": "", "notes": []}
    told = person(Customer(id=asked["customer"], events=(), answer=answer), f.say)
    items = [
        {**one, "key": item["item"], "elsewhere": None}
        for one, item in zip(told["items"], answer["items"], strict=True)
    ]
    return {"title": title, "error": None, "items": items, "source": told["source"], "notes": answer["notes"]}


def parted(text: str, *, spaces: bool = True) -> tuple[str, ...]:
    """Ids or words divided by commas, lines, or (ids) blanks.

    >>> parted("a1, b2 c3"), parted("garden lamp，cups", spaces=False)
    (('a1', 'b2', 'c3'), ('garden lamp', 'cups'))
    """
    parts = re.split(r"[,，、;\n\s]+" if spaces else r"[,，、;\n]+", text)
    return tuple(part.strip() for part in parts if part.strip())
