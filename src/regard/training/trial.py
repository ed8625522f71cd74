"""The trial: train on all but the last slice of a view and watch how well that slice is predicted.

It gives the number of steps, the weight of the co-visits and the calibration of the propensities; the weights themselves are thrown
away. Its figure is the best of many looks at one slice, and so a little better than what will come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from regard.metrics import ranking
from regard.sequences.log import DAY, Log
from regard.sequences.split import ContentOf, leave_one_out, midnight, time_split
from regard.sequences.view import Content, Split, View
from regard.sequences.vocabulary import Vocabulary
from regard.training.calibrate import Calibration, calibrate
from regard.training.loop import Loop, Tally

Kind = Literal["time", "leave-one-out"]

LOOKS_PER_EPOCH = 2
"""Times per epoch that the slice is looked at."""

STALE_LOOKS = 6
"""Looks without a better figure after which the trial ends."""

LEAST_ASKED = 50
"""Customers the slice must ask about to tell anything."""

MOST_ASKED = 4_000
"""Customers asked per look; more would make looking slow and the choice no better."""

COVISIT_WEIGHTS = (0.0, 0.2, 0.4, 0.8, 1.2, 1.8, 2.5)
"""Weights of the co-visits in the scores that a look tries: chosen on later wishes, as counts that know the answers cannot be weighed in
training."""

COVISITS = 0.4
"""The same weight where nothing could be held back: small, as the model begins at the co-visits anyway."""

SLICE_DAYS = 30
"""Days of the slice, or a tenth of the view where that is less; doubled while they ask about fewer than ENOUGH_ASKED customers."""

ENOUGH_ASKED = 200
"""Customers with whom a look is steady enough to choose by."""

LONGEST_SLICE = 1 / 4
"""Share of the view that the slice may take at most: what it takes, the trial cannot learn from."""

MOST_EPOCHS = 60
"""Epochs a trial may take, however generous the budget."""


@dataclass(kw_only=True)
class Trial:
    """What a trial found.

    Args:
        steps: after which the figure was best. best: NDCG@10 then; None where nothing could be held back.
        curve: step, seconds of training, loss and NDCG@10 of every look. calibration: of the propensities, at the best look.
        covisits: weight of the co-visits in the scores, at the best look.
    """

    steps: int
    best: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)
    covisits: float = COVISITS


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """The last slice of a view, held back.

    Args:
        split: questions about the baskets of half the customers.
        others: histories of the other half, for calibration. happened: bool, whether they wanted anything within `days` of the view's cut.
        days: horizon of `happened`; None where nothing can be calibrated.
        hidden: bool, customers of the split's view whose later wishes are held back though the view goes on; None = nobody.
    """

    split: Split
    others: Log
    happened: NDArray[np.bool_]
    days: float | None
    hidden: NDArray[np.bool_] | None = None


def hold_back(view: View, *, mask: str | None = None, kind: Kind | None = None) -> Slice | None:
    """Hold the view's own last slice back; None where it asks about too few customers to tell anything.

    Args:
        view: what may be seen. mask: as in splits.
        kind: 'time' holds back the last days, 'leave-one-out' the last wishes of some customers; None = 'time' where there is a clock.
    """
    log = view.log
    if log.clock != "clock" or view.cut is None or kind == "leave-one-out":
        return _last_wishes(view, mask)
    span = (view.cut - int(log.time.min())) / DAY
    days = int(np.clip(span // 10, 1, SLICE_DAYS))
    held = _last_days(view, mask, days=days)
    while (held is None or len(held.split) < ENOUGH_ASKED) and 2 * days <= span * LONGEST_SLICE:
        days *= 2
        held = _last_days(view, mask, days=days)
    return held


def _last_days(view: View, mask: str | None, *, days: int) -> Slice | None:
    """Those of half the customers, about their first basket; the other half says whether the propensities are calibrated."""
    log = view.log
    assert view.cut is not None
    cut = midnight(view.cut - 1, log.time_zone, days=1 - days)
    if not (log.time < cut).any():
        return None
    split = time_split(log, target=view.target, content_of=_same_content(view), days=days, cut=cut, mask=mask)
    asked = np.isin(log.customers.codes(split.queries.customers.ids.to_pylist()), _half(len(log)))
    later = np.flatnonzero(view.targets & (log.time >= cut) & (log.time < cut + days * DAY))
    came = np.bincount(log.owner[later], minlength=len(log)) > 0
    known = log.customers.codes(split.view.log.customers.ids.to_pylist())
    others = np.flatnonzero(~np.isin(known, _half(len(log))))
    found = of_split(_only(split, np.flatnonzero(asked)))
    if found is None:
        return None
    return Slice(split=found.split, others=split.view.log.take(others), happened=came[known[others]], days=float(days))


def _last_wishes(view: View, mask: str | None) -> Slice | None:
    """Those of at most every second customer, so that what the others did stays as dense as it is."""
    log = view.log
    often = np.flatnonzero(np.bincount(log.owner[view.targets], minlength=len(log)) >= 3)
    few = np.random.default_rng(0).permutation(often)[: min(MOST_ASKED, -(-len(often) // 2))]
    asked = np.isin(np.arange(len(log)), few)
    split = leave_one_out(log, target=view.target, content_of=_same_content(view), mask=mask, asked=asked)
    held = of_split(replace(split, view=replace(split.view, cut=view.cut)))  # the others' time goes on
    if held is None:
        return None
    known = split.view.log.customers
    hidden = np.zeros(len(known), dtype=bool)
    hidden[known.codes(split.queries.customers.ids.to_pylist())] = True
    return replace(held, hidden=hidden)


def of_split(split: Split) -> Slice | None:
    """A slice made of questions alone, without calibration."""
    if len(split) < LEAST_ASKED:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(len(split))[:MOST_ASKED])
    return Slice(
        split=_only(split, rows), others=split.queries.take(rows[:0]), happened=np.empty(0, dtype=bool), days=None
    )


def run_trial(
    loop: Loop,
    held: Slice,
    *,
    steps_per_epoch: int,
    steps: int | None,
    most: int | None,
    spent: Callable[[int, Tally, float], bool],
    tick: Callable[[int], None],
    keep: Callable[[dict[str, Tensor]], None] = lambda weights: None,
) -> Trial:
    """Train and look until it stops getting better, the budget is spent or `steps` are done.

    Args:
        loop: a fresh loop over the slice's view.
        steps: take exactly this many and look once; None = find out.
        most: steps before the first look where an epoch is too long for the budget; None = no limit.
        spent: told the step, the last tally and the seconds of the last look, whether going on would break the budget.
        tick: hears the events of each step. keep: is handed the averaged weights of every best look.
    """
    often = steps_per_epoch // LOOKS_PER_EPOCH
    every = steps or max(1, often if most is None else min(often, most))
    limit = steps or MOST_EPOCHS * steps_per_epoch
    trial, stale, seconds = Trial(steps=every), 0, 0.0
    while loop.step < limit:
        tally = loop.run(min(every, limit - loop.step), tick=tick)
        seconds += tally.seconds
        began = time.monotonic()
        figure, weight = look(loop, held.split)
        trial.curve.append(
            {"step": loop.step, "seconds": round(seconds, 1), "loss": tally.loss / tally.steps, "ndcg": figure}
        )
        stale += 1
        if trial.best is None or figure > trial.best:
            trial.best, trial.steps, trial.covisits, stale = figure, loop.step, weight, 0
            trial.calibration = _calibration(loop, held)
            keep(loop.average)
        if stale >= STALE_LOOKS or spent(loop.step, tally, time.monotonic() - began):
            break
    return trial


def look(loop: Loop, split: Split) -> tuple[float, float]:
    """Mean NDCG@10 of the averaged weights on the split's questions, and the weight of the co-visits with which it is best."""
    figures = judge(loop, split).mean(axis=1)
    return float(figures.max()), COVISIT_WEIGHTS[int(figures.argmax())]


