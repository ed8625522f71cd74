"""The headline: what Regard found, in sentences that need no statistics, and what may not be said."""

from __future__ import annotations

from typing import Any

from regard.evaluation.verdict import SMALL, baseline_name, metric_name
from regard.report.data import Json, ReportData
from regard.report.speech import Speech


def headline(data: ReportData, say: Speech) -> dict[str, Any]:
    """{title, sentences}: the finding, then the figures behind it."""
    kind = _kind(data)
    if data.evaluation is None or kind in ("empty", "nobody"):
        key = f"sub.{kind}"
        return {"title": say(f"head.{kind}"), "sentences": [] if kind == "nobody" else [say(key, shop=data.shop)]}
    return {"title": say(f"head.{kind}"), "sentences": _figures(data.evaluation, kind, say)}


def _kind(data: ReportData) -> str:
    if not data.totals.events:
        return "empty"
    if data.evaluation is not None:
        return str(data.evaluation["verdict"]["outcome"])
    return "counting" if data.model is None else "unmeasured"


def first_metric(evaluation: Json) -> str:
    """The headline metric: the first of the model's, as `evaluate` orders them."""
    names: list[str] = list(evaluation["model"])
    return next((name for name in names if name.startswith("ndcg_at_")), names[0])


def _figures(evaluation: Json, kind: str, say: Speech) -> list[str]:
    metric, verdict = first_metric(evaluation), evaluation["verdict"]
    k = metric.rpartition("_")[2]
    best = verdict["best_baseline"]
    ours, theirs = evaluation["model"], evaluation["baselines"].get(best)
    sentences = []
    hits = f"hr_at_{k}"
    if ours.get(hits, {}).get("mean") is not None:
        shown = [ours[hits]["mean"]] + ([theirs[hits]["mean"]] if theirs else [])
        words = per_hundred(shown, say)
        if theirs:
            sentences.append(
                say("sub.hits", model=words[0], best=words[1], k=k, baseline=baseline_name(best, say.language))
            )
        else:
            sentences.append(say("sub.hits_alone", model=words[0], k=k))
    if theirs and metric in verdict["difference"]:
        sentences += _difference(metric, ours[metric], theirs[metric], verdict["difference"][metric], kind, say)
    sentences.append(say.count("sub.tested", evaluation["split"]["customers"]))
    return sentences


def _difference(metric: str, ours: Json, theirs: Json, change: Json, kind: str, say: Speech) -> list[str]:
    better = kind == "better"
    lines = [
        say(
            "sub.better" if better else "sub.other",
            metric=metric_name(metric, say.language),
            model=say.number(ours["mean"], 3),
            best=say.number(theirs["mean"], 3),
            difference=say.number(change["mean"], 3) if better else say.signed(change["mean"]),
        )
    ]
    if change["interval"]:
        low, high = (say.signed(end) for end in change["interval"])
        lines.append(say("sub.interval", low=low, high=high))
    return lines


def per_hundred(shares: list[float], say: Speech) -> list[str]:
    """Shares as 'so many of 100', with a decimal only where whole numbers would hide a difference.

    >>> per_hundred([0.484, 0.438], Speech("en")), per_hundred([0.484, 0.478], Speech("en"))
    (['48', '44'], ['48.4', '47.8'])
    """
    whole = [say.number(100 * share) for share in shares]
    hidden = len(set(whole)) < len(set(shares))
    return [say.number(100 * share, 1) for share in shares] if hidden else whole


def limits(data: ReportData, say: Speech) -> list[str]:
    """What the page does not say: always the same few, and what this shop's data cannot carry."""
    keys = ["past", "reasons", "tables", "stock"]
    tested = data.evaluation["split"]["customers"] if data.evaluation else 0
    if not tested:
        keys = ["nobody", *keys]
    elif tested < SMALL:
        keys = ["small", *keys]
    if has_no_clock(data):
        keys.append("no_clock")
    if data.customers:
        keys.append("personal")
    return [say(f"limits.{key}", small=SMALL) for key in keys]


def has_no_clock(data: ReportData) -> bool:
    """Whether the log is known to hold no times."""
    return data.totals.events > 0 and data.totals.clock != "clock"
