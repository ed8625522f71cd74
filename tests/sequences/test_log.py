"""Logs: what is left when events are taken away, and histories in the words of another log."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.sequences.log import Log
from regard.sequences.ragged import Ragged, spans

LogOf = Callable[..., Log]


def told(log: Log) -> list[tuple[object, ...]]:
    """Every event in names."""
    items, (words, channel) = (
        [*log.items.ids.to_pylist(), None],
        log.context.get("channel", ((), np.full(log.events, -1))),
    )
    people = log.customers.ids.to_pylist()
    return [
        (people[log.owner[n]], items[log.item[n]], log.behaviours[log.behaviour[n]], int(log.time[n]), int(log.basket[n]), [*words, None][channel[n]])
        for n in range(log.events)
    ]  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 3), share=st.floats(0, 1))
def test_only_what_occurs_is_seen_and_every_event_keeps_its_meaning(draw_log: LogOf, seed: int, share: float) -> None:
    log = draw_log(seed=seed, customers=6)
    kept = log.where(np.random.default_rng(seed).random(log.events) < share)
    seen = kept.seen()
    assert told(seen) == told(kept)
    assert (seen.lengths > 0).all()
    assert set(seen.items.ids.to_pylist()) == {event[1] for event in told(kept)} - {None}
    assert seen.behaviours == tuple(sorted({str(event[2]) for event in told(kept)}))
    assert set(seen.context["channel"][0]) == {event[5] for event in told(kept)} - {None}
    assert {seen.items.id(code) for code in np.flatnonzero(~seen.merchandise)} <= {"i3"}


def test_in_the_words_of_another_log_what_is_unknown_there_is_unknown(log_of: LogOf) -> None:
    day = "2024-05-0{}T10:00".format
    log = log_of({"ann": [f"{day(1)} pen", f"{day(2)} cup", f"{day(3)} pen view_item", f"{day(4)} - search"]})
    other = log_of({"bob": [f"{day(1)} jug", f"{day(2)} pen", f"{day(3)} jug search"]})
    same = log.like(other)
    assert (same.items, same.behaviours) == (other.items, other.behaviours)
    assert [event[:3] for event in told(same)] == [
        ("ann", "pen", "purchase"),
        ("ann", None, "purchase"),
        ("ann", None, "search"),
    ]


def test_customers_can_be_taken_more_than_once_and_without_events(draw_log: LogOf) -> None:
    log = draw_log(customers=5).where(np.arange(draw_log(customers=5).events) > 8)
    codes = np.array([4, 0, 4, 2])
    taken = log.take(codes)
    assert taken.customers.ids.to_pylist() == [f"c{code}" for code in codes]
    rows = [list(range(log.offsets[code], log.offsets[code + 1])) for code in codes]
    assert taken.time.tolist() == [int(log.time[row]) for part in rows for row in part]
    assert taken.lengths.tolist() == [len(part) for part in rows]


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6), st.data())
def test_ragged_rows_are_lists(rows: list[list[int]], data: st.DataObject) -> None:
    packed = Ragged.of(rows)
    assert [row.tolist() for row in packed] == rows and packed.lengths.tolist() == [len(row) for row in rows]
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []
    assert [row.tolist() for row in packed.take(np.array(chosen, dtype=np.int64))] == [rows[n] for n in chosen]
    group = np.array([n for n, row in enumerate(rows) for _ in row], dtype=np.int64)
    mixed = np.random.default_rng(0).permutation(len(group))
    grouped = Ragged.from_groups(group[mixed], packed.values[mixed], len(rows))
    assert [sorted(row.tolist()) for row in grouped] == [sorted(row) for row in rows]
    assert spans(packed.offsets[:-1], packed.lengths).tolist() == list(range(len(packed.values)))
