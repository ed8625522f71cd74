"""The closed forms against plain sums over a fine grid of customers, each with a known rate and a known inclination to stop."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from scipy import stats

from regard.errors import RegardError
from regard.evaluation.lifetime import BgNbd, GammaGamma, MbgNbd, ParetoNbd
from regard.evaluation.lifetime.gamma_gamma import dependence
from regard.sequences.purchases import PurchaseDays

WEEKS = 20.0
HISTORIES = [
    (0, 0.0, 3.0),
    (0, 0.0, 40.0),
    (1, 2.0, 30.0),
    (4, 28.0, 30.0),
    (4, 9.0, 30.0),
    (30, 39.0, 40.0),
    (2, 12.0, 12.0),
]


def days(rows: list[tuple[int, float, float]]) -> PurchaseDays:
    x, t, T = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return PurchaseDays(repeats=x, last=t, age=T, value=np.full(len(rows), np.nan), valued=np.zeros(len(rows)))


def rates(shape: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of a gamma variable and their probabilities."""
    edges = np.linspace(np.log(1e-9), np.log(60 * (shape + 3) / rate), 700)
    values = np.exp(edges)
    weight = stats.gamma.pdf(values, shape, scale=1 / rate) * values
    return values, weight / weight.sum()


def chances(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of a beta variable and their probabilities."""
    edges = np.linspace(-25, 25, 501)
    values = 1 / (1 + np.exp(-edges))
    weight = stats.beta.pdf(values, a, b) * values * (1 - values)
    return values, weight / weight.sum()


class Coins:
    """Customers who buy at a rate and stop with a chance after each purchase, `from_first` or only from the second on."""

    def __init__(self, model: BgNbd | MbgNbd, from_first: bool) -> None:
        self.rate, w = rates(model.r, model.alpha)
        p, v = chances(model.a, model.b)
        self.rate, self.p, self.weight = self.rate[:, None], p[None, :], w[:, None] * v[None, :]
        self.first = from_first

    def parts(self, x: int, t: float, T: float) -> tuple[np.ndarray, np.ndarray]:
        """How likely each customer's history is with the customer still there, and not."""
        stays = (1 - self.p) ** (x + self.first)
        there = stays * self.rate**x * np.exp(-self.rate * T)
        may_stop = self.first or x > 0
        gone = may_stop * self.p * (1 - self.p) ** max(x + self.first - 1, 0) * self.rate**x * np.exp(-self.rate * t)
        return there, gone

    def expected(self) -> np.ndarray:
        return (1 - np.exp(-self.rate * self.p * WEEKS)) / self.p

    def none(self) -> np.ndarray:
        return np.exp(-self.rate * WEEKS) + 0 * self.p


class Clocks:
    """Customers who buy at a rate and stop at a rate."""

    def __init__(self, model: ParetoNbd) -> None:
        rate, w = rates(model.r, model.alpha)
        stop, v = rates(model.s, model.beta)
        self.rate, self.stop, self.weight = rate[:, None], stop[None, :], w[:, None] * v[None, :]

    def parts(self, x: int, t: float, T: float) -> tuple[np.ndarray, np.ndarray]:
        both = self.rate + self.stop
        there = self.rate**x * np.exp(-both * T)
        gone = self.rate**x * self.stop / both * (np.exp(-both * t) - np.exp(-both * T))
        return there, gone

    def expected(self) -> np.ndarray:
        return self.rate * -np.expm1(-self.stop * WEEKS) / self.stop

    def none(self) -> np.ndarray:
        both = self.rate + self.stop
        return 1 - self.rate / both * -np.expm1(-both * WEEKS)


@pytest.mark.parametrize(
    ("model", "people"),
    [
        (fitted := BgNbd(r=0.9, alpha=5.0, a=0.8, b=2.5), Coins(fitted, from_first=False)),
        (fitted := MbgNbd(r=0.9, alpha=5.0, a=0.8, b=2.5), Coins(fitted, from_first=True)),
        (fitted := ParetoNbd(r=0.9, alpha=10.0, s=0.7, beta=6.0), Clocks(fitted)),
        (fitted := ParetoNbd(r=1.4, alpha=5.0, s=1.6, beta=12.0), Clocks(fitted)),
    ],
)
def test_answers_are_those_of_everybody_who_could_have_such_a_history(model: Any, people: Any) -> None:
    purchases = days(HISTORIES)
    found = (
        model.log_likelihood(purchases), model.alive(purchases),
        model.expected(purchases, WEEKS), model.none_within(purchases, WEEKS),
    )  # fmt: skip
    for n, (x, t, T) in enumerate(HISTORIES):
        there, gone = (part * people.weight for part in people.parts(x, t, T))
        likely = there.sum() + gone.sum()
        assert found[0][n] == pytest.approx(np.log(likely), abs=1e-5)
        assert found[1][n] == pytest.approx(there.sum() / likely, abs=1e-5)
        assert found[2][n] == pytest.approx((there * people.expected()).sum() / likely, rel=1e-4)
        assert found[3][n] == pytest.approx((gone.sum() + (there * people.none()).sum()) / likely, abs=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        lambda one: BgNbd(r=0.9, alpha=5.0, a=one, b=2.5),
        lambda one: MbgNbd(r=0.9, alpha=5.0, a=one, b=2.5),
        lambda one: ParetoNbd(r=0.9, alpha=10.0, s=one, beta=6.0),
    ],
)
def test_where_the_printed_formula_divides_by_nothing_there_is_an_answer(model: Any) -> None:
    purchases = days(HISTORIES)
    below, above = (model(one).expected(purchases, WEEKS) for one in (0.999, 1.001))
    for one in (1.0, 1 + 1e-12, 1 - 1e-9):
        np.testing.assert_allclose(model(one).expected(purchases, WEEKS), (below + above) / 2, rtol=1e-4)


