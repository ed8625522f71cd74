"""Batches: events and questions of some customers as padded arrays, the one form in which the model reads a log.

Training and serving call the same `assemble`, so a feature cannot mean two things.
Legend: `B` rows, `L` events, `Q` questions, `U` different items of a row, `M` recent events of a question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged

RECENT = 50
"""Events before a question whose co-visit counts speak for the next item; older ones add cost and no accuracy."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """R slices of customers' histories with the questions asked in each.

    Args:
        customer: int64 [R] code. start: int64 [R] first event of the slice, from the customer's first. length: int64 [R] events.
        questions: R rows of question numbers.
        places: R rows, events of the slice before each of these questions.
    """

    customer: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    questions: Ragged
    places: Ragged

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: NDArray[np.integer[Any]]) -> Windows:
        """The named slices."""
        return Windows(
            customer=self.customer[rows], start=self.start[rows], length=self.length[rows],
            questions=self.questions.take(rows), places=self.places.take(rows),
        )  # fmt: skip

    def renumbered(self, number: NDArray[np.int64]) -> Windows:
        """The same slices whose question q is question number[q] of a longer list."""
        return replace(self, questions=Ragged(self.questions.offsets, number[self.questions.values]))


def windows(customer: NDArray[np.int64], place: NDArray[np.int64], *, length: int) -> Windows:
    """Slices of at most `length` events in which every question sees at least the `length` // 2 events before it.

    Args:
        customer: int64 [Q], place: int64 [Q] of the questions, sorted by customer and place.
        length: events a slice may hold.
    """
    stride = max(1, length - length // 2)
    slot = np.maximum(0, -(-(place - length) // stride))
    start = slot * stride
    new = np.ones(len(customer), dtype=bool)
    new[1:] = (np.diff(customer) != 0) | (np.diff(slot) != 0)
    row = np.cumsum(new) - 1
    count = int(new.sum())
    stop = np.zeros(count, dtype=np.int64)
    np.maximum.at(stop, row, place)
    first = np.flatnonzero(new)
    return Windows(
        customer=customer[first], start=start[first], length=stop - start[first],
        questions=Ragged.from_groups(row, np.arange(len(customer)), count), places=Ragged.from_groups(row, place - start, count),
    )  # fmt: skip


def latest(log: Log, *, length: int) -> Windows:
    """One slice a customer, the last `length` events, with one question after them: how a trained model is asked."""
    size = np.minimum(log.lengths, length)
    count = len(log)
    one = np.arange(count + 1, dtype=np.int64)
    return Windows(
        customer=np.arange(count), start=log.lengths - size, length=size,
        questions=Ragged(one, np.arange(count)), places=Ragged(one, size),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Padded arrays. Padding is item V, behaviour 0 and limit 0; column L + q of a [B, L + Q] array is question q.

    Args:
        item: int64 [B, L] item code, V for none. behaviour: int64 [B, L + Q] code + 1.
        context: int64 [B, L, K] code + 1 of channel, device and place, hour and weekday (see `context_of`).
        numbers: float32 [B, L, 2] log1p(units) and log1p(days since the event before its basket).
        days: float32 [B, L + Q] days before the row's latest moment (so that recent ones are exact).
        limit: int64 [B, L + Q] how many of the row's events each may read: those of earlier baskets.
        rank: float32 [B, L + Q] number of the basket within the row.
        elapsed: float32 [B, Q, E] features of the time since the last event. asked: bool [B, Q], False for padding.
        moment: int64 [B, Q] seconds, when the question is asked.
        slot: int64 [B, L] place of the event's item among the row's different items. slot_item: int64 [B, U] these items, V for none.
        recent: int64 [B, Q, M] items of the question's latest events, V for none. recent_back: float32 [B, Q, M] baskets back.
        customer: int64 [B].
    """

    item: NDArray[np.int64]
    behaviour: NDArray[np.int64]
    context: NDArray[np.int64]
    numbers: NDArray[np.float32]
    days: NDArray[np.float32]
    limit: NDArray[np.int64]
    rank: NDArray[np.float32]
    elapsed: NDArray[np.float32]
    asked: NDArray[np.bool_]
    moment: NDArray[np.int64]
    slot: NDArray[np.int64]
    slot_item: NDArray[np.int64]
    recent: NDArray[np.int64]
    recent_back: NDArray[np.float32]
    customer: NDArray[np.int64]


