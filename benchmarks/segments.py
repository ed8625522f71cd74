"""Segments of a workspace: how stable its clusters are, and who stays in hers when the model is refitted a week later.

    python -m benchmarks.segments SHOP --seeds 3 --json benchmarks/results/segments.json

The recipe of the workspace's current model (its steps) is fitted on what lies before the last week and on everything,
each seed anew; customers who consent are clustered at the first moment and found again at the second. Jaccard is on
bootstrap draws that chose nothing. Beside it stand the plain ways: clustering anew each week and matching by overlap,
and the same clusters of recency, frequency and money instead of the encoder's states.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

import regard
from benchmarks.machine import hardware
from regard.customers.segments import People, Segments, cluster, found, refit
from regard.customers.segments.clusters import jaccard
from regard.errors import ModelError
from regard.evaluation.intervals import estimate
from regard.events.engine import cache_of
from regard.insight.ranker import Ranker
from regard.model.artefact import FORMAT
from regard.model.runtime import load
from regard.sequences.aggregates import Aggregates, aggregate
from regard.sequences.log import Log
from regard.sequences.split import midnight, view_until
from regard.training import fit
from regard.workspace.data import Data

METHODS = ("states", "states, clustered anew", "recency, frequency, money")


def main() -> None:
    """Fit, cluster, refit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", help="a workspace with a trained model")
    parser.add_argument("--days", type=int, default=7, help="between the two fits")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each fit")
    parser.add_argument("--cuts", type=int, default=1, help="pairs of fits, each a week earlier")
    parser.add_argument("--steps", type=int, help="of each training; the current model's where not given")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    shop = _Shop(wish.shop, wish.steps)
    runs = []
    for cut in range(wish.cuts):
        for seed in range(wish.seeds):
            runs.append({"cut": cut, "seed": seed, **_run(shop, cut * wish.days, wish.days, seed)})
            print(json.dumps({name: told.short for name, told in runs[-1]["methods"].items()}), flush=True)
    result = {
        "methods": {name: together([(run["cut"], run["methods"][name]) for run in runs]) for name in METHODS},
        "runs": [{key: run[key] for key in ("cut", "seed", "customers", "unchanged", "renewed")} for run in runs],
        "days": wish.days, "steps": shop.steps, "hardware": hardware(),
        "command": f"python -m benchmarks.segments SHOP --days {wish.days} --seeds {wish.seeds} --cuts {wish.cuts}"
        + (f" --steps {wish.steps}" if wish.steps else ""),
    }  # fmt: skip
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["methods"], indent=1))


class _Shop:
    """The workspace's events, and models of its recipe on what was known at a time; kept in its cache once fitted."""

    def __init__(self, folder: str, steps: int | None) -> None:
        shop = regard.open(folder)
        self._data = Data(shop.store)
        self._cache = cache_of(shop.folder) / "segments"
        self.log = self._data.people()
        models = shop.models.all()
        if not models and steps is None:
            raise ModelError("the workspace has no model", hint=f"regard train {folder}, or give --steps")
        self.steps = int(steps or json.loads((models[0].folder / "metrics.json").read_text())["steps"])

    def end(self, days: int) -> int:
        """Seconds: the midnight that ends the log, so many days earlier."""
        return midnight(int(self.log.time.max()), self.log.time_zone, 1 - days)

    def people(self, cut: int, seed: int) -> tuple[People, People, Log]:
        """Customers known at a time, by the states of a model of that time and by their purchases; and their events."""
        model = load(self._fitted(cut, seed))
        log = self.log.where(self.log.time < cut)
        log = log.take(np.flatnonzero(log.lengths))
        ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=model.name)
        asof = np.full(len(log), cut, dtype=np.int64)
        states = model.states(ranker.aligned(log), asof)
        plain = _rfm(aggregate(log, asof, target=self._data.target(log)))
        return People.of(log.customers, states=states), People.of(log.customers, states=plain), log

    def _fitted(self, cut: int, seed: int) -> Path:
        folder = self._cache / f"{FORMAT}-{self._data.version}-{cut}-{self.steps}-{seed}"
        if not (folder / "complete").exists():
            folder.mkdir(parents=True, exist_ok=True)
            view = view_until(self.log, cut, target=self._data.target(self.log), content_of=self._data.content)
            fit(view, folder=folder, steps=self.steps, seed=seed, resume=True)
            (folder / "complete").touch()
        return folder


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """One pair of fits.

    Args:
        jaccard: float64 [S], of the offered clusters. stayed: float64 [Q], whether each unchanged customer did.
        share: of the customers, who are in a cluster that is offered.
    """

    jaccard: NDArray[np.float64]
    stayed: NDArray[np.float64]
    share: float

    @property
    def short(self) -> dict[str, Any]:
        """What is told while others are still to come."""
        mean = float(self.jaccard.mean()) if len(self.jaccard) else None
        return {"offered": len(self.jaccard), "jaccard": mean, "stayed": float(self.stayed.mean())}