@pytest.mark.filterwarnings("error")
def test_the_slowest_rates_warn_nobody() -> None:
    purchases = days(HISTORIES)
    slow = ParetoNbd(r=1e-4, alpha=10.0, s=0.7, beta=6.0)
    assert np.isfinite(slow.log_likelihood(purchases)).all() and (slow.alive(purchases) <= 1).all()


def drawn(customers: int, seed: int) -> PurchaseDays:
    """People of a BG/NBD world with r 0.6, alpha 4, a 0.8, b 2, watched for 20 to 60 weeks."""
    rng = np.random.default_rng(seed)
    rows = []
    for age in rng.uniform(20, 60, size=customers):
        rate, stop = rng.gamma(0.6, 1 / 4), rng.beta(0.8, 2)
        x, t = 0, 0.0
        while (later := t + rng.exponential(1 / rate)) < age:
            x, t = x + 1, later
            if rng.random() < stop:
                break
        rows.append((x, t, float(age)))
    return days(rows)


def test_parameters_of_a_known_world_are_found() -> None:
    purchases = drawn(4_000, seed=1)
    found, true = BgNbd.fit(purchases), BgNbd(r=0.6, alpha=4, a=0.8, b=2)
    assert (found.r, found.alpha) == pytest.approx((0.6, 4), rel=0.2)
    assert found.a / (found.a + found.b) == pytest.approx(0.8 / 2.8, rel=0.15)
    assert found.log_likelihood(purchases).sum() >= true.log_likelihood(purchases).sum()


def test_hundreds_of_purchases_and_long_horizons_are_finite() -> None:
    purchases = days([(0, 0.0, 0.0), (400, 99.0, 100.0), (900, 200.0, 200.0), (1, 0.1, 500.0)])
    for model in (
        BgNbd(r=0.5, alpha=2, a=0.6, b=3), MbgNbd(r=0.5, alpha=2, a=0.6, b=3), ParetoNbd(r=0.5, alpha=2, s=0.4, beta=9),
    ):  # fmt: skip
        quiet, orders = model.none_within(purchases, 500), model.expected(purchases, 500)
        assert np.isfinite(orders).all() and (orders >= 0).all()
        assert ((quiet >= 0) & (quiet <= 1)).all()
        assert np.isfinite(model.log_likelihood(purchases)).all()
        assert 100 < model.expected(purchases, 50)[1] < 300  # four a week, as ever
        assert (model.none_within(purchases, 5) >= quiet).all()


