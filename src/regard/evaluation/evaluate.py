"""The table: the model beside every baseline on the same customers, with intervals, and what it means in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.evaluation.faithfulness import Faithfulness
from regard.evaluation.intervals import Estimate, estimates
from regard.evaluation.measure import Measured, measure
from regard.evaluation.propensity import HorizonResult
from regard.evaluation.robustness import Disturbed
from regard.evaluation.scorer import Scorer
from regard.evaluation.slices import Slice, slice_up
from regard.evaluation.verdict import Verdict, judge
from regard.metrics import ranking
from regard.progress import Progress, Silent
from regard.sequences.view import Split

Metrics = dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `evaluate` found; `to_json` is the shape of schemas/evaluate.json.

    Args:
        split: kind, cut, days, mask, hash and number of customers.
        model: metric -> estimate. baselines: name -> metric -> estimate.
        verdict: against the best baseline. slices: worst first.
        robustness, faithfulness, propensity: what was looked at beyond the table, each on its own sample; may be empty.
    """

    split: Mapping[str, Any]
    model: Metrics
    baselines: Mapping[str, Metrics]
    verdict: Verdict
    slices: tuple[Slice, ...]
    robustness: tuple[Disturbed, ...] = ()
    faithfulness: tuple[Faithfulness, ...] = ()
    propensity: tuple[HorizonResult, ...] = ()

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """One JSON object; `language` ('en' or 'zh') is that of the words."""
        return {
            "split": dict(self.split),
            "model": _plain(self.model),
            "baselines": {name: _plain(metrics) for name, metrics in self.baselines.items()},
            "verdict": self.verdict.to_json(language),
            "slices": [found.to_json(language) for found in self.slices],
            "robustness": [found.to_json() for found in self.robustness],
            "faithfulness": [found.to_json() for found in self.faithfulness],
            "propensity": [found.to_json(language) for found in self.propensity],
        }


def evaluate(
    split: Split,
    model: Scorer | Sequence[Scorer],
    baselines: Sequence[Scorer] = (),
    *,
    k: int = 10,
    mask: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask the model and the baselines the same questions; customers are scored in blocks.

    Args:
        split: questions and answers. model: fitted on split.view; several are the same model from several seeds, whose
            values are averaged per customer and whose spread becomes `sd`.
        baselines: fitted on split.view too (see `baselines.fit_all`).
        k: length of the list. mask: 'none', 'target' or 'seen'; None = the split's own.
        seed: of the bootstrap. progress: told after each scorer.

    Raises:
        UsageError: no model, k below 1, an unknown mask, or two baselines of one name.
        ModelError: a scorer's table has another shape than customers x items.
    """
    models = [model] if not isinstance(model, Sequence) else list(model)
    names = [baseline.name for baseline in baselines]
    if not models or k < 1 or len(set(names)) < len(names):
        raise UsageError("evaluate needs a model, k of at least 1 and baselines of different names")
    progress = progress or Silent()
    progress.start("evaluate", total=len(models) + len(names))
    measured = []
    for scorer in (*models, *baselines):
        measured.append(measure(split, scorer, k=k, mask=mask))
        progress.advance(note=scorer.name)
    progress.finish()
    return assemble(split, measured[: len(models)], measured[len(models) :], mask=mask, seed=seed)


def assemble(
    split: Split, models: Sequence[Measured], baselines: Sequence[Measured], *, mask: str | None = None, seed: int = 0
) -> Evaluation:
    """The table from what was measured; one bootstrap draws for all columns, so that every difference is paired."""
    metrics, k = list(models[0].metrics), models[0].k
    headline = metrics[0]
    ours = {metric: np.mean([run.metrics[metric] for run in models], axis=0) for metric in metrics}
    best = max(baselines, key=lambda one: _mean(one.metrics[headline]), default=None)
    columns = [list(ours.values()), *(list(one.metrics.values()) for one in baselines)]
    if best is not None:
        columns.append([ours[metric] - best.metrics[metric] for metric in metrics])
    found = estimates(np.stack([values for group in columns for values in group], axis=1), seed=seed)
    groups = [
        dict(zip(metrics, found[at : at + len(metrics)], strict=True)) for at in range(0, len(found), len(metrics))
    ]
    groups[0] = {
        metric: _with_spread(value, [run.metrics[metric] for run in models]) for metric, value in groups[0].items()
    }
    tables = dict(zip((one.name for one in baselines), groups[1:], strict=False))
    for table, runs in ((groups[0], models), *((tables[one.name], [one]) for one in baselines)):
        shares = [ranking.coverage(run.top, split.view.log.merchandise) for run in runs]
        spread = float(np.std(shares, ddof=1)) if len(shares) > 1 else None
        table[f"coverage_at_{k}"] = Estimate(mean=float(np.mean(shares)), interval=None, n=len(split), sd=spread)
    verdict = judge(
        headline,
        groups[0][headline],
        None if best is None else best.name,
        None if best is None else tables[best.name][headline],
        {} if best is None else groups[-1],
        len(split),
    )
    return Evaluation(
        split=describe(split, mask),
        model=groups[0],
        baselines=tables,
        verdict=verdict,
        slices=slice_up(split, models[0], best, seed=seed),
    )


def describe(split: Split, mask: str | None = None) -> dict[str, Any]:
    """kind, cut (ISO 8601, UTC), days, mask, hash, customers."""
    cut = split.view.cut
    return {
        "kind": split.kind,
        "cut": None if cut is None else datetime.fromtimestamp(cut, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days": split.days,
        "mask": mask or split.mask,
        "hash": split.hash,
        "customers": len(split),
    }


def _with_spread(value: Estimate, runs: Sequence[NDArray[np.float64]]) -> Estimate:
    if len(runs) < 2:
        return value
    means = [_mean(run) for run in runs]
    return Estimate(mean=value.mean, interval=value.interval, n=value.n, sd=float(np.std(means, ddof=1)))


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _plain(metrics: Metrics) -> dict[str, Any]:
    return {name: value.to_json() for name, value in metrics.items()}
