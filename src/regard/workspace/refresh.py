"""Refreshing: train on what has come since, and put the new model in service only where that loses nothing.

    contender, on what lies before a cut -> gate, on what lies after it -> the model, on everything -> canary -> switch

The switch is one transaction; whatever fails before it leaves the model in service as it is.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from regard.errors import InputError, ModelError, UsageError
from regard.insight.ranker import Model, Ranker
from regard.progress import Progress
from regard.sequences.log import DAY, Log
from regard.sequences.split import midnight, time_split, view_until
from regard.sequences.view import Split
from regard.workspace import canary, learning
from regard.workspace.answering import Answering
from regard.workspace.data import Data
from regard.workspace.gate import Gate, judge
from regard.workspace.models import Models, Registered

if TYPE_CHECKING:
    from regard.evaluation.evaluate import Evaluation

TEST_SHARE = 1 / 3
"""Part of the days since the last training on which the two are compared; the contender learns from the rest."""

TEST_DAYS = 30
"""Days of the comparison at most."""

LEAST_DAYS = 2
"""Days since the last training below which there is nothing to compare on."""

GATE_BUDGET = 0.5
"""Part of the budget that the contender takes."""

Outcome = Literal["promoted", "kept", "refused"]
"""promoted = the new model answers; kept = the gate did not let it pass; refused = it passed, and failed the canary."""


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh did.

    Args:
        outcome: see `Outcome`. model: id of the model that answers now. new: id of the new one, None where none was made.
        why: one line. gate: the comparison, None where there was nothing to compare with. seconds: wall time.
    """

    outcome: Outcome
    model: str
    new: str | None
    why: str
    gate: dict[str, Any] | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "outcome": self.outcome, "model": self.model, "new": self.new, "why": self.why, "gate": self.gate,
            "seconds": self.seconds,
        }  # fmt: skip


