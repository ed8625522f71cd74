from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from regard.metrics import probability as ours


@st.composite
def _cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of both classes, probabilities with ties, bootstrap-like weights that keep both classes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    count = draw(st.integers(4, 60))
    labels = rng.integers(0, 2, count)
    labels[:2] = (0, 1)
    chances = rng.integers(1, draw(st.sampled_from([3, 20, 10_000])), count) / 10_001
    weight = rng.integers(0, 4, count).astype(float)
    weight[:2] += 1
    return labels, chances, weight


@given(_cases())
@settings(max_examples=80, deadline=None)
def test_ranking_and_loss_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, chances, weight = case
    for mass in (None, weight):
        kept = {"sample_weight": mass}
        assert ours.auroc(labels, chances, mass) == pytest.approx(theirs.roc_auc_score(labels, chances, **kept))
        expected = theirs.average_precision_score(labels, chances, **kept)
        assert ours.average_precision(labels, chances, mass) == pytest.approx(expected)
        assert ours.log_loss(labels, chances, mass) == pytest.approx(theirs.log_loss(labels, chances, **kept))
        assert ours.brier(labels, chances, mass) == pytest.approx(theirs.brier_score_loss(labels, chances, **kept))


@given(_cases(), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_precision_recall_f1_agree_with_scikit_learn(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: float
) -> None:
    labels, chances, _ = case
    expected = theirs.precision_recall_fscore_support(
        labels, chances >= threshold, average="binary", zero_division=0.0
    )[:3]
    assert ours.precision_recall_f1(labels, chances, threshold=threshold) == pytest.approx(expected)


@given(_cases(), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_order_of_rows_and_repeats_change_nothing(case: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int) -> None:
    labels, chances, weight = case
    mixed = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(labels)), weight.astype(int)))
    for metric in (ours.auroc, ours.average_precision, ours.brier, ours.expected_calibration_error):
        assert metric(labels[mixed], chances[mixed]) == pytest.approx(metric(labels, chances, weight))


def test_calibration_error_by_hand() -> None:
    # two bins of two: promised .15 and .8, happened .5 and 1
    labels, chances = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.7, 0.9])
    assert ours.expected_calibration_error(labels, chances, bins=2) == pytest.approx((0.35 + 0.2) / 2)


def test_bins_hold_equal_counts_and_cover_everyone() -> None:
    rng = np.random.default_rng(0)
    table = ours.reliability(rng.random(1000) < 0.5, rng.random(1000))
    assert len(table.count) == ours.BINS
    assert table.count.sum() == 1000
    assert table.count.max() - table.count.min() <= 1
    assert np.all(np.diff(table.predicted) > 0)


def test_a_constant_base_rate_is_calibrated() -> None:
    labels = np.repeat([1, 0], [30, 70])
    assert ours.expected_calibration_error(labels, np.full(100, 0.3)) == pytest.approx(0)
    assert ours.auroc(labels, np.full(100, 0.3)) == 0.5


def test_what_does_not_exist_is_nan() -> None:
    nothing, ones = np.empty(0), np.ones(3)
    for metric in (ours.auroc, ours.average_precision, ours.log_loss, ours.brier, ours.expected_calibration_error):
        assert np.isnan(metric(nothing.astype(int), nothing))
    assert np.isnan(ours.auroc(ones.astype(int), ones))
    assert np.isnan(ours.average_precision(np.zeros(3, int), ones))
    assert ours.precision_recall_f1(np.zeros(3, int), np.zeros(3)) == (0.0, 0.0, 0.0)


def test_wrong_certainty_costs_much_but_not_everything() -> None:
    loss = ours.log_loss(np.array([1]), np.array([0.0]))
    assert 30 < loss < 40
