from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.evaluation import edit
from regard.sequences.log import DAY, Log
from regard.sequences.view import Split

MakeLog = Callable[..., Log]


def test_a_deleted_event_leaves_no_gap(make_log: MakeLog) -> None:
    log = make_log([[("a", 0, 0), ("b", 1, 0), ("c", 1, 0), ("d", 2, 0)], [("a", 0, 0)]], clock="order")
    left = edit.without(log, np.array([False, True, True, False, True]))
    assert left.item.tolist() == [0, 3]
    assert left.basket.tolist() == [0, 1]
    assert left.time.tolist() == [0, 1]
    assert left.lengths.tolist() == [2, 0]
    assert edit.asof_of(left, np.array([3, 0])).tolist() == [1, 0]


def test_half_a_basket_stays_a_basket(make_log: MakeLog) -> None:
    log = make_log([[("a", 0, 0), ("b", 0, 0), ("c", 4, 0)]])
    left = edit.without(log, np.array([True, False, False]))
    assert left.basket.tolist() == [0, 1]
    assert left.time.tolist() == [0, 4 * DAY]
    assert edit.asof_of(left, np.array([9])).tolist() == [9]


def test_dropping_keeps_everyone_and_their_newest_event(shop: Split) -> None:
    log = shop.queries
    left = edit.drop(log, share=0.3, seed=1)
    assert 0.6 < left.events / log.events < 0.9
    assert np.all(left.lengths >= 1)
    assert np.array_equal(left.item[left.offsets[1:] - 1], log.item[log.offsets[1:] - 1])
    assert edit.drop(log, share=0.3, seed=1).item.tolist() == left.item.tolist()
    assert edit.drop(log, share=0.0).item.tolist() == log.item.tolist()


@st.composite
def _histories(draw: st.DrawFn) -> list[list[tuple[str, int, int]]]:
    histories = []
    for _ in range(draw(st.integers(0, 4))):
        steps = draw(st.lists(st.integers(0, 2), max_size=8))
        baskets = np.cumsum(steps).tolist()
        histories.append([(draw(st.sampled_from("abcd")), basket, draw(st.integers(0, 2))) for basket in baskets])
    return histories


@given(_histories(), st.integers(0, 100), st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from(["clock", "order"]))
@settings(max_examples=60, deadline=None)
def test_shuffling_moves_whole_baskets_and_nothing_else(
    histories: list[list[tuple[str, int, int]]], seed: int, share: float, clock: str
) -> None:
    log = _make(histories, clock)
    mixed = edit.shuffle(log, share=share, seed=seed)
    assert mixed.offsets.tolist() == log.offsets.tolist()
    for customer in range(len(log)):
        assert _baskets(mixed, customer) == _baskets(log, customer)
        rows = slice(log.offsets[customer], log.offsets[customer + 1])
        assert np.all(np.diff(mixed.time[rows]) >= 0)
        assert np.all(np.isin(np.diff(mixed.basket[rows]), [0, 1]))
        assert set(mixed.time[rows]) == set(log.time[rows])


def _make(histories: list[list[tuple[str, int, int]]], clock: str) -> Log:
    from regard.sequences.vocabulary import Vocabulary

    lengths = [len(history) for history in histories]
    flat = [event for history in histories for event in history]
    names = Vocabulary(list("abcd"))
    basket = np.array([event[1] for event in flat], np.int32)
    place = np.array([place for length in lengths for place in range(length)], np.int64)
    unknown = np.full(len(flat), np.nan, np.float32)
    return Log(
        customers=Vocabulary([str(number) for number in range(len(histories))]), items=names,
        behaviours=("purchase", "view_item", "refund"), offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        item=names.codes(event[0] for event in flat).astype(np.int32),
        behaviour=np.array([event[2] for event in flat], np.int16),
        time=basket.astype(np.int64) * DAY if clock == "clock" else place, basket=basket,
        quantity=unknown, value=unknown, merchandise=np.ones(4, bool), clock=clock,  # type: ignore[arg-type]
    )  # fmt: skip


def _baskets(log: Log, customer: int) -> Counter[tuple[tuple[int, int], ...]]:
    groups: dict[int, list[tuple[int, int]]] = {}
    for row in range(log.offsets[customer], log.offsets[customer + 1]):
        groups.setdefault(int(log.basket[row]), []).append((int(log.item[row]), int(log.behaviour[row])))
    return Counter(tuple(sorted(group)) for group in groups.values())


def test_a_full_shuffle_loses_the_order(shop: Split) -> None:
    mixed = edit.shuffle(shop.queries, seed=3)
    assert np.mean(mixed.item != shop.queries.item) > 0.3
    assert edit.shuffle(shop.queries, share=0.0).item.tolist() == shop.queries.item.tolist()


def test_without_time_only_the_order_is_left(make_log: MakeLog) -> None:
    log = edit.remove_time(make_log([[("a", 3, 0), ("b", 9, 0)], [("a", 5, 0)]]))
    assert (log.clock, log.time.tolist()) == ("order", [0, 1, 0])
    assert edit.remove_time(log) is log


def test_merged_behaviours_are_one(make_log: MakeLog) -> None:
    log = make_log([[("a", 0, 1), ("b", 1, 0), ("b", 2, 1)], [("a", 4, 0)], []])
    merged = edit.merge_behaviours(log.take(np.array([0, 1, 2])))
    assert merged.behaviours == log.behaviours
    assert len(set(merged.behaviour.tolist())) == 1
    assert np.isnan(merged.quantity).all() and np.isnan(merged.value).all()
    assert merged.item.tolist() == log.item.tolist() and merged.time.tolist() == log.time.tolist()
    first = edit.merge_behaviours(log.take(np.array([0])))
    assert first.behaviours[first.behaviour[0]] == log.behaviours[1], "the commonest of what is there"
    assert edit.merge_behaviours(log.take(np.array([2]))).events == 0


def test_ablations_ask_about_the_same_baskets(shop: Split) -> None:
    for name, ablation in edit.ablations(seed=2).items():
        hurt = ablation(shop)
        assert np.array_equal(hurt.targets.values, shop.targets.values), name
        assert np.array_equal(hurt.view.targets, shop.view.targets), name
        assert np.array_equal(hurt.view.log.basket, shop.view.log.basket), name
        assert hurt.view.log.behaviours == hurt.queries.behaviours
        assert (hurt.view is shop.view) == (name != "remove_time"), "what is only asked for is not fitted again"
        changed = any(
            not np.array_equal(getattr(hurt.queries, part), getattr(shop.queries, part))
            for part in ("item", "behaviour", "time")
        )
        assert changed, name


def test_without_time_nothing_is_fitted_with_a_clock(shop: Split) -> None:
    timeless = edit.ablate(shop, edit.remove_time)
    assert timeless.view.log.clock == timeless.queries.clock == "order"
    assert timeless.view.cut is None
    assert timeless.asof.tolist() == (shop.queries.lengths - 1).tolist()