def judge(loop: Loop, split: Split) -> NDArray[np.float64]:
    """NDCG@10 [W, Q] of the averaged weights on each of the split's questions, with each of COVISIT_WEIGHTS."""
    found = np.empty((len(COVISIT_WEIGHTS), len(split)))
    for answered in loop.answer(split.queries, split.asof, horizon=1.0):
        rows = answered.rows
        barred, targets = blocked_cells(split, rows), split.targets.take(rows)
        for place, weight in enumerate(COVISIT_WEIGHTS):
            scores = answered.scores + np.float32(weight) * answered.covisits
            scores[barred] = -np.inf
            found[place, rows] = ranking.ndcg(ranking.ranks(scores, targets), 10)
    return found


def blocked_cells(split: Split, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, item) of the scores that the split's mask takes out."""
    queries = split.queries.take(rows)
    gone = np.zeros(queries.events, dtype=bool)
    if split.mask != "none":
        gone = queries.item >= 0
    if split.mask == "target":
        gone &= queries.is_behaviour(split.view.target)
    return queries.owner[gone], queries.item[gone].astype(np.int64)


def _calibration(loop: Loop, held: Slice) -> Calibration:
    if held.days is None or len(held.others) == 0:
        return Calibration()
    assert held.split.view.cut is not None
    told = np.empty(len(held.others))
    asof = np.full(len(held.others), held.split.view.cut, dtype=np.int64)
    for answered in loop.answer(held.others, asof, horizon=held.days, scores=False):
        told[answered.rows] = answered.told
    return calibrate(told, held.happened)


def _half(customers: int) -> NDArray[np.int64]:
    return np.flatnonzero(np.random.default_rng(0).random(customers) < 0.5)


def _only(split: Split, rows: NDArray[np.int64]) -> Split:
    return replace(split, queries=split.queries.take(rows), asof=split.asof[rows], targets=split.targets.take(rows))


def _same_content(view: View) -> ContentOf:
    def content(items: Vocabulary, before: int | None) -> Content:
        return view.content.take(view.log.items.codes(items.ids.to_pylist()))

    return content
