"""Calibration finds the line that made the data, and keeps still where there is none to find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.training.calibrate import Calibration, calibrate


@settings(max_examples=15, deadline=None)
@given(slope=st.floats(0.2, 4), intercept=st.floats(-2, 2), seed=st.integers(0, 99))
def test_a_known_line_is_found_again(slope: float, intercept: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    told = rng.normal(size=40_000) / slope * 1.5
    happened = rng.random(40_000) < 1 / (1 + np.exp(-(slope * told + intercept)))
    found = calibrate(told, happened)
    assert found.slope == pytest.approx(slope, rel=0.12) and found.intercept == pytest.approx(intercept, abs=0.12)
    chance = 1 / (1 + np.exp(-(found.slope * told + found.intercept)))
    assert chance.mean() == pytest.approx(happened.mean(), abs=0.01)


def test_few_cases_and_turned_orders_are_left_alone() -> None:
    told = np.linspace(-2, 2, 200)
    assert calibrate(told, told > 1.7) == Calibration()  # 15 cases
    assert calibrate(told, told < 0) == Calibration()  # the order turned round
    assert calibrate(np.empty(0), np.empty(0, dtype=bool)) == Calibration()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_separable_and_extreme_logits_stay_finite(scale: float) -> None:
    told = np.linspace(-2, 2, 200) * scale
    found = calibrate(told, told > 0)
    assert np.isfinite([found.slope, found.intercept]).all() and found.slope > 0
