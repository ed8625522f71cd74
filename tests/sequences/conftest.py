"""Logs written out by hand: a history is a list of lines 'time item' or 'time item behaviour'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def log_of() -> Callable[..., Log]:
    """Customer -> lines such as '2024-03-01T12:00 pen' (time in the zone); lines of one time and behaviour are a basket, '-' is no item."""

    def make(
        histories: Mapping[str, Sequence[str]], *, zone: str = "UTC", clock: str = "clock", postage: str = "postage"
    ) -> Log:
        events = [
            (datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(zone)), what, (*rest, "purchase")[0])
            for lines in histories.values()
            for when, what, *rest in (line.split() for line in lines)
        ]
        basket: list[int] = []
        at = 0
        for lines in histories.values():
            own = events[at : at + len(lines)]
            for number, (_, group) in enumerate(groupby(own, key=lambda event: (event[0], event[2]))):
                basket += [number] * len(list(group))
            at += len(lines)
        items = Vocabulary(sorted({what for _, what, _ in events if what != "-"}))
        behaviours = ("purchase", *sorted({act for _, _, act in events} - {"purchase"}))
        place = [number for lines in histories.values() for number in range(len(lines))]
        return Log(
            customers=Vocabulary(list(histories)),
            items=items,
            behaviours=behaviours,
            offsets=np.append(0, np.cumsum([len(lines) for lines in histories.values()])).astype(np.int64),
            item=items.codes(what for _, what, _ in events).astype(np.int32),
            behaviour=np.array([behaviours.index(act) for _, _, act in events], dtype=np.int16),
            time=np.array(
                [int(when.timestamp()) for when, _, _ in events] if clock == "clock" else place, dtype=np.int64
            ),
            basket=np.array(basket, dtype=np.int32),
            quantity=np.ones(len(events), dtype=np.float32),
            value=np.ones(len(events), dtype=np.float32),
            merchandise=np.array([name != postage for name in items.ids.to_pylist()], dtype=bool),
            clock=clock,  # type: ignore[arg-type]
            time_zone=zone,
        )

    return make
