"""Histories to be asked about: known customers, anonymous baskets, and known customers with a basket open right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.sequences.arrivals import Arrived, joined, nothing
from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary

BASKET_BEHAVIOUR = "add_to_cart"
"""What a bare item in a question means: it lies in the open basket."""

STAND_INS = ("add_to_cart", "view_item", "favourite", "purchase", "play")
"""A told event of a behaviour that the shop has never seen is read as the first of these that it has."""

TOLD = "told"
"""Context of histories: what each event told with the question really was, -1 for those of the store. For words only."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """An event told with the question, not in the store.

    Args:
        item: id, any text. behaviour: what was done. time: seconds since 1970 UTC; None = now.
    """

    item: str
    behaviour: str = BASKET_BEHAVIOUR
    time: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question.

    Args:
        customer: id, None for an anonymous visitor.
        events: what they did beside what the store knows, oldest first.
        interests: item ids, values of item columns or words of a new customer.
    """

    customer: str | None = None
    events: tuple[Given, ...] = ()
    interests: tuple[str, ...] = ()


def given(events: Sequence[str | Mapping[str, object] | Given]) -> tuple[Given, ...]:
    """Events as people write them: bare item ids (an open basket) or mappings with item, behaviour and time.

    >>> given(["A1", {"item": "B2", "behaviour": "view_item"}])[1].behaviour
    'view_item'
    """
    result = []
    for event in events:
        if isinstance(event, Given):
            result.append(event)
        elif isinstance(event, str):
            result.append(Given(item=event))
        else:
            strange = set(event) - {"item", "behaviour", "time"}
            if strange or "item" not in event:
                raise UsageError(
                    "an event needs 'item' and may have 'behaviour' and 'time'"
                    + (f", not '{sorted(strange)[0]}'" if strange else ""),
                    hint="for example {'item': 'A1', 'behaviour': 'view_item'}",
                )
            result.append(
                Given(
                    item=str(event["item"]),
                    behaviour=str(event.get("behaviour", BASKET_BEHAVIOUR)),
                    time=_seconds(event.get("time")),
                )
            )
    return tuple(result)


def _seconds(time: object) -> int | None:
    if time is None or isinstance(time, int):
        return time
    try:
        return int(np.datetime64(str(time), "s").astype(np.int64))
    except ValueError:
        raise UsageError(
            f"cannot read the time '{time}'", hint="ISO 8601 in UTC, such as 2026-03-01T12:00:00"
        ) from None


def histories(
    log: Log, asks: Sequence[Ask], now: int, known: tuple[str, ...] | None = None, arrived: Arrived = nothing
) -> Log:
    """One slice per question: the customer's own events, empty for unknown ones, then the events told with it.

    Args:
        log: the shop's log. asks: Q questions. now: seconds, the time of told events that have none.
        known: behaviours that whoever reads the histories understands; None = those of the log.
        arrived: gives the customers' events that have come since the log was packed.
    """
    codes = np.array([log.customers.code(ask.customer) if ask.customer else -1 for ask in asks], dtype=np.int64)
    names = Vocabulary([ask.customer or "" for ask in asks])
    if len(log) == 0:
        own = replace(log, customers=names, offsets=np.zeros(len(asks) + 1, dtype=np.int64))
    else:
        own = log.take(np.maximum(codes, 0), names)
        own = own if (codes >= 0).all() else own.where(np.repeat(codes >= 0, own.lengths))
    if came := arrived([ask.customer for ask in asks if ask.customer]):
        own = joined(own, [came.get(ask.customer or "", ()) for ask in asks])
    return _append(own, asks, now, log.behaviours if known is None else known)


def _append(log: Log, asks: Sequence[Ask], now: int, known: tuple[str, ...]) -> Log:
    said = [(row, event) for row, ask in enumerate(asks) for event in ask.events]
    if not said:
        return log
    told = [(row, _understood(event, known)) for row, event in said]
    names = tuple(dict.fromkeys(event.behaviour for _, event in said))
    behaviours = log.behaviours + tuple(
        dict.fromkeys(e.behaviour for _, e in told if e.behaviour not in log.behaviours)
    )
    owner = np.concatenate([log.owner, np.array([row for row, _ in told], dtype=np.int64)])
    order = np.argsort(owner, kind="stable")

    def joined(values: NDArray, extra: Sequence[float]) -> NDArray:  # type: ignore[type-arg]
        return np.concatenate([values, np.array(extra, dtype=values.dtype)])[order]

    blank = [np.nan] * len(told)
    context = {key: (words, joined(codes, [-1] * len(told))) for key, (words, codes) in log.context.items()}
    stored = np.full(log.events, -1, dtype=np.int16)
    context[TOLD] = (names, joined(stored, [names.index(event.behaviour) for _, event in said]))
    offsets = np.zeros(len(asks) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(asks)), out=offsets[1:])
    return replace(
        log,
        behaviours=behaviours,
        offsets=offsets,
        item=joined(log.item, log.items.codes([event.item for _, event in told]).tolist()),
        behaviour=joined(log.behaviour, [behaviours.index(event.behaviour) for _, event in told]),
        time=joined(log.time, _times(log, told, now)),
        basket=joined(log.basket, _baskets(log, told)),
        quantity=joined(log.quantity, blank),
        value=joined(log.value, blank),
        context=context,
    )


def deeds(log: Log, rows: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.bool_]]:
    """What was really done, whatever a told event is read as.

    Args:
        log: histories. rows: int64 [n], of events.

    Returns:
        names of the codes; int64 [n] code of each event; bool [n], those told with the question.
    """
    said, codes = log.context.get(TOLD, ((), np.full(log.events, -1, dtype=np.int16)))
    names = tuple(dict.fromkeys((*log.behaviours, *said)))
    place = np.array([names.index(name) for name in said] + [-1], dtype=np.int64)[codes[rows]]
    return names, np.where(place < 0, log.behaviour[rows], place), place >= 0


def _understood(event: Given, known: tuple[str, ...]) -> Given:
    if event.behaviour in known or not known:
        return event
    return replace(event, behaviour=next((name for name in STAND_INS if name in known), known[0]))


def _times(log: Log, told: list[tuple[int, Given]], now: int) -> list[int]:
    """Never before the customer's latest stored event: a sequence stays in time order."""
    latest = [
        int(log.time[end - 1]) if end > start else None
        for start, end in zip(log.offsets, log.offsets[1:], strict=False)
    ]
    times = []
    for row, event in told:
        before = latest[row]
        if log.clock == "clock":
            time = now if event.time is None else event.time
            time = time if before is None else max(time, before)
        else:
            time = 0 if log.clock == "none" else 0 if before is None else before + 1
        latest[row] = time
        times.append(time)
    return times


def _baskets(log: Log, told: list[tuple[int, Given]]) -> list[int]:
    latest = [
        int(log.basket[end - 1]) if end > start else -1
        for start, end in zip(log.offsets, log.offsets[1:], strict=False)
    ]
    baskets = []
    for row, _ in told:
        latest[row] += 1
        baskets.append(latest[row])
    return baskets
