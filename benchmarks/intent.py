"""Who buys within the next days: the model beside trees on aggregates, plain counts and the encoder, on any workspace, at several cuts.

    python -m benchmarks.intent SHOP --horizon 1d --cuts 3 --seeds 3 --json OUT

At each cut the customers are divided: what is learned is learned from one half before the cut, and the other half is asked. Cuts are
whole horizons before the end of the log. Trees learn from the same half, at moments before the cut whose answers are known by then.
Twice more the model is asked about histories in which something is taken away: the order of events, and their times (the same events
in the same order, spread evenly up to the cut). Where neither costs anything, counting would have been enough. The model is the
head of what lies ahead, which gives these chances wherever there is one; the encoder, which gives them elsewhere, is trained and asked
too where it has a budget.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import regard
from benchmarks.machine import hardware
from benchmarks.value_trees import FIFTH, PATIENCE, ROUNDS, TREES
from regard.errors import InputError, RegardError
from regard.evaluation.edit import shuffle
from regard.evaluation.intervals import Estimate, draws, percentile_interval
from regard.evaluation.propensity import happened
from regard.insight.ranker import Ranker
from regard.metrics import auroc, expected_calibration_error
from regard.model.runtime import load
from regard.sequences.aggregates import aggregate
from regard.sequences.log import DAY, Log
from regard.sequences.split import ContentOf, midnight, view_until
from regard.sequences.view import View
from regard.training import fit
from regard.training.horizon import fit_horizon
from regard.workspace.data import Data

MODEL, TREE_ROW, ENCODER = "model", "trees", "encoder"
SHUFFLED, TIMELESS = "events shuffled", "times removed"
TAUGHT_AT = 6
"""Moments before a cut at most from which trees learn, a horizon apart."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One cut and one division. Args: labels: bool [Q]. rows: name -> float64 [Q], higher is likelier. chances: names that are probabilities."""

    labels: NDArray[np.bool_]
    rows: dict[str, Floats]
    chances: frozenset[str]


def main() -> None:
    """Divide, train, ask, print."""
    wish = _arguments()
    try:
        result = measured(wish)
    except RegardError as error:
        raise SystemExit(f"benchmarks.intent: {error}") from None
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def measured(wish: argparse.Namespace) -> dict[str, Any]:
    """The results file."""
    data = Data(regard.open(wish.shop).store)
    log = data.people()
    if log.clock != "clock" or log.events == 0:
        raise InputError("chances within days need events with times", hint="ingest a log with a clock")
    target, days = data.target(log), wish.horizon
    ends = [midnight(int(log.time.max()), log.time_zone, days=1 - days * (1 + back)) for back in range(wish.cuts)]
    found = []
    for cut in ends:
        for seed in range(wish.seeds):
            found.append(ask(log, target, data.content, cut, days, seed=seed, budget=wish.encoder_budget))
            print(f"cut {cut}, seed {seed}: " + _short(found[-1]), flush=True)
    return {
        "horizon_days": days,
        "cuts": [np.datetime64(cut, "s").item().isoformat() + "Z" for cut in ends],
        "asked": [len(one.labels) for one in found],
        "bought": [int(one.labels.sum()) for one in found],
        **compared(found),
        "hardware": hardware(),
        "command": f"python -m benchmarks.intent SHOP --horizon {days}d --cuts {wish.cuts} --seeds {wish.seeds}"
        + (f" --encoder-budget {wish.encoder_budget:.0f}" if wish.encoder_budget else ""),
    }


