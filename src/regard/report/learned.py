"""How the model was trained: its curve and its card."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regard.evaluation.verdict import metric_name
from regard.report.charts import curve
from regard.report.data import Json, ReportData
from regard.report.speech import Speech

_LONG = 200
"""Letters above which a value of the card is not shown: it is data, not a setting."""


_MOMENTS = ("trained_at", "cut")
"""Figures of the card that are times, ISO 8601."""


def training(data: ReportData, say: Speech) -> dict[str, Any]:
    """Curves, their table, the card."""
    if data.model is None:
        return {"empty": say("training.empty" if data.evaluation is None else "training.aside")}
    metric = metric_name("ndcg_at_10", say.language)
    curves = []
    for key, title in (("loss", say("training.loss")), ("ndcg", say("training.ndcg", metric=metric))):
        points = [(float(point["step"]), float(point[key])) for point in data.curve if _is_known(point.get(key))]
        if len(points) > 1:
            curves.append({"title": title, "chart": curve(points, label=title, write=say.number)})
    return {
        "curves": curves,
        "metric": metric,
        "points": [
            (
                say.number(point["step"]),
                say.number(point.get("seconds"), 1),
                say.number(point.get("loss"), 4),
                say.number(point.get("ndcg"), 4),
            )
            for point in data.curve
        ],
        # One name, one row: what settings and data both say is said once.
        "card": list(dict(_card(data, say)).items()),
    }


def _card(data: ReportData, say: Speech) -> Iterator[tuple[str, str]]:
    yield say("card.model"), str(data.model)
    if data.evaluation:
        yield say("card.hash"), str(data.evaluation["split"]["hash"])
    for name, value in _flat(data.card):
        yield say.card(name), say.moment(value) if name.endswith(_MOMENTS) and value else _written(value, say)


def _is_known(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _flat(card: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and plain values, those of inner tables as 'outer.inner'; lists of tables are curves, not settings."""
    for name, value in card.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None and not _is_data(value):
            yield f"{prefix}{name}", value


def _is_data(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > _LONG
    return isinstance(value, Sequence) and (len(value) > 12 or any(isinstance(part, Mapping | list) for part in value))


def _written(value: Any, say: Speech) -> str:
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(_written(part, say) for part in value) or say("none")
    if isinstance(value, int):
        return say.number(value)
    if not isinstance(value, float):
        return str(value)
    return say.number(value) if abs(value) >= 1000 else f"{value:.4g}".replace("-", "−")
