"""Sizing follows the data's statistics, in one direction, and no name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regard.sequences.log import Log
from regard.sequences.popularity import popularity
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary
from regard.training.sizing import plan_training, size_model

ViewOf = Callable[..., View]


class Large:
    """A log that says it is large; sizing asks for nothing else of its events."""

    def __init__(self, log: Log, events: int, longest: int) -> None:
        self._log, self.events, self.lengths = log, events, np.full(len(log), longest)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


@pytest.mark.parametrize("clock", ["clock", "order"])
def test_more_data_never_make_a_smaller_model_or_more_dropout(view_of: ViewOf, clock: str) -> None:
    view = view_of(customers=20, clock=clock)
    popular = popularity(view)
    many = [10, 10**3, 10**4, 10**5, 10**6, 10**7, 10**8]
    sized = [size_model(replace(view, log=Large(view.log, events, 30)), popular) for events in many]  # type: ignore[arg-type]
    for one, more in zip(sized, sized[1:], strict=False):  # noqa: RUF007
        assert one.width <= more.width and one.layers <= more.layers and one.dropout >= more.dropout
    assert sized[0].width < sized[-1].width and (sized[0].dropout, sized[-1].dropout) == (0.5, 0.2)
    long = [
        size_model(replace(view, log=Large(view.log, 10**5, longest)), popular).length
        for longest in (1, 30, 100, 300, 9_000)
    ]  # type: ignore[arg-type]
    assert long == sorted(long) and long[0] == 64 and long[-1] == 512
    tokens = [plan_training(replace(view, log=Large(view.log, events, 30))).tokens for events in many]  # type: ignore[arg-type]
    assert tokens == sorted(tokens)


def test_thin_items_need_more_dropout_however_many_events_there_are(view_of: ViewOf) -> None:
    view = view_of(customers=20)
    shares = []
    for each in (10, 100, 1_000):
        large = Large(view.log, 10**6, 30)
        large.items = Vocabulary([str(n) for n in range(10**6 // each)])  # type: ignore[attr-defined]
        shares.append(size_model(replace(view, log=large), None).dropout)  # type: ignore[arg-type]
    assert shares == [0.5, 0.4, 0.2]


def test_names_change_no_size(view_of: ViewOf) -> None:
    view = view_of(customers=20)
    log = view.log
    words = {"channel": (tuple(f"渠道{n}" for n in range(len(log.context["channel"][0]))), log.context["channel"][1])}
    renamed = replace(
        log, items=Vocabulary([f"taobao-{n}" for n in range(len(log.items))]), behaviours=tuple(f"act{n}" for n in range(len(log.behaviours))),
        customers=Vocabulary([f"retail-{n}" for n in range(len(log))]), context=words,
    )  # fmt: skip
    other = replace(view, log=renamed, target=("act0",))
    assert size_model(view, popularity(view)) == size_model(other, popularity(other))
    assert plan_training(view) == plan_training(other)


def test_what_the_log_has_is_what_the_model_reads(view_of: ViewOf) -> None:
    view = replace(view_of(customers=20), content=Content(("a", "b"), Content.empty(12).features))
    popular = popularity(view)
    assert popular is not None
    found = size_model(view, popular)
    assert (found.items, found.behaviours, found.features) == (len(view.log.items), len(view.log.behaviours), 2)
    assert found.contexts == (len(view.log.context["channel"][0]) + 1, 1, 1, 25, 8)
    assert found.half_lives == popular.half_lives and any(found.time_scales)
    ordered = size_model(view_of(customers=20, clock="order"), None)
    assert not any(ordered.time_scales) and any(ordered.back_scales) and ordered.half_lives == ()
    assert found.width % found.heads == 0 and len(found.back_scales) == found.heads