CONTEXTS = ("channel", "device", "place")
"""Context fields of a log that the model reads, in this order, before hour and weekday."""


def elapsed_features(days: NDArray[Any]) -> NDArray[np.float32]:
    """float32 [..., 6] of a duration in days: smooth on every scale from minutes to years, zero for no time at all."""
    hours = np.log1p(np.maximum(days, 0) * 24).astype(np.float32) / 5
    parts = [hours, hours**2, np.sin(2 * hours), 1 - np.cos(2 * hours), np.sin(4 * hours), 1 - np.cos(4 * hours)]
    return np.stack(parts, axis=-1).astype(np.float32)


def assemble(
    log: Log, rows: Windows, *, moment: NDArray[np.int64], behaviour: NDArray[np.integer[Any]], offset: int = 0
) -> Batch:
    """Gather the rows' events and questions into one padded Batch.

    Args:
        log: the log that `rows` cut.
        moment: int64 [all questions] seconds at which each question is asked.
        behaviour: int [all questions] code of the behaviour asked for.
        offset: seconds to add to UTC for hours and weekdays.
    """
    B, L, Q = len(rows), int(rows.length.max(initial=1)) or 1, int(rows.questions.lengths.max(initial=1))
    event = (log.offsets[:-1][rows.customer] + rows.start)[:, None] + np.arange(L)  # [B, L]
    real = np.arange(L) < rows.length[:, None]
    event = np.minimum(event, max(log.events - 1, 0))
    none = len(log.items)
    if log.events == 0:
        log, event = _one_empty_event(log), np.zeros_like(event)
    item = np.where(real & (log.item[event] >= 0), log.item[event], none).astype(np.int64)
    asked, place, number = _questions(rows, B, Q)
    when = np.where(asked, moment[number], 0)
    time = log.time[event]
    last = np.where(place > 0, np.take_along_axis(time, np.maximum(place - 1, 0), 1), when)
    zero = np.maximum(np.max(np.where(asked, when, 0), axis=1), np.max(np.where(real, time, 0), axis=1))[:, None]
    clock = 1.0 / DAY if log.clock == "clock" else 0.0
    basket = np.where(real, log.basket[event], -1)
    rank, limit = _ranks(basket, real)
    q_rank = np.where(place > 0, np.take_along_axis(rank, np.maximum(place - 1, 0), 1), -1) + 1
    gap = (time - np.take_along_axis(time, np.maximum(limit - 1, 0), 1)) * clock  # alike for all lines of a basket
    units = np.log1p(np.abs(np.nan_to_num(log.quantity[event], nan=1.0)))
    slot, slot_item = _slots(item, none)
    recent, back = _recent(item, rank, place, none)
    code = np.where(asked, behaviour[number] + 1, 0)
    return Batch(
        item=item,
        behaviour=np.concatenate([np.where(real, log.behaviour[event] + 1, 0), code], axis=1).astype(np.int64),
        context=context_of(log, event, real, offset),
        numbers=np.stack([units, np.log1p(np.maximum(gap, 0))], axis=-1).astype(np.float32) * real[..., None],
        days=(np.concatenate([zero - time, zero - when], axis=1) * clock).astype(np.float32),
        limit=np.concatenate([limit, place], axis=1),
        rank=np.concatenate([rank, q_rank], axis=1).astype(np.float32),
        elapsed=elapsed_features((when - last) * clock),
        asked=asked, moment=when, slot=slot, slot_item=slot_item, recent=recent, recent_back=back, customer=rows.customer,
    )  # fmt: skip


