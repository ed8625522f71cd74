"""How good it is: the model beside the baselines, its weak spots, its robustness, and whether its reasons hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from regard.evaluation.verdict import SMALL, baseline_name, metric_name
from regard.report.charts import Axis, axis, diagonal, marks, whisker
from regard.report.data import Json
from regard.report.headline import first_metric
from regard.report.speech import MISSING, Speech

_GROUPS = 8
"""Groups shown open in 'where it is weak'; the rest are folded away."""


def quality(evaluation: Json | None, say: Speech) -> dict[str, Any]:
    """Dot-and-whisker rows, the full table, and how it was tested."""
    if not evaluation or not evaluation["split"]["customers"]:
        return {"empty": say("quality.empty")}
    metric = first_metric(evaluation)
    rows = {"": evaluation["model"], **evaluation["baselines"]}
    order = sorted(rows, key=lambda name: -(rows[name][metric]["mean"] or 0.0))
    scale = _scale([rows[name][metric] for name in order])
    names = {name: say("quality.model") if not name else baseline_name(name, say.language) for name in order}
    return {
        "metric": metric_name(metric, say.language),
        "k": metric.rpartition("_")[2],
        "marks": marks(scale, say.number),
        "rows": [
            _estimate(names[name], rows[name][metric], scale, say, ours=not name, strong=not name) for name in order
        ],
        "methods": [names[name] for name in order],
        "metrics": [
            {
                "name": metric_name(name, say.language),
                "about": _about(name, say),
                "values": [_value(rows[method].get(name), say) for method in order],
            }
            for name in evaluation["model"]
        ],
        "split": _split(evaluation["split"], say),
        "chances": [_chance(found, say) for found in evaluation["propensity"]],
        "asked": _asked("chance.sample", "chance.everyone", evaluation["propensity"], say),
    }


def _asked(some: str, everyone: str, looks: Sequence[Json], say: Speech) -> str:
    """Who was looked at, in the phrase for a sample or in that for everybody."""
    if not looks:
        return ""
    n, of = looks[0]["n"], looks[0]["of"]
    return say(some, n=say.number(n), of=say.number(of)) if n < of else say.count(everyone, n)


def _split(split: Json, say: Speech) -> str:
    return say(
        "quality.split",
        kind=say(f"split.{split['kind']}"),
        cut=say("quality.cut", day=say.day(split["cut"])) if split["cut"] else "",
        mask=say(f"mask.{split['mask']}"),
        customers=say.count("unit.customers", split["customers"]),
        hash=split["hash"],
    )


def _about(metric: str, say: Speech) -> str:
    stem = metric.partition("_at_")[0]
    return say(f"metric.{stem}") if stem in ("hr", "recall", "ndcg", "mrr", "map", "novelty", "coverage") else ""


def _scale(found: Iterable[Json]) -> Axis:
    values: list[float] = []
    for one in found:
        values += [one["mean"]] if one["mean"] is not None else []
        values += one["interval"] or []
    return axis(values)


def _value(found: Json | None, say: Speech) -> tuple[str, str]:
    if not found:
        return MISSING, ""
    return say.number(found["mean"], 3), say.interval(found["interval"]) if found["interval"] else ""


def _estimate(
    label: str, found: Json, scale: Axis, say: Speech, *, ours: bool = True, strong: bool = False
) -> dict[str, Any]:
    return {
        "label": label,
        "strong": strong,
        "chart": whisker(scale, found["mean"], found["interval"], ours=ours),
        "value": say.number(found["mean"], 3),
        "interval": say.interval(found["interval"]),
    }


def _chance(found: Json, say: Speech) -> dict[str, Any]:
    shown, verdict = found["reliability"], found["verdict"]
    points = list(zip(shown["predicted"], shown["happened"], strict=True))
    title = say("chance.caption", within=say.count("chance.within", found["days"]))
    ece, outcome = _mean(found["model"], "ece"), str(verdict["outcome"])
    summary = say(
        "chance.summary",
        n=say.number(found["n"]),
        positives=say.number(found["positives"]),
        ece=MISSING if ece is None else say.share(ece),
    )
    methods = {"": found["model"], **found["baselines"]}
    best = verdict["best_baseline"] or ""
    compared = say(
        f"chance.{outcome}",
        baseline=baseline_name(best, say.language),
        ours=say.number(_mean(found["model"], "log_loss"), 3),
        theirs=say.number(_mean(methods.get(best, {}), "log_loss"), 3),
    ) if outcome in ("better", "worse", "open", "small") else ""  # fmt: skip
    return {
        "title": title,
        "chart": diagonal(points, label=title, write=say.percent) if points else "",
        "summary": say.sentences(summary, compared),
        "metrics": [metric_name(name, say.language) for name in found["model"]],
        "methods": [
            {
                "label": baseline_name(name, say.language) if name else say("quality.model"),
                "values": [_value(table.get(metric), say) for metric in found["model"]],
            }
            for name, table in methods.items()
        ],
        "called": say("chance.called", share=say.percent(found["threshold"])),
        "rows": [
            (say.share(p), say.share(h), say.number(n))
            for (p, h), n in zip(points, shown["count"], strict=True)
        ],
    }  # fmt: skip


def _mean(metrics: Json, name: str) -> float | None:
    value = metrics.get(name, {}).get("mean")
    return None if value is None else float(value)


def weakness(evaluation: Json | None, say: Speech) -> dict[str, Any]:
    """Slices worst first, robustness, faithfulness."""
    if not evaluation or not evaluation["split"]["customers"]:
        return {"empty": say("quality.empty")}
    metric = first_metric(evaluation)
    slices = evaluation["slices"]
    scale = _scale([found["model"][metric] for found in slices])
    return {
        "metric": metric_name(metric, say.language),
        "lead": say("weak.lead" if slices else "weak.empty"),
        "small": say("weak.small") if slices and evaluation["split"]["customers"] < SMALL else "",
        "marks": marks(scale, say.number),
        "rows": [_slice(found, metric, scale, say) for found in slices],
        "shown": _GROUPS,
        **_robustness(evaluation["robustness"], metric, evaluation["split"]["customers"], say),
        **_faiths(evaluation["faithfulness"], evaluation["split"]["customers"], say),
    }


def _faiths(groups: Sequence[Json], customers: int, say: Speech) -> dict[str, Any]:
    """A table for each group; one is enough where the named events are nobody's latest."""
    shown = [found for found in groups if found["n"]]
    alike = len(shown) == 2 and shown[0]["n"] == shown[1]["n"]
    return {
        "faith": [_faith(found, customers, say) for found in (shown[:1] if alike else shown)],
        "faith_note": say("faith.none_latest") if alike else "",
    }


