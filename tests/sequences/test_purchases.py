"""Purchases: days with an order, counted by hand and one customer at a time; refunds take money, later events are not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.sequences.log import DAY, Log
from regard.sequences.purchases import money_of, orders_of, purchase_days

LogOf = Callable[..., Log]
BUY = ("purchase",)


def midnight(text: str) -> np.ndarray:
    return np.array([int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC")).timestamp())])


def test_repeats_last_age_and_value_by_hand(log_of: LogOf) -> None:
    lines = ["2024-01-01T09:00 pen", "2024-01-01T18:00 cup", "2024-01-08T00:00 pen", "2024-01-22T23:59 cup"]
    log = log_of({"ann": lines, "bob": ["2024-01-31T10:00 pen"], "eve": ["2024-01-31T10:00 - search"]})
    log = replace(log, value=np.array([9, 9, 10, 20, 4, np.nan], dtype=np.float32))
    found = purchase_days(log, np.repeat(midnight("2024-02-01"), 3))
    assert found.repeats.tolist() == [2, 0, 0]
    np.testing.assert_allclose(found.last, [3, 0, np.nan])
    np.testing.assert_allclose(found.age, [30 / 7, 0, np.nan])
    np.testing.assert_allclose(found.value, [15, np.nan, np.nan])
    assert found.valued.tolist() == [2, 0, 0]


def test_an_unknown_value_is_not_zero(log_of: LogOf) -> None:
    days = ["2024-01-01T09:00 pen", "2024-01-08T09:00 pen", "2024-01-15T09:00 cup", "2024-01-16T09:00 cup refund"]
    log = log_of({"ann": days, "bob": days, "eve": days})
    unknown = np.nan
    money = [9, 12, unknown, -2, 9, unknown, unknown, -2, unknown, 12, 6, unknown]
    found = purchase_days(replace(log, value=np.array(money, dtype=np.float32)), np.repeat(midnight("2024-02-01"), 3))
    assert found.repeats.tolist() == [2, 2, 2] and found.valued.tolist() == [1, 0, 2]
    np.testing.assert_allclose(found.value, [10, np.nan, 9])


def test_refunds_after_the_first_day_take_from_what_repeats_are_worth(log_of: LogOf) -> None:
    lines = [
        "2024-01-01T09:00 pen",
        "2024-01-01T10:00 pen refund",
        "2024-01-08T09:00 pen",
        "2024-01-09T09:00 pen refund",
    ]
    log = replace(log_of({"ann": lines}), value=np.array([50, -50, 30, 12], dtype=np.float32))
    asof = midnight("2024-02-01")
    assert purchase_days(log, asof).value.tolist() == [18]
    assert purchase_days(replace(log, value=np.array([1, -1, 3, 12], dtype=np.float32)), asof).value.tolist() == [0]
    assert money_of(log, BUY).tolist() == [50, -50, 30, -12]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 50))
def test_days_are_counted_as_one_customer_at_a_time(draw_log: LogOf, seed: int) -> None:
    log = draw_log(seed=seed, customers=8)
    rng = np.random.default_rng(seed)
    log = replace(log, value=rng.choice([1.0, 7.0, np.nan], size=log.events).astype(np.float32))
    asof = rng.integers(int(log.time.min()), int(log.time.max()) + 9 * DAY, size=len(log))
    found, zone = purchase_days(log, asof), ZoneInfo(log.time_zone)
    orders = orders_of(log, BUY)
    for b in range(len(log)):
        own = [n for n in range(len(orders.owner)) if orders.owner[n] == b and orders.time[n] <= asof[b]]
        dates = sorted({datetime.fromtimestamp(int(orders.time[n]), zone).toordinal() for n in own})
        assert found.repeats[b] == max(len(dates) - 1, 0)
        if not dates:
            assert np.isnan([found.last[b], found.age[b], found.value[b]]).all()
            continue
        assert found.last[b] == pytest.approx((dates[-1] - dates[0]) / 7)
        today = datetime.fromtimestamp(int(asof[b]) - 1, zone).toordinal()
        assert found.age[b] == pytest.approx((max(today, dates[-1]) - dates[0]) / 7)
        later = [
            float(amount)
            for n, amount in enumerate(money_of(log, BUY))
            if log.owner[n] == b
            and log.time[n] <= asof[b]
            and datetime.fromtimestamp(int(log.time[n]), zone).toordinal() > dates[0]
        ]
        known = {datetime.fromtimestamp(int(orders.time[n]), zone).toordinal() for n in own if orders.value[n] >= 0}
        assert found.valued[b] == len(known - {dates[0]})
        if known - {dates[0]}:
            assert found.value[b] == pytest.approx(max(0, sum(later)) / len(known - {dates[0]}))
        else:
            assert np.isnan(found.value[b])


def test_an_order_is_worth_its_known_lines(log_of: LogOf) -> None:
    day = "2024-05-0{}T10:00".format
    log = log_of({"ann": [f"{day(1)} pen", f"{day(1)} postage", f"{day(2)} cup", f"{day(3)} postage", f"{day(4)} -"]})
    log = replace(log, value=np.array([5, np.nan, np.nan, 3, 8], dtype=np.float32))
    orders = orders_of(log, BUY)
    assert orders.row.tolist() == [0, 2, 4]
    np.testing.assert_allclose(orders.value, [5, np.nan, 8])
