"""How long the peers take: epochs of ours and of theirs in turns, on one split, with the same width, depth and length.

    python -m benchmarks.versus.speed sequences.txt --format sequences --peers-python peers/bin/python \\
        --peers sasrec,sasrec_sampled,sasrec_gbce,sasrec_bce --pairs 3 --race sasrec --budget 7200 --json OUT

Ours, peer, ours, peer: `--pairs` epochs each, so that both meet the same machine; medians, and their ratio. In a race both go on until
they get no better or the budget ends, and the seconds are told until each is at the peer's own best NDCG@10 on the validation customers,
set-up included and looking left out; ours counts as there at the end of the first epoch that is at least as good. Where the peer was
stopped by the budget its best may lie further on, and the result says so. Ours has its full softmax whatever loss the peer has.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import task
from benchmarks.machine import hardware
from benchmarks.versus import inputs
from benchmarks.versus.course import PATIENCE, Course
from benchmarks.versus.process import Worker, pose
from benchmarks.versus.recipes import BATCH, BLOCKS, EPOCHS, HEADS, PEERS, WIDTH
from regard.errors import RegardError
from regard.evaluation.evaluate import describe
from regard.model.device import has_fast_bf16
from regard.sequences.covisits import coordinates, covisits, neighbours
from regard.sequences.popularity import popularity
from regard.sequences.view import Split, View
from regard.training.data import Data
from regard.training.setup import Setup
from regard.training.sizing import plan_training, size_model
from regard.training.trial import look


class Ours:
    """Our training as a course watches it: a round is an epoch.

    Args:
        chosen: the questions to choose by, and the view to learn from. length: events the network reads. seed: of the loop.
    """

    def __init__(self, chosen: Split, *, length: int, seed: int = 0) -> None:
        began = time.perf_counter()
        self.chosen, self.setup = chosen, set_up(chosen.view, mask=chosen.mask, length=length)
        self.loop = self.setup.loop(seed)
        self.set_up_seconds = time.perf_counter() - began
        asked = self.setup.data.questions.main
        self.targets = int((self.setup.data.weight[asked] > 0).sum())

    def round(self, number: int) -> float:
        """One epoch more; its seconds."""
        return self.loop.run(self.setup.data.steps_per_epoch).seconds

    def look(self) -> float:
        """NDCG@10 on the questions to choose by, with the weight of the co-visits that suits them best."""
        return look(self.loop, self.chosen)[0]


def set_up(view: View, *, mask: str, length: int) -> Setup:
    """As `regard.training` sets up, but for the shape of the network."""
    popular, together = popularity(view), covisits(view)
    settings = replace(size_model(view, popular, repeats=mask != "seen"), width=WIDTH, layers=BLOCKS, length=length)
    near, plan = neighbours(together, width=settings.neighbours), plan_training(view)
    settings = replace(settings, neighbours=near.items.shape[1])
    return Setup(
        view=view, settings=settings, plan=plan, popularity=popular, neighbours=near,
        coordinates=coordinates(together, width=WIDTH), data=Data(view, settings, plan),
    )  # fmt: skip


def main() -> None:
    """Read, split, take turns, print."""
    parser = inputs.parser(__doc__)
    networks = [name for name, recipe in PEERS.items() if not recipe.choices]
    parser.add_argument(
        "--peers", type=inputs.peers, default=networks, help="networks, comma-separated; all by default"
    )
    parser.add_argument("--pairs", type=int, default=3, help="epochs of each in turns")
    parser.add_argument(
        "--race", type=inputs.peers, default=[], help="peers to be raced to their best, comma-separated"
    )
    parser.add_argument("--budget", type=float, default=7_200.0, help="seconds of each in a race, looking included")
    wish = parser.parse_args()
    if odd := [name for name in (*wish.peers, *wish.race) if name not in networks]:
        parser.error(f"'{odd[0]}' has no epochs; there are {', '.join(networks)}")
    if wish.pairs < 1:
        parser.error("--pairs must be at least 1")
    try:
        _run(wish)
    except RegardError as error:
        raise SystemExit(f"benchmarks.versus.speed: {error}") from None


def _run(wish: argparse.Namespace) -> None:
    _, _, chosen = inputs.splits(wish)
    result: dict[str, Any] = {
        "split": describe(chosen),
        "settings": {
            "width": WIDTH, "layers": BLOCKS, "heads": HEADS, "length": wish.length, "pairs": wish.pairs,
            "peers_batch": BATCH, "patience": PATIENCE, "budget": wish.budget, "threads": torch.get_num_threads(),
            "our_products": "bf16" if has_fast_bf16() else "fp32",
        },
        "peers": {},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        pose(chosen).save(Path(folder) / "choose.npz")
        for peer in dict.fromkeys([*wish.peers, *wish.race]):
            ours = Ours(chosen, length=wish.length)
            with Worker(
                wish.peers_python, Path(folder), "choose", peer, seed=0, length=wish.length, chosen=chosen
            ) as worker:
                budget = wish.budget if peer in wish.race else float("inf")
                courses = [Course(one, rounds=EPOCHS, patience=PATIENCE, budget=budget) for one in (ours, worker)]
                take_turns(*courses, pairs=wish.pairs, race=peer in wish.race)
            told = {"title": PEERS[peer].title, "versions": worker.versions, **per_epoch(*courses, pairs=wish.pairs)}
            told |= {"our_targets": ours.targets, "peer_targets": worker.targets}
            if peer in wish.race:
                told["race"] = to_best(*courses)
            result["peers"][PEERS[peer].name] = told
            print(line(told), flush=True)
            result |= {"command": task.command("benchmarks.versus.speed"), "hardware": hardware()}
            if wish.json:
                Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def take_turns(ours: Course, peer: Course, *, pairs: int, race: bool) -> None:
    """Ours, peer, ours, peer; in a race then each alone until it stops."""
    for _ in range(pairs):
        ours.step()
        peer.step()
    for course in (peer, ours) if race else ():
        while course.stopped is None:
            course.step()


def per_epoch(ours: Course, peer: Course, *, pairs: int) -> dict[str, Any]:
    """Seconds per epoch of the epochs that were taken in turns, and how many of ours the peer's one is."""
    both = [[point["round_seconds"] for point in course.curve[:pairs]] for course in (ours, peer)]
    each = [theirs / mine for mine, theirs in zip(*both, strict=True)]
    mine, theirs = (float(np.median(seconds)) for seconds in both)
    return {
        "our_seconds_per_epoch": mine,
        "peer_seconds_per_epoch": theirs,
        "ratio": round(theirs / mine, 2),
        "ratio_of_pairs": [round(min(each), 2), round(max(each), 2)],
        "pairs": [list(pair) for pair in zip(*both, strict=True)],
    }


