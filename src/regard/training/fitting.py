"""Fitting: from a training view to a model folder, within a budget, resumable.

The trial (see `training.trial`) finds the number of steps on a slice held back; the final pass trains on the whole view for that number.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from regard.errors import ModelError, RegardError, UsageError
from regard.model.artefact import Artefact, save
from regard.model.device import has_fast_bf16
from regard.model.export import with_graphs
from regard.progress import Progress, Silent
from regard.sequences.batches import CONTEXTS
from regard.sequences.view import Split, View
from regard.training import checkpoint, warm
from regard.training.calibrate import Calibration
from regard.training.card import write_card
from regard.training.device import choose, describe
from regard.training.loop import Loop, Tally
from regard.training.setup import Setup, set_up
from regard.training.trial import Kind, Trial, hold_back, of_split, run_trial

VERSION = version("regard")

DEFAULT_EPOCHS = 8
"""Epochs where the data are too few to hold anything back."""

TIMING_STEPS = 10
"""Steps that tell how long one takes; their network is thrown away."""

WARM_UP_STEPS = {"cpu": 1, "cuda": 5}
"""Steps before these: the first touches fresh memory; on a card, the first of each shape also compile."""

SPARE = 0.1
"""Part of the budget kept for counting, writing and the last look."""

CHECKPOINTS = 10
"""Checkpoints of a final pass: a kill costs a tenth of it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a fit did.

    Args:
        folder: the model. steps: of the final pass. seconds: wall time of everything.
        validation: NDCG@10 of the trial's best look, None where nothing was held back.
        facts: everything the model card says.
    """

    folder: str
    steps: int
    seconds: float
    validation: float | None
    facts: dict[str, Any] = field(default_factory=dict)


def fit(
    view: View,
    *,
    folder: str | Path,
    budget_seconds: float = 300.0,
    steps: int | None = None,
    validation: Split | None = None,
    mask: str | None = None,
    kind: Kind | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool = False,
    device: str = "cpu",
    start: str | Path | None = None,
) -> Report:
    """Train a model on a view and write it to `folder`.

    Args:
        view: all that may be seen.
        folder: where the model goes; a model that is there already is replaced when the new one is complete.
        budget_seconds: wall time for everything; the trial's first steps tell how many steps that is.
        steps: train exactly this many instead.
        validation: questions that choose the number of steps and the weight of the co-visits, where the caller has them (they are not
            trained on afterwards); the default holds back the view's own last slice and trains on all of it in the end.
        mask: which own items will be no candidates, 'none', 'target' or 'seen'; None = by `validation`, else by rule (see
            `default_mask`). With 'seen' the model has no repeat pointer and is not trained to repeat.
        kind: how the held-back slice is asked about, 'time' (on one day, about what follows) or 'leave-one-out' (each customer at the end
            of the history, about the last wish); None = 'time' where there is a clock. Ask as the model will be asked.
        seed: the same view, seed, steps and threads give the same weights on one machine's CPU; a card adds in any order.
        progress: hears how far it is.
        resume: go on from the checkpoint in `folder` if it belongs to this very fit.
        device: 'cpu', or 'cuda' for the first card.
        start: folder of an earlier model to go on from (see `warm`); where its sizes are not those of this view, all begins anew.

    Raises:
        RegardError: the view holds no question to learn from.
        ModelError: `start` is no complete, undamaged model.
        UsageError: `kind` is none of these, or is 'time' where there is no clock; there is no such device.
    """
    if kind not in (None, *get_args(Kind)) or (kind == "time" and view.log.clock != "clock"):
        raise UsageError(f"a slice cannot be held back by kind '{kind}' here", hint="leave kind out")
    mask = validation.mask if mask is None and validation is not None else mask
    job = _Job(
        view,
        Path(folder),
        seed=seed,
        budget=budget_seconds,
        mask=mask,
        kind=kind,
        progress=progress or Silent(),
        device=choose(device),
        start=None if start is None else warm.Start.of(Path(start)),
    )
    if job.whole.data.weight.sum() == 0:
        raise RegardError("nobody came back: there is nothing to learn a sequence from", hint="ingest a longer log")
    saved = checkpoint.read(job.checkpoints) if resume else None
    if saved is not None and saved.facts["job"] != job.identity:
        saved = None
    if validation is not None:
        return job.finish(*job.choose(validation, steps))
    trial = _known_trial(saved, steps) or job.go_on(steps) or job.try_out(steps)
    return job.finish(job.train(trial, saved if _known_trial(saved, steps) else None), trial)


def _known_trial(saved: checkpoint.Checkpoint | None, steps: int | None) -> Trial | None:
    if saved is None or (steps is not None and saved.facts["trial"]["steps"] != steps):
        return None
    told = saved.facts["trial"]
    return Trial(**{**told, "calibration": Calibration(**told["calibration"])})


class _Job:
    """One fit: what its parts share."""

    def __init__(
        self,
        view: View,
        folder: Path,
        *,
        seed: int,
        budget: float,
        mask: str | None,
        kind: Kind | None,
        progress: Progress,
        device: torch.device,
        start: warm.Start | None,
    ) -> None:
        self.began, self.began_at = time.monotonic(), datetime.now(UTC)
        self.folder, self.seed, self.budget, self.mask, self.kind = folder, seed, budget, mask, kind
        self.alike = kind == "leave-one-out"
        self.progress, self.device = progress, device
        self.checkpoints = folder / "checkpoint"
        progress.start("counting")
        self.whole = set_up(view, mask=mask, alike=self.alike)
        progress.finish()
        self.start = start if start is not None and start.fits(self.whole.settings) else None
        since = "" if self.start is None else f"-{self.start.name}"
        self.identity = f"{seed}-{mask}-{kind}-{VERSION}-{_digest(view)}{since}"
        self.events, self.seconds = 0, 0.0
        self._events_seen, self._phase_began = 0, self.began

    def choose(self, validation: Split, steps: int | None) -> tuple[Loop, Trial]:
        """Train on the whole view and keep the weights that the caller's questions like best."""
        held = of_split(validation)
        if held is None:
            raise RegardError(
                f"only {len(validation)} validation questions: too few to choose by", hint="leave validation out"
            )
        most = None if steps else self._affordable() // 2
        loop, best = self.whole.loop(self.seed, self.device), dict[str, Tensor]()

        def keep(weights: dict[str, Tensor]) -> None:
            best.update({name: value.clone() for name, value in weights.items()})

        def spent(step: int, tally: Tally, looking: float) -> bool:
            return self._left() < tally.seconds + looking

        self._begin("training")
        trial = run_trial(
            loop,
            held,
            steps_per_epoch=self.whole.data.steps_per_epoch,
            steps=steps,
            most=most,
            spent=spent,
            tick=self._tick,
            keep=keep,
        )
        self.events, self.seconds = self._events_seen, trial.curve[-1]["seconds"]
        self.progress.finish(f"{loop.step:,} steps, best after {trial.steps:,}")
        loop.average = best
        return loop, trial

    def go_on(self, steps: int | None) -> Trial | None:
        """What the model that this goes on from found out; None where it goes on from none."""
        if self.start is None:
            return None
        if steps is not None:
            return replace(self.start.trial(steps), steps=steps)
        return self.start.trial(self._affordable())

    def try_out(self, steps: int | None) -> Trial:
        """Find the number of steps and the calibration on a slice held back."""
        held = hold_back(self.whole.view, mask=self.mask, kind=self.kind)
        if held is None:
            return Trial(steps=steps or min(DEFAULT_EPOCHS * self.whole.data.steps_per_epoch, self._affordable()))
        most = None if steps else self._affordable() // 3  # a look, the pass it may lead to, and the looking itself
        setup = set_up(held.split.view, mask=self.mask, alike=self.alike, hidden=held.hidden)
        growth = max(1.0, self.whole.data.tokens / max(1, setup.data.tokens))

        def spent(step: int, tally: Tally, looking: float) -> bool:
            # The next look may be the best, and ask for as long a final pass.
            ahead = tally.seconds + (step + tally.steps) * growth * tally.seconds / tally.steps
            return self._left() < ahead + looking

        self._begin("finding out how long to train")
        trial = run_trial(
            setup.loop(self.seed, self.device),
            held,
            steps_per_epoch=setup.data.steps_per_epoch,
            steps=steps,
            most=most,
            spent=spent,
            tick=self._tick,
        )
        self.progress.finish(f"{trial.steps:,} steps, NDCG@10 {trial.best or 0:.3f} on the last slice")
        return trial

    def train(self, trial: Trial, saved: checkpoint.Checkpoint | None) -> Loop:
        """Train on the whole view for the trial's number of steps."""
        loop = self.whole.loop(self.seed, self.device)
        if saved is not None:
            checkpoint.restore(loop, saved)
        elif self.start is not None:
            warm.begin(loop, self.start, self.whole.view)
        facts = {"job": self.identity, "trial": asdict(trial)}
        self._begin("training", float(trial.steps))
        self.progress.advance(float(loop.step))
        every = max(1, trial.steps // CHECKPOINTS)
        while loop.step < trial.steps:
            tally = loop.run(min(every, trial.steps - loop.step), tick=self._tick)
            self.events, self.seconds = self.events + tally.events, self.seconds + tally.seconds
            checkpoint.keep(loop, facts, self.checkpoints)
        self.progress.finish(f"{trial.steps:,} steps")
        return loop

    def finish(self, loop: Loop, trial: Trial) -> Report:
        """Write the model folder; the checkpoint goes when the model is there."""
        self.progress.start("writing the model")
        facts = self._facts(trial)
        artefact = with_graphs(to_artefact(loop, self.whole, trial=trial, facts=facts))
        try:
            save(artefact, self.folder, card=write_card(facts))
        except OSError as error:
            raise ModelError(
                f"the model cannot be written to {self.folder}: {error.strerror}",
                hint="free some space; the next regard train goes on from the last checkpoint",
            ) from None
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        self.progress.finish()
        return Report(
            folder=str(self.folder), steps=trial.steps, seconds=facts["seconds"], validation=trial.best, facts=facts
        )

    def _affordable(self) -> int:
        """Steps on the whole view for which the rest of the budget is enough."""
        self.progress.start("timing a step")
        loop = self.whole.loop(self.seed, self.device)
        loop.run(WARM_UP_STEPS[self.device.type])
        tally = loop.run(TIMING_STEPS)
        self.progress.finish()
        return max(1, int(self._left() * tally.steps / tally.seconds))

    def _tick(self, events: int) -> None:
        self._events_seen += events
        seconds = time.monotonic() - self._phase_began
        self.progress.advance(1.0, f"{self._events_seen / max(seconds, 1e-9):,.0f} events/s")

    def _begin(self, what: str, total: float | None = None) -> None:
        self._events_seen, self._phase_began = 0, time.monotonic()
        self.progress.start(what, total)

    def _left(self) -> float:
        return self.budget * (1 - SPARE) - (time.monotonic() - self.began)

    def _facts(self, trial: Trial) -> dict[str, Any]:
        view, data = self.whole.view, self.whole.data
        return {
            "version": VERSION,
            "trained_at": self.began_at.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.began, 1),
            "steps": trial.steps,
            "epochs": trial.steps / data.steps_per_epoch,
            "events_per_second": round(self.events / self.seconds) if self.seconds else None,
            "seed": self.seed,
            "threads": torch.get_num_threads(),
            "precision": "bf16 products, fp32 sums" if has_fast_bf16(self.device) else "fp32",
            "device": self.device.type,
            "hardware": describe(self.device),
            "validation": trial.best,
            "curve": trial.curve,
            "calibration": asdict(trial.calibration),
            "covisits": trial.covisits,
            **(self.start.facts() if self.start is not None else {}),
            "settings": self.whole.settings.to_json(),
            "data": {
                "events": view.log.events,
                "customers": int((view.log.lengths > 0).sum()),
                "items": len(view.log.items),
                "questions": len(data.questions),
                "features": len(view.content.names),
                "behaviours": list(view.log.behaviours),
                "target": list(view.target),
                "clock": view.log.clock,
                "cut": None if view.cut is None else datetime.fromtimestamp(view.cut, UTC).isoformat(),
            },
        }


