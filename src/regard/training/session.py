"""Fitting the session head: moments of sessions, and whether the rest of them brought an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard import metrics
from regard.errors import RegardError
from regard.metrics.logistic import fit_logistic
from regard.model.runtime.session import SessionModel
from regard.sequences.aggregates import Aggregates
from regard.sequences.log import Log
from regard.sequences.sessions import orders_later, running, session_starts
from regard.sequences.view import View

EVENTS = 1_000_000
"""Events of the histories that moments are drawn from, at most: they are sorted once, in a second."""

MOMENTS = 100_000
"""Moments drawn from all events at most: some thirty weights need no more."""

LEAST = 100
"""Moments with an order later in their session, and without, below which nothing is learned; some of either must
be among those kept aside, and among the others.
"""

ASKED = 5
"""Of so many customers one is kept aside to judge by."""

RIDGE = 1.0
"""Pull to 0 in moments: what a handful of them say is not believed."""

STILL = 1e-6
"""Standard deviation below which a column says nothing."""


def fit_session(view: View, *, gap_minutes: int, seed: int = 0) -> SessionModel:
    """Learn the chance that a running session still brings an order; judged on a fifth of the customers, then fitted to all.

    Args:
        view: all that may be seen, with a clock. gap_minutes: silence that ends a session. seed: of the moments drawn.

    Raises:
        RegardError: there is no clock, or too few sessions go on after an event to an order.
    """
    gap, rng = 60 * gap_minutes, np.random.default_rng(seed)
    if view.log.clock != "clock":
        raise RegardError("sessions need events with times", hint="this log has only an order of events")
    log = _some(view.log, rng)
    rows, silence, came = moments(log, gap, view.target, rng)
    aside = log.owner[rows] % ASKED == 0
    alone = any(not came[part].any() or came[part].all() for part in (aside, ~aside))
    if alone or min(came.sum(), (~came).sum()) < LEAST:
        raise RegardError(
            "too few sessions go on to an order: nothing can be said of one that runs",
            hint="ingest views and carts with times beside the orders",
        )
    table = running(log, rows, silence, target=view.target, gap=gap)
    judged = _fit(_rows(table, ~aside), came[~aside], view.target, gap, {})
    report = _report(judged.told(_rows(table, aside)), _rows(table, aside), came[aside], float(came[~aside].mean()))
    return _fit(table, came, view.target, gap, report)


def moments(
    log: Log, gap: int, target: tuple[str, ...], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Moments of sessions that run: (int64 [M] events after which they are, int64 [M] seconds of silence since, bool [M] whether
    the session still brought an order).

    Args: log: with a clock. gap: seconds of silence that end a session. target: behaviours that count as buying. rng: draws them.
    """
    later = orders_later(log, session_starts(log, gap), target)
    # Who asks knows all of a second, and of a log of days all of a day: no moment lies within one.
    last = np.append((np.diff(log.time) != 0) | (np.diff(log.owner) != 0), True)[: log.events]
    rows = np.flatnonzero(last)
    rows = np.sort(rng.choice(rows, min(MOMENTS, len(rows)), replace=False))
    rows, silence = _silent(log, rows, gap, rng)
    return rows, silence, later[rows]


def _some(log: Log, rng: np.random.Generator) -> Log:
    """The histories of so many customers, drawn, that they hold EVENTS at most."""
    if log.events <= EVENTS:
        return log
    drawn = rng.permutation(len(log))
    return log.take(np.sort(drawn[: max(1, int(np.searchsorted(np.cumsum(log.lengths[drawn]), EVENTS)))]))


def _silent(
    log: Log, rows: NDArray[np.int64], gap: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the rows after which nothing came for the silence drawn, that silence in seconds): every other one is asked about at once,
    the rest at any moment until the session would be over.
    """
    silence = np.where(rng.random(len(rows)) < 0.5, 0, rng.integers(0, gap + 1, len(rows)))
    ends = log.offsets[log.owner[rows] + 1] - 1
    following = log.time[np.minimum(rows + 1, log.events - 1)]
    still = (rows == ends) | (following > log.time[rows] + silence)
    return rows[still], silence[still]


def _fit(
    table: Aggregates, came: NDArray[np.bool_], target: tuple[str, ...], gap: int, report: dict[str, Any]
) -> SessionModel:
    columns = tuple(name for name in table.names if not np.isnan(table.column(name)).all())
    flagged = tuple(name for name in columns if np.isnan(table.column(name)).any())
    raw = SessionModel.raw(table, columns, flagged)
    scale = np.nanstd(raw, axis=0)
    told = SessionModel(
        columns=columns, flagged=flagged, center=np.nanmean(raw, axis=0),
        scale=np.where(scale > STILL, scale, 1.0), weights=np.zeros(1 + raw.shape[1]), gap=gap, target=target, report=report,
    )  # fmt: skip
    weights = fit_logistic(told.inputs(table), came.astype(np.float64), ridge=RIDGE)
    return SessionModel(**{**vars(told), "weights": weights})


def _report(told: NDArray[np.float64], table: Aggregates, came: NDArray[np.bool_], rate: float) -> dict[str, Any]:
    """How good the chances of moments are that nothing was learned from, beside the rate of all and two plain counts."""
    plain = {"events": table.column("events"), "pause": -table.column("pause_minutes")}
    return {
        "moments": len(came),
        "rate": rate,
        "auroc": metrics.auroc(came, told),
        "ece": metrics.expected_calibration_error(came, told),
        "log_loss": metrics.log_loss(came, told),
        "baselines": {
            "base_rate": {"log_loss": metrics.log_loss(came, np.full(len(came), rate))},
            **{name: {"auroc": metrics.auroc(came, np.nan_to_num(value))} for name, value in plain.items()},
        },
    }


def _rows(table: Aggregates, rows: NDArray[np.bool_]) -> Aggregates:
    return Aggregates(names=table.names, values=table.values[rows])