def to_best(ours: Course, peer: Course) -> dict[str, Any]:
    """When the peer is at its best NDCG@10, and when ours is at least there; set-up counts, looking does not."""
    best = peer.curve[peer.best]
    passed = ours.first_above(best["ndcg"])
    return {
        "peer": peer.to_json(),
        "ours": ours.to_json(),
        "ours_passes": passed,
        "ratio": None if passed is None else round(best["seconds"] / passed["seconds"], 2),
        "peer_stopped_by_budget": peer.stopped == "budget",
    }


def line(told: dict[str, Any]) -> str:
    """One peer for people."""
    low, high = told["ratio_of_pairs"]
    said = (
        f"{told['title']}: {told['peer_seconds_per_epoch']:.1f} s per epoch, ours {told['our_seconds_per_epoch']:.1f} s, "
        f"{told['ratio']:.1f} times ({low:.1f} to {high:.1f})"
    )
    race = told.get("race")
    if race is None:
        return said
    peer, passed = race["peer"], race["ours_passes"]
    end = "and was stopped by its budget" if race["peer_stopped_by_budget"] else "its best"
    said += f"\n  NDCG@10 {peer['best_ndcg']:.4f} after {peer['seconds_to_best']:.0f} s, {end}; "
    return said + (
        "ours never got there"
        if passed is None
        else f"ours there after {passed['seconds']:.0f} s, {race['ratio']:.1f} times"
    )


if __name__ == "__main__":
    main()
