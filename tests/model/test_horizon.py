"""The horizon head: NumPy says what PyTorch says, longer is never less, and its parts agree with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import lognorm, nbinom

from regard.model.horizon import HorizonHead, loss
from regard.model.runtime.facts import Facts, Inputs
from regard.model.runtime.head import MOST_ORDERS, Head, Tuning
from regard.sequences.aggregates import Aggregates

DAYS = np.array([1.0, 7.0, 30.0, 90.0, 365.0, 3_650.0])


def facts(count: int = 40, *, states: int = 0, seed: int = 0) -> Facts:
    rng = np.random.default_rng(seed)
    values = rng.gamma(1, 20, (count, 3)).astype(np.float32)
    values[rng.random((count, 3)) < 0.2] = np.nan
    return Facts(
        table=Aggregates(names=("a", "b", "c"), values=values),
        asof=np.full(count, 1_600_000_000),
        age=rng.gamma(2, 60, count).astype(np.float32),
        bought=rng.integers(1, 9, count).astype(np.float32),
        states=rng.normal(size=(count, states)).astype(np.float32) if states else None,
    )


def network(inputs: int, *, width: int = 8, seed: int = 0) -> HorizonHead:
    """Every weight matters, as none does at the beginning."""
    torch.manual_seed(seed)
    net = HorizonHead(inputs, width=width, scale_days=40, value=3.0)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return net


def head(known: Facts, *, width: int = 8, members: int = 2, states: int = 0, prior: bool = True) -> Head:
    raw = Inputs.raw(known, columns=("a", "b", "c"), flagged=("a",), states=states)
    inputs = Inputs(
        columns=("a", "b", "c"), flagged=("a",), states=states, center=np.nanmean(raw, axis=0), scale=np.nanstd(raw, axis=0) + 1
    )  # fmt: skip
    nets = [network(raw.shape[1], width=width, seed=number) for number in range(members)]
    weights = tuple({name: array.detach().numpy() for name, array in net.state_dict().items()} for net in nets)
    return Head(inputs=inputs, members=weights, prior=prior)


@pytest.mark.parametrize("width", [0, 8])
def test_numpy_gives_what_torch_gives(width: int) -> None:
    known = facts(states=5)
    one = head(known, width=width, members=1, states=5)
    net = network(len(one.inputs.center), width=width)
    told = one.forecast(known, DAYS)
    for column, days in enumerate(DAYS):
        parts = (one.inputs(known), known.age, known.bought, np.full(len(known), days, np.float32))
        with torch.no_grad():
            curves = net(*(torch.from_numpy(part) for part in parts))
        np.testing.assert_allclose(told.busy[:, column], curves.mean, rtol=1e-4)
        np.testing.assert_allclose(told.alive[:, 0], torch.sigmoid(curves.alive), rtol=1e-4)
        np.testing.assert_allclose(told.shape[:, 0], curves.shape, rtol=1e-4)
        np.testing.assert_allclose(np.log(told.value[:, 0]), curves.value, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(told.spread[:, column], curves.spread, rtol=1e-4)


@pytest.mark.parametrize("bend", [-2.0, 0.3, 2.0])
def test_a_longer_horizon_is_never_less_likely_nor_fewer_orders(bend: float) -> None:
    known = facts()
    told = replace(head(known), tuning=Tuning(rate=0.3, bend=bend, shape=-0.2)).forecast(known, DAYS)
    assert np.all(np.diff(told.p_order, axis=1) >= 0) and np.all(np.diff(told.mean, axis=1) > 0)
    assert np.all((told.p_order > 0) & (told.p_order <= 1) & (told.p_order <= told.mean))


def test_the_chance_of_an_order_is_that_of_the_count() -> None:
    known = facts()
    told = head(known).forecast(known, DAYS)
    quiet = nbinom.pmf(0, told.shape, told.shape / (told.shape + told.busy))
    np.testing.assert_allclose(1 - told.p_order, 1 - told.alive + told.alive * quiet, rtol=1e-6, atol=1e-12)


def test_quantiles_of_orders_are_those_of_nobody_left_or_a_negative_binomial() -> None:
    told = head(facts()).forecast(facts(), DAYS[:5])
    for quantile in (0.1, 0.5, 0.9):
        at = told.orders_at(quantile)
        shares = told.shape, told.shape / (told.shape + told.busy)
        below = [1 - told.alive + told.alive * nbinom.cdf(count, *shares) for count in (at, at - 1)]
        found = at < MOST_ORDERS
        assert found.any() and np.all(below[0][found] >= quantile - 1e-9)
        assert np.all(below[1][at > 0] <= quantile + 1e-9)


def test_quantiles_of_spend_are_those_of_nothing_or_a_lognormal_with_the_expected_mean() -> None:
    known = facts(6)
    told = head(known).forecast(known, np.array([30.0]))
    p, spread = told.p_order[:, 0], told.spread[:, 0]
    middle = np.exp(np.log(told.spend[:, 0] / p) - spread**2 / 2)
    np.testing.assert_allclose(p * lognorm.mean(spread, scale=middle), told.spend[:, 0], rtol=1e-6)
    for quantile in (0.05, 0.5, 0.95):
        at = told.spend_at(quantile)[:, 0]
        below = 1 - p + p * lognorm.cdf(at, spread, scale=middle)
        np.testing.assert_allclose(below, np.maximum(quantile, 1 - p), rtol=1e-5)
        assert np.all((at > 0) == (quantile > 1 - p))


def test_what_is_missing_is_nought_and_flagged_so_a_head_of_states_answers_without_them() -> None:
    known = facts(states=5)
    one = head(known, states=5)
    bare = replace(known, states=None)
    inputs = one.inputs(bare)
    assert np.isfinite(inputs).all() and np.all(inputs[:, 4:9] == 0) and np.all(inputs[:, 9] > one.inputs(known)[:, 9])
    assert np.isfinite(one.forecast(bare, DAYS).spend).all()
    lacking = replace(known, table=Aggregates(names=("a", "b"), values=known.table.values[:, :2]))
    assert np.isfinite(one.forecast(lacking, DAYS).spend).all()


def test_the_loss_is_least_where_mean_and_value_are_those_of_the_lessons() -> None:
    net = HorizonHead(1, width=0, scale_days=10, value=2.0)
    rng = np.random.default_rng(0)
    orders = rng.negative_binomial(1.0, 0.4, 4_000).astype(np.float32)
    spend = np.where(orders > 0, orders * rng.lognormal(3, 0.5, 4_000), 0).astype(np.float32)
    x, age, bought = torch.zeros(4_000, 1), torch.full((4_000,), 50.0), torch.ones(4_000)
    days, y, money = torch.full((4_000,), 30.0), torch.from_numpy(orders), torch.from_numpy(spend)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(net(x, age, bought, days), y, money, money=True).backward()
        optimiser.step()
    told = net(x[:1], age[:1], bought[:1], days[:1])
    mean = (torch.sigmoid(told.alive) * told.mean).item()
    assert mean == pytest.approx(orders.mean(), rel=0.05)
    assert mean * torch.exp(told.value).item() == pytest.approx(spend.mean(), rel=0.05)


def test_a_pulled_in_head_says_the_same_of_the_middle_and_less_of_who_is_far_from_it() -> None:
    known = facts()
    plain = head(known)
    center = float(np.mean([part[0] for part in plain.read(known).parts]))
    pulled = replace(plain, tuning=Tuning(sharp=-0.5, center=center))
    one, other = (np.log(told.forecast(known, DAYS).busy) for told in (plain, pulled))
    assert np.allclose(one.mean(axis=0), other.mean(axis=0), atol=1e-4)
    assert np.all(other.std(axis=0) < one.std(axis=0))
