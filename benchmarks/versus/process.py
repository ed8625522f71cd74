"""Our side of the pipe: a split posed as a problem, a worker started on it, its answers measured as anybody's are."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.versus.problem import Problem, Rows
from benchmarks.versus.recipes import PEERS
from regard.errors import ModelError, UsageError
from regard.evaluation.candidates import blocked
from regard.evaluation.measure import Measured, ranking_metrics
from regard.metrics import ranking
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Split, View

ROOT = Path(__file__).resolve().parents[2]

BUILD = (
    "python -m venv peers && peers/bin/pip install -r benchmarks/versus/peers.txt, then --peers-python peers/bin/python"
)


def pose(split: Split) -> Problem:
    """The split for peers that know one kind of event: what was wanted, in order, with the same candidates as ours."""
    view, none = split.view, Ragged.of([[]] * len(split))
    barred = blocked(split.queries, view.target, split.mask) or none
    return Problem(
        catalogue=view.log.merchandise,
        train=_wanted(view.log, view),
        history=_wanted(split.queries, view),
        blocked=Rows(barred.offsets, barred.values),
        target=Rows(split.targets.offsets, split.targets.values),
    )


def _wanted(log: Log, view: View) -> Rows:
    kept = log.where(log.is_behaviour(view.target) & np.append(view.log.merchandise, False)[log.item])
    return Rows(kept.offsets, kept.item.astype(np.int64))


def measured(name: str, split: Split, ranks: Ragged, lists: Any) -> Measured:
    """A peer's answers to the test as `regard.evaluation.measure` would have measured them."""
    log, k = split.view.log, lists.shape[1]
    popularity = np.bincount(log.item[split.view.targets], minlength=len(log.items)).astype(np.float64)
    metrics = ranking_metrics(ranks, k) | {f"novelty_at_{k}": ranking.novelty(lists, popularity)}
    return Measured(name=name, k=k, metrics=metrics, places=ranks, top=lists)


class Worker:
    """A peer in a process of its own; to be used in a `with`.

    Args:
        python: the peers' interpreter. folder: with choose.npz and test.npz. part: which of the two it learns from.
        peer: key of PEERS. seed: of the peer. length: events it reads.
        chosen: the questions of choose.npz, for looks.

    Raises:
        UsageError: there is no such Python, or it cannot import the peer.
        ModelError: the peer failed.
    """

    def __init__(
        self, python: str, folder: Path, part: str, peer: str, *, seed: int, length: int, chosen: Split | None = None
    ) -> None:
        self.folder, self.peer, self.chosen = folder, peer, chosen
        self.set_up_seconds = 0.0
        words = [
            "-m",
            "benchmarks.versus.worker",
            str(folder),
            part,
            peer,
            "--seed",
            str(seed),
            "--length",
            str(length),
        ]
        program = os.fspath(Path(python).absolute()) if os.sep in python else python
        self.log = folder / f"{peer}.log"
        try:
            with self.log.open("w", encoding="utf-8") as log:
                self.process = subprocess.Popen(
                    [program, *words], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
                )
        except OSError as error:
            raise UsageError(f"'{python}' cannot be run: {error.strerror}", hint=BUILD) from None
        hello = self._reply()
        self.targets, self.versions = int(hello["targets"]), dict(hello["versions"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()

    def round(self, number: int) -> float:
        """Train a round; its seconds."""
        reply = self._ask({"do": "round", "number": number})
        self.set_up_seconds = float(reply["set_up_seconds"])
        return float(reply["seconds"])

    def look(self) -> float:
        """Mean NDCG@10 on the questions to choose by."""
        assert self.chosen is not None
        self._ask({"do": "look"})
        return float(ranking.ndcg(self._answered(self.chosen)[0], 10).mean())

    def keep(self) -> None:
        """Have it remember the round."""
        self._ask({"do": "keep"})

    def answer(self, split: Split) -> Measured:
        """What it answers to the test, with the round that was kept or else the last."""
        self._ask({"do": "answer"})
        return measured(PEERS[self.peer].name, split, *self._answered(split))

    def _answered(self, split: Split) -> tuple[Ragged, Any]:
        with np.load(self.folder / "answer.npz", allow_pickle=False) as found:
            return Ragged(split.targets.offsets, found["ranks"]), found["lists"]

    def _ask(self, told: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        with suppress(OSError):  # if it has died, what it said last tells why
            print(json.dumps(told), file=self.process.stdin, flush=True)
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line.startswith("{") else {"error": self._last_words()}
        error = reply.get("error")
        if error is None:
            return reply
        if error.startswith(("ModuleNotFoundError", "ImportError")):
            raise UsageError(f"the peers' Python cannot run {PEERS[self.peer].title}: {error}", hint=BUILD)
        raise ModelError(f"{PEERS[self.peer].title} failed: {error}")

    def _last_words(self) -> str:
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return said[-1] if said else f"it ended with {self.process.wait()}"
