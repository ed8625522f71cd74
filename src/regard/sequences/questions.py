"""Questions: what a training view lets us ask and answer. 'It is some moment; what does this customer want next, and by when?'

A question about a target basket may be asked at any moment since the target basket before it, whatever the customer looked at in
between: what is known of her is what lies before the moment. So a model learns to answer on a day chosen by somebody else, as it must.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import View

NEVER = np.iinfo(np.int64).max
"""Stands for a time that has not come."""

PATIENCE = 30
"""Days before a target basket in which it is asked about: what somebody wants in half a year is not what she wants now."""

AT_ONCE = 0.25
"""Share of the questions asked just before their answer, knowing all that led up to it: what a shop asks within a visit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """Q questions.

    Args:
        customer: int64 [Q] code.
        place: int64 [Q] how many of the customer's events lie before the answer.
        after: int64 [Q], until: int64 [Q] the question may be asked at a moment after `after` and not after `until`, the answer's time.
        behaviour: int16 [Q] the behaviour asked for.
        answers: Q rows of item codes, each once; empty where nothing was wanted in the time asked about.
        next_wanted: int64 [Q] time of the customer's next target event from `until` on, NEVER if none is in the view.
        main: bool [Q], whether it is asked for a target behaviour.
    """

    customer: NDArray[np.int64]
    place: NDArray[np.int64]
    after: NDArray[np.int64]
    until: NDArray[np.int64]
    behaviour: NDArray[np.int16]
    answers: Ragged
    next_wanted: NDArray[np.int64]
    main: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: NDArray[np.integer[Any]]) -> Questions:
        """The named questions."""
        return Questions(**{part.name: _take(getattr(self, part.name), rows) for part in fields(self)})

    def moments(self, log: Log, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw when each question is asked: (moment int64 [Q], place int64 [Q] of events that lie before it)."""
        if log.clock != "clock":
            return self.until, self.place
        span = self.until - self.after
        moment = self.until - np.floor(rng.random(len(self)) * span).astype(np.int64)
        at_once = (span <= 0) | (self.main & (rng.random(len(self)) < AT_ONCE) & (self.answers.lengths > 0))
        return np.where(at_once, self.until, moment), np.where(at_once, self.place, places(log, self.customer, moment))


def places(log: Log, customer: NDArray[np.int64], moment: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 [Q], how many events of each customer lie before each moment (seconds)."""
    if log.events == 0:
        return np.zeros(len(customer), dtype=np.int64)
    start = int(min(log.time.min(), moment.min(initial=NEVER)))
    width = int(max(log.time.max(), moment.max(initial=0))) - start + 1
    found = np.searchsorted(log.owner * width + (log.time - start), customer * width + (moment - start), side="left")
    return np.asarray(found - log.offsets[customer], dtype=np.int64)


def ask(view: View) -> Questions:
    """All questions of a view, sorted by customer and place.

    - Every target basket that something lies before, asked at most PATIENCE days ahead.
    - Where there is a clock: the waiting before that, and the silence after the last target basket, in which nothing was wanted.
    - Every basket of another behaviour since the event before it (a cart teaches what is wanted), except those of NEVER_TARGET.
    """
    log = view.log
    answered = _answered(view)
    if log.clock != "clock" or view.cut is None:
        return answered
    before = _last_wanted(view)[log.offsets[answered.customer] + answered.place]
    early = answered.until - PATIENCE * DAY
    long = answered.main & (before < early)
    main = np.where(answered.main, np.maximum(before, early), answered.after)
    parts = [
        _but(answered, after=main),
        _unanswered(view, answered.customer[long], before[long], early[long], answered.next_wanted[long]),
        _silences(view),
    ]
    joined = Questions(**{part.name: _join([getattr(each, part.name) for each in parts]) for part in fields(Questions)})
    return joined.take(np.lexsort((joined.place, joined.customer)))


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
        next_wanted=_next_wanted(view)[row], main=log.is_behaviour(view.target)[row],
    )  # fmt: skip


def _silences(view: View) -> Questions:
    """One question a customer, about the time between the last target basket (or the first event) and the end of the view."""
    assert view.cut is not None
    log = view.log
    customer = np.flatnonzero(log.lengths > 0)
    last = log.offsets[1:][customer] - 1
    wanted = np.maximum.accumulate(np.where(view.targets, np.arange(log.events), -1))[last]
    after = log.time[np.maximum(wanted, log.offsets[customer])]
    return _unanswered(view, customer, after, np.full(len(customer), view.cut), np.full(len(customer), NEVER))


def _unanswered(
    view: View,
    customer: NDArray[np.int64],
    after: NDArray[np.int64],
    until: NDArray[np.int64],
    next_wanted: NDArray[np.int64],
) -> Questions:
    wanted = next((view.log.behaviours.index(name) for name in view.target if name in view.log.behaviours), 0)
    count = len(customer)
    return Questions(
        customer=customer, place=places(view.log, customer, until), after=after, until=until,
        behaviour=np.full(count, wanted, dtype=np.int16), next_wanted=next_wanted, main=np.ones(count, dtype=bool),
        answers=Ragged(np.zeros(count + 1, dtype=np.int64), np.empty(0, dtype=np.int64)),
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


def _last_wanted(view: View) -> NDArray[np.int64]:
    """int64 [N], time of the last target before each event's basket among its customer's, else of the customer's first event."""
    log = view.log
    first, basket = _baskets(log)
    place = np.maximum.accumulate(np.where(view.targets, np.arange(log.events), -1))
    start = np.repeat(log.offsets[:-1], log.lengths)
    before = np.append(-1, place)[first][basket]  # the last target before the basket's first row
    return np.asarray(log.time[np.where(before >= start, before, start)])


def _but(questions: Questions, *, after: NDArray[np.int64]) -> Questions:
    parts = {part.name: getattr(questions, part.name) for part in fields(questions)}
    return Questions(**{**parts, "after": after})


def _take(part: Any, rows: NDArray[np.integer[Any]]) -> Any:
    return part.take(rows) if isinstance(part, Ragged) else part[rows]


def _join(parts: list[Any]) -> Any:
    if not isinstance(parts[0], Ragged):
        return np.concatenate(parts)
    ends = np.cumsum([0, *(len(part.values) for part in parts[:-1])])
    offsets = [part.offsets[1:] + end for part, end in zip(parts, ends, strict=True)]
    return Ragged(np.concatenate([[0], *offsets]), np.concatenate([part.values for part in parts]))
