"""Columns: one customer is a batch of one, the future is not read, and every field says what shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regard.customers.profile import FIELDS, Base
from regard.customers.profile.columns import columns
from regard.customers.profile.given import Given
from regard.insight import Shop
from regard.sequences.log import DAY, Log

BaseOf = Callable[..., Base]


def _short(value: Any) -> Any:
    """The same with numbers short enough not to tell in which order they were summed."""
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    return f"{value:.6g}" if isinstance(value, float) else value


def test_one_customer_is_a_batch_of_one(shop: Shop, base: Base) -> None:
    everybody = columns(Given.of(shop, base, np.arange(len(shop.log))))
    assert set(everybody) == set(FIELDS) - {"device", "place", "segments", "next_items", "intent_session"}
    for code in (0, 7, 21, 39):
        alone = columns(Given.of(shop, base, np.array([code])))
        for name, column in everybody.items():
            here, there = alone[name], column
            assert _short(here.values[0].as_py()) == _short(there.values[code].as_py()), name
            assert here.coverage[0] == pytest.approx(there.coverage[code]), name
            for part in ("probability", "low", "high"):
                one, many = getattr(here, part), getattr(there, part)
                assert (one is None) == (many is None), name
                if one is not None:
                    np.testing.assert_allclose(one[0], many[code], equal_nan=True)


def test_what_comes_later_changes_nothing(shop: Shop, base_of: BaseOf, shop_with: Callable[[Log], Shop]) -> None:
    at = int(np.quantile(shop.log.time, 0.6))
    past = shop_with(shop.log.where(shop.log.time <= at))
    codes = np.flatnonzero(past.log.lengths)
    now, then = (columns(Given.of(some, base_of(some, at), codes)) for some in (shop, past))
    judged_by_all = {"bot", "anomalies", "discount_share"}  # by the end of the log, whenever it is asked
    for name in set(then) & set(now) - judged_by_all:
        assert now[name].values.equals(then[name].values), name


def test_evidence_is_the_customers_own_and_coverage_is_a_share(shop: Shop, base: Base) -> None:
    given = Given.of(shop, base, np.arange(len(shop.log)))
    for name, column in columns(given).items():
        assert column.evidence.shape == (given.log.events,), name
        assert ((column.coverage >= 0) & (column.coverage <= 1)).all(), name
        if column.low is not None and column.high is not None:
            known = np.isfinite(column.low) & np.isfinite(column.high)
            assert (column.low[known] <= column.high[known]).all(), name
    own = columns(given)["unit_price"].evidence
    assert (shop.log.is_behaviour(("purchase",))[own]).all() and own.any()


@pytest.mark.parametrize("clock", ["order", "none"])
def test_without_a_clock_what_needs_none_is_told(
    draw_log: Callable[..., Log], shop_with: Callable[[Log], Shop], clock: str
) -> None:
    shop = shop_with(draw_log(customers=20, visits=9, clock=clock))
    found = columns(Given.of(shop, Base(shop=shop, at=0), np.arange(20)))
    assert {"events", "sufficiency", "orders", "interests_long", "channel"} <= set(found)
    assert not {"lifecycle", "rfm", "churn_30d", "reach", "next_order"} & set(found)


def test_what_is_foreseen_hangs_together(shop: Shop, base: Base) -> None:
    given = Given.of(shop, base, np.arange(len(shop.log)))
    found = columns(given)
    buys = given.number("order_days") > 0
    churn = [found[f"churn_{days}d"].values.to_numpy(zero_copy_only=False) for days in (30, 60, 90)]
    assert (np.diff(np.stack(churn)[:, buys], axis=0) <= 0).all() and np.isnan(np.stack(churn)[:, ~buys]).all()
    intent = found["intent_30d"].values.to_numpy(zero_copy_only=False)
    np.testing.assert_allclose(intent[buys], 1 - churn[0][buys])
    curve = found["survival"].values.to_pylist()
    assert [one is None for one in curve] == (~buys).tolist()
    assert all(one[2] == pytest.approx(risk) for one, risk in zip(curve, churn[0], strict=True) if one)
    tiers = found["value_tier"].values.to_pylist()
    spend = found["spend_90d"].values.to_numpy(zero_copy_only=False)
    worth = {tier: [value for value, told in zip(spend, tiers, strict=True) if told == tier] for tier in set(tiers)}
    assert max(worth["bronze"]) <= min(worth["silver"]) and max(worth["silver"]) <= min(worth["gold"])
    ahead = found["next_order"]
    assert ahead.low is not None and ahead.high is not None
    days = (ahead.low[buys] - base.at) / DAY
    rate = given.number("order_days")[buys] / 100
    np.testing.assert_allclose(days, -np.log(0.9) / rate, rtol=1e-3)  # whole seconds


def _purchases(name: str, *days: float) -> list[Any]:
    return [(name, "purchase", "a", day) for day in days]


def test_orders_beyond_the_log_of_nobody_do_not_break(
    make_log: Callable[..., Log], shop_with: Callable[[Log], Shop]
) -> None:
    shop = shop_with(make_log([("ann", "view_item", "a", 0.0)]))
    found = columns(Given.of(shop, Base(shop=shop, at=shop.now), np.array([0])))
    assert found["orders"].values.to_pylist() == [0] and found["spend"].values.to_pylist() == [None]
    assert found["lifecycle"].values.to_pylist() == ["prospect"] and found["rfm"].values.to_pylist() == [None]
