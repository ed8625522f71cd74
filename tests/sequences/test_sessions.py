"""Sessions: cut at silences, read up to a moment and no further, and told apart by what came later in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.sequences.log import Log
from regard.sequences.sessions import orders_later, running, session_starts

GAP = 1_800
TARGET = ("purchase",)


@pytest.fixture
def log(draw_log: Callable[..., Log]) -> Log:
    """Customers whose events lie minutes to days apart."""
    drawn = draw_log(customers=30, visits=12, seed=5)
    rng = np.random.default_rng(1)
    pause = rng.choice([0, 60, 600, GAP, GAP + 1, 90_000], drawn.events)
    return replace(drawn, time=np.cumsum(pause) + 1_600_000_000)


def slow(log: Log, row: int) -> dict[str, Any]:
    """What is known right after an event, event by event."""
    mine = [n for n in range(row + 1) if log.owner[n] == log.owner[row]]
    sessions: list[list[int]] = []
    for n in mine:
        if sessions and log.time[n] - log.time[sessions[-1][-1]] <= GAP:
            sessions[-1].append(n)
        else:
            sessions.append([n])
    now, name = sessions[-1], [log.behaviours[code] for code in log.behaviour]
    bought = [n for n in mine if name[n] in TARGET]
    items = [int(log.item[n]) for n in now if log.item[n] >= 0]
    return {
        "events": len(now),
        "items": len(set(items)),
        "looked_again": len(items) - len(set(items)),
        "minutes": (log.time[row] - log.time[now[0]]) / 60,
        "pause_minutes": (log.time[row] - log.time[now[-2]]) / 60 if len(now) > 1 else 0,
        "sessions_before": len(sessions) - 1,
        "orders_before": len([n for n in bought if n < now[0]]),
        "days_since_order": (log.time[row] - log.time[bought[-1]]) / 86_400 if bought else np.nan,
        "purchase_in_session": len([n for n in now if name[n] == "purchase"]),
        "purchase_now": name[row] == "purchase",
    }


def test_what_is_known_of_a_session_is_what_counting_event_by_event_says(log: Log) -> None:
    rows = np.arange(log.events)
    table = running(log, rows, np.zeros(len(rows), np.int64), target=TARGET, gap=GAP)
    for row in rows:
        for name, value in slow(log, int(row)).items():
            np.testing.assert_allclose(table.column(name)[row], value, rtol=1e-5, err_msg=name)


def test_what_comes_later_is_not_read(log: Log) -> None:
    cut = int(np.median(log.time))
    past = log.where(log.time <= cut)
    ends = past.offsets[1:][past.lengths > 0] - 1
    seen = np.flatnonzero(log.time <= cut)
    whole = running(log, seen[ends], np.zeros(len(ends), np.int64), target=TARGET, gap=GAP)
    np.testing.assert_array_equal(
        whole.values, running(past, ends, np.zeros(len(ends), np.int64), target=TARGET, gap=GAP).values
    )


@given(st.integers(0, 10_000))
def test_an_order_later_is_of_the_same_session_and_another_basket(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 12
    from regard.sequences.vocabulary import Vocabulary

    basket = np.cumsum(rng.random(count) < 0.7).astype(np.int32)
    log = Log(
        customers=Vocabulary(["a", "b"]), items=Vocabulary(["x", "y"]), behaviours=("view_item", "purchase"),
        offsets=np.array([0, 6, 12]), item=rng.integers(0, 2, count).astype(np.int32),
        behaviour=rng.integers(0, 2, count).astype(np.int16), time=np.cumsum(rng.choice([10, 5_000], count)), basket=basket,
        quantity=np.ones(count, np.float32), value=np.ones(count, np.float32), merchandise=np.ones(2, bool),
    )  # fmt: skip
    begins = session_starts(log, GAP)
    session = np.cumsum(begins)
    told = orders_later(log, begins, TARGET)
    for row in range(count):
        later = [n for n in range(row + 1, count) if session[n] == session[row] and log.behaviour[n] == 1]
        assert told[row] == any(basket[n] != basket[row] for n in later)
