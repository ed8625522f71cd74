"""Logs with something taken away or mixed up, and put in order again: for deletion, robustness and ablation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import Log
from regard.sequences.ragged import spans
from regard.sequences.view import Split

Change = Callable[[Log], Log]


def without(log: Log, gone: NDArray[np.bool_]) -> Log:
    """The log as if these events (bool [N]) had never been: positions and basket numbers are counted anew."""
    kept = log.where(~gone)
    starts = np.repeat(kept.offsets[:-1], kept.lengths)
    position = np.arange(kept.events) - starts
    time = position if log.clock == "order" else kept.time
    return replace(kept, basket=_renumbered(kept), time=time.astype(np.int64))


def asof_of(log: Log, asof: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 [Q], when an edited log is asked: unchanged where there is a clock, else at the last position."""
    if log.clock == "clock" or log.events == 0:
        return asof
    last = np.maximum(log.offsets[1:] - 1, 0)
    return np.where(log.lengths > 0, log.time[last], 0).astype(np.int64)


def drop(log: Log, *, share: float = 0.1, seed: int = 0) -> Log:
    """Lose a random share of the events; everyone keeps their newest one."""
    gone = np.random.default_rng(seed).random(log.events) < share
    gone[log.offsets[1:][log.lengths > 0] - 1] = False
    return without(log, gone)


def shuffle(log: Log, *, share: float = 1.0, seed: int = 0) -> Log:
    """Move a random share of the baskets to random places of their customer's history; all of them is no order at all.

    A basket stays together and takes the time of the place where it lands, so that only the order is lost: how long a
    history is, what is in it and when this customer was active stay as they were.
    """
    random = np.random.default_rng(seed)
    basket = _renumbered(log).astype(np.int64)
    starts = np.flatnonzero(np.append(True, (basket[1:] != basket[:-1]) | (np.diff(log.owner) > 0))[: log.events])
    sizes = np.diff(np.append(starts, log.events))
    owner, place = log.owner[starts], basket[starts].astype(np.float64)
    moved = random.random(len(starts)) < share
    count = np.bincount(owner, minlength=len(log))[owner]
    place[moved] = random.random(int(moved.sum())) * count[moved] - 0.5
    order = np.lexsort((place, owner))  # new place -> old basket; owners stay where they are
    rows = spans(starts[order], sizes[order])
    time = np.repeat(log.time[starts], sizes[order])
    if log.clock != "clock":
        time = log.time
    return replace(
        log,
        item=log.item[rows],
        behaviour=log.behaviour[rows],
        time=time,
        basket=np.repeat(basket[starts], sizes[order]).astype(np.int32),
        quantity=log.quantity[rows],
        value=log.value[rows],
        context={name: (names, codes[rows]) for name, (names, codes) in log.context.items()},
    )


def remove_time(log: Log) -> Log:
    """Keep the order of events and forget when they were."""
    if log.clock != "clock":
        return log
    position = np.arange(log.events) - np.repeat(log.offsets[:-1], log.lengths)
    return replace(log, clock="order", time=position.astype(np.int64))


def merge_behaviours(log: Log) -> Log:
    """Keep what was acted on and forget how: every event becomes one of the commonest behaviour, of unknown units and value.

    The names stay as they are, so that a model fitted on them can be asked; but nothing is a target any more, so none
    can be fitted.
    """
    commonest = np.bincount(log.behaviour, minlength=1).argmax()
    unknown = np.full(log.events, np.nan, dtype=np.float32)
    return replace(log, behaviour=np.full_like(log.behaviour, commonest), quantity=unknown, value=unknown)


def ablations(*, seed: int = 0) -> dict[str, Callable[[Split], Split]]:
    """The ablations by name: 'shuffle', 'remove_time' and 'merge_behaviours'. Where the view changes, fit again.

    Time is taken away before fitting: every target basket, and what lies before it, stays. Order and behaviours decide
    which baskets are asked about in fitting and what is known then; a fit without them would be a fit to other
    questions. They are taken from the histories with which the model, fitted on the whole truth, is asked.

    Source: shuffled test sequences as in Klenitskiy et al. 2024, Does It Look Sequential?
    """
    return {
        "shuffle": lambda split: edit_queries(split, lambda log: shuffle(log, seed=seed)),
        "remove_time": lambda split: ablate(split, remove_time),
        "merge_behaviours": lambda split: edit_queries(split, merge_behaviours),
    }


def edit_queries(split: Split, change: Change) -> Split:
    """The same questions asked with changed histories; what was fitted stays as it is."""
    queries = change(split.queries)
    return replace(split, queries=queries, asof=asof_of(queries, split.asof))


def ablate(split: Split, change: Change) -> Split:
    """The same questions where neither fitting nor asking knows what `change` takes away; the answers stay.

    `change` must leave the target baskets and what lies before each, or fitting learns from other questions.
    """
    log = change(split.view.log)
    view = replace(split.view, log=log, cut=split.view.cut if log.clock == "clock" else None)
    return replace(edit_queries(split, change), view=view)


def _renumbered(log: Log) -> NDArray[np.int32]:
    """int32 [N]: basket numbers 0, 1, ... without gaps for every customer."""
    if log.events == 0:
        return log.basket
    owner = log.owner
    new = np.append(True, (log.basket[1:] != log.basket[:-1]) | (owner[1:] != owner[:-1]))
    number = np.cumsum(new) - 1
    first = number[np.minimum(log.offsets[:-1], log.events - 1)]
    dense: NDArray[np.int32] = (number - first[owner]).astype(np.int32)
    return dense
