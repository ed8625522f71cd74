"""The logistic regression is the one everybody knows, and exists where one class is missing."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from regard.metrics.logistic import chance, fit_logistic


def test_it_is_the_one_everybody_knows() -> None:
    random = np.random.default_rng(0)
    days = random.exponential(2, 500)
    features = np.stack([np.ones(500), days, days**2], axis=1)
    labels = (random.random(500) < 1 / (1 + np.exp(days - 1))).astype(float)
    theirs = LogisticRegression(C=1e3, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(features, labels)
    np.testing.assert_allclose(fit_logistic(features, labels), theirs.coef_[0], rtol=1e-2, atol=1e-3)


def test_where_one_class_is_missing_it_still_says_something() -> None:
    features = np.stack([np.ones(50), np.linspace(-1, 1, 50)], axis=1)
    for label in (0.0, 1.0):
        told = chance(features, fit_logistic(features, np.full(50, label)))
        assert np.isfinite(told).all() and abs(told.mean() - label) < 0.01
