"""The trained model's answers of customer value: the horizon head, with the encoder's states where they are asked for and pay."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from benchmarks.value_baselines import Row
from benchmarks.value_task import Task
from regard.errors import RegardError
from regard.model.runtime.facts import States
from regard.model.runtime.horizon import HorizonModel, Outlook
from regard.model.runtime.runtime import load
from regard.sequences.split import midnight, view_until
from regard.sequences.view import View
from regard.training.horizon import Rehearsal, fit_horizon


def model(task: Task, *, seed: int = 0, encoder_seconds: float = 0.0) -> tuple[Row, Outlook, HorizonModel]:
    """The model's row, the whole outlook over the holdout, and the model.

    Args:
        task: the question. seed: of everything drawn.
        encoder_seconds: budget of an encoder of the view, and again of one of its past on which is judged whether states pay; 0 =
            aggregates alone.
    """
    states, rehearsal = None, None
    if encoder_seconds:
        cut = midnight(task.cut, task.view.log.time_zone, days=-min(task.holdout_days, task.calibration_days // 2))
        past = view_until(task.view.log, cut, target=task.view.target)
        states = _encoder(task.view, seed, encoder_seconds)
        rehearsal = Rehearsal(cut=cut, states=_encoder(past, seed, encoder_seconds))
    found = fit_horizon(task.view, horizon_days=task.holdout_days, states=states, rehearsal=rehearsal, seed=seed)
    told = found.predict(task.queries, task.asof, np.array([task.holdout_days]))
    row = Row(
        name="model", spend=told.spend[:, 0], returns=told.p_order[:, 0], churn=1 - told.p_order[:, 0], in_money=True
    )
    return row, told, found


def models(task: Task, *, seeds: int, encoder_seconds: float) -> tuple[list[Row], list[dict[str, Any]], list[str]]:
    """(the model's row by seed, what each model says of itself, why there is none)."""
    try:
        found = [model(task, seed=seed, encoder_seconds=encoder_seconds) for seed in range(seeds)]
    except RegardError as error:
        return [], [], [f"model: {error}"]
    return [row for row, _, _ in found], [facts(fitted) for _, _, fitted in found], []


def facts(found: HorizonModel) -> dict[str, Any]:
    """What the model says of itself: which head answers what, and what its rehearsal found."""
    return {"answers": found.answers, "rehearsal": dict(found.report)}


def _encoder(view: View, seed: int, seconds: float) -> States:
    """States of an encoder of this view."""
    from regard.training import fit

    with tempfile.TemporaryDirectory() as folder:
        fit(view, folder=folder, budget_seconds=seconds, seed=seed)
        runtime = load(folder)
    log = view.log

    def states(queries: Any, asof: Any) -> Any:
        return runtime.states(queries.like(log), asof)

    return states
