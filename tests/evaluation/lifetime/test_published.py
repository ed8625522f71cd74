"""CDNOW, 39 + 39 weeks: the classic models have the published parameters, likelihoods and errors."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from regard.evaluation.lifetime import BgNbd, GammaGamma, MbgNbd, ParetoNbd
from regard.metrics import auroc, decile_mape, mae, normalised_gini, rmse, spearman, total_bias
from regard.sequences.purchases import PurchaseDays

WEEKS = 39

pytestmark = pytest.mark.data


def test_the_files_are_the_published_ones(master: Any) -> None:
    assert len(master.purchases) == 23_570 and (master.purchases.repeats > 0).sum() == 9_451
    assert (master.purchases.repeats.sum(), master.days.sum()) == (24_337, 19_684)


def test_the_sample_is_the_published_one(sample: Any) -> None:
    assert len(sample.purchases) == 2_357 and (sample.purchases.repeats > 0).sum() == 946
    assert (sample.purchases.repeats.sum(), sample.days.sum()) == (2_457, 1_882)
    assert sample.spend.sum() == pytest.approx(70_976.39)


@pytest.mark.parametrize(
    ("model", "likelihood", "correlation", "error", "square", "bias", "rank", "returns"),
    [
        (BgNbd, -95368.44, 0.669, 0.8187, 1.7329, -0.143, 0.442, 0.7630),
        (MbgNbd, -95336.96, 0.670, 0.7945, 1.7396, -0.191, 0.445, 0.7651),
        (ParetoNbd, -95415.12, 0.671, 0.7938, 1.7262, -0.129, 0.452, 0.7687),
    ],
)
def test_all_customers(
    master: Any, model: Any, likelihood: float, correlation: float, error: float, square: float, bias: float,
    rank: float, returns: float,
) -> None:  # fmt: skip
    fitted = model.fit(master.purchases)
    assert fitted.log_likelihood(master.purchases).sum() == pytest.approx(likelihood, abs=0.01)
    expected, days = fitted.expected(master.purchases, WEEKS), master.days.astype(np.float64)
    assert np.corrcoef(expected, days)[0, 1] == pytest.approx(correlation, abs=6e-4)
    assert mae(days, expected) == pytest.approx(error, abs=1e-4)
    assert rmse(days, expected) == pytest.approx(square, abs=1e-4)
    assert total_bias(days, expected) == pytest.approx(bias, abs=6e-4)
    assert spearman(days, expected) == pytest.approx(rank, abs=6e-4)
    assert auroc(days > 0, expected) == pytest.approx(returns, abs=1e-4)


def test_who_bought_once_counts_as_a_customer_for_ever_with_bg_nbd(master: Any) -> None:
    alive = BgNbd.fit(master.purchases).alive(master.purchases)
    assert auroc(master.days > 0, alive) == pytest.approx(0.3195, abs=1e-4)
    assert auroc(master.days > 0, MbgNbd.fit(master.purchases).alive(master.purchases)) == pytest.approx(
        0.7002, abs=1e-4
    )


def test_spend_of_all_customers(master: Any) -> None:
    orders = BgNbd.fit(master.purchases).expected(master.purchases, WEEKS)
    spend = orders * GammaGamma.fit(master.purchases).expected(master.purchases)
    assert normalised_gini(master.spend, spend) == pytest.approx(0.6722, abs=6e-4)
    assert spearman(master.spend, spend) == pytest.approx(0.421, abs=6e-4)
    assert decile_mape(master.spend, spend) == pytest.approx(0.213, abs=6e-4)
    assert total_bias(master.spend, spend) == pytest.approx(-0.173, abs=6e-4)


@pytest.mark.parametrize(
    ("model", "parameters", "likelihood"),
    [
        (BgNbd, (0.243, 4.414, 0.793, 2.426), -9582.43),
        (MbgNbd, (0.525, 6.183, 0.891, 1.614), -9582.14),
        (ParetoNbd, (0.553, 10.578, 0.606, 11.669), -9594.98),
    ],
)
def test_the_sample(sample: Any, model: Any, parameters: tuple[float, ...], likelihood: float) -> None:
    fitted = model.fit(sample.purchases)
    assert astuple(fitted) == pytest.approx(parameters, abs=6e-4)
    assert fitted.log_likelihood(sample.purchases).sum() == pytest.approx(likelihood, abs=0.01)


def test_values_of_the_sample(sample: Any) -> None:
    fitted = GammaGamma.fit(sample.purchases)
    assert astuple(fitted) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)
    assert 35.17 <= fitted.population <= 35.22
    known = np.array([2.0])
    two = PurchaseDays(repeats=known, last=np.zeros(1), age=np.ones(1), value=np.array([22.35]), valued=known)
    assert fitted.expected(two)[0] == pytest.approx(24.65, abs=0.01)
