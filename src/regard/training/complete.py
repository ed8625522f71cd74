"""Complete: one model folder with all answers: what comes next, what lies ahead, and what a running session still brings."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from regard.errors import RegardError
from regard.model.artefact import load, save
from regard.model.runtime.facts import Beside
from regard.model.runtime.horizon import ANSWERS, HorizonModel
from regard.model.runtime.session import SessionModel
from regard.progress import Progress, Silent
from regard.sequences.view import View
from regard.training.card import write_card
from regard.training.fitting import fit
from regard.training.horizon import fit_horizon
from regard.training.session import fit_session

LEAST_BUDGET = 60.0
"""Seconds below which all of the budget is the encoder's: the head takes half a minute, whatever the shop's size."""


def fit_complete(
    view: View,
    *,
    folder: Path,
    seed: int = 0,
    budget_seconds: float | None = None,
    about: Beside | None = None,
    session_gap: int = 30,
    progress: Progress | None = None,
    **how: Any,
) -> None:
    """Fit the heads and the encoder on a view, and write them to one folder.

    The heads read aggregates and no states, so that they come first: what they take is known when the encoder's part of the
    budget is shared out. Where one cannot be fitted, the model is one without, and its card says why.

    Args:
        view: all that may be seen. folder: where the model goes. seed: of all of them.
        budget_seconds: wall time of all; None = the encoder's steps are given.
        about: what is known of customers beside their events, read by the head where it helps.
        session_gap: minutes of silence that end a session.
        progress: hears how far it is. how: what else `fit` is told.

    Raises:
        RegardError: as `fit`.
    """
    began, progress = time.monotonic(), progress or Silent()
    head, told = _ahead(view, seed, budget_seconds, progress, about)
    session, of_session = _now(view, seed, session_gap)
    if budget_seconds is not None:
        how["budget_seconds"] = max(budget_seconds - (time.monotonic() - began), 1.0)
    fit(view, folder=folder, seed=seed, progress=progress, **how)
    whole = load(folder)
    facts = {**whole.metrics, "horizon": told, "session": of_session, "seconds": round(time.monotonic() - began, 1)}
    if head is not None and "about" in head.report:
        facts["beside"] = [{name: head.report[name] for name in ("about", "without_about")}]
    if head is not None:
        whole = replace(whole, horizon=head.settings, horizon_weights=head.weights)
    if session is not None:
        whole = replace(whole, session=session.settings)
    save(replace(whole, metrics=facts), folder, card=write_card(facts))


def _ahead(
    view: View, seed: int, budget: float | None, progress: Progress, about: Beside | None = None
) -> tuple[HorizonModel | None, list[dict[str, Any]]]:
    """The head and what the card says of it: its answers, or the one reason why there are none."""
    if budget is not None and budget < LEAST_BUDGET:
        return None, [{"missing": f"a budget of {budget:.0f} s leaves no time for it"}]
    progress.start("learning what lies ahead")
    try:
        head = fit_horizon(view, about=about, seed=seed)
    except RegardError as error:
        progress.finish(error.message)
        return None, [{"missing": error.message}]
    progress.finish(f"rehearsed on {head.report['customers']:,} customers")
    return head, rehearsed(head.report)


def _now(view: View, seed: int, gap: int) -> tuple[SessionModel | None, dict[str, Any]]:
    """The head of running sessions and what was found of it, or the one reason why there is none."""
    try:
        head = fit_session(view, gap_minutes=gap, seed=seed)
    except RegardError as error:
        return None, {"missing": error.message}
    return head, dict(head.report)


def rehearsed(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the rehearsal says of each answer, as kept in the model card: who gives it, and what a simpler rule does as well.

    >>> told = {"cut": 0, "days": 90, "customers": 500, "heads": {"model": {}, "rfm": {}},
    ...         "answers": {"churn": "model", "orders": "model", "spend": "rfm"},
    ...         "better_than_model": {"churn": [], "orders": [], "spend": ["rfm"]},
    ...         "counting_is_enough": {"churn": False, "orders": False, "spend": True}}
    >>> [(row["answer"], row["given_by"], row["counting_is_enough"]) for row in rehearsed(told)]
    [('churn', 'model', False), ('orders', 'model', False), ('spend', 'rfm', True)]
    """
    return [
        {
            "answer": answer,
            "given_by": report["answers"][answer],
            "better_than_model": list(report["better_than_model"][answer]),
            "counting_is_enough": bool(report["counting_is_enough"][answer]),
            "cut": report["cut"],
            "days": report["days"],
            "customers": report["customers"],
            "heads": {
                name: {key: _known(value) for key, value in told.items()} for name, told in report["heads"].items()
            },
        }
        for answer in ANSWERS
    ]


def _known(value: float) -> float | None:
    """The figure, None where it does not exist."""
    return value if math.isfinite(value) else None
