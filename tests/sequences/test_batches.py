"""Batches: windows cover every question, buckets every row, and the padded arrays are those of a plain reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.sequences.batches import RECENT, Batch, Windows, assemble, buckets, elapsed_features, latest, windows
from regard.sequences.log import DAY, Log
from regard.sequences.questions import Questions, ask
from regard.sequences.split import view_until

LogOf = Callable[..., Log]
BUY = ("purchase",)


@given(
    places=st.lists(st.lists(st.integers(0, 60), unique=True, min_size=1, max_size=12), min_size=1, max_size=4),
    length=st.integers(1, 16),
)
def test_windows_ask_every_question_once_and_show_it_enough(places: list[list[int]], length: int) -> None:
    pairs = [(customer, place) for customer, own in enumerate(places) for place in sorted(own)]
    customer, place = np.array(pairs, dtype=np.int64).T
    cut = windows(customer, place, length=length)
    assert sorted(cut.questions.values.tolist()) == list(range(len(pairs)))
    for row in range(len(cut)):
        for number, within in zip(cut.questions[row], cut.places[row], strict=True):
            assert cut.customer[row] == customer[number]
            assert cut.start[row] + within == place[number]
            assert min(place[number], length // 2) <= within <= cut.length[row] <= length
        assert cut.start[row] + cut.length[row] == max(place[number] for number in cut.questions[row])


@given(size=st.lists(st.integers(1, 40), max_size=60), tokens=st.integers(1, 120), seed=st.integers(0, 5))
def test_buckets_hold_every_row_once_within_their_size(size: list[int], tokens: int, seed: int) -> None:
    groups = list(buckets(np.array(size, dtype=np.int64), tokens=tokens, rng=np.random.default_rng(seed)))
    assert sorted(row for group in groups for row in group.tolist()) == list(range(len(size)))
    for group in groups:
        assert len(group) * max(size[row] for row in group) <= tokens or len(group) == 1
    again = list(buckets(np.array(size, dtype=np.int64), tokens=tokens, rng=np.random.default_rng(seed)))
    assert [group.tolist() for group in groups] == [group.tolist() for group in again]


def test_buckets_of_uneven_histories_have_next_to_no_padding() -> None:
    rng = np.random.default_rng(0)
    size = np.ceil(rng.lognormal(3, 1, size=4_000)).astype(np.int64)
    padded = sum(len(group) * size[group].max() for group in buckets(size, tokens=6_000, rng=rng))
    assert size.sum() / padded > 0.9


def plain_row(
    log: Log, cut: Windows, row: int, moment: np.ndarray, behaviour: np.ndarray, offset: int
) -> dict[str, list]:
    """One row of a batch without its padding, written out."""
    none, clock = len(log.items), log.clock == "clock"
    first = int(log.offsets[cut.customer[row]] + cut.start[row])
    events = range(first, first + int(cut.length[row]))
    asked = list(zip(cut.questions[row].tolist(), cut.places[row].tolist(), strict=True))
    zero = max([int(log.time[e]) for e in events] + [int(moment[q]) for q, _ in asked])

    def days(seconds: float) -> float:
        return seconds / DAY if clock else 0.0

    rank: list[int] = []
    start: list[int] = []
    for at, event in enumerate(events):
        same = at > 0 and log.basket[event] == log.basket[event - 1]
        rank.append(rank[-1] if same else len(set(rank)))
        start.append(start[-1] if same else at)
    items = [int(log.item[e]) if log.item[e] >= 0 else none for e in events]
    numbers, context = [], []
    for at, event in enumerate(events):
        units = 1.0 if np.isnan(log.quantity[event]) else abs(float(log.quantity[event]))
        before = first + start[at] - 1 if start[at] else first
        numbers.append([np.log1p(units), np.log1p(max(0.0, days(float(log.time[event] - log.time[before]))))])
        local = datetime.fromtimestamp(int(log.time[event]) + offset, UTC)
        context.append(
            [
                int(log.context["channel"][1][event]) + 1,
                0,
                0,
                *((local.hour + 1, local.isoweekday()) if clock else (0, 0)),
            ]
        )
    recent = [[items[p - 1 - n] if n < p else none for n in range(RECENT)] for _, p in asked]
    back = [[rank[p - 1] - rank[p - 1 - n] for n in range(min(p, RECENT))] for _, p in asked]
    return {
        "item": items,
        "behaviour": [int(log.behaviour[e]) + 1 for e in events],
        "asked_behaviour": [int(behaviour[q]) + 1 for q, _ in asked],
        "context": context,
        "numbers": numbers,
        "days": [days(zero - int(log.time[e])) for e in events],
        "asked_days": [days(zero - int(moment[q])) for q, _ in asked],
        "limit": start,
        "asked_limit": [p for _, p in asked],
        "rank": rank,
        "asked_rank": [rank[p - 1] + 1 if p else 0 for _, p in asked],
        "elapsed": [elapsed_features(np.array(days(float(moment[q] - log.time[first + p - 1]) if p else 0.0))).tolist() for q, p in asked],
        "moment": [int(moment[q]) for q, _ in asked],
        "own": sorted(set(items)),
        "recent": recent,
        "recent_back": back,
    }  # fmt: skip


def assert_row(batch: Batch, row: int, plain: dict[str, list], none: int) -> None:
    L, own_l, own_q = batch.item.shape[1], len(plain["item"]), len(plain["moment"])

    def same(name: str, array: np.ndarray) -> None:
        np.testing.assert_allclose(
            array, np.array(plain[name]).reshape(array.shape), rtol=2e-5, atol=1e-5, err_msg=name
        )

    for name in ("item", "context", "numbers"):
        same(name, getattr(batch, name)[row, :own_l])
    for name in ("behaviour", "days", "limit", "rank"):
        same(name, getattr(batch, name)[row, :own_l])
        same(f"asked_{name}", getattr(batch, name)[row, L : L + own_q])
    for name in ("elapsed", "moment"):
        same(name, getattr(batch, name)[row, :own_q])
    M = batch.recent.shape[2]
    for q in range(own_q):
        assert batch.recent[row, q].tolist() == plain["recent"][q][:M] and set(plain["recent"][q][M:]) <= {none}
        back = plain["recent_back"][q][:M]
        assert batch.recent_back[row, q, : len(back)].tolist() == back
    assert batch.asked[row].tolist() == [q < own_q for q in range(batch.asked.shape[1])]
    assert batch.slot_item[row][batch.slot[row]].tolist() == batch.item[row].tolist()
    assert sorted(set(batch.slot_item[row].tolist()) - {none}) == [item for item in plain["own"] if item != none]
    assert (batch.item[row, own_l:] == none).all() and (batch.behaviour[row, own_l:L] == 0).all()
    assert (batch.context[row, own_l:] == 0).all() and (batch.numbers[row, own_l:] == 0).all()
    assert (batch.limit[row, own_l:L] == 0).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 20), clock=st.sampled_from(["clock", "order", "none"]), length=st.sampled_from([3, 8, 64]))
def test_a_batch_is_what_the_plain_reference_makes_of_it(draw_log: LogOf, seed: int, clock: str, length: int) -> None:
    log = draw_log(seed=seed, customers=8, visits=12, clock=clock)
    view = view_until(log, int(log.time.max()) + 5 * DAY if clock == "clock" else None, target=BUY)
    questions: Questions = ask(view)
    every = windows(questions.customer, questions.place, length=length)
    rng = np.random.default_rng(seed)
    moment = questions.until
    chosen = every.take(rng.permutation(len(every))[:7])
    batch = assemble(view.log, chosen, moment=moment, behaviour=questions.behaviour, offset=3_600)
    for row in range(len(chosen)):
        plain = plain_row(view.log, chosen, row, moment, questions.behaviour, 3_600)
        assert_row(batch, row, plain, len(view.log.items))


@pytest.mark.parametrize("kept", [0.0, 0.3])
def test_customers_without_events_are_asked_with_nothing(draw_log: LogOf, kept: float) -> None:
    log = draw_log(customers=4)
    log = log.where(log.owner < 4 * kept)
    assert (log.lengths == 0).any()
    batch = assemble(log, latest(log, length=8), moment=np.full(4, 10**9), behaviour=np.zeros(4, dtype=np.int64))
    empty = log.lengths == 0
    assert (batch.item[empty] == len(log.items)).all() and (batch.limit[empty] == 0).all()
    assert batch.asked.all() and (batch.elapsed[empty] == 0).all() and (batch.recent[empty] == len(log.items)).all()


def test_latest_asks_after_the_last_events(draw_log: LogOf) -> None:
    log = draw_log(visits=12)
    cut = latest(log, length=5)
    assert (cut.length == np.minimum(log.lengths, 5)).all()
    assert (cut.start + cut.length == log.lengths).all() and (cut.places.values == cut.length).all()
