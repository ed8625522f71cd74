"""A course: rounds of anything that learns, and what each was worth on the questions to choose by."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np

PATIENCE = 10
"""Rounds without a better figure after which a network is done."""


class Learner(Protocol):
    """What a course can watch. `set_up_seconds`: from the data in memory to the first step, known after the first round."""

    set_up_seconds: float

    def round(self, number: int) -> float:
        """Train a round; its seconds."""

    def look(self) -> float:
        """Mean NDCG@10 on the questions to choose by."""


class Course:
    """Rounds until nothing gets better, there are no more, or the budget is spent.

    Args:
        learner: what is trained. rounds: most there are. patience: rounds without a better figure; None = go through all.
        budget: seconds of wall time, looking included.
    """

    def __init__(self, learner: Learner, *, rounds: int, patience: int | None, budget: float) -> None:
        self.learner, self.rounds, self.patience, self.budget = learner, rounds, patience, budget
        self.curve: list[dict[str, float]] = []
        self.best, self.trained, self.spent = 0, 0.0, 0.0
        self.stopped: str | None = None

    def step(self) -> bool:
        """One round and one look; whether it was the best so far. `stopped` says why there is no further one."""
        began, number = time.perf_counter(), len(self.curve)
        seconds = self.learner.round(number)
        self.trained += seconds
        point = {
            "round": number + 1,
            "seconds": round(self.learner.set_up_seconds + self.trained, 3),
            "round_seconds": round(seconds, 3),
            "ndcg": self.learner.look(),
        }
        self.curve.append(point)
        took = time.perf_counter() - began
        self.spent += took
        better = number == 0 or point["ndcg"] > self.curve[self.best]["ndcg"]
        self.best = number if better else self.best
        if number + 1 >= self.rounds:
            self.stopped = "rounds"
        elif self.patience is not None and number - self.best >= self.patience:
            self.stopped = "patience"
        elif self.spent + took > self.budget:
            self.stopped = "budget"
        return better

    def first_above(self, ndcg: float) -> dict[str, float] | None:
        """The first round that was at least as good, None where none was."""
        return next((point for point in self.curve if point["ndcg"] >= ndcg), None)

    def to_json(self) -> dict[str, Any]:
        """What is worth keeping of it; seconds are of training alone, set-up included, looking left out."""
        best = self.curve[self.best]
        return {
            "rounds": len(self.curve),
            "best_round": best["round"],
            "best_ndcg": best["ndcg"],
            "seconds_to_best": best["seconds"],
            "seconds_per_round": round(float(np.median([point["round_seconds"] for point in self.curve])), 3),
            "set_up_seconds": round(self.learner.set_up_seconds, 3),
            "stopped": self.stopped,
            "curve": self.curve,
        }