class Refreshing:
    """Refreshes the model of one workspace.

    Args:
        data: the events. models: the registry. answering: answers with any of them. load: reads a model's folder.
        cache: folder for the contender.
    """

    def __init__(
        self, data: Data, models: Models, answering: Answering, load: Callable[[Path], Model], cache: Path
    ) -> None:
        self._data, self._models, self._answering, self._load, self._cache = data, models, answering, load, cache

    def run(self, *, budget: str | float, seed: int, warm: bool, progress: Progress) -> Refreshed:
        """See `Workspace.retrain`."""
        began, allowed = time.monotonic(), learning.seconds(budget)
        learning.need_torch()
        serving = self._models.current()
        gate: Gate | None = None
        with self._models.training():
            if serving is None:
                how: dict[str, Any] = {"budget_seconds": allowed}
            else:
                split = self._split(serving)
                folder = self._contender(
                    serving, split, seed=seed, warm=warm, budget=allowed * GATE_BUDGET, progress=progress
                )
                gate = self._compare(serving, split, folder)
                if not gate.passed:
                    self._models.note("kept", serving.id, gate.words())
                    return self._told("kept", None, gate.words(), gate, began)
                how = self._recipe(folder, warm, max(allowed - (time.monotonic() - began), 1.0))
            name = self._train(how, seed=seed, progress=progress)
        why = gate.words() if gate else "the first model"
        try:
            seen = self.check(name)
        except ModelError as error:
            self._models.refuse(name, why=error.message, gate=gate.to_json() if gate else None)
            return self._told("refused", name, error.message, gate, began)
        told = {"canary": seen.to_json()} | (gate.to_json() if gate else {})
        try:
            self._models.promote(name, why=why, gate=told, instead_of=serving.id if serving else None)
        except UsageError as error:  # somebody switched by hand meanwhile, and knew better
            return self._told("kept", name, error.message, gate, began)
        return self._told("promoted", name, why, gate, began)

    def check(self, name: str) -> canary.Canary:
        """The canary check of a registered model, beside the one in service.

        Raises:
            ModelError: it fails, or there is no such model.
        """
        ours, _ = self._answering.shop(model=name)
        current = self._models.current()
        theirs = None
        if current is not None and current.id != name:
            try:
                theirs, _ = self._answering.shop(model=current.id)
            except ModelError:
                theirs = None  # a model in service that cannot be read sets no standard
        return canary.check(ours, theirs)

    def _split(self, serving: Registered) -> Split:
        """Questions about the last part of what came after the model in service was trained."""
        log = self._data.log()
        if log.clock != "clock" or log.events == 0:
            raise InputError(
                "a model is refreshed by time, and these events have none", hint="regard train, and promote it by hand"
            )
        end = midnight(int(log.time.max()), log.time_zone, days=1)
        since = _cut(self._load(serving.folder))
        days = (end - since) / DAY if since is not None else 0.0
        if days < LEAST_DAYS:
            raise InputError(
                f"{max(days, 0):.1f} days of events since {serving.id} was trained are too few to compare on",
                hint=f"wait until there are {LEAST_DAYS}, or regard train and promote it by hand",
            )
        test = int(np.clip(round(days * TEST_SHARE), 1, TEST_DAYS))
        cut = midnight(end - 1, log.time_zone, days=1 - test)
        known = self._data.people(cut)
        target = self._data.target(known.where(known.time < cut))
        return time_split(known, target=target, content_of=self._data.content, days=test, cut=cut)

    def _contender(
        self, serving: Registered, split: Split, *, seed: int, warm: bool, budget: float, progress: Progress
    ) -> Path:
        """A model of what lies before the cut; kept, so that a refresh that was killed does not begin anew."""
        told = repr((serving.id, self._data.version, split.view.cut, split.hash, split.mask, seed, warm)).encode()
        folder = self._cache / hashlib.sha256(told).hexdigest()[:16]
        if (folder / "complete").exists():
            return folder
        for old in self._cache.glob("*"):
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        learning.fit_view(
            split.view, folder=folder, seed=seed, progress=progress, resume=True, mask=split.mask, budget_seconds=budget,
            start=serving.folder if warm else None,
        )  # fmt: skip
        (folder / "complete").touch()
        return folder

    def _compare(self, serving: Registered, split: Split, folder: Path) -> Gate:
        from regard.evaluation.evaluate import assemble
        from regard.evaluation.measure import measure

        contender, current = self._load(folder), self._load(serving.folder)
        ours = measure(split, as_asked("new", contender))
        theirs = measure(split, as_asked("serving", current))
        plain = Ranker.counting(split.view.log, split.view.target)
        counting: Evaluation | None = None
        if plain is not None and len(split):
            counting = assemble(split, [ours], [measure(split, _Aligned(name="counting", ranker=plain))])
        return judge(assemble(split, [ours], [theirs]), serving.id, counting=counting)

    def _recipe(self, folder: Path, warm: bool, left: float) -> dict[str, Any]:
        """How the model itself is trained: on from the contender, or from scratch with as many steps."""
        if warm:
            return {"start": folder, "budget_seconds": left}
        return {"steps": self._load(folder).card["steps"]}

    def _train(self, how: dict[str, Any], *, seed: int, progress: Progress) -> str:
        log = self._data.people()
        target = self._data.target(log)
        version = self._data.version
        view = view_until(log, _end(log), target=target, content_of=self._data.content)
        name, folder = self._models.begin(resume=True)
        how = {**how, **learning.heads(self._data, view)}
        learning.fit_view(view, ahead=True, folder=folder, seed=seed, progress=progress, resume=True, **how)
        _ = self._load(folder)
        self._models.add(name, version, candidate=True)
        return name

    def _told(self, outcome: Outcome, new: str | None, why: str, gate: Gate | None, began: float) -> Refreshed:
        current = self._models.current()
        return Refreshed(
            outcome=outcome, model=current.id if current else "", new=new, why=why,
            gate=gate.to_json() if gate else None, seconds=round(time.monotonic() - began, 1),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Aligned:
    """A scorer over the items of whoever asks; what it has never met it cannot score.

    Args:
        name: a key in tables. ranker: the scorer in its own words.
    """

    name: str
    ranker: Ranker

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V of the queries]."""
        return self.ranker.score(queries, asof)


def as_asked(name: str, model: Model) -> _Aligned:
    """A model that can be asked about a split whose words are not its own, under a name."""
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=name)
    return _Aligned(name=name, ranker=ranker)


def _end(log: Log) -> int | None:
    return midnight(int(log.time.max()), log.time_zone, days=1) if log.clock == "clock" and log.events else None


def _cut(model: Model) -> int | None:
    """The second before which a model has seen everything, None where it does not say."""
    told = (model.card.get("data") or {}).get("cut")
    return None if told is None else int(datetime.fromisoformat(told).timestamp())
