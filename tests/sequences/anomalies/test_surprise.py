"""Surprise grows with what is counted, is nothing where nothing is unusual, and its limit is the shop's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regard.sequences.anomalies import surprise


@settings(deadline=None)
@given(of=st.integers(1, 200), base=st.floats(0.001, 0.9))
def test_more_of_the_same_is_more_surprising_and_never_less_likely_than_said(of: int, base: float) -> None:
    count = np.arange(of + 1)
    nats = surprise.excess(count, np.full(of + 1, of), base)
    assert (nats >= 0).all() and (np.diff(nats) >= -1e-9).all()
    assert (nats[count <= base * of] < 1e-12).all()
    held = max(base, 1 / max(2, of * (of + 1)))  # the least share that is taken for one
    assert (stats.binom.logsf(count - 1, of, held) <= -nats + 1e-6).all(), "Chernoff's bound"


def test_what_everybody_does_always_surprises_nobody() -> None:
    assert surprise.excess(np.array([39, 3]), np.array([39, 4]), 1.0).tolist() == [0.0, 0.0]
    assert surprise.excess(np.array([39]), np.array([39]), 1 - 1e-14)[0] < 1e-9


def test_one_voice_each_however_loud() -> None:
    assert surprise.usual(np.array([0, 10_000]), np.array([4, 10_000])) == 0.5
    assert surprise.usual(np.array([0]), np.array([0])) == 0.0


def test_customers_are_compared_with_others_of_their_size() -> None:
    of = np.repeat([2, 40], 500)
    count = np.where(of == 2, 2, 4)
    small, large = surprise.usual_by_size(count, of)[[0, -1]]
    assert small > 0.9 and large < 0.15


def test_the_limit_is_crossed_by_chance_in_one_shop_of_ten_and_moves_little_by_bots() -> None:
    chance = np.random.default_rng(0)
    asked = np.ones(2000, dtype=bool)
    crossed = 0
    for _ in range(300):
        nats = chance.exponential(3.0, 2000)
        crossed += bool((nats > surprise.limit(nats, asked)).any())
    assert 0.04 < crossed / 300 < 0.2
    clean = surprise.limit(nats, asked)
    nats[:60] = 1000.0
    assert surprise.limit(nats, asked) < 1.5 * clean
    assert surprise.score(np.array([clean]), clean)[0] == 0.5


def test_who_cannot_be_judged_sets_no_limit() -> None:
    nats = np.append(np.ones(50), np.full(50, 99.0))
    asked = np.arange(100) < 50
    assert surprise.limit(nats, asked) == surprise.limit(nats[:50], asked[:50])
    assert surprise.limit(nats, np.zeros(100, dtype=bool)) == 1.0
