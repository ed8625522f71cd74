"""Deleting events and asking again, with answers that can be worked out on paper."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from regard.insight import Shop
from regard.insight.deletion import delete_each, fewest
from regard.sequences.log import Log


def counting(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
    """How many events are left, and how many of them are purchases."""
    bought = np.bincount(histories.owner[histories.is_behaviour(("purchase",))], minlength=len(histories))
    return np.stack([histories.lengths, bought], axis=1).astype(np.float32)


def test_an_effect_is_what_the_answer_loses(shop: Shop) -> None:
    bob = shop.log.take(np.array([1]))  # cup and tea together, later tea again
    found = delete_each(counting, bob, shop.asof(bob))
    assert [len(rows) for rows in found.groups] == [2, 1]
    assert found.effect.tolist() == [[2.0, 2.0], [1.0, 1.0]]


def test_an_answer_without_a_number_has_no_effect(shop: Shop) -> None:
    def silent(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.full((len(histories), 1), -np.inf, dtype=np.float32)

    bob = shop.log.take(np.array([1]))
    assert delete_each(silent, bob, shop.asof(bob)).effect.tolist() == [[0.0], [0.0]]


def weighing(weights: NDArray[np.float64]):  # type: ignore[no-untyped-def]
    def ask(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        told = np.zeros(len(histories))
        np.add.at(told, histories.owner, weights[histories.item])
        return told[:, None].astype(np.float32)

    return ask


@given(st.lists(st.integers(-3, 9), min_size=2, max_size=8), st.integers(1, 20))
def test_the_fewest_events_of_a_sum_are_its_largest(weights: list[int], fall: int) -> None:
    from tests.insight.conftest import make_log

    items = [f"i{n}" for n in range(len(weights))]
    log = make_log([("ann", "purchase", item, day) for day, item in enumerate(items)], items=items)
    ask = weighing(np.array(weights, dtype=np.float64))
    asof = np.array([99 * 86_400])
    found = delete_each(ask, log, asof)
    line = sum(weights) - fall
    few = fewest(ask, log, asof, found.groups, found.effect[:, 0], lambda told: told <= line)
    largest = np.sort([weight for weight in weights if weight > 0])[::-1]
    enough = np.flatnonzero(np.cumsum(largest) >= fall)
    assert (few is None) == (len(enough) == 0)
    if few is not None:
        groups, told = few
        assert len(groups) == enough[0] + 1 and told <= line
        assert told == sum(weights) - found.effect[groups, 0].sum()


def test_what_did_not_have_to_go_comes_back(shop: Shop) -> None:
    bob = shop.log.take(np.array([1]))
    found = delete_each(counting, bob, shop.asof(bob))

    def cup_is_what_counts(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        cup = histories.item == shop.log.items.code("cup")
        return np.bincount(histories.owner[cup], minlength=len(histories)).astype(np.float32)[:, None]

    few = fewest(cup_is_what_counts, bob, shop.asof(bob), found.groups, found.effect[:, 1], lambda told: told < 1)
    assert few is not None and few[0].tolist() == [1]  # the tea, deleted first, was not needed