def test_customers_without_a_purchase_have_no_answer_and_change_no_fit() -> None:
    purchases, nobody = drawn(400, seed=2), np.full(5, np.nan)
    more = PurchaseDays(
        repeats=np.append(purchases.repeats, np.zeros(5)), last=np.append(purchases.last, nobody),
        age=np.append(purchases.age, nobody), value=np.append(purchases.value, nobody),
        valued=np.append(purchases.valued, np.zeros(5)),
    )  # fmt: skip
    for model in (BgNbd, MbgNbd, ParetoNbd):
        fitted = model.fit(more)
        assert astuple(fitted) == pytest.approx(astuple(model.fit(purchases)))
        assert np.isnan(fitted.expected(more, 9)[-5:]).all() and np.isnan(fitted.none_within(more, 9)[-5:]).all()


def test_nobody_came_back() -> None:
    with pytest.raises(RegardError, match="two days"):
        BgNbd.fit(days([(0, 0.0, 5.0), (0, 0.0, 9.0)]))
    with pytest.raises(RegardError, match="value"):
        GammaGamma.fit(days([(3, 2.0, 5.0)]))


def worth(customers: int, p: float, q: float, v: float, seed: int) -> PurchaseDays:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, size=customers).astype(np.float64)
    rate = rng.gamma(q, 1 / v, size=customers)
    mean = rng.gamma(p * np.maximum(x, 1)) / rate / np.maximum(x, 1)
    return PurchaseDays(repeats=x, last=x, age=x + 1, value=np.where(x > 0, mean, np.nan), valued=x)


def test_values_of_a_known_world_are_found() -> None:
    purchases = worth(8_000, 5.0, 4.0, 20.0, seed=3)
    found = GammaGamma.fit(purchases)
    true = GammaGamma(p=5.0, q=4.0, v=20.0)
    assert (found.p, found.q, found.v) == pytest.approx((5, 4, 20), rel=0.25)
    assert np.nansum(found.log_likelihood(purchases)) >= np.nansum(true.log_likelihood(purchases))
    assert found.population == pytest.approx(5 * 20 / 3, rel=0.03)
    assert abs(dependence(purchases)) < 0.05


def test_the_expected_value_is_that_of_everybody_with_such_a_mean() -> None:
    model = GammaGamma(p=3.0, q=4.0, v=20.0)
    rate, weight = rates(4.0, 20.0)
    x, m = np.array([1.0, 5.0, 2.0]), np.array([2.0, 40.0, 0.0])
    found = model.expected(PurchaseDays(repeats=x, last=x, age=x, value=m, valued=x))
    for n in range(2):
        likely = weight * stats.gamma.pdf(m[n], 3.0 * x[n], scale=1 / (rate * x[n]))
        assert found[n] == pytest.approx((likely * 3.0 / rate).sum() / likely.sum(), rel=1e-5)
        likelihood = model.log_likelihood(PurchaseDays(repeats=x, last=x, age=x, value=m, valued=x))[n]
        assert likelihood == pytest.approx(np.log(likely.sum()), abs=1e-5)
    assert found[2] == model.population  # free orders say nothing of what others cost


def test_repeats_of_unknown_value_make_a_mean_no_surer() -> None:
    model, m = GammaGamma(p=3.0, q=4.0, v=20.0), np.array([40.0])
    few, many = np.array([1.0]), np.array([9.0])
    known, unknown, all_known = (
        PurchaseDays(repeats=repeats, last=repeats, age=repeats, value=m, valued=valued)
        for repeats, valued in ((few, few), (many, few), (many, many))
    )
    assert model.expected(unknown)[0] == model.expected(known)[0] < model.expected(all_known)[0]
    assert model.log_likelihood(unknown)[0] == model.log_likelihood(known)[0]