def ask(
    log: Log, target: tuple[str, ...], content: ContentOf, cut: int, days: int, *, seed: int, budget: float
) -> Asked:
    """Learn from one half of the customers before the cut, and ask about the other half.

    Args:
        log: everything; what follows the cut gives answers alone. target: behaviours. content: of items. cut: seconds.
        days: the horizon. seed: of the division and the training. budget: seconds of the encoder's training; 0 = none.
    """
    half = np.random.default_rng(seed).permutation(len(log)) % 2 == 0
    taught = log.take(np.flatnonzero(half))
    known = log.where(log.time < cut)
    others = np.flatnonzero(~half & (known.lengths > 0))
    queries, asof = known.take(others), np.full(len(others), cut, dtype=np.int64)
    labels = happened(log, target, cut, days)[others]
    view = view_until(taught.where(taught.time < cut), cut, target=target, content_of=content)
    model, ahead = fit_horizon(view, seed=seed), np.array([days], dtype=np.float64)
    changed = {MODEL: queries, SHUFFLED: shuffle(queries, seed=seed), TIMELESS: evenly(queries, cut)}
    rows = {name: model.chances(model.facts(asked, asof), ahead)[:, 0] for name, asked in changed.items()}
    if budget:
        rows[ENCODER] = _encoder(view, seed, budget)(queries, asof, ahead)[:, 0].astype(np.float64)
    table = aggregate(queries, asof, target=target)
    rows["events"] = queries.lengths.astype(np.float64)
    rows["events of the last day"] = _since(queries, cut - DAY)
    rows["recency"] = queries.time[queries.offsets[1:] - 1].astype(np.float64)
    trees = boosted(taught, target, cut, days, table.values)
    if trees is not None:
        rows[TREE_ROW] = trees
    return Asked(labels=labels, rows=rows, chances=frozenset({MODEL, TREE_ROW, ENCODER}))


def _encoder(view: View, seed: int, budget: float) -> Callable[..., NDArray[np.float32]]:
    """What gives the chances of an encoder of this view."""
    with tempfile.TemporaryDirectory() as folder:
        fit(view, folder=folder, budget_seconds=budget, seed=seed)
        model = load(folder)
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours)
    return ranker.propensity


def evenly(log: Log, cut: int) -> Log:
    """The same events in the same order, spread evenly from the log's beginning to the cut: no gap and no recency is left.

    Args:
        log: histories before the cut. cut: seconds.
    """
    begin = int(log.time.min(initial=cut))
    place = np.arange(log.events) - np.repeat(log.offsets[:-1], log.lengths)
    share = (place + 1) / (np.repeat(log.lengths, log.lengths) + 1)
    return replace(log, time=(begin + share * (cut - begin)).astype(np.int64))


def boosted(taught: Log, target: tuple[str, ...], cut: int, days: int, asked: NDArray[np.float32]) -> Floats | None:
    """float64 [Q], what trees on the aggregates say, whose number is found on a fifth of the customers; None where they cannot be had.

    Args:
        taught: customers to learn from. target, cut, days: as in `ask`. asked: float32 [Q, F], aggregates of those asked about.
    """
    try:
        lightgbm = import_module("lightgbm")
    except (ImportError, OSError):
        return None
    features, answers, people = [], [], []
    for back in range(1, TAUGHT_AT + 1):
        moment = midnight(cut, taught.time_zone, days=-days * back)
        known = taught.where(taught.time < moment)
        some = np.flatnonzero(known.lengths > 0)
        if not len(some):
            break
        when = np.full(len(some), moment, dtype=np.int64)
        features.append(aggregate(known.take(some), when, target=target).values)
        answers.append(happened(taught, target, moment, days)[some].astype(np.float64))
        people.append(some)
    if not features:
        return None
    x, y, held = np.concatenate(features), np.concatenate(answers), np.concatenate(people) % FIFTH == 0
    if y.min() == y.max() or held.all() or not held.any():
        return None
    settings = {**TREES, "objective": "binary"}
    sets = [lightgbm.Dataset(x[rows], y[rows], params=settings) for rows in (~held, held)]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    rounds = lightgbm.train(settings, sets[0], ROUNDS, valid_sets=[sets[1]], callbacks=[stop]).best_iteration
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y, params=settings), max(rounds, 1))
    return np.asarray(booster.predict(asked), dtype=np.float64)


