"""How good answers about customer value are: every method over the same customers, with intervals, each beside the best one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.value_baselines import Row
from benchmarks.value_task import Outcome
from regard.evaluation.intervals import Estimate, draws, percentile_interval
from regard.metrics import auroc, expected_calibration_error
from regard.metrics.value import decile_mapes, normalised_ginis, spearmans, total_biases

Floats = NDArray[np.float64]
METRICS = ("gini", "decile_mape", "churn_auroc", "ece", "bias", "spearman")

LOSSES: dict[str, Callable[[Floats], Floats]] = {"decile_mape": np.asarray, "ece": np.asarray, "bias": np.abs}
"""Metrics of which less is better, and what of them is less: of bias the size."""


def compare(actual: Outcome, rows: Sequence[Row], *, seed: int = 0) -> dict[str, Any]:
    """metrics, baselines, best and differences; rows named 'model' are one model from several seeds, averaged.

    A difference is a method's figure less that of the best baseline of that column, of bias in size, both over the same draws;
    the best baseline itself has none.

    Args:
        actual: what Q customers did. rows: of the methods, each of Q customers. seed: of the bootstrap.
    """
    points = figures(actual, rows, np.ones((1, len(actual.spend))))[..., 0]
    again = np.concatenate([figures(actual, rows, block) for block in draws(len(actual.spend), seed=seed)], axis=2)
    names = list(dict.fromkeys(row.name for row in rows))
    runs = {name: [n for n, row in enumerate(rows) if row.name == name] for name in names}
    found: dict[str, Any] = {name: {} for name in names}
    best: dict[str, str] = {}
    differences: dict[str, Any] = {name: {} for name in names}
    for column, metric in enumerate(METRICS):
        point = {name: float(points[runs[name], column].mean()) for name in names}
        drawn = {name: again[runs[name], column].mean(axis=0) for name in names}
        for name in names:
            spread = points[runs[name], column]
            sd = float(np.std(spread, ddof=1)) if len(spread) > 1 else None
            found[name][metric] = _told(point[name], drawn[name], len(actual.spend), sd)
        loss = {name: _loss(metric, np.array(point[name])) for name in names if name != "model"}
        known = [name for name in loss if not np.isnan(loss[name])]
        if not known:
            continue
        best[metric] = first = min(known, key=lambda name: float(loss[name]))
        size = LOSSES.get(metric, np.asarray)
        for name in names:
            if name != first and not np.isnan(point[name]):
                change = float(size(np.array(point[name])) - size(np.array(point[first])))
                differences[name][metric] = _told(
                    change, size(drawn[name]) - size(drawn[first]), len(actual.spend), None
                )
    return {
        "metrics": found.pop("model", {}),
        "baselines": found,
        "best_baseline": best,
        "differences": differences,
    }


def table(result: dict[str, Any]) -> str:
    """The result in words."""
    split = result["split"]
    lines = [
        f"{split['customers']:,} customers, {split['calibration_days']} days before {split['cut']}, "
        f"{split['holdout_days']} days after, hash {split['hash']}",
        "",
        f"{'':26s}" + "".join(f"{metric:>13s}" for metric in METRICS),
    ]
    rows = {**({"model": result["metrics"]} if result["metrics"] else {}), **result["baselines"]}
    for name, metrics in rows.items():
        cells = (metrics[metric]["mean"] for metric in METRICS)
        lines.append(
            f"{name:26s}" + "".join(f"{'' if value is None else format(value, '.4f'):>13s}" for value in cells)
        )
    for metric, change in result["differences"].get("model", {}).items():
        low, high = change["interval"] or (float("nan"),) * 2
        lines.append(
            f"model less {result['best_baseline'][metric]}, {metric}: {change['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"
        )
    return "\n".join(lines)


def figures(actual: Outcome, rows: Sequence[Row], weights: Floats) -> Floats:
    """float64 [rows, METRICS, R], each method's figures for each row of `weights` float64 [R, Q]; NaN for what it does not answer."""
    found = np.full((len(rows), len(METRICS), len(weights)), np.nan)
    for row, told in zip(rows, found, strict=True):
        told[METRICS.index("gini")] = normalised_ginis(actual.spend, row.spend, weights)
        told[METRICS.index("spearman")] = spearmans(actual.spend, row.spend, weights)
        if row.in_money:
            told[METRICS.index("decile_mape")] = decile_mapes(actual.spend, row.spend, weights)
            told[METRICS.index("bias")] = total_biases(actual.spend, row.spend, weights)
        told[METRICS.index("churn_auroc")] = _each(auroc, actual.returned, row.returns, weights)
        if row.churn is not None:
            told[METRICS.index("ece")] = _each(expected_calibration_error, ~actual.returned, row.churn, weights)
    return found


def _each(measure: Callable[..., float], labels: NDArray[np.bool_], scores: Floats, weights: Floats) -> list[float]:
    order = np.argsort(scores, kind="stable")  # sorting the sorted is quick
    hits, rising, drawn = labels[order], scores[order], weights[:, order]
    return [measure(hits, rising, weight) for weight in drawn]


def _loss(metric: str, value: Floats) -> Floats:
    return LOSSES[metric](value) if metric in LOSSES else -value


def _told(value: float, drawn: Floats, n: int, sd: float | None) -> dict[str, Any]:
    interval = percentile_interval(drawn) if n > 1 and not np.isnan(value) else None
    return Estimate(mean=value, interval=interval, n=n, sd=sd).to_json()
