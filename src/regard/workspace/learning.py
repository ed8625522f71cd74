"""Learning: train a model on everything, and judge the same recipe on a cut it has not seen. Only here is torch."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.errors import InputError, MissingExtraError, ModelError, UsageError
from regard.insight.ranker import Forecasting, Model
from regard.model.artefact import FORMAT
from regard.progress import Progress
from regard.sequences.log import DAY, Log
from regard.sequences.split import last_cut, leave_one_out, midnight, time_split, view_until
from regard.sequences.view import Content, Split, View
from regard.workspace import leaving
from regard.workspace.data import Data
from regard.workspace.models import Models, Registered

if TYPE_CHECKING:
    from regard.evaluation.evaluate import Evaluation

LEAST_CUSTOMERS = 20
"""Customers with at least two target baskets below which there is nothing to learn a sequence from."""

LEAST_STEPS = 10
"""Steps below which a training that its budget cut short has learned nothing."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What a training gave.

    Args:
        model: id of the new model. folder: where it is. seconds: wall time of everything.
        card: the model card's figures.
        left_out: which anomalies it was trained without and what that changed (see `leaving`); None where nothing was
            asked to be left out.
    """

    model: str
    folder: str
    seconds: float
    card: dict[str, Any]
    left_out: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


def seconds(budget: str | float) -> float:
    """A budget of wall time.

    Args:
        budget: seconds, or text such as '300', '300s', '5m', '1h'.

    Raises:
        UsageError: it is neither, or not positive.

    >>> seconds("5m"), seconds(90)
    (300.0, 90.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|)\s*", str(budget).lower())
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if value <= 0:
        raise UsageError(f"budget is '{budget}'", hint="seconds or text such as 300s, 5m, 1h")
    return value


def _fit(view: View, *, ahead: bool = False, **how: Any) -> None:
    """`training.fit`; with the head of orders, churn and spend where `ahead`."""
    from regard import training
    from regard.training.complete import fit_complete

    (fit_complete if ahead else training.fit)(view, **how)


def heads(data: Data, view: View) -> dict[str, Any]:
    """What the heads are told beside the view, in training and evaluation alike."""
    return {"about": data.about(view.log, view.target), "session_gap": data.config.session_gap}


def fit_view(view: View, **how: Any) -> None:
    """Fit on a view, for who trains beside `train`; `ahead`, and what `training.fit` takes."""
    _fit(view, **how)


