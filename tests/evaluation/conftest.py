"""Tiny logs written out by hand, and a shop of random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content, Split, View
from regard.sequences.vocabulary import Vocabulary

Event = tuple[str, int, int]
"""Item ('' for none), basket, behaviour code."""

BEHAVIOURS = ("purchase", "view_item", "refund")


@pytest.fixture
def make_log() -> Callable[..., Log]:
    """Histories (a list of events a customer) -> Log; an event happens on day `basket`, or at its position by order."""

    def make(histories: Sequence[Sequence[Event]], *, items: str = "abcdefgh", clock: str = "clock") -> Log:
        lengths = [len(history) for history in histories]
        flat = [event for history in histories for event in history]
        position = [place for length in lengths for place in range(length)]
        basket = np.array([event[1] for event in flat], dtype=np.int32)
        vocabulary = Vocabulary(list(items))
        unknown = np.full(len(flat), np.nan, dtype=np.float32)
        return Log(
            customers=Vocabulary([f"c{number}" for number in range(len(histories))]),
            items=vocabulary,
            behaviours=BEHAVIOURS,
            offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
            item=vocabulary.codes(event[0] for event in flat).astype(np.int32),
            behaviour=np.array([event[2] for event in flat], dtype=np.int16),
            time=basket.astype(np.int64) * DAY if clock == "clock" else np.array(position, dtype=np.int64),
            basket=basket,
            quantity=unknown,
            value=unknown,
            merchandise=np.ones(len(items), dtype=bool),
            clock=clock,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture
def make_view() -> Callable[..., View]:
    """A view of the whole log that ends a day after its last event."""

    def make(log: Log, *, target: tuple[str, ...] = ("purchase",)) -> View:
        cut = int(log.time.max(initial=0)) + DAY if log.clock == "clock" else None
        return View(log=log, target=target, cut=cut, content=Content.empty(len(log.items)))

    return make


@pytest.fixture
def make_split(make_view: Callable[..., View]) -> Callable[..., Split]:
    """Everyone of the log is asked, with these answers."""

    def make(log: Log, targets: Sequence[Sequence[int]], *, mask: str = "none") -> Split:
        view = make_view(log)
        asof = np.full(len(log), view.cut or 0, dtype=np.int64)
        return Split(
            kind="time",
            view=view,
            queries=log,
            asof=asof,
            targets=Ragged.of(targets),
            mask=mask,
            days=30,
            hash="0" * 16,
        )

    return make


@pytest.fixture
def shop(make_log: Callable[..., Log], make_split: Callable[..., Split]) -> Split:
    """300 customers who mostly buy again what they bought before."""
    random = np.random.default_rng(7)
    histories, answers = [], []
    for _ in range(300):
        own = random.choice(20, 3, replace=False)
        baskets = random.integers(1, 8)
        events = []
        for basket in range(baskets):
            bought = np.unique(np.append(random.choice(own, 2), random.integers(0, 20)))
            events += [("abcdefghijklmnopqrst"[item], basket * 10, int(random.random() < 0.2)) for item in bought]
        histories.append(events)
        answers.append(np.unique(random.choice(own, 2)).tolist())
    answers[0] = [-1]
    return make_split(make_log(histories, items="abcdefghijklmnopqrst"), answers)
