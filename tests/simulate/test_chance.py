from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regard.simulate.chance import Chance


def test_uniform_numbers_are_uniform_and_independent() -> None:
    numbers = Chance(1).uniform("stream", np.arange(400)[:, None], np.arange(500))
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 0.001
    for left, right in ((numbers[:-1], numbers[1:]), (numbers[:, :-1], numbers[:, 1:])):
        assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.01
    other = Chance(1).uniform("another", np.arange(400)[:, None], np.arange(500))
    assert abs(np.corrcoef(numbers.ravel(), other.ravel())[0, 1]) < 0.01


@given(seed=st.integers(), start=st.integers(0, 10_000), length=st.integers(0, 50))
def test_a_number_belongs_to_its_address(seed: int, start: int, length: int) -> None:
    chance = Chance(seed)
    whole = chance.uniform("x", np.arange(start + length), 3)
    assert np.array_equal(whole[start:], chance.uniform("x", np.arange(start, start + length), 3))


def test_seed_stream_and_order_of_address_all_count() -> None:
    place = np.arange(10)
    base = Chance(1).uniform("x", place, 2)
    assert not np.array_equal(base, Chance(2).uniform("x", place, 2))
    assert not np.array_equal(base, Chance(1).uniform("y", place, 2))
    assert not np.array_equal(base, Chance(1).uniform("x", 2, place))


def test_distributions_have_their_moments() -> None:
    chance, place = Chance(3), np.arange(100_000)
    for numbers, mean, variance in (
        (chance.normal("n", place), 0.0, 1.0),
        (chance.exponential("e", place), 1.0, 1.0),
        (chance.gamma("g", 2.5, place), 2.5, 2.5),
        (chance.poisson("p", 3.2, place), 3.2, 3.2),
    ):
        assert abs(numbers.mean() - mean) < 0.03
        assert abs(numbers.var() - variance) < 0.1
