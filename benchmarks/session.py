"""Whether a session that runs still brings an order: the session head beside boosted trees on the same facts, on any workspace.

    python -m benchmarks.session SHOP --seeds 3 --json OUT

Customers are divided into halves: what is learned is learned from one, and moments of the other's sessions are asked about. Half of
the moments are right after an event, the others somewhere in the silence after it. A division is a figure of its own: moments of one
customer are alike, so that an interval over moments would be too narrow.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import regard
from benchmarks.intent import MODEL, TREE_ROW, Asked
from benchmarks.machine import hardware
from benchmarks.value_trees import FIFTH, PATIENCE, ROUNDS, TREES
from regard.errors import InputError, RegardError
from regard.metrics import auroc, expected_calibration_error
from regard.sequences.log import Log
from regard.sequences.sessions import running
from regard.sequences.split import view_until
from regard.training.session import fit_session, moments
from regard.workspace.data import Data

Floats = NDArray[np.float64]


def main() -> None:
    """Divide, learn, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", help="a workspace with events; no model is needed")
    parser.add_argument("--seeds", type=int, default=3, help="divisions of the customers")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    try:
        result = measured(wish.shop, wish.seeds)
    except RegardError as error:
        raise SystemExit(f"benchmarks.session: {error}") from None
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def measured(folder: str, seeds: int) -> dict[str, Any]:
    """The results file."""
    shop = regard.open(folder)
    data = Data(shop.store)
    log = data.people()
    if log.clock != "clock" or log.events == 0:
        raise InputError("sessions need events with times", hint="ingest a log with a clock")
    found = [ask(log, data.target(log), shop.config.session_gap, seed=seed) for seed in range(seeds)]
    names = [name for name in found[0].rows if all(name in one.rows for one in found)]
    rows: dict[str, Any] = {}
    for name in names:
        rows[name] = {"auroc": [round(auroc(one.labels, one.rows[name]), 4) for one in found]}
        if name in found[0].chances:
            rows[name]["ece"] = [round(expected_calibration_error(one.labels, one.rows[name]), 4) for one in found]
    return {
        "session_gap_minutes": shop.config.session_gap,
        "asked": [len(one.labels) for one in found],
        "ordered": [int(one.labels.sum()) for one in found],
        "rows": rows,
        "hardware": hardware(),
        "command": f"python -m benchmarks.session SHOP --seeds {seeds}",
    }


def ask(log: Log, target: tuple[str, ...], gap_minutes: int, *, seed: int) -> Asked:
    """Learn from one half of the customers, and ask about moments of the other half's sessions.

    Args: log: of everybody. target: behaviours. gap_minutes: silence that ends a session. seed: of the division and the draws.
    """
    half = np.random.default_rng(seed).permutation(len(log)) % 2 == 0
    taught, others = log.take(np.flatnonzero(half)), log.take(np.flatnonzero(~half))
    rng, gap = np.random.default_rng(seed), 60 * gap_minutes
    model = fit_session(view_until(taught, None, target=target), gap_minutes=gap_minutes, seed=seed)
    rows, silence, came = moments(others, gap, target, rng)
    facts = running(others, rows, silence, target=target, gap=gap)
    told = {
        MODEL: model.told(facts), "events": facts.column("events").astype(np.float64),
        "pause": -(facts.column("pause_minutes") + facts.column("silence_minutes")).astype(np.float64),
    }  # fmt: skip
    lessons, quiet, ordered = moments(taught, gap, target, rng)
    trees = boosted(
        running(taught, lessons, quiet, target=target, gap=gap).values, ordered, taught.owner[lessons], facts.values
    )
    if trees is not None:
        told[TREE_ROW] = trees
    return Asked(labels=came, rows=told, chances=frozenset({MODEL, TREE_ROW}))


def boosted(
    facts: NDArray[np.float32], came: NDArray[np.bool_], owner: NDArray[np.int64], asked: NDArray[np.float32]
) -> Floats | None:
    """float64 [Q], what trees say, whose number is found on a fifth of the customers; None where they cannot be had.

    Args: facts: float32 [M, F]. came: bool [M]. owner: int64 [M], whose they are. asked: float32 [Q, F].
    """
    try:
        lightgbm = import_module("lightgbm")
    except (ImportError, OSError):
        return None
    held, y = owner % FIFTH == 0, came.astype(np.float64)
    settings = {**TREES, "objective": "binary"}
    sets = [lightgbm.Dataset(facts[rows], y[rows], params=settings) for rows in (~held, held)]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    rounds = lightgbm.train(settings, sets[0], ROUNDS, valid_sets=[sets[1]], callbacks=[stop]).best_iteration
    booster = lightgbm.train(settings, lightgbm.Dataset(facts, y, params=settings), max(rounds, 1))
    return np.asarray(booster.predict(asked), dtype=np.float64)


def table(result: dict[str, Any]) -> str:
    """The result in words."""
    lines = [f"{sum(result['asked']):,} moments, {sum(result['ordered']):,} with an order later in the session"]
    for name, row in result["rows"].items():
        ece = f"  ECE {np.mean(row['ece']):.4f}" if "ece" in row else ""
        lines.append(f"{name:8s} AUROC {np.mean(row['auroc']):.4f} ({min(row['auroc'])} – {max(row['auroc'])}){ece}")
    for name in (name for name in result["rows"] if name != MODEL):
        less = np.subtract(result["rows"][MODEL]["auroc"], result["rows"][name]["auroc"])
        lines.append(f"head less {name}, by division: {', '.join(f'{each:+.4f}' for each in less)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
