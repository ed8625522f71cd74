"""Retelling: last wishes that were taken out of the middle are recognised, and moved to where they are asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.sequences.log import Log
from regard.sequences.retell import retell, taken_out
from regard.sequences.split import held_out

BUY = ("purchase",)
LogOf = Callable[..., Log]
ANN = [
    "2024-05-01T10:00 hat add_to_cart",
    "2024-05-01T11:00 pen",
    "2024-05-02T10:00 hat",
    "2024-05-02T10:00 tie",
    "2024-05-03T10:00 cup add_to_cart",
]


def told(log: Log) -> dict[str, list[str]]:
    items, names = [*log.items.ids.to_pylist(), "-"], log.customers.ids.to_pylist()
    return {name: [items[i] for i in log.item[log.offsets[c] : log.offsets[c + 1]]] for c, name in enumerate(names)}


def test_the_last_wish_moves_behind_what_came_after_it_and_its_basket_stays(log_of: LogOf) -> None:
    log = log_of({"ann": ANN, "bob": ["2024-05-01T10:00 cup add_to_cart"]})
    found = retell(log, target=BUY)
    assert told(found) == {"ann": ["hat", "pen", "hat", "cup", "tie"], "bob": ["cup"]}
    assert found.time[4] == found.time[3] + 1 and found.basket[4] > found.basket[3]
    assert found.items is log.items


def test_what_led_to_the_moved_item_is_left_out(log_of: LogOf) -> None:
    ann = ["2024-05-01T10:00 hat add_to_cart", "2024-05-01T11:00 hat", "2024-05-02T10:00 pen add_to_cart"]
    assert told(retell(log_of({"ann": ann}), target=BUY)) == {"ann": ["pen", "hat"]}


def _shop(log_of: LogOf, *, asked: str) -> Log:
    """Twenty others who put something into the cart after their last purchase, and one whose history ends in `asked`."""
    others = {
        f"c{n:02}": ["2024-05-01T10:00 pen", "2024-05-02T10:00 cup", "2024-05-03T10:00 hat add_to_cart"]
        for n in range(20)
    }
    return log_of({**others, "ann": ["2024-05-01T10:00 pen", f"2024-05-03T10:00 hat {asked}"]})


def test_histories_that_end_like_whole_ones_tell_of_answers_from_the_middle(log_of: LogOf) -> None:
    middle, later = _shop(log_of, asked="add_to_cart"), _shop(log_of, asked="purchase")
    assert taken_out(middle, middle.take(np.array([20])), target=BUY)
    assert not taken_out(later, later.take(np.array([20])), target=BUY)
    assert told(held_out(middle, {"ann": ["cup"]}, target=BUY).view.log)["c00"] == ["pen", "hat", "cup"]
    assert told(held_out(later, {"ann": ["cup"]}, target=BUY).view.log)["c00"] == ["pen", "cup", "hat"]


def test_the_questions_themselves_are_not_retold(log_of: LogOf) -> None:
    split = held_out(_shop(log_of, asked="add_to_cart"), {"ann": ["cup"]}, target=BUY)
    assert told(split.queries) == {"ann": ["pen", "hat"]}


def test_one_behaviour_tells_nothing(log_of: LogOf) -> None:
    log = log_of({"ann": ["2024-05-01T10:00 pen"], "bob": ["2024-05-02T10:00 cup"]})
    assert not taken_out(log, log, target=BUY)
    assert not taken_out(log, log.take(np.array([], dtype=np.int64)), target=BUY)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 28), st.sampled_from("abcd"), st.sampled_from(["purchase", "view"]))),
        min_size=1, max_size=4,
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_but_the_moved_item_s_other_events(
    log_of: LogOf, lives: list[list[tuple[int, str, str]]]
) -> None:
    log = log_of(
        {
            f"c{n}": [f"2024-05-{day:02}T10:00 {item} {act}" for day, item, act in sorted(life)]
            for n, life in enumerate(lives)
        }
    )
    found = retell(log, target=BUY)
    for customer in range(len(log)):
        before, after = (each.take(np.array([customer])) for each in (log, found))
        assert (np.diff(after.time) >= 0).all() and (np.diff(after.basket) >= 0).all()
        bought = np.flatnonzero(before.is_behaviour(BUY))
        if len(bought) == 0:
            assert after.item.tolist() == before.item.tolist()
            continue
        wish = before.item[bought[-1]]
        assert after.item[-1] == wish and after.behaviour[-1] == before.behaviour[bought[-1]]
        assert after.item[:-1].tolist() == before.item[before.item != wish].tolist()
