from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regard.evaluation import intervals
from regard.evaluation.intervals import draws, estimate, estimates, percentile_interval, resampled_means


def test_the_interval_of_a_mean_has_the_width_that_theory_says() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 2_000)
    low, high = estimate(values).interval or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(2_000), rel=0.1)
    assert low < values.mean() < high


def test_pairing_makes_differences_sharper() -> None:
    random = np.random.default_rng(2)
    base = random.normal(0, 1, 500)
    better = base + 0.05 + random.normal(0, 0.01, 500)
    _, _, change = estimates(np.stack([better, base, better - base], axis=1))
    assert change.interval is not None
    assert change.interval[0] > 0


def test_columns_share_their_draws() -> None:
    values = np.random.default_rng(3).random((50, 2))
    means = resampled_means(np.column_stack([values, values[:, 0] - values[:, 1]]))
    assert means[:, 0] - means[:, 1] == pytest.approx(means[:, 2])


def test_the_same_seed_gives_the_same_interval_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).random(40)
    whole = estimate(values, seed=5)
    monkeypatch.setattr(intervals, "_DRAWN", 100)
    assert estimate(values, seed=5).interval == pytest.approx(whole.interval)
    assert estimate(values, seed=6).interval != pytest.approx(whole.interval)


def test_every_resample_draws_everyone_s_worth() -> None:
    blocks = list(draws(30, resamples=7, seed=0))
    assert sum(len(block) for block in blocks) == 7
    assert all(np.all(block.sum(axis=1) == 30) for block in blocks)


@pytest.mark.parametrize(("values", "n"), [([], 0), ([0.5], 1), ([np.nan, np.nan], 0), ([np.nan, 0.5], 1)])
def test_too_few_customers_have_no_interval(values: list[float], n: int) -> None:
    found = estimate(np.array(values))
    assert found.interval is None
    assert found.n == n
    assert found.to_json()["mean"] == (0.5 if n else None)


def test_nobody_s_values_do_not_count() -> None:
    found = estimate(np.array([1.0, np.nan, 0.0, np.nan]))
    assert (found.mean, found.n) == (0.5, 2)
    assert percentile_interval(np.array([np.nan])) is None


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(-5, 5)))
@settings(max_examples=30, deadline=None)
def test_an_interval_lies_within_the_values(values: np.ndarray) -> None:
    low, high = estimate(values).interval or (np.nan, np.nan)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
