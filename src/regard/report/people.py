"""A few customers: what they did, what is recommended to them and why; and where the model looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from regard.report.charts import bar, heat, strip
from regard.report.data import Attention, Customer, Deed, Json
from regard.report.speech import MISSING, Speech

_LANES = 5
"""Behaviours with a row of their own on a timeline, what the shop is after first, then the most frequent."""

_LATEST = 12
"""Events listed beneath a timeline."""

_COLUMNS = 40
"""Events in the picture of attention, the latest ones; more would be too narrow to see."""

_CARES = ("purchase", "play", "rating")
"""Behaviours drawn in the page's one colour: what the shop is after."""


def person(customer: Customer, say: Speech, evaluation: Json | None = None) -> dict[str, Any]:
    """One customer's parts; `evaluation` knows which chances can be relied on."""
    answer, events = customer.answer or {}, customer.events
    return {
        "id": customer.id,
        "title": say("people.one", id=customer.id),
        "count": say.count("people.events", len(events) + customer.earlier),
        "earlier": say.count("people.earlier", customer.earlier) if customer.earlier else "",
        "timeline_label": say("people.timeline_label", id=customer.id),
        "lanes": _lanes(events, say),
        "first": say.day(events[0].time) if events and events[0].time else say("people.oldest"),
        "last": say.day(events[-1].time) if events and events[-1].time else say("people.latest_end"),
        "latest": [_deed(deed, say) for deed in reversed(events[-_LATEST:])],
        "source": _source(answer, say),
        "notes": list(answer.get("notes", ())),
        "items": [_item(item, say) for item in answer.get("items", ())],
        "has_shares": any(item.get("probability") is not None for item in answer.get("items", ())),
        "chances": _chances(customer.intent, say),
        "unproven": _unproven(customer.intent, evaluation, say),
        "base_rate": bool(customer.intent) and (customer.intent or {}).get("fallback_level") != "model",
    }


def _name(deed: Deed) -> str:
    return deed.name or deed.item or MISSING


def _deed(deed: Deed, say: Speech) -> tuple[str, str, str]:
    return say.moment(deed.time), say.behaviour(deed.behaviour), _name(deed)


def _places(events: Sequence[Deed]) -> list[float]:
    """Each event's place on the timeline, from 0 to 1: by time, or by order where there is none."""
    times = [deed.time.timestamp() for deed in events if deed.time is not None]
    if not times or len(times) < len(events) or times[-1] <= times[0]:
        return [place / max(len(events) - 1, 1) for place in range(len(events))]
    return [(time - times[0]) / (times[-1] - times[0]) for time in times]


def _lanes(events: Sequence[Deed], say: Speech) -> list[dict[str, Any]]:
    places = _places(events)
    lanes = []
    counts = Counter(deed.behaviour for deed in events)
    shown = sorted(counts, key=lambda name: (name not in _CARES, -counts[name]))[:_LANES]
    for name in shown:
        dots = [
            (place, f"{_name(deed)} · {say.day(deed.time)}" if deed.time else _name(deed))
            for place, deed in zip(places, events, strict=True)
            if deed.behaviour == name
        ]
        lanes.append(
            {
                "label": say.behaviour(name),
                "count": say.number(counts[name]),
                "chart": strip(dots, ours=name in _CARES),
            }
        )
    return lanes


def _source(answer: Json, say: Speech) -> str:
    if not answer:
        return ""
    level = say(f"level.{answer['fallback_level']}", model=answer["model_version"])
    return say("people.from", source=level)


def _item(item: Json, say: Speech) -> dict[str, Any]:
    chance = item.get("probability")
    return {
        "name": item["name"] or item["item"],
        "id": item["item"] if item["name"] else "",
        "chance": say.share(chance) if chance is not None else "",
        "reasons": [reason["text"] for reason in item["reasons"]],
    }


def _chances(intent: Json | None, say: Speech) -> list[dict[str, Any]]:
    return [
        {
            "within": say.count("chance.within", found["days"]),
            "chance": say.share(found["probability"]),
            "bar": bar(found["probability"], ours=True),
        }
        for found in (intent or {}).get("propensities", ())
    ]


def _unproven(intent: Json | None, evaluation: Json | None, say: Speech) -> str:
    """The horizons for which the evaluation did not find the model's chances better than its best baseline."""
    if not intent or not evaluation or intent["fallback_level"] != "model":
        return ""
    shown = {found["days"] for found in intent["propensities"]}
    beaten = [
        say.count("chance.within", found["days"])
        for found in evaluation["propensity"]
        if found["days"] in shown and found["verdict"]["outcome"] not in ("better", "alone")
    ]
    return say("people.unproven", horizons=("、" if say.language == "zh" else ", ").join(beaten)) if beaten else ""


def look(attention: Attention | None, say: Speech) -> dict[str, Any] | None:
    """The picture of attention and the numbers behind it, or None."""
    if attention is None or not attention.events or not attention.weights:
        return None
    events = attention.events[-_COLUMNS:]
    rows = [list(row[-_COLUMNS:]) for row in attention.weights]
    whole = sum(sum(row) for row in attention.weights) or 1.0
    rest = sum(sum(row[:-_COLUMNS]) for row in attention.weights) / whole
    return {
        "lead": say("look.lead", id=attention.customer),
        "chart": heat(rows, label=say("look.label")),
        "heads": [say("look.head", n=number) for number in range(1, len(rows) + 1)],
        "rest": say("look.rest", share=say.share(rest)) if len(attention.events) > _COLUMNS else "",
        "rows": [
            (*_deed(deed, say), [say.share(row[place]) for row in rows])
            for place, deed in reversed(list(enumerate(events)))
        ],
    }
