"""The model card: what was trained, on what, how well it did and what it does not know, for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from regard.training.horizon_worth import worth

FIGURES = {
    "churn": ("churn_auroc", "churn_log_loss", "ece"),
    "orders": (),
    "spend": ("spend_gini", "spend_decile_mape", "spend_bias"),
}
"""Answer of the horizon head -> the figures of its rehearsal that the card shows."""


def write_card(facts: Mapping[str, Any]) -> str:
    """Markdown of a model's facts, as kept in metrics.json."""
    data, settings = facts["data"], facts["settings"]
    held = facts["validation"]
    exact = facts["device"] == "cpu"
    again = "the same weights on one machine" if exact else "nearly the same weights: a card adds in any order"
    lines = [
        "# Model card",
        "",
        f"Trained {facts['trained_at']} by Regard {facts['version']}, {facts['seconds']:.0f} s, {facts['hardware']}.",
        "",
        "## Data",
        "",
        f"- {data['events']:,} events of {data['customers']:,} customers on {data['items']:,} items, time: {data['clock']}.",
        f"- Behaviours read: {', '.join(data['behaviours'])}. Wanting means: {', '.join(data['target'])}.",
        f"- {data['questions']:,} questions learned from; the view ends at {data['cut'] or 'its last event'}.",
        f"- Content features of items: {data['features']:,}; item texts and prices are used as given where they carry no date.",
        "",
        "## Training",
        "",
        f"- {facts['steps']:,} steps ({facts['epochs']:.1f} epochs), seed {facts['seed']}, {facts['threads']} threads, {facts['precision']}.",
        f"- `--steps {facts['steps']}` with the same data, seed, threads and version gives {again}.",
        *_went_on(facts),
        "- Held-back last slice: "
        + (
            f"NDCG@10 {held:.4f} at the best of {len(facts['curve'])} looks; it chose the number of steps and the co-visits' weight, "
            f"{facts['covisits']:g}."
            if held is not None
            else "none, since it went on from a model that has seen it."
            if "went_on_from" in facts
            else "too few customers to hold anything back."
        ),
        f"- Propensities are calibrated with slope {facts['calibration']['slope']:.2f} and intercept {facts['calibration']['intercept']:.2f}.",
        "",
        *_ahead(facts),
        *_now(facts),
        "## Settings, all by rule",
        "",
        *(f"- {name}: {value}" for name, value in settings.items()),
        "",
        "## Limits",
        "",
        "- Scores say what is likely to follow, not what would be caused by showing it.",
        "- Events after the view, and items first seen after it, are known only through content and counts.",
        "- `regard evaluate` measures the recipe on a cut it has not seen; the figure above is not that measurement.",
        "",
    ]
    return "\n".join(lines)


def _went_on(facts: Mapping[str, Any]) -> list[str]:
    if "went_on_from" not in facts:
        return []
    times = facts["went_on"]
    return [
        f"- It went on from {facts['went_on_from']}, training {times} since one from scratch; the weight of the co-visits and the "
        "calibration are that model's."
    ]


def _ahead(facts: Mapping[str, Any]) -> list[str]:
    """The section on orders, churn and spend; none where the training did not ask for them."""
    if "horizon" not in facts:
        return []
    title = ["## Churn, orders and spend ahead", ""]
    first = facts["horizon"][0]
    if "missing" in first:
        return [*title, f"- None in this model: {first['missing']}.", ""]
    day = datetime.fromtimestamp(first["cut"], UTC).date()
    return [
        *title,
        f"- Rehearsed from {day}, {first['days']} days ahead, on {first['customers']:,} customers who tuned nothing.",
        *(f"- {_answer(row)}" for row in facts["horizon"]),
        *(f"- {line}." for found in facts.get("beside", ()) for line in worth(found)),
        "",
    ]


def _now(facts: Mapping[str, Any]) -> list[str]:
    """The section on sessions that run; none where the training did not ask for them."""
    if "session" not in facts:
        return []
    found, title = facts["session"], ["## An order in a session that runs", ""]
    if "missing" in found:
        return [*title, f"- None in this model: {found['missing']}.", ""]
    events = found["baselines"]["events"]["auroc"]
    return [
        *title,
        f"- Judged at {found['moments']:,} moments of customers who taught nothing; after {found['rate']:.1%} of them an order came.",
        f"- auroc {found['auroc']:.3f} (events so far {max(events, 1 - events):.3f}), ece {found['ece']:.4f},"
        f" log loss {found['log_loss']:.4f} (the rate of all {found['baselines']['base_rate']['log_loss']:.4f}).",
        "",
    ]


def _answer(row: Mapping[str, Any]) -> str:
    """One answer: who gives it, what is as good, and the figures of the model beside those of the rules."""
    better = ", ".join(row["better_than_model"])
    said = f"a simpler rule is better than the model ({better}); {row['given_by']} answers" if better else (
        "the model answers; no simpler rule was better by more than chance"
    )  # fmt: skip
    if row["counting_is_enough"]:
        said += "; counting alone would have been as good"
    figures = [
        f"{name} "
        + ", ".join(f"{head} {told[name]:.3f}" for head, told in row["heads"].items() if told[name] is not None)
        for name in FIGURES[row["answer"]]
    ]
    return f"{row['answer']}: {said}." + (f" {'; '.join(figures)}." if figures else "")
