"""Questions: the points of a training view at which the model is asked what comes next, with their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import View

NEVER = np.iinfo(np.int64).max
"""Stands for a time that has not come."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """Q questions, sorted by customer and place.

    Args:
        customer: int64 [Q] code.
        place: int64 [Q] how many of the customer's events lie before the question.
        after: int64 [Q] time of the last event before it: nobody can ask earlier.
        until: int64 [Q] time of the answer: nobody need ask later. The question's moment is drawn between the two.
        behaviour: int16 [Q] the behaviour asked for.
        answers: Q rows of item codes, each once; empty for the question after a customer's last event.
        next_wanted: int64 [Q] time of the customer's next target event after the question, NEVER if none is in the view.
    """

    customer: NDArray[np.int64]
    place: NDArray[np.int64]
    after: NDArray[np.int64]
    until: NDArray[np.int64]
    behaviour: NDArray[np.int16]
    answers: Ragged
    next_wanted: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: NDArray[np.integer[Any]]) -> Questions:
        """The named questions."""
        return Questions(
            customer=self.customer[rows], place=self.place[rows], after=self.after[rows], until=self.until[rows],
            behaviour=self.behaviour[rows], answers=self.answers.take(rows), next_wanted=self.next_wanted[rows],
        )  # fmt: skip


def ask(view: View) -> Questions:
    """Every basket that a history leads up to is a question; so is, where there is a clock, the silence after the last event.

    Baskets of other behaviours than the targets are asked about too (a cart teaches what is wanted), except those of NEVER_TARGET.
    """
    log = view.log
    answered = _answered(view)
    if log.clock != "clock" or view.cut is None:
        return answered
    silent = _silences(log, view)
    both = _concatenate(answered, silent)
    return both.take(np.lexsort((both.place, both.customer)))


def _answered(view: View) -> Questions:
    log, owner = view.log, view.log.owner
    answering = ~log.is_behaviour(NEVER_TARGET) & np.append(log.merchandise, False)[log.item]
    first, basket = _baskets(log)
    asked = np.unique(basket[answering])
    asked = asked[first[asked] > log.offsets[owner[first[asked]]]]  # something must lie before it
    row = first[asked]
    group = np.full(len(first), -1, dtype=np.int64)
    group[asked] = np.arange(len(asked))
    rows = np.flatnonzero(answering & (group[basket] >= 0))
    pairs = np.unique(np.stack([group[basket[rows]], log.item[rows].astype(np.int64)]), axis=1)
    return Questions(
        customer=owner[row], place=row - log.offsets[owner[row]], after=log.time[row - 1], until=log.time[row],
        behaviour=log.behaviour[row], answers=Ragged.from_groups(pairs[0], pairs[1], len(asked)),
        next_wanted=_next_wanted(view)[row],
    )  # fmt: skip


def _silences(log: Log, view: View) -> Questions:
    assert view.cut is not None
    customer = np.flatnonzero(log.lengths > 0)
    last = log.offsets[1:][customer] - 1
    wanted = np.array([log.behaviours.index(name) for name in view.target if name in log.behaviours] or [0])
    return Questions(
        customer=customer, place=log.lengths[customer], after=log.time[last], until=np.full(len(customer), view.cut),
        behaviour=np.full(len(customer), wanted[0], dtype=np.int16),
        answers=Ragged(np.zeros(len(customer) + 1, dtype=np.int64), np.empty(0, dtype=np.int64)),
        next_wanted=np.full(len(customer), NEVER),
    )  # fmt: skip


def _baskets(log: Log) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first row of every basket, basket number of every row), over the whole log."""
    new = np.ones(log.events, dtype=bool)
    new[1:] = (np.diff(log.basket) != 0) | (np.diff(log.owner) != 0)
    return np.flatnonzero(new), np.cumsum(new) - 1


def _next_wanted(view: View) -> NDArray[np.int64]:
    """int64 [N], time of the first target at or after each event among its customer's, else NEVER."""
    log = view.log
    place = np.where(view.targets, np.arange(log.events), log.events)
    ahead = np.minimum.accumulate(place[::-1])[::-1]
    here = ahead < np.repeat(log.offsets[1:], log.lengths)
    return np.where(here, log.time[np.minimum(ahead, log.events - 1)], NEVER)


def _concatenate(one: Questions, two: Questions) -> Questions:
    offsets = np.concatenate([one.answers.offsets, two.answers.offsets[1:] + one.answers.offsets[-1]])
    answers = Ragged(offsets, np.concatenate([one.answers.values, two.answers.values]))
    names = ("customer", "place", "after", "until", "behaviour", "next_wanted")
    joined = {name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in names}
    return Questions(answers=answers, **joined)
