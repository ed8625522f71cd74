"""Are the probabilities of buying within so many days any good, and do they mean what they say?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regard.errors import ModelError, RegardError
from regard.evaluation.intervals import Estimate, draws, percentile_interval
from regard.evaluation.verdict import Verdict, judge
from regard.metrics import probability as metrics
from regard.metrics.logistic import chance, fit_logistic
from regard.sequences.log import DAY, Log
from regard.sequences.view import View

HEADLINE = "log_loss"
"""The metric that decides: the one a probability can only win by being honest."""

_CURVES: dict[str, Callable[..., float]] = {
    "auroc": metrics.auroc,
    "average_precision": metrics.average_precision,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "ece": metrics.expected_calibration_error,
}


class Propensities(Protocol):
    """Gives probabilities of a target event within horizons."""

    def propensity(
        self, queries: Log, asof: NDArray[np.int64], horizons_days: NDArray[np.float64]
    ) -> NDArray[np.floating[Any]]:
        """float [Q, K], for K horizons in days."""
        ...


@dataclass(frozen=True, kw_only=True)
class HorizonResult:
    """One horizon's table.

    Args:
        days: the horizon.
        n: customers asked about. of: customers with a target event before the cut, from whom they were drawn.
        positives: those asked about who have a target event within the horizon too.
        model: metric -> estimate; precision, recall and F1 at `threshold`. baselines: name -> metric -> estimate.
        verdict: by log loss, lower is better. reliability: of the model.
    """

    days: int
    n: int
    of: int
    positives: int
    threshold: float
    model: dict[str, Estimate]
    baselines: dict[str, dict[str, Estimate]]
    verdict: Verdict
    reliability: metrics.Reliability

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """days, n, of, positives, threshold, model, baselines, verdict, reliability."""
        table = self.reliability
        return {
            "days": self.days,
            "n": self.n,
            "of": self.of,
            "positives": self.positives,
            "threshold": self.threshold,
            "model": {name: value.to_json() for name, value in self.model.items()},
            "baselines": {
                name: {metric: value.to_json() for metric, value in found.items()}
                for name, found in self.baselines.items()
            },
            "verdict": self.verdict.to_json(language),
            "reliability": {
                "predicted": table.predicted.tolist(),
                "happened": table.happened.tolist(),
                "count": table.count.tolist(),
            },
        }


def evaluate_propensity(
    log: Log,
    view: View,
    model: Propensities,
    horizons_days: Sequence[int],
    *,
    customers: int | None = None,
    threshold: float = 0.5,
    seed: int = 0,
) -> tuple[HorizonResult, ...]:
    """Compare probabilities given at the cut with what happened after it.

    Asked about are the customers with a target event before the cut. Baselines learn from the view alone, one horizon
    before the cut, so that their labels end at it: `base_rate` is the share who bought, `recency` a logistic curve over
    the days since the last target event.

    Args:
        log: the full log, from which answers are read. view: what fitting saw; its cut is when the question is asked.
        model: fitted on the view. horizons_days: K horizons; those that reach beyond the log's end are left out.
        customers: how many are drawn at random and asked about; None = all.
        threshold: from which probability a customer counts as called. seed: of the draw and of the bootstrap.

    Raises:
        RegardError: the view has no cut.
        ModelError: the model gives something else than probabilities.
    """
    if view.cut is None or log.clock != "clock":
        raise RegardError("probabilities over days need events with a clock", hint="use a time split")
    known = [days for days in horizons_days if log.events and view.cut + days * DAY <= int(log.time.max()) + DAY]
    last = last_target(view, view.cut)
    everybody = np.flatnonzero(last > _NEVER)
    if not len(everybody) or not known:
        return ()
    asked = np.sort(np.random.default_rng(seed).permutation(everybody)[:customers])
    queries, asof = view.log.take(asked), np.full(len(asked), view.cut, dtype=np.int64)
    given = np.asarray(model.propensity(queries, asof, np.array(known, dtype=np.float64)), dtype=np.float64)
    if given.shape != (len(asked), len(known)) or not np.all((given >= 0) & (given <= 1)):
        raise ModelError(
            "the model's propensities are not one probability per customer and horizon", hint="train again"
        )
    people = log.customers.codes(queries.customers.ids.to_pylist())
    found = []
    for column, days in enumerate(known):
        labels = happened(log, view.target, view.cut, days)[people]
        simple = _baselines(view, last[asked], days)
        found.append(
            _compare(days, labels, given[:, column], simple, of=len(everybody), threshold=threshold, seed=seed)
        )
    return tuple(found)


_NEVER = int(np.iinfo(np.int64).min)


def last_target(view: View, before: int) -> NDArray[np.int64]:
    """int64 [B], seconds of each customer's last target event before `before`; the least int64 where there is none."""
    log = view.log
    rows = np.flatnonzero(view.targets & (log.time < before))
    last = np.full(len(log), _NEVER, dtype=np.int64)
    np.maximum.at(last, log.owner[rows], log.time[rows])
    return last