def _run(shop: _Shop, back: int, days: int, seed: int) -> dict[str, Any]:
    """One pair of fits."""
    (first, rfm, log), (second, rfm_later, log_later) = (shop.people(shop.end(back + gap), seed) for gap in (days, 0))
    before = log.customers.codes(log_later.customers.ids.to_pylist())
    same = (before >= 0) & (np.append(log.lengths, -1)[before] == log_later.lengths)
    fresh, segments = cluster(second.states), found(first)
    again = refit(segments, second, unchanged=same)
    plain = found(rfm)
    plainly = refit(plain, rfm_later, unchanged=same)
    was = np.where(before >= 0, segments.label[before], -1)[same]
    outcomes = (
        _outcome(segments, _stays(segments, again.segments, second, same)),
        _outcome(segments, _matched(was, fresh.label[same], len(segments), fresh.offered)),
        _outcome(plain, _stays(plain, plainly.segments, rfm_later, same)),
    )
    return {
        "customers": len(second), "unchanged": int(same.sum()), "renewed": again.renewed,
        "methods": dict(zip(METHODS, outcomes, strict=True)),
    }  # fmt: skip


def _outcome(segments: Segments, stayed: NDArray[np.bool_]) -> Outcome:
    share = float((segments.label >= 0).mean())
    return Outcome(jaccard=segments.stability, stayed=stayed.astype(np.float64), share=share)


def _stays(before: Segments, after: Segments, second: People, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [Q], whether the id of the segment of each unchanged customer is the same; none is a place of its own."""
    ids = second.customers.names(np.flatnonzero(same))
    return np.array([one == other for one, other in zip(before.of(ids), after.of(ids), strict=True)], dtype=bool)


def _matched(was: NDArray[np.int64], now: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.bool_]:
    """The same where both weeks are clustered on their own, and clusters matched by overlap."""
    alike = jaccard(was, now, rows, columns)
    old, new = optimize.linear_sum_assignment(-alike)
    table = np.full(rows + 1, -2)
    table[old], table[-1] = new, -1
    return np.asarray(table[was] == now)


def _rfm(table: Aggregates) -> NDArray[np.float32]:
    """Ranks of recency, frequency and money, and a one that keeps the level when they are brought to length one, [N, 4]."""
    recency, orders, money = (table.column(name) for name in ("days_since_last_order", "orders_all", "spend_all"))
    never = np.nan_to_num(recency, nan=np.inf)  # who has not ordered comes last
    ranks = [stats.rankdata(part) / len(part) - 0.5 for part in (-never, orders, np.nan_to_num(money))]
    return np.stack([*ranks, np.ones(len(recency))], axis=1).astype(np.float32)


def together(runs: list[tuple[int, Outcome]]) -> dict[str, Any]:
    """Means over runs and their spread; a customer is one value a cut, the mean over its seeds, and the interval is over these.

    Args:
        runs: cut and outcome of each; those of one cut are about the same unchanged customers.
    """
    outcomes = [outcome for _, outcome in runs]
    jaccard = [float(outcome.jaccard.mean()) for outcome in outcomes if len(outcome.jaccard)]
    each = [
        np.mean([outcome.stayed for place, outcome in runs if place == cut], axis=0)
        for cut in sorted({cut for cut, _ in runs})
    ]
    return {
        "offered": [len(outcome.jaccard) for outcome in outcomes],
        "in_offered": [outcome.share for outcome in outcomes],
        "jaccard": {"mean": float(np.mean(jaccard)) if jaccard else None, "interval": None, "n": len(jaccard)}
        | _spread(jaccard),
        "stayed": estimate(np.concatenate(each)).to_json()
        | _spread([float(outcome.stayed.mean()) for outcome in outcomes]),
        "lowest_jaccard": [float(outcome.jaccard.min()) if len(outcome.jaccard) else None for outcome in outcomes],
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"sd": float(np.std(values, ddof=1))} if len(values) > 1 else {}


if __name__ == "__main__":
    main()
