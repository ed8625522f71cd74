from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from regard.metrics import mae, rmse

_STARS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=30)


@given(_STARS)
def test_errors_agree_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = np.array(pairs).T
    assert rmse(actual, predicted) == pytest.approx(root_mean_squared_error(actual, predicted))
    assert mae(actual, predicted) == pytest.approx(mean_absolute_error(actual, predicted))
    assert mae(actual, predicted) <= rmse(actual, predicted) + 1e-12


def test_nothing_to_compare() -> None:
    assert np.isnan(rmse(np.empty(0), np.empty(0)))
    assert np.isnan(mae(np.empty(0), np.empty(0)))
