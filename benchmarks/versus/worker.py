"""The worker: one peer under its own Python, told over a pipe what to do. `process.Worker` starts it; nobody else needs to.

A line in, a line out, both JSON: {"do": "round", "number": 0} trains a round, "look" answers what it was posed for choosing, "keep"
remembers this round, "answer" answers the test with the round that was kept. Ranks go to files, all else that is printed to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.versus.problem import Problem
from benchmarks.versus.ranks import answer
from benchmarks.versus.recipes import PEERS, Recipe

PACKAGES = ("rectools", "implicit", "pm-implicit", "torch", "pytorch-lightning", "numpy", "scipy")
"""Whose versions are told."""


class Peer(Protocol):
    """What can be trained round by round. `targets`: answers it learns from per round."""

    targets: int

    def round(self, number: int) -> float: ...

    def keep(self) -> None: ...

    def restore(self) -> None: ...

    def score(self, histories: list[NDArray[Any]]) -> NDArray[np.float32]: ...


def kind(recipe: Recipe) -> Callable[..., Peer]:
    """What makes the peer of a recipe; only here is anything of it imported."""
    if recipe.choices:
        from benchmarks.versus.shallow import Shallow

        return Shallow
    from benchmarks.versus.transformers import Transformer

    return Transformer


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", help="what to learn from: 'choose' or 'test'")
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--length", type=int, required=True)
    wish = parser.parse_args()
    with os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)  # what libraries print is no reply

        def say(reply: dict[str, Any]) -> None:
            print(json.dumps(reply), file=replies, flush=True)

        try:
            _serve(wish, say)
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})
            raise


def _serve(wish: argparse.Namespace, say: Any) -> None:
    problem, recipe = Problem.load(wish.folder / f"{wish.part}.npz"), PEERS[wish.peer]
    make = kind(recipe)
    began = time.perf_counter()
    peer = make(problem, recipe, seed=wish.seed, length=wish.length)
    set_up, rounds, kept = time.perf_counter() - began, 0, False
    say({"targets": peer.targets, "versions": _versions()})
    for line in sys.stdin:
        told, began, reply = json.loads(line), time.perf_counter(), dict[str, Any]()
        if told["do"] == "round":
            seconds = peer.round(told["number"])
            set_up += time.perf_counter() - began - seconds if rounds == 0 else 0.0
            rounds += 1
            reply = {"seconds": seconds, "set_up_seconds": set_up}
        elif told["do"] == "keep":
            peer.keep()
            kept = True
        else:
            test = told["do"] == "answer"
            if test and kept:
                peer.restore()
            ranks, lists = answer(Problem.load(wish.folder / "test.npz") if test else problem, peer.score)
            np.savez(wish.folder / "answer.npz", ranks=ranks, lists=lists)
        say(reply)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