def need_torch(who: str = "training needs") -> None:
    """Raises MissingExtraError with the command that installs it, where torch is missing."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(f"{who} PyTorch, which is not installed", hint="pip install 'regard[train]'")


def _check(device: str) -> None:
    """Before anything is read or written."""
    need_torch()
    from regard.training.device import choose

    choose(device)


def train(
    data: Data,
    models: Models,
    *,
    budget: str | float,
    steps: int | None,
    seed: int,
    resume: bool,
    device: str,
    leave_out_anomalies: bool,
    load: Callable[[Path], Model],
    progress: Progress,
) -> TrainReport:
    """Fit on all events, register the model. It answers, unless another was promoted.

    Where anomalies are left out, the budget is shared with the two trainings that tell what this changes.
    """
    began = time.monotonic()
    allowed = seconds(budget)
    if steps is not None and steps < 1:
        raise UsageError(f"steps is {steps}", hint="a positive number, or none to follow the budget")
    if seed < 0:
        raise UsageError(f"seed is {seed}", hint="a whole number from 0 on")
    if device != "cpu":
        _check(device)
    log = data.people(anomalies=not leave_out_anomalies)
    target = data.target(log)
    _enough(log, target)
    need_torch()
    if leave_out_anomalies:
        allowed /= leaving.FITS
    version = data.version
    view = view_until(log, _end(log), target=target, content_of=data.content)
    with models.training():
        name, folder = models.begin(resume=resume)
        given: dict[str, Any] = {"steps": steps} if steps is not None else {"budget_seconds": allowed}
        given |= heads(data, view)
        _fit(view, ahead=True, folder=folder, seed=seed, progress=progress, resume=resume, device=device, **given)
        card = dict(load(folder).card)
        if steps is None and _cut_short(card):
            shutil.rmtree(folder)
            count = f"{card['steps']} step{'' if card['steps'] == 1 else 's'}"
            raise ModelError(f"the budget was enough for {count} only: nothing was learned", hint="give more --budget")
        left_out = leaving.told(data.anomalies()) if leave_out_anomalies else None
        if left_out is not None:
            leaving.keep(folder, left_out)
        models.add(name, version)
        if left_out is not None and left_out["customers"]:
            how = {"steps": card["steps"], "seed": seed, "device": device}
            left_out["change"] = leaving.change(data, fit=_fit, load=load, progress=progress, **how)
            leaving.keep(folder, left_out)
    took = round(time.monotonic() - began, 1)
    return TrainReport(model=name, folder=str(folder), seconds=took, card=card, left_out=left_out)


def _cut_short(card: Mapping[str, Any]) -> bool:
    """Whether the budget, and not the data, ended a training before it learned anything; tiny shops need few steps."""
    if card["steps"] >= LEAST_STEPS:
        return False
    from regard.training.fitting import DEFAULT_EPOCHS
    from regard.training.trial import STALE_LOOKS

    in_vain = sum(look["step"] > card["steps"] for look in card.get("curve", ()))
    return in_vain < STALE_LOOKS and float(card.get("epochs", 0)) < DEFAULT_EPOCHS


def evaluate(
    data: Data,
    models: Models,
    *,
    days: int,
    mask: str | None,
    cache: Path,
    load: Callable[[Path], Model],
    progress: Progress,
) -> Evaluation:
    """Fit the current model's recipe on what lies before the cut, and ask it and the baselines the same questions.

    It is fitted as it will be asked, under the same mask, and kept in the cache: the same question again trains nothing.
    """
    from regard.evaluation.baselines import fit_all, standard
    from regard.evaluation.candidates import MASKS
    from regard.evaluation.evaluate import evaluate as judge
    from regard.workspace.closer import look_closer

    if days < 1:
        raise UsageError(f"days is {days}", hint="a test period of at least one day")
    if mask is not None and mask not in MASKS:
        raise UsageError(f"unknown mask '{mask}'", hint="none, target or seen")
    entry = models.current()
    if entry is None:
        raise ModelError("there is no trained model to evaluate", hint=f"regard train {models.folder.parent}")
    whole = leaving.kept(entry.folder) is None
    log, split = asked(data, days=days, mask=mask, anomalies=whole)
    if len(split) == 0:
        raise _nobody(split)
    folder = _kept_in(cache, entry, data, split)
    if not (folder / "complete").exists():
        need_torch()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        current = load(entry.folder)
        card = current.card
        recipe = {"steps": card.get("steps"), "seed": card.get("seed", 0), "mask": split.mask}
        # Chances are judged of whoever gives them: the head where the current model has one, else the encoder.
        ahead = split.view.cut is not None and isinstance(current, Forecasting) and current.horizon is not None
        recipe |= heads(data, split.view) if ahead else {}
        _fit(split.view, ahead=ahead, folder=folder, progress=progress, resume=False, **recipe)
        (folder / "complete").touch()
    scorer = load(folder)
    earlier = _validation(split, days)
    baselines = fit_all(standard(split.view), split.view, earlier, progress=progress)
    found = judge(split, scorer, baselines, progress=progress)
    found = look_closer(found, log, split, scorer, horizons=data.config.horizons, progress=progress)
    if (
        split.mask != "seen"
    ):  # for that a network without a repeat pointer was fitted, which says nothing of the current one
        models.evaluated(entry.id, found.to_json())
    return found


def _kept_in(cache: Path, entry: Registered, data: Data, split: Split) -> Path:
    """The folder of a fit, named by all that it follows from; the hash of the answers alone does not tell what was hidden."""
    view, config = split.view, data.config
    heads = (config.session_gap, config.sensitive)
    told = repr((FORMAT, split.kind, view.cut, view.target, split.mask, split.hash, heads)).encode()
    digest = hashlib.sha256(told + view.log.merchandise.tobytes()).hexdigest()
    return cache / f"{entry.id}-{data.version}-{digest[:16]}"


def _nobody(split: Split) -> InputError:
    if split.days is None:
        return InputError("no customer has wanted an item three times: nobody can be asked", hint="ingest a longer log")
    return InputError(
        f"no returning customer has a basket in the last {split.days} days",
        hint="ask for more --days, or for fewer if little lies before them",
    )


def asked(data: Data, *, days: int, mask: str | None, anomalies: bool = True) -> tuple[Log, Split]:
    """The whole log and the question of an evaluation: the time split wherever there is a clock, else leave-one-out.

    Whatever is judged by rule (who is bot-like, who is an anomaly where these are left out, what is merchandise, which
    behaviour is the target) is judged as of the cut: events after it are answers and nothing else.
    """
    log = data.log()
    if log.clock != "clock" or log.events == 0:
        log = data.people(anomalies=anomalies)
        return log, leave_one_out(log, target=data.target(log), content_of=data.content, mask=mask)
    _has_past(log, days)
    cut = last_cut(log, days)
    log = data.people(cut, anomalies=anomalies)
    target = data.target(log.where(log.time < cut))
    return log, time_split(log, target=target, content_of=data.content, days=days, cut=cut, mask=mask)


def _has_past(log: Log, days: int) -> None:
    first, last = (midnight(int(time), log.time_zone) for time in (log.time.min(), log.time.max()))
    covered = round((last - first) / DAY) + 1
    if days >= covered:
        raise UsageError(
            f"the log covers {covered} days, and nothing lies before its last {days}",
            hint="ask for fewer --days" if covered > 1 else "ingest a longer log",
        )


def _validation(split: Split, days: int) -> Split | None:
    """The same question `days` days earlier and under the same mask, on which the baselines choose their weights."""
    log, cut, target, mask = split.view.log, split.view.cut, split.view.target, split.mask
    if cut is None:
        return leave_one_out(log, target=target, part="validation", mask=mask)
    earlier = midnight(cut, log.time_zone, days=-days)
    if not (log.time < earlier).any():
        return None
    found = time_split(log, target=target, days=days, cut=earlier, mask=mask)
    return found if len(found) else None


def _end(log: Log) -> int | None:
    return midnight(int(log.time.max()), log.time_zone, days=1) if log.clock == "clock" else None


def _enough(log: Log, target: tuple[str, ...]) -> None:
    wanted = View(log=log, target=target, cut=None, content=Content.empty(0)).targets
    owner, basket = log.owner[wanted], log.basket[wanted]
    pairs = np.unique(np.stack([owner, basket.astype(np.int64)]), axis=1)
    returning = int((np.bincount(pairs[0], minlength=1) >= 2).sum()) if pairs.size else 0
    if returning < LEAST_CUSTOMERS:
        raise InputError(
            f"only {returning} customers came back: too few to train on ({LEAST_CUSTOMERS} at least)",
            hint="regard recommend answers by counting until there are more",
        )