def happened(log: Log, target: tuple[str, ...], start: int, days: int) -> NDArray[np.bool_]:
    """bool [B]: has the customer a target event on merchandise from `start` (seconds) on, within so many days?"""
    wanted = log.is_behaviour(target) & np.append(log.merchandise, False)[log.item]
    within = wanted & (log.time >= start) & (log.time < start + days * DAY)
    return np.bincount(log.owner[within], minlength=len(log)) > 0


def _baselines(view: View, last: NDArray[np.int64], days: int) -> dict[str, NDArray[np.float64]]:
    """Probabilities at the cut learned one horizon earlier; none where the view is shorter than that."""
    assert view.cut is not None
    earlier = view.cut - days * DAY
    before = last_target(view, earlier)
    taught = before > _NEVER
    if not taught.any():
        return {}
    labels = happened(view.log, view.target, earlier, days)[taught].astype(np.float64)
    weights = fit_logistic(_recency(earlier, before[taught]), labels)
    return {
        "base_rate": np.full(len(last), labels.mean()),
        "recency": chance(_recency(view.cut, last), weights),
    }


def _recency(now: int, last: NDArray[np.int64]) -> NDArray[np.float64]:
    days = np.log1p((now - last) / DAY)
    return np.stack([np.ones(len(days)), days, days**2], axis=1)


def _compare(
    days: int,
    labels: NDArray[np.bool_],
    given: NDArray[np.float64],
    simple: dict[str, NDArray[np.float64]],
    *,
    of: int,
    threshold: float,
    seed: int,
) -> HorizonResult:
    everyone = {"": given, **simple}
    again = {name: np.empty((len(_CURVES), 0)) for name in everyone}
    for block in draws(len(labels), seed=seed):
        for name, chances in everyone.items():
            order = np.argsort(chances, kind="stable")  # every metric sorts by chance, and sorting the sorted is quick
            hits, rising, drawn = labels[order], chances[order], block[:, order]
            values = [[curve(hits, rising, weight) for weight in drawn] for curve in _CURVES.values()]
            again[name] = np.concatenate([again[name], values], axis=1)
    tables = {}
    for name, chances in everyone.items():
        table = {
            metric: _estimate(curve(labels, chances), again[name][row], len(labels))
            for row, (metric, curve) in enumerate(_CURVES.items())
        }
        called = metrics.precision_recall_f1(labels, chances, threshold=threshold)
        for metric, value in zip(("precision", "recall", "f1"), called, strict=True):
            table[metric] = Estimate(mean=value, interval=None, n=len(labels))
        tables[name] = table
    best = min(simple, key=lambda name: tables[name][HEADLINE].mean, default=None)
    difference = {}
    if best is not None:
        for row, metric in enumerate(_CURVES):
            change = tables[""][metric].mean - tables[best][metric].mean
            difference[metric] = _estimate(change, again[""][row] - again[best][row], len(labels))
    model = tables.pop("")
    return HorizonResult(
        days=days,
        n=len(labels),
        of=of,
        positives=int(labels.sum()),
        threshold=threshold,
        model=model,
        baselines=tables,
        verdict=judge(
            HEADLINE,
            model[HEADLINE],
            best,
            None if best is None else tables[best][HEADLINE],
            difference,
            len(labels),
            lower_is_better=True,
        ),
        reliability=metrics.reliability(labels, given),
    )


def _estimate(value: float, resampled: NDArray[np.float64], n: int) -> Estimate:
    return Estimate(mean=value, interval=percentile_interval(resampled) if n > 1 else None, n=n)
