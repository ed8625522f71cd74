"""Horizons: orders, churn and spend over any number of days, learned from a view at many cuts.

A rehearsal comes first: heads learn from the part of the view before a cut, answer there, and are judged and tuned by what came after
it. Then what did best learns from the whole view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard import metrics
from regard.errors import UsageError
from regard.metrics.probability import log_losses
from regard.model.runtime.facts import Beside, Facts, States
from regard.model.runtime.head import Forecast, Head
from regard.model.runtime.horizon import ANSWERS, MODEL, HorizonModel
from regard.sequences.aggregates import BESIDE
from regard.sequences.log import DAY
from regard.sequences.split import midnight
from regard.sequences.view import View
from regard.training.horizon_fit import Recipe, fit_head, tune
from regard.training.horizon_lessons import Outcomes, customers_at, lessons
from regard.training.horizon_season import season

COUNTED = "aggregates"
"""What the model is called while it is tried without extras."""

LARGER: dict[str, Any] = {"width": 64, "steps": 1_500}
"""A head of twice the width that learns three times as long: a log of many short histories pays for it, most do not."""

TELLING = 5_000
"""Buyers asked in a rehearsal from which on the larger head is tried: of fewer its difference would be chance, and it takes time."""

_RULE: dict[str, Any] = {"width": 0, "members": 1, "steps": 300, "prior": False}

RULES: Mapping[str, Recipe] = {
    "recency": Recipe(columns=("days_since_last_order",), **_RULE),
    "rfm": Recipe(columns=("days_since_last_order", "order_days", "spend_all"), **_RULE),
    "decayed_spend": Recipe(columns=("spend_decayed_8w", "spend_decayed_13w"), **_RULE),
    "counts": Recipe(columns=("events_all", "targets_all", "order_days", "spend_all"), **_RULE),
}
"""Baselines: the same closed forms on a straight line of a column or a few. 'counts' knows neither order nor time."""

ASKED = 40_000
"""Customers of a rehearsal at most."""

BEHIND = 14
"""Days that a rehearsal leaves to look back at; of a log of a few weeks, two thirds."""

SHARES = (1 / 16, 1 / 4, 1)
"""Parts of the rehearsed horizon at which a head is tuned."""

SURE = 1.96
"""Standard errors by which a difference is taken to be one, at 95 %."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Where heads are judged.

    Args:
        cut: seconds, inside the view. states: of an encoder fitted on what was known before the cut; None = states are not tried.
    """

    cut: int
    states: States | None = None


def fit_horizon(
    view: View,
    *,
    horizon_days: int = 90,
    states: States | None = None,
    about: Beside | None = None,
    rehearsal: Rehearsal | None = None,
    seed: int = 0,
) -> HorizonModel:
    """Learn what customers will order and spend within any horizon.

    Args:
        view: all that may be seen; with a clock.
        horizon_days: the horizon at which heads are judged and tuned: the one that will be asked most.
        states: of an encoder fitted on the view, which `rehearsal` must judge before they are used.
        about: what is known of customers beside their events (`sequences.attributes`). It is read only where the rehearsal
            finds an answer better with it by more than chance, and none worse: what does not help is not asked for.
        rehearsal: the cut, and an encoder fitted before it; None = a cut by rule, and no states.
        seed: the same view and seed give the same model on one machine.

    Raises:
        RegardError: the view is too short, or too few customers order in it.
        UsageError: the view has no clock, or the horizon is not positive.
    """
    if view.cut is None or view.log.clock != "clock":
        raise UsageError("days ahead need events with times", hint="this log has only an order of events")
    if horizon_days <= 0:
        raise UsageError("horizons must be positive days", hint="90, for example")
    tried = None if rehearsal is None or states is None else rehearsal.states
    cut, days = _stage(view, horizon_days, rehearsal)
    rehearsed = _rehearse(view, cut, days, tried, about, seed)
    states, about = states if rehearsed.recipe.states else None, about if rehearsed.recipe.about else None
    recipes = {MODEL: rehearsed.recipe, **RULES}
    whole = lessons(view.log, view.cut, target=view.target, states=states, about=about, seed=seed)
    heads: dict[str, Head] = {}
    for name in dict.fromkeys([MODEL, *rehearsed.answers.values()]):
        head = fit_head(whole, recipes[name], seed=seed)
        busier = season(head, view, days, states=states, about=about, seed=seed)
        heads[name] = replace(head, tuning=replace(rehearsed.heads[name].tuning, season=busier, cut=view.cut))
    return HorizonModel(
        heads=heads, answers=rehearsed.answers, target=view.target, money=whole.outcomes.money,
        report={**rehearsed.report, "season": list(heads[MODEL].tuning.season)}, states=states, about=about,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rehearsed:
    """heads: tuned, by name; 'model' is of the `recipe` that did best, and what was tried beside it is named for what it has
    more. answers: which head gives which.
    """

    heads: Mapping[str, Head]
    answers: Mapping[str, str]
    recipe: Recipe
    report: Mapping[str, Any]


def _stage(view: View, horizon_days: int, rehearsal: Rehearsal | None) -> tuple[int, int]:
    """The rehearsal's cut, and how many days it looks ahead."""
    assert view.cut is not None
    first = int(view.log.time.min()) if view.log.events else view.cut
    span = (view.cut - first) // DAY
    if rehearsal is not None:
        return rehearsal.cut, max(1, min(horizon_days, (view.cut - rehearsal.cut) // DAY))
    # As far ahead in proportion to what lies behind as will be asked: that is what heads are off by.
    days = max(1, min(horizon_days * span // (horizon_days + span), span // 2, max(span - BEHIND, span // 3)))
    return midnight(view.cut, view.log.time_zone, days=-days), days


def _rehearse(view: View, cut: int, days: int, states: States | None, about: Beside | None, seed: int) -> _Rehearsed:
    """Fit every head before the cut, tune it on one half of the customers and judge it on the buyers of the other; then tune it on both."""
    past = lessons(view.log, cut, target=view.target, states=states, about=about, seed=seed)
    customers, facts = customers_at(
        view.log, cut, target=view.target, states=states, about=about, most=ASKED, seed=seed
    )
    ahead = np.unique([max(1, round(days * share)) for share in SHARES])
    outcomes = Outcomes(view.log, view.target)
    orders, spend = (
        np.stack(part, axis=1) for part in zip(*(outcomes.within(customers, cut, h) for h in ahead), strict=True)
    )
    half = np.random.default_rng(seed).permutation(len(customers)) % 2 == 0
    asked = ~half & (facts.bought > 0)
    heads, judged = dict[str, Head](), dict[str, _Judged]()

    def judge(name: str, recipe: Recipe) -> None:
        head = fit_head(past, recipe, seed=seed)
        taught = tune(head, facts.take(half), ahead, orders[half], spend[half], money=outcomes.money)
        judged[name] = _Judged.of(taught.forecast(facts.take(asked), ahead[-1:]), orders[asked, -1], spend[asked, -1])
        heads[name] = tune(head, facts, ahead, orders, spend, money=outcomes.money)

    more = {"states": {"states": True}, "about": {"about": True}, "larger": LARGER}
    offered = {"states": states is not None, "about": about is not None, "larger": asked.sum() >= TELLING}
    told, recipe = COUNTED, Recipe()
    known = ANSWERS if outcomes.money else tuple(answer for answer in ANSWERS if answer != "spend")
    worth: dict[str, Any] = {}
    judge(told, recipe)
    for extra in (name for name, there in offered.items() if there):
        tried, larger = f"with_{extra}", replace(recipe, **more[extra])
        judge(tried, larger)
        worth |= {f"without_{extra}": judged[told].difference(judged[tried])}
        if _pays(extra, judged[told], judged[tried], known):
            told, recipe = tried, larger
    heads[MODEL], judged[MODEL] = heads.pop(told), judged.pop(told)
    for name, rule in RULES.items():
        judge(name, rule)
    answers = {answer: _chosen(judged, answer) for answer in ANSWERS}
    report: dict[str, Any] = {"cut": cut, "days": days, "customers": int(asked.sum()), "answers": answers}
    report |= _compared(judged) | {"states_used": recipe.states, "width": recipe.width, "steps": recipe.steps} | worth
    if states is not None:
        report["states_shuffled"] = _shuffled(heads[MODEL], facts, ahead[-1:], seed)
    if about is not None:
        report["about"] = _covered(facts.take(asked)) | {"used": recipe.about}
    return _Rehearsed(heads=heads, answers=answers, recipe=recipe, report=report)


def _compared(judged: Mapping[str, _Judged]) -> dict[str, Any]:
    """Every head's figures, and where simple rules do better than the model or as well."""
    return {
        "heads": {name: one.figures for name, one in judged.items()},
        "better_than_model": {
            answer: [name for name in RULES if judged[name].better(judged[MODEL], answer)] for answer in ANSWERS
        },
        "counting_is_enough": {answer: not judged[MODEL].better(judged["counts"], answer) for answer in ANSWERS},
    }


def _pays(extra: str, without: _Judged, tried: _Judged, answers: Sequence[str]) -> bool:
    """Whether an extra is worth having. The encoder's states are the shop's own, and stay unless they are worse; what is known
    of customers beside their events is personal and a larger head slow: these must be better by more than chance.
    """
    if extra == "states":
        return not without.better(tried, "churn", sure=False)
    gains, losses = (
        [one.better(other, answer) for answer in answers] for one, other in ((tried, without), (without, tried))
    )
    return any(gains) and not any(losses)


def _covered(facts: Facts) -> dict[str, Any]:
    """Columns of each source, and the share of the customers of whom it knows anything."""
    found: dict[str, Any] = {}
    for source in BESIDE:
        own = [place for place, name in enumerate(facts.table.names) if name.startswith(source)]
        if own:
            known = ~np.isnan(facts.table.values[:, own])
            found[source.rstrip(":")] = {"columns": len(own), "covered": float(known.any(axis=1).mean())}
    return found


def _chosen(judged: Mapping[str, _Judged], answer: str) -> str:
    """The model, unless a simple rule is better by more than chance; of several, the best."""
    rules = [name for name in RULES if judged[name].better(judged[MODEL], answer)]
    return min(rules, key=lambda name: float(judged[name].losses[answer].mean()), default=MODEL)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judged:
    """Losses of one head's answers, float64 [Q] each (log loss of churn; Poisson deviances), and plain figures of the same customers."""

    losses: Mapping[str, NDArray[np.float64]]
    figures: Mapping[str, float]

    @classmethod
    def of(cls, told: Forecast, orders: NDArray[np.float32], spend: NDArray[np.float32]) -> _Judged:
        p, mean, money = (part[:, 0].astype(np.float64) for part in (told.p_order, told.mean, told.spend))
        spend = spend.astype(np.float64).clip(0)
        came = orders > 0
        scale = max(float(spend.mean()), 1e-9)
        return cls(
            losses={
                "churn": log_losses(came, p),
                "orders": mean - orders * np.log(mean),
                "spend": (money - spend * np.log(money)) / scale,
            },
            figures={
                "churn_auroc": metrics.auroc(came, p),
                "churn_log_loss": metrics.log_loss(came, p),
                "ece": metrics.expected_calibration_error(came, p),
                "spend_gini": metrics.normalised_gini(spend, money),
                "spend_decile_mape": metrics.decile_mape(spend, money),
                "spend_bias": metrics.total_bias(spend, money),
            },
        )

    def better(self, other: _Judged, answer: str, *, sure: bool = True) -> bool:
        """Whether this one's loss is lower, by more than chance unless not `sure`."""
        less = other.losses[answer] - self.losses[answer]
        error = less.std() / np.sqrt(max(len(less), 1))
        return bool(less.mean() > (SURE * error if sure else 0.0))

    def difference(self, other: _Judged) -> dict[str, list[float]]:
        """By answer: mean loss less the other's, and its 95 % interval."""
        found = {}
        for answer in ANSWERS:
            more = self.losses[answer] - other.losses[answer]
            mean, error = float(more.mean()), float(more.std() / np.sqrt(max(len(more), 1)))
            found[answer] = [mean, mean - SURE * error, mean + SURE * error]
        return found


def _shuffled(head: Head, facts: Facts, days: NDArray[np.int64], seed: int) -> float:
    """Mean change of the chance of an order where customers swap states: 0 = the head does not look at them."""
    if facts.states is None or not head.inputs.states:
        return 0.0
    order = np.random.default_rng(seed).permutation(len(facts))
    swapped = replace(facts, states=facts.states[order])
    own, others = (head.forecast(some, days).p_order for some in (facts, swapped))
    return float(np.abs(own - others).mean())