def compared(found: Sequence[Asked], *, seed: int = 0) -> dict[str, Any]:
    """AUROC and ECE of every row, means over cuts and divisions, and AUROC of the model less every other row's, over the same draws.

    Args:
        found: one for each cut and division. seed: of the bootstrap over the customers of each.
    """
    names = [name for name in found[0].rows if all(name in one.rows for one in found)]
    points = {name: float(np.mean([auroc(one.labels, one.rows[name]) for one in found])) for name in names}
    again = {name: np.mean([_drawn(one, name, seed) for one in found], axis=0) for name in names}
    asked = sum(len(one.labels) for one in found)

    def told(value: float, drawn: Floats) -> dict[str, Any]:
        return Estimate(mean=value, interval=percentile_interval(drawn), n=asked).to_json()

    rows = {name: {"auroc": told(points[name], again[name])} for name in names}
    for name in set(names) & found[0].chances:
        errors = [expected_calibration_error(one.labels, one.rows[name]) for one in found]
        rows[name]["ece"] = Estimate(mean=float(np.mean(errors)), interval=None, n=asked).to_json()
    differences = {
        name: told(points[MODEL] - points[name], again[MODEL] - again[name]) for name in names if name != MODEL
    }
    simple = [name for name in names if name not in (MODEL, SHUFFLED, TIMELESS, ENCODER)]
    best = max(simple, key=lambda name: points[name])
    costs = {name: bool(differences[name]["interval"][0] > 0) for name in (SHUFFLED, TIMELESS)}
    return {
        "rows": rows,
        "best_baseline": best,
        "differences": differences,
        "counting_is_enough": not all(costs.values()),
    }


def _drawn(one: Asked, name: str, seed: int) -> Floats:
    """float64 [R], AUROC over each draw of the customers."""
    order = np.argsort(one.rows[name], kind="stable")
    labels, rising = one.labels[order], one.rows[name][order]
    return np.array([
        auroc(labels, rising, weight[order]) for block in draws(len(labels), seed=seed) for weight in block
    ])  # fmt: skip


def _since(queries: Log, moment: int) -> Floats:
    return np.bincount(queries.owner[queries.time >= moment], minlength=len(queries)).astype(np.float64)


def table(result: dict[str, Any]) -> str:
    """The result in words."""
    lines = []
    for name, row in result["rows"].items():
        low, high = row["auroc"]["interval"]
        ece = f"  ECE {row['ece']['mean']:.4f}" if "ece" in row else ""
        lines.append(f"{name:24s} AUROC {row['auroc']['mean']:.4f} [{low:.4f}, {high:.4f}]{ece}")
    change = result["differences"][result["best_baseline"]]
    low, high = change["interval"]
    lines.append(f"model less {result['best_baseline']}: {change['mean']:+.4f} [{low:+.4f}, {high:+.4f}]")
    for name in (SHUFFLED, TIMELESS):
        low, high = result["differences"][name]["interval"]
        lines.append(f"{name} costs {result['differences'][name]['mean']:+.4f} [{low:+.4f}, {high:+.4f}]")
    lines.append("counting would have been enough" if result["counting_is_enough"] else "order and time are used")
    return "\n".join(lines)


def _short(one: Asked) -> str:
    return ", ".join(f"{name} {auroc(one.labels, row):.4f}" for name, row in one.rows.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", help="a workspace with events; no model is needed")
    parser.add_argument("--horizon", type=_days, default=1, help="such as 1d or 7d")
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="divisions of the customers, a model each")
    parser.add_argument("--encoder-budget", type=float, default=0.0, help="seconds for an encoder, each; 0 = none")
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


def _days(word: str) -> int:
    days = int(word.removesuffix("d"))
    if days < 1:
        raise argparse.ArgumentTypeError("at least one day")
    return days


if __name__ == "__main__":
    main()
