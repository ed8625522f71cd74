from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from regard.metrics import decile_mape, mae, normalised_gini, rmse, spearman, total_bias

_STARS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=30)


@settings(deadline=None)
@given(_STARS)
def test_errors_agree_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = np.array(pairs).T
    assert rmse(actual, predicted) == pytest.approx(root_mean_squared_error(actual, predicted))
    assert mae(actual, predicted) == pytest.approx(mean_absolute_error(actual, predicted))
    assert mae(actual, predicted) <= rmse(actual, predicted) + 1e-12


def test_nothing_to_compare() -> None:
    assert np.isnan(rmse(np.empty(0), np.empty(0)))
    assert np.isnan(mae(np.empty(0), np.empty(0)))


_SPENT = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 1.0, 7.5, 40.0]), st.integers(0, 4), st.integers(0, 3)),
    min_size=2,
    max_size=25,
)
MEASURES = (normalised_gini, decile_mape, spearman, total_bias)


def gini_plainly(actual: np.ndarray, predicted: np.ndarray) -> float:
    """As google/lifetime_value has it, over many random orders of the ties."""

    def area(scores: np.ndarray, rng: np.random.Generator) -> float:
        order = np.lexsort((rng.random(len(scores)), -scores))
        return float(np.mean(np.cumsum(actual[order]) / actual.sum()) * 2 - 1)

    rng = np.random.default_rng(0)
    return float(np.mean([area(predicted, rng) for _ in range(2000)])) / area(actual, rng)


def test_gini_is_the_published_one_with_ties_in_random_order() -> None:
    rng = np.random.default_rng(1)
    actual = np.where(rng.random(40) < 0.5, 0.0, rng.lognormal(size=40))
    assert normalised_gini(actual, actual**2) == pytest.approx(1)
    assert normalised_gini(actual, np.zeros(40)) == pytest.approx(gini_plainly(actual, np.zeros(40)), abs=0.02)
    for predicted in (rng.random(40), rng.integers(0, 4, 40).astype(float), actual + rng.normal(size=40)):
        assert normalised_gini(actual, predicted) == pytest.approx(gini_plainly(actual, predicted), abs=0.02)


@settings(deadline=None)
@given(_SPENT)
def test_a_weight_is_that_many_rows(rows: list[tuple[float, int, int]]) -> None:
    actual, predicted, count = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    again = np.repeat(np.arange(len(rows)), count.astype(int))
    for measure in (normalised_gini, spearman, total_bias):
        assert measure(actual, predicted, count) == pytest.approx(measure(actual[again], predicted[again]), nan_ok=True)


@settings(deadline=None)
@given(_SPENT)
def test_spearman_agrees_with_scipy(rows: list[tuple[float, int, int]]) -> None:
    actual, predicted, _ = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    if len(set(actual)) > 1 and len(set(predicted)) > 1:
        assert spearman(actual, predicted) == pytest.approx(spearmanr(actual, predicted).statistic)
    else:
        assert np.isnan(spearman(actual, predicted))


def test_deciles_are_cut_by_rank_and_weights_move_their_edges() -> None:
    rng = np.random.default_rng(2)
    actual, predicted = rng.lognormal(size=200), rng.lognormal(size=200)
    order = np.argsort(predicted)
    plainly = [
        abs(predicted[part].mean() - actual[part].mean()) / actual[part].mean() for part in np.array_split(order, 10)
    ]
    assert decile_mape(actual, predicted) == pytest.approx(np.mean(plainly))
    assert decile_mape(actual, predicted, np.full(200, 3.0)) == pytest.approx(np.mean(plainly))
    half = np.where(np.arange(200) < 100, 2.0, 0.0)
    assert decile_mape(actual, predicted, half) == pytest.approx(decile_mape(actual[:100], predicted[:100]))
    tied = np.ones(200)
    assert decile_mape(actual, tied) == pytest.approx(
        np.mean([abs(1 - part.mean()) / part.mean() for part in np.array_split(actual, 10)])
    )


def test_where_nothing_was_spent_there_is_no_figure() -> None:
    nothing, told = np.zeros(20), np.arange(20.0)
    for measure in MEASURES:
        assert np.isnan(measure(nothing, told))
        assert np.isnan(measure(np.empty(0), np.empty(0)))
    assert np.isnan(decile_mape(np.where(told < 2, 0.0, 1.0), told))