def _slice(found: Json, metric: str, scale: Axis, say: Speech) -> dict[str, Any]:
    label, by = str(found["label"]), str(found["by"])
    if by == "last_behaviour":
        name = say("slice.last_behaviour", label=say.behaviour(label))
    elif by == "item_age" and not label[:1].isdigit():
        name = say("slice.item_age.new")
    else:
        name = say(f"slice.{by}", label=label.replace("-", "–"))
    change = found["difference"].get(metric)
    return {
        **_estimate(name, found["model"][metric], scale, say),
        "customers": say.count("unit.customers", found["n"]),
        "against": say("weak.against", difference=say.signed(change["mean"])) if change else "",
    }


def _robustness(damages: Sequence[Json], metric: str, customers: int, say: Speech) -> dict[str, Any]:
    changes = [found["difference"][metric] for found in damages]
    scale = _scale([*changes, {"mean": 0.0, "interval": None}])
    rows = []
    for found, change in zip(damages, changes, strict=True):
        share, value = say.percent(found["share"]), say.number(found["model"][metric]["mean"], 3)
        rows.append(
            {
                **_estimate(say(f"robust.{found['change']}", share=share), change, scale, say),
                "value": say.signed(change["mean"]),
                "interval": say.interval(change["interval"], signed=True),
                "against": say("robust.value", metric=metric_name(metric, say.language), value=value),
            }
        )
    asked = [{"n": change["n"], "of": customers} for change in changes]
    sample = _asked("robust.sample", "robust.everyone", asked, say)
    return {"damages": rows, "damage_sample": sample, "damage_marks": marks(scale, say.number)}


def _faith(found: Json, customers: int, say: Speech) -> dict[str, Any]:
    areas = {order: found["curves"][order]["area"] for order in ("explained", "recency", "random")}
    scale = _scale(areas.values())
    rows = []
    for order, area in areas.items():
        lead = found["difference"].get(order)
        rows.append(
            {
                **_estimate(
                    say(f"faith.{order}"), area, scale, say, ours=order == "explained", strong=order == "explained"
                ),
                "lead": say("faith.lead_over", lead=say.signed(lead["mean"])) if lead else "",
                "lead_interval": say.interval(lead["interval"], signed=True) if lead else "",
            }
        )
    if found["group"] == "all":
        title = _asked("faith.all", "faith.everyone", [{"n": found["n"], "of": customers}], say)
    else:
        title = say.count("faith.not_latest", found["n"])
    return {"title": title, "rows": rows, "marks": marks(scale, say.number)}