def context_of(log: Log, event: NDArray[np.int64], real: NDArray[np.bool_], offset: int) -> NDArray[np.int64]:
    """int64 [B, L, 5] codes + 1 (0 = unknown) of CONTEXTS, hour of the day and day of the week."""
    parts = []
    for name in CONTEXTS:
        codes = log.context[name][1][event] + 1 if name in log.context else np.zeros_like(event)
        parts.append(np.where(real, codes, 0))
    local = log.time[event] + offset
    clock = real & (log.clock == "clock")
    parts.append(np.where(clock, local // 3600 % 24 + 1, 0))
    parts.append(np.where(clock, (local // DAY + 3) % 7 + 1, 0))  # 1 January 1970 was a Thursday
    return np.stack(parts, axis=-1).astype(np.int64)


def _questions(rows: Windows, B: int, Q: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """asked [B, Q], place [B, Q], question number [B, Q] (0 in padding)."""
    asked = np.arange(Q) < rows.questions.lengths[:, None]
    place, number = np.zeros((B, Q), dtype=np.int64), np.zeros((B, Q), dtype=np.int64)
    place[asked], number[asked] = rows.places.values, rows.questions.values
    return asked, place, number


def _ranks(basket: NDArray[np.integer[Any]], real: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of each event's basket within the row, and the place of that basket's first event: both [B, L]."""
    new = np.ones(basket.shape, dtype=bool)
    new[:, 1:] = basket[:, 1:] != basket[:, :-1]
    first = np.maximum.accumulate(np.where(new, np.arange(basket.shape[1]), 0), axis=1)
    return np.cumsum(new, axis=1) - 1, np.where(real, first, 0)


def _slots(item: NDArray[np.int64], none: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(item, axis=1, kind="stable")
    ranked = np.take_along_axis(item, order, 1)
    number = np.cumsum(np.diff(ranked, axis=1, prepend=ranked[:, :1]) != 0, axis=1)
    slot = np.empty_like(item)
    np.put_along_axis(slot, order, number, 1)
    slot_item = np.full((len(item), int(number.max()) + 1), none, dtype=np.int64)
    np.put_along_axis(slot_item, number, ranked, 1)
    return slot, slot_item


def _recent(
    item: NDArray[np.int64], rank: NDArray[np.int64], place: NDArray[np.int64], none: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    at = place[:, :, None] - 1 - np.arange(min(RECENT, item.shape[1]))  # [B, Q, M]
    flat = np.maximum(at, 0).reshape(len(item), -1)
    recent = np.where(at >= 0, np.take_along_axis(item, flat, 1).reshape(at.shape), none)
    ranks = np.take_along_axis(rank, flat, 1).reshape(at.shape)
    return recent, (ranks[:, :, :1] - ranks).astype(np.float32)


def _one_empty_event(log: Log) -> Log:
    """The log with one event of nothing, so that padding has a row to point at."""
    return replace(
        log,
        item=np.full(1, -1, dtype=np.int32),
        behaviour=np.zeros(1, dtype=np.int16),
        time=np.zeros(1, dtype=np.int64),
        basket=np.zeros(1, dtype=np.int32),
        quantity=np.full(1, np.nan, dtype=np.float32),
        value=np.full(1, np.nan, dtype=np.float32),
        context={name: (names, np.full(1, -1, dtype=np.int16)) for name, (names, _) in log.context.items()},
    )


def buckets(size: NDArray[np.integer[Any]], *, tokens: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Row numbers in batches of like size, in random order: next to no padding, and never above `tokens` padded tokens unless one row is.

    Args:
        size: int [R] tokens of each row. tokens: padded tokens a batch may hold. rng: orders ties and batches.
    """
    order = np.lexsort((rng.random(len(size)), size))
    cuts, longest, held = [0], 0, 0
    for place, length in enumerate(size[order].tolist()):
        longest = max(longest, length)
        if held and longest * (held + 1) > tokens:
            cuts.append(place)
            longest, held = length, 0
        held += 1
    cuts.append(len(order))
    groups = [order[a:b] for a, b in pairwise(cuts) if b > a]
    for number in rng.permutation(len(groups)):
        yield groups[number]
