"""How good the peers are: the model, every baseline and other people's libraries on one split, in one table.

    python -m benchmarks.versus sequences.txt --format sequences --peers-python peers/bin/python --peers sasrec,bert4rec,ease,als \\
        --seeds 3 --budget 7200 --json OUT

Every peer learns from the split's training view alone and chooses its epochs, or its setting, by NDCG@10 on the same customers as
our model; a round is one epoch, or one setting. Its ranks are measured as ours are. With a time split it is then fitted anew on the
whole view, with what was chosen. The result is written after each peer. How the peers' Python is made: see `benchmarks.versus`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import next_item, task
from benchmarks.machine import hardware
from benchmarks.versus import inputs
from benchmarks.versus.course import PATIENCE, Course
from benchmarks.versus.process import Worker, pose
from benchmarks.versus.recipes import PEERS
from regard.errors import RegardError
from regard.evaluation.baselines import fit_all, standard
from regard.evaluation.evaluate import assemble
from regard.evaluation.intervals import estimates
from regard.evaluation.measure import Measured, measure
from regard.sequences.view import Split

COMPARED = ("ndcg_at_10", "hr_at_10")
"""Metrics whose paired difference to each peer is told."""


def main() -> None:
    """Read, split, train ours and the peers, measure, print."""
    parser = inputs.parser(__doc__)
    parser.add_argument("--peers", type=inputs.peers, default=list(PEERS), help="comma-separated; all by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=3_600.0, help="seconds to choose in, per peer and seed")
    parser.add_argument("--our-budget", type=float, default=300.0, help="seconds of our training, per seed")
    wish = parser.parse_args()
    try:
        print(next_item.table(_run(wish)))
    except RegardError as error:
        raise SystemExit(f"benchmarks.versus: {error}") from None


def _run(wish: argparse.Namespace) -> dict[str, Any]:
    test, validation, chosen = inputs.splits(wish)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pose(chosen).save(folder / "choose.npz")
        pose(test).save(folder / "test.npz")
        for peer in wish.peers:  # what cannot run is told before anything is trained
            with Worker(wish.peers_python, folder, "choose", peer, seed=0, length=wish.length):
                pass
        ours, seconds = [], []
        for seed in range(wish.seeds):
            held = validation if test.kind == "leave-one-out" else None
            model, _, took = next_item.train(test, held, seed, wish.our_budget)
            ours.append(measure(test, model))
            seconds.append(took)
        baselines = [measure(test, one) for one in fit_all(standard(test.view), test.view, validation)]
        peers: dict[str, list[Measured]] = {}
        facts: dict[str, dict[str, Any]] = {}
        for peer in wish.peers:
            recipe = PEERS[peer]
            found = [
                _train_peer(wish, folder, peer, seed, test, chosen)
                for seed in range(wish.seeds if recipe.random else 1)
            ]
            peers[recipe.name] = [answers for answers, _ in found]
            facts[recipe.name] = {"title": recipe.title, "runs": [told for _, told in found]}
            result = table(test, ours, peers, baselines) | {
                "peers": facts,
                "train_seconds": round(float(np.mean(seconds)), 1),
                "settings": {"length": wish.length, "seeds": wish.seeds, "budget": wish.budget, "patience": PATIENCE},
                "command": task.command("benchmarks.versus"),
                "hardware": hardware(),
            }
            if wish.json:
                Path(wish.json).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return result


def _train_peer(
    wish: argparse.Namespace, folder: Path, peer: str, seed: int, test: Split, chosen: Split
) -> tuple[Measured, dict[str, Any]]:
    """Choose by `chosen`, answer the test, and tell how it went."""
    recipe = PEERS[peer]

    def start(part: str) -> Worker:
        return Worker(wish.peers_python, folder, part, peer, seed=seed, length=wish.length, chosen=chosen)

    with start("choose") as worker:
        patience = None if recipe.choices else PATIENCE
        course = Course(worker, rounds=recipe.rounds, patience=patience, budget=wish.budget)
        while course.stopped is None:
            if course.step():
                worker.keep()
        told = {"seed": seed, **course.to_json(), "targets_per_round": worker.targets, "versions": worker.versions}
        if recipe.choices:
            told["chosen"] = dict(recipe.choices[course.best])
        if test.kind == "leave-one-out":
            return worker.answer(test), told
    with start("test") as worker:
        for number in [course.best] if recipe.choices else range(course.best + 1):
            worker.round(number)
        return worker.answer(test), told


def table(
    test: Split, ours: Sequence[Measured], peers: Mapping[str, Sequence[Measured]], baselines: Sequence[Measured]
) -> dict[str, Any]:
    """The table of `benchmarks.next_item` with the peers among the baselines, and the paired difference of ours to each peer.

    Args:
        test: the questions. ours: one a seed. peers: name -> one a seed. baselines: one each.
    """
    merged = [together(runs) for runs in peers.values()]
    found = assemble(test, ours, [*merged, *baselines]).to_json()
    model, differences = together(ours), {}
    for one in merged:
        values = np.stack([model.metrics[metric] - one.metrics[metric] for metric in COMPARED], axis=1)
        differences[one.name] = {
            metric: value.to_json() for metric, value in zip(COMPARED, estimates(values), strict=True)
        }
    for name, runs in peers.items():
        if len(runs) > 1:
            for metric in runs[0].metrics:
                means = [float(np.nanmean(run.metrics[metric])) for run in runs]
                found["baselines"][name][metric]["sd"] = float(np.std(means, ddof=1))
    return {
        "split": found["split"],
        "metrics": found["model"],
        "baselines": found["baselines"],
        "differences": differences,
        "verdict": found["verdict"],
    }


def together(runs: Sequence[Measured]) -> Measured:
    """Seeds of one method as one: the mean of each customer's values, and the lists and ranks of the first."""
    mean = {metric: np.mean([run.metrics[metric] for run in runs], axis=0) for metric in runs[0].metrics}
    return replace(runs[0], metrics=mean)


if __name__ == "__main__":
    main()
