"""Questions: which points of a history are asked about, with which answers, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.events.schema import NEVER_TARGET
from regard.sequences.log import DAY, Log
from regard.sequences.questions import NEVER, PATIENCE, ask, places
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary

LogOf = Callable[..., Log]
BUY = ("purchase",)


def plainly(view: View) -> list[tuple[object, ...]]:
    """(customer, place, after, until, behaviour, answers, next wanted, main), written out."""
    log, asked = view.log, []
    clock, buy = log.clock == "clock", log.behaviours.index("purchase")
    for customer in range(len(log)):
        rows = range(log.offsets[customer], log.offsets[customer + 1])
        time = [int(log.time[row]) for row in rows]
        wanted = [row for row in rows if view.targets[row]]
        for place, row in enumerate(rows):
            if place == 0 or log.basket[row] == log.basket[row - 1]:
                continue
            answers = {
                int(log.item[r])
                for r in rows
                if log.basket[r] == log.basket[row] and log.item[r] >= 0 and log.merchandise[log.item[r]]
                and log.behaviours[log.behaviour[r]] not in NEVER_TARGET
            }  # fmt: skip
            if not answers:
                continue
            coming = min((int(log.time[r]) for r in wanted if r >= row), default=NEVER)
            after, until, main = time[place - 1], time[place], log.behaviour[row] == buy
            if main and clock:
                last = max((int(log.time[r]) for r in wanted if r < row), default=time[0])
                after = max(last, until - PATIENCE * DAY)
                if last < after:
                    asked.append((customer, sum(t < after for t in time), last, after, buy, [], coming, True))
            asked.append((customer, place, after, until, log.behaviour[row], sorted(answers), coming, main))
        if clock:
            last = int(log.time[wanted[-1]]) if wanted else time[0]
            asked.append((customer, len(rows), last, view.cut, buy, [], NEVER, True))
    return asked


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 9), clock=st.sampled_from(["clock", "order", "none"]), slow=st.sampled_from([1, 10]))
def test_questions_are_those_of_the_plain_reference(draw_log: LogOf, seed: int, clock: str, slow: int) -> None:
    log = draw_log(seed=seed, customers=8, clock=clock)
    log = replace(log, time=log.time * slow)  # slow customers wait for longer than PATIENCE
    cut = int(np.quantile(log.time, 0.8)) if clock == "clock" else None
    view = view_until(log, cut, target=BUY)
    found = ask(view)
    rows = zip(
        found.customer, found.place, found.after, found.until, found.behaviour, (sorted(row.tolist()) for row in found.answers),
        found.next_wanted, found.main, strict=True,
    )  # fmt: skip
    assert sorted(rows) == sorted(plainly(view))
    assert (np.diff(found.customer * 1_000 + found.place) >= 0).all()


def test_a_silence_begins_with_the_last_target_though_postage_closes_its_basket(log_of: LogOf) -> None:
    log = log_of({"ann": ["2024-05-01T10:00 pen", "2024-05-09T10:00 cup", "2024-05-09T10:00 postage"]})
    found = ask(view_until(log, int(log.time[-1]) + DAY, target=BUY))
    assert found.after[found.next_wanted == NEVER].tolist() == [log.time[-1]]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 30), slow=st.sampled_from([1, 10]))
def test_a_question_is_asked_in_its_time_and_knows_only_what_lies_before(draw_log: LogOf, seed: int, slow: int) -> None:
    log = draw_log(seed=seed % 5, customers=10)
    log = replace(log, time=log.time * slow)
    view = view_until(log, int(np.quantile(log.time, 0.9)), target=BUY)
    log, found = view.log, ask(view)
    moment, place = found.moments(log, np.random.default_rng(seed))
    assert ((moment <= found.until) & ((moment > found.after) | (found.until == found.after))).all()
    assert (place <= found.place).all() and (place > 0).all()
    for q in range(len(found)):
        rows = np.arange(log.offsets[found.customer[q]], log.offsets[found.customer[q] + 1])
        assert place[q] in (found.place[q], (log.time[rows] < moment[q]).sum())
        assert (log.time[rows[: place[q]]] <= moment[q]).all()
        own = rows[place[q] :][np.isin(log.item[rows[place[q] :]], found.answers[q])]
        assert len(own) >= len(found.answers[q])  # the answer itself is never among what is known
        if found.main[q]:
            ahead = [t for t in log.time[rows][view.targets[rows]] if t >= moment[q] and t >= found.until[q]]
            between = [t for t in log.time[rows][view.targets[rows]] if moment[q] <= t < found.until[q]]
            assert min(ahead, default=NEVER) == found.next_wanted[q] and not between
    again = found.moments(log, np.random.default_rng(seed))
    assert np.array_equal(again[0], moment) and np.array_equal(again[1], place)


@given(
    times=st.lists(st.lists(st.integers(-5, 9), max_size=6).map(sorted), min_size=1, max_size=5),
    asked=st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 12)), max_size=8),
)
def test_places_counts_the_events_before(draw_log: LogOf, times: list[list[int]], asked: list[tuple[int, int]]) -> None:
    flat = [t for own in times for t in own]
    log = draw_log(customers=3).where(np.zeros(draw_log(customers=3).events, dtype=bool))
    log = replace(
        log, customers=Vocabulary([str(n) for n in range(len(times))]), time=np.array(flat, dtype=np.int64), item=np.zeros(len(flat), np.int32),
        offsets=np.append(0, np.cumsum([len(own) for own in times])).astype(np.int64),
    )  # fmt: skip
    pairs = [(customer % len(times), moment) for customer, moment in asked]
    customer, moment = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    assert places(log, customer, moment).tolist() == [sum(t < m for t in times[c]) for c, m in pairs]


def test_returns_postage_and_first_baskets_are_not_asked_about(log_of: LogOf) -> None:
    day = "2024-05-0{}T10:00".format
    log = log_of(
        {
            "ann": [
                *(f"{day(1)} pen", f"{day(2)} postage", f"{day(3)} pen refund", f"{day(4)} - search"),
                *(f"{day(5)} cup", f"{day(5)} postage", f"{day(5)} jug"),
            ],
            "bob": [f"{day(1)} cup", f"{day(1)} pen"],
        },
        clock="order",
    )  # fmt: skip
    found = ask(view_until(log, None, target=BUY))
    assert found.place.tolist() == [4] and [row.tolist() for row in found.answers] == [[0, 1]]


def test_no_events_no_questions(log_of: LogOf) -> None:
    for log in (log_of({}), log_of({"ann": []})):
        assert len(ask(view_until(log, None, target=BUY))) == 0
        assert len(ask(view_until(log, 10, target=BUY))) == 0
