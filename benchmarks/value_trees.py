"""Gradient-boosted trees over the aggregates: what a careful team builds today. They learn from earlier cuts inside the calibration period."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.value_baselines import Row
from benchmarks.value_task import Outcome, Task, outcome
from regard.sequences.aggregates import aggregate
from regard.sequences.log import DAY
from regard.sequences.purchases import orders_of
from regard.sequences.split import midnight

CUTS = 6
"""Earlier moments at most, each a third of a horizon before the next: more only repeat the same customers."""

LEAST = 500
"""Rows below which nothing is learned: trees would learn them by heart."""

ROUNDS = 600
"""Trees at most; how many is found on a fifth of the customers."""

PATIENCE = 40
"""Trees without gain after which no more are tried."""

FIFTH = 5

TREES: dict[str, Any] = {
    "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 50, "feature_fraction": 0.5, "bagging_fraction": 0.8,
    "bagging_freq": 1, "lambda_l2": 1.0, "seed": 0, "deterministic": True, "force_row_wise": True, "num_threads": 1,
    "verbosity": -1,
}  # fmt: skip
"""Small trees of many customers: what is there to learn is smooth."""

ANSWERS: dict[str, dict[str, Any]] = {
    "returned": {"objective": "binary"},
    "spend": {"objective": "tweedie", "tweedie_variance_power": 1.5},
}
"""Spend is mostly nothing and else skewed, which is Tweedie's distribution between Poisson and gamma."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Customers at earlier cuts: features float32 [R, F], what they did within the horizon and within its first half, customer [R]."""

    features: NDArray[np.float32]
    whole: Outcome
    half: Outcome
    customer: NDArray[np.int64]


def trees(task: Task) -> tuple[list[Row], list[str]]:
    """(the row, or none; why it is missing)."""
    try:
        import_module("lightgbm")
    except (ImportError, OSError) as error:  # OSError: the system's OpenMP library that it needs is missing
        return [], [f"trees: {error}"]
    days = horizon(task)
    table = learned_from(task, days)
    if len(table.customer) < LEAST or len(np.unique(table.whole.returned)) < 2 or not table.whole.spend.any():
        return [], [f"trees: {len(table.customer)} customers at earlier cuts, and it takes {LEAST}"]
    features = aggregate(task.queries, task.asof, target=task.view.target).values
    returned = np.clip(_answer(table, "returned", features), 1e-6, 1 - 1e-6)
    spend = np.maximum(_answer(table, "spend", features), 0)
    more = task.holdout_days / days
    late = (_hazard(table.whole.returned), _hazard(table.half.returned))
    quiet = (1 - returned) ** _longer(*late, more)
    spend = spend * _longer(float(table.whole.spend.sum()), float(table.half.spend.sum()), more)
    return [Row(name="trees", spend=spend, returns=returned, churn=quiet, in_money=True)], []


def horizon(task: Task) -> int:
    """Days: as asked, or half of the calibration period where it is shorter than twice that; then the history is as long as the horizon."""
    return min(task.holdout_days, task.calibration_days // 2)


def learned_from(task: Task, days: int) -> Table:
    """Everybody with an order at the newest cut whose answers are known, and at cuts before it."""
    log, target, zone = task.view.log, task.view.target, task.view.log.time_zone
    begin, found = int(log.time.min()), list[tuple[Any, ...]]()
    for back in range(CUTS):
        cut = midnight(task.cut, zone, days=-(days + back * max(1, days // 3)))
        if found and cut - begin < days * DAY / 2:
            break
        known = log.where(log.time < cut)
        people = np.unique(orders_of(known, target).owner)
        if not len(people):
            break
        features = aggregate(known.take(people), np.full(len(people), cut, dtype=np.int64), target=target).values
        ends = [midnight(cut, zone, days=length) for length in (days, max(1, days // 2))]
        whole, half = (outcome(log, cut, end, target) for end in ends)
        parts = [part[people] for part in (whole.returned, whole.spend, half.returned, half.spend)]
        found.append((features, *parts, people))
    if not found:
        empty = Outcome(returned=np.empty(0, bool), spend=np.empty(0))
        return Table(features=np.empty((0, 0), np.float32), whole=empty, half=empty, customer=np.empty(0, np.int64))
    features, returned, spend, soon, early, people = (np.concatenate(part) for part in zip(*found, strict=True))
    return Table(
        features=features,
        whole=Outcome(returned=returned, spend=spend),
        half=Outcome(returned=soon, spend=early),
        customer=people,
    )


def _answer(table: Table, name: str, features: NDArray[np.float32]) -> Floats:
    """float64 [Q], what trees say of `features`; their number is found on customers held back, then all teach."""
    import lightgbm

    settings, answers = {**TREES, **ANSWERS[name]}, getattr(table.whole, name).astype(np.float64)
    held = table.customer % FIFTH == 0
    if held.all() or not held.any():
        held = np.arange(len(held)) % FIFTH == 0
    taught, watched = (lightgbm.Dataset(table.features[rows], answers[rows], params=settings) for rows in (~held, held))
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    rounds = lightgbm.train(settings, taught, ROUNDS, valid_sets=[watched], callbacks=[stop]).best_iteration
    booster = lightgbm.train(settings, lightgbm.Dataset(table.features, answers, params=settings), max(rounds, 1))
    return np.asarray(booster.predict(features), dtype=np.float64)


def _hazard(returned: NDArray[np.bool_]) -> float:
    return float(-np.log1p(-min(returned.mean(), 1 - 1e-9)))


def _longer(whole: float, half: float, more: float) -> float:
    """How much more comes in a horizon `more` times as long, if it goes on growing as from the first half of this one to all of it."""
    growth = np.clip(np.log2(whole / half), 0, 1) if half > 0 and whole > 0 else 1.0
    return float(more**growth)
