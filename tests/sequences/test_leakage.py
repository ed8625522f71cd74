"""Attempts to make the training view know what came after its cut: whatever happens later, it stays the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.events.store import Store
from regard.sequences.content import read_content
from regard.sequences.covisits import coordinates, covisits, neighbours
from regard.sequences.log import DAY, Log
from regard.sequences.pack import read_log
from regard.sequences.popularity import popularity
from regard.sequences.questions import ask
from regard.sequences.ragged import Ragged
from regard.sequences.split import leave_one_out, time_split, view_until
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary

BUY = ("purchase",)
DrawLog = Callable[..., Log]
LogOf = Callable[..., Log]


def assert_same(one: object, two: object, path: str = "view") -> None:
    """Equal in every array, name and number."""
    assert type(one) is type(two), path
    if isinstance(one, np.ndarray):
        assert isinstance(two, np.ndarray) and one.dtype == two.dtype, path
        np.testing.assert_array_equal(one, two, err_msg=path)
    elif isinstance(one, Vocabulary):
        assert isinstance(two, Vocabulary) and one.ids.equals(two.ids), path
    elif isinstance(one, dict | tuple | list):
        parts = one.items() if isinstance(one, dict) else enumerate(one)
        assert len(one) == len(two), path  # type: ignore[arg-type]
        for key, part in parts:
            assert_same(part, two[key], f"{path}[{key}]")  # type: ignore[index]
    elif hasattr(one, "__dataclass_fields__"):
        for name in one.__dataclass_fields__:
            assert_same(getattr(one, name), getattr(two, name), f"{path}.{name}")
    else:
        assert one == two, path


def with_future(log: Log, cut: int, events: list[tuple[int, int, int, int, int]]) -> Log:
    """The events before the cut and these ones after it: (customer, item, behaviour, hours after the cut, channel), of whom the first
    customers, items, behaviours and channels are new and come first in every vocabulary."""
    past = log.where(log.time < cut)
    owner, count = past.owner, len(past)
    new = np.array(events, dtype=np.int64).reshape(-1, 5)
    new = new[np.lexsort((new[:, 3], new[:, 0]))]
    all_owner = np.concatenate([owner + 2, new[:, 0] % (count + 2)])
    order = np.argsort(all_owner, kind="stable")
    last = np.concatenate([np.zeros(2, np.int64), [past.basket[owner == c].max(initial=-1) + 1 for c in range(count)]])
    names, channel = past.context["channel"]
    unknown = np.full(len(new), np.nan, dtype=np.float32)

    def joined(old: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        return np.concatenate([old, fresh])[order].astype(old.dtype)

    return replace(
        past,
        customers=Vocabulary(["a1", "a2", *past.customers.ids.to_pylist()]),
        items=Vocabulary(["a1", "a2", *past.items.ids.to_pylist()]),
        behaviours=("add_to_cart", *past.behaviours),
        offsets=np.append(0, np.cumsum(np.bincount(all_owner, minlength=count + 2))).astype(np.int64),
        item=joined(np.where(past.item >= 0, past.item + 2, -1), new[:, 1] % (len(past.items) + 2)),
        behaviour=joined(past.behaviour + 1, new[:, 2] % (len(past.behaviours) + 1)),
        time=joined(past.time, cut + new[:, 3] * 3600),
        basket=joined(past.basket, last[new[:, 0] % (count + 2)] + new[:, 3]),
        quantity=joined(past.quantity, unknown),
        value=joined(past.value, unknown),
        merchandise=np.append([True, True], past.merchandise),
        context={"channel": (("phone", *names), joined(np.where(channel >= 0, channel + 1, -1), new[:, 4]))},
    )


def content_of(items: Vocabulary, before: int | None) -> Content:
    return Content(("even",), Ragged.of([[0] if name[-1] in "02468" else [] for name in items.ids.to_pylist()]))


def view_of(log: Log, cut: int) -> View:
    return time_split(log, target=BUY, cut=cut, content_of=content_of).view


_FUTURE = st.lists(st.tuples(*(st.integers(0, 60),) * 3, st.integers(0, 500), st.integers(-1, 2)), max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 5), share=st.floats(0.2, 0.9), future=_FUTURE)
def test_no_future_changes_a_bit_of_the_view(draw_log: DrawLog, seed: int, share: float, future: list) -> None:
    log = draw_log(seed=seed, customers=12)
    cut = int(np.quantile(log.time, share))
    view, tampered = view_of(log, cut), view_of(with_future(log, cut, future), cut)
    assert view.log.time.max() < cut
    assert_same(view, tampered)
    assert_same(ask(view), ask(tampered), "questions")
    assert_same(popularity(view), popularity(tampered), "popularity")
    counts, others = covisits(view), covisits(tampered)
    assert_same(neighbours(counts, width=5), neighbours(others, width=5), "neighbours")
    assert_same(coordinates(counts, width=4), coordinates(others, width=4), "coordinates")


def test_the_view_is_asked_for_content_as_of_the_cut_only(log_of: LogOf) -> None:
    asked: list[tuple[list[str], int | None]] = []

    def spy(items: Vocabulary, before: int | None) -> Content:
        asked.append((items.ids.to_pylist(), before))
        return Content.empty(len(items))

    log = log_of({"ann": ["2024-05-01T10:00 pen", "2024-06-30T10:00 cup"]})
    split = time_split(log, target=BUY, content_of=spy)
    assert asked == [(["pen"], split.view.cut)]


def test_what_a_store_learns_later_is_not_in_the_view(tmp_path: Path) -> None:
    start = datetime(2024, 5, 1, tzinfo=UTC)

    def events(days: range, name: str) -> pa.Table:
        rows = [
            (f"c{n}", f"i{(n + day) % 4}", "purchase", start + timedelta(days=day), name)
            for day in days
            for n in range(4)
        ]
        columns = ("customer", "item", "behaviour", "time", "item_name")
        return pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))

    cut = int((start + timedelta(days=10)).timestamp())
    views = []
    for name, later in (("one", []), ("two", [events(range(10, 20), "new lamp")])):
        store = Store.create(tmp_path / name)
        store.ingest([events(range(10), "lamp cup"), *later])
        views.append(
            view_until(
                read_log(store), cut, target=BUY, content_of=lambda items, at, s=store: read_content(s, items, at)
            )
        )
    assert_same(*views)


@pytest.mark.parametrize("clock", ["clock", "order"])
def test_the_last_two_wishes_change_nothing_of_a_leave_one_out_view(draw_log: DrawLog, clock: str) -> None:
    log = draw_log(clock=clock)
    log = replace(log, merchandise=np.ones(len(log.items), dtype=bool))
    split, held = (leave_one_out(log, target=BUY, part=part) for part in ("test", "validation"))
    start = np.full(len(log), log.events)
    asked = log.customers.codes(held.queries.customers.ids.to_pylist())
    start[asked] = log.offsets[asked] + held.queries.lengths
    late = np.arange(log.events) >= start[log.owner]
    assert late.sum() > 20
    item = np.where(late & (log.item >= 0), (log.item + 5) % len(log.items), log.item).astype(np.int32)
    tampered = leave_one_out(
        replace(log, item=item, quantity=np.where(late, 9, log.quantity).astype(np.float32)), target=BUY
    )
    assert_same(split.view, tampered.view)
    assert tampered.hash != split.hash


def test_labels_after_the_view_are_not_asked_about(draw_log: DrawLog) -> None:
    log = draw_log()
    cut = int(np.quantile(log.time, 0.6))
    questions = ask(view_of(log, cut))
    known = questions.next_wanted[questions.next_wanted < np.iinfo(np.int64).max]
    assert known.max() < cut and questions.until.max() <= cut and cut - questions.until.max() < 30 * DAY
