"""Bots are written behind the log's customers, look like them in all but their script, and are the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from regard.errors import UsageError
from regard.sequences.log import Log
from regard.simulate.bots import NEED_CLOCK, SCRIPTS, Bots, inject

DrawLog = Callable[..., Log]


@pytest.fixture(scope="module")
def log(draw_log: DrawLog) -> Log:
    return draw_log(customers=80, visits=25)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_log_stays_and_the_bots_keep_its_rules(log: Log, script: str) -> None:
    whole = inject(log, Bots(script=script, count=6, seed=3))
    assert whole.take(np.arange(len(log))).customers.ids.equals(log.customers.ids)
    for name in ("item", "time", "basket", "behaviour", "quantity", "value"):
        column = getattr(whole, name)
        assert column.dtype == getattr(log, name).dtype and len(column) == whole.offsets[-1]
        assert np.array_equal(column[: log.events], getattr(log, name), equal_nan=name in ("quantity", "value"))
    assert len(whole.context["channel"][1]) == whole.events
    bots = whole.take(np.arange(len(log), len(whole)))
    assert bots.customers.ids.to_pylist() == [f"bot:{script}:{number}" for number in range(6)]
    assert (bots.lengths > 0).all() and log.time.min() <= bots.time.min() and bots.time.max() <= log.time.max()
    inside = bots.owner[1:] == bots.owner[:-1]
    assert (np.diff(bots.time)[inside] >= 0).all() and (np.diff(bots.basket)[inside] >= 0).all()
    lines = np.stack([bots.owner, bots.basket, bots.item])
    assert np.unique(lines, axis=1).shape == lines.shape, "a basket holds an item once"
    for own in {
        (o, b): bots.behaviour[(bots.owner == o) & (bots.basket == b)] for o, b in lines[:2].T.tolist()
    }.values():
        assert len(set(own.tolist())) == 1, "a basket has one behaviour"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_seed_is_a_shop(log: Log, script: str) -> None:
    first, again, other = (inject(log, Bots(script=script, count=5, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.item, again.item) and np.array_equal(first.time, again.time)
    assert len(first.item) != len(other.item) or not np.array_equal(first.item, other.item)


def test_scripts_do_what_they_say(log: Log) -> None:
    def drawn(script: str, jitter: float) -> Log:
        whole = inject(log, Bots(script=script, count=5, jitter=jitter, seed=0))
        return whole.take(np.arange(len(log), len(whole)))

    exact = drawn("one_item", 0.0)
    assert all(len(np.unique(exact.item[a:b])) == 1 for a, b in zip(exact.offsets, exact.offsets[1:], strict=False))
    loose = drawn("one_item", 0.5)
    assert any(len(np.unique(loose.item[a:b])) > 1 for a, b in zip(loose.offsets, loose.offsets[1:], strict=False))
    timed = drawn("fixed_gaps", 0.0)
    gaps = np.diff(timed.time)[(np.diff(timed.owner) == 0) & (np.diff(timed.basket) > 0)]
    owner = timed.owner[1:][(np.diff(timed.owner) == 0) & (np.diff(timed.basket) > 0)]
    assert all(np.ptp(gaps[owner == bot]) <= 1 for bot in range(5))
    copied = drawn("copies", 0.0)
    assert all(np.array_equal(copied.item[copied.owner == 0], copied.item[copied.owner == bot]) for bot in range(5))


def test_what_cannot_be_injected_says_why(draw_log: DrawLog) -> None:
    ordered = draw_log(customers=60, visits=30, clock="order")
    for script in SCRIPTS:
        if script in NEED_CLOCK:
            with pytest.raises(UsageError, match="clock"):
                inject(ordered, Bots(script=script))
        else:
            assert inject(ordered, Bots(script=script, count=2)).clock == "order"
    with pytest.raises(UsageError, match="12 acts"):
        inject(draw_log(customers=5, visits=2), Bots(script="copies"))
    for wrong in ({"script": "magic"}, {"script": "copies", "count": 0}, {"script": "copies", "jitter": 1.0}):
        with pytest.raises(UsageError):
            Bots(**wrong)  # type: ignore[arg-type]