def to_artefact(loop: Loop, setup: Setup, *, trial: Trial, facts: dict[str, Any]) -> Artefact:
    """A loop's averaged weights, with the counts as of the end of the view."""
    view, popular, near = setup.view, setup.popularity, setup.neighbours
    network = loop.network
    network.load_state_dict(loop.average)
    network.eval()
    with torch.no_grad():
        table = network.items().cpu().numpy()
    weights = {name: value.cpu().numpy() for name, value in loop.average.items() if not name.startswith("items.")}
    if "items.features.weight" in loop.average:
        weights[warm.FEATURES] = loop.average["items.features.weight"].cpu().numpy()
    none = np.empty((len(view.log.items), 0), dtype=np.float32)
    return Artefact(
        settings=setup.settings,
        words={
            "behaviours": list(view.log.behaviours),
            "target": list(view.target),
            "contexts": {name: list(view.log.context[name][0]) for name in CONTEXTS if name in view.log.context},
            "clock": view.log.clock,
            "time_zone": view.log.time_zone,
            "cut": view.cut,
            "offset": setup.data.offset,
        },
        weights={"items": table, "covisits": np.array([trial.covisits], dtype=np.float32), **weights},
        counts={
            "popularity": none if popular is None else popular.table[-1, :, :-1].T,
            "near": near.items,
            "near_weight": near.weights,
        },
        items=view.log.items,
        merchandise=view.log.merchandise,
        features=view.content.names,
        calibration=asdict(trial.calibration),
        metrics=facts,
    )


def _digest(view: View) -> str:
    log = view.log
    digest = hashlib.sha256()
    features = view.content.features
    arrays = (log.offsets, log.item, log.behaviour, log.time, log.basket, log.quantity, log.merchandise)
    context = [codes for _, codes in log.context.values()]
    for array in (*arrays, *context, features.offsets, features.values):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr((view.cut, view.target, log.behaviours, log.clock, log.time_zone)).encode())
    return digest.hexdigest()[:16]
