"""Aggregates: against one customer at a time, event by event; what is later and how a basket is ordered make no difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from statistics import mean, median, pstdev
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.sequences.aggregates import BEHAVIOUR_WINDOWS, HALF_LIVES, WINDOWS, aggregate
from regard.sequences.log import DAY, Log

LogOf = Callable[..., Log]
BUY = ("purchase",)
NAN = float("nan")
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def priced(log: Log, seed: int, unknown: float = 0.2) -> Log:
    """The log with values; refunds positive or negative, as files have them."""
    rng = np.random.default_rng(seed)
    value = rng.choice([0.0, 2.5, 10.0, 300.0], size=log.events)
    value[rng.random(log.events) < unknown] = np.nan
    refund = log.is_behaviour(("refund",))
    value[refund] *= rng.choice([-1, 1], size=int(refund.sum()))
    return replace(log, value=value.astype(np.float32))


def plainly(log: Log, b: int, asof: int) -> dict[str, float]:
    """One customer's row, without arrays."""
    rows = [n for n in range(int(log.offsets[b]), int(log.offsets[b + 1])) if log.time[n] <= asof]
    zone, baskets = ZoneInfo(log.time_zone), sorted({int(log.basket[n]) for n in rows})
    local = {n: datetime.fromtimestamp(int(log.time[n]), zone) for n in rows}
    if log.clock == "clock":
        age = {n: (asof - int(log.time[n])) / DAY for n in rows}
        day = {n: local[n].date().toordinal() for n in rows}
    elif log.clock == "order":
        day = {n: baskets.index(int(log.basket[n])) for n in rows}
        age = {n: float(len(baskets) - 1 - day[n]) for n in rows}
    else:
        age, day = dict.fromkeys(rows, 0.0), dict.fromkeys(rows, 0)
    acts = {n: log.behaviours[log.behaviour[n]] for n in rows}
    items = {n: int(log.item[n]) for n in rows}
    bought = [n for n in rows if acts[n] == "purchase"]
    money = {n: float(np.nan_to_num(log.value[n])) for n in bought}
    money |= {n: -abs(float(np.nan_to_num(log.value[n]))) for n in rows if acts[n] == "refund"}
    orders: dict[int, list[int]] = {}
    for n in bought:
        orders.setdefault(int(log.basket[n]), []).append(n)
    orders = {k: own for k, own in orders.items() if any(items[n] < 0 or log.merchandise[items[n]] for n in own)}
    heads = [own[0] for own in orders.values()]
    known = [[float(log.value[n]) for n in own if not np.isnan(log.value[n])] for own in orders.values()]
    values = [sum(own) for own in known if own]
    blind = bool(orders) and not values

    row: dict[str, float] = {}
    for name, some in (("order", heads), ("event", rows)):
        row[f"days_since_last_{name}"] = age[some[-1]] if some else NAN
        row[f"days_since_first_{name}"] = age[some[0]] if some else NAN
    for window in (*WINDOWS, None):
        end = "all" if window is None else f"{window}d"
        within = [n for n in rows if window is None or age[n] <= window]
        row[f"events_{end}"] = len(within)
        row[f"targets_{end}"] = sum(n in bought for n in within)
        row[f"orders_{end}"] = sum(n in heads for n in within)
        row[f"spend_{end}"] = NAN if blind else sum(money.get(n, 0.0) for n in within)
    row["mean_order_value"] = mean(values) if values else NAN
    row["sd_order_value"] = pstdev(values) if values else NAN
    row["last_order_value"] = values[-1] if values else NAN
    row["lines_per_order"] = len(bought) / len(orders) if orders else NAN
    row["refunded"] = NAN if blind else -sum(own for own in money.values() if own < 0)
    dates = sorted({day[n] for n in heads})
    gaps = [later - earlier for earlier, later in pairwise(dates)]
    row["order_days"] = len(dates)
    row["gap_mean"] = mean(gaps) if gaps else NAN
    row["gap_median"] = median(gaps) if gaps else NAN
    row["gap_sd"] = pstdev(gaps) if gaps else NAN
    row["last_gap_over_mean"] = gaps[-1] / mean(gaps) if gaps else NAN
    row["days_since_last_order_over_gap_mean"] = age[heads[-1]] / mean(gaps) if gaps else NAN
    for weeks in HALF_LIVES:
        row[f"orders_decayed_{weeks}w"] = sum(0.5 ** (age[n] / 7 / weeks) for n in heads)
        row[f"spend_decayed_{weeks}w"] = (
            NAN if blind else sum(own * 0.5 ** (age[n] / 7 / weeks) for n, own in money.items())
        )
    for window in (*BEHAVIOUR_WINDOWS, None):
        for name in log.behaviours:
            row[f"count_{name}_{'all' if window is None else f'{window}d'}"] = sum(
                acts[n] == name and (window is None or age[n] <= window) for n in rows
            )
    named = [items[n] for n in bought if items[n] >= 0]
    row["distinct_items"] = len({items[n] for n in rows if items[n] >= 0})
    row["distinct_items_bought"] = len(set(named))
    row["repeat_share"] = 1 - len(set(named)) / len(named) if named else NAN
    row["active_days"] = len(set(day.values()))
    if log.clock == "clock":
        times = [int(log.time[n]) for n in rows]
        pauses = [later - earlier > 1800 for earlier, later in pairwise(times)]
        row["sessions"] = sum(pauses) + 1 if rows else 0
        for hour in range(0, 24, 4):
            share = mean(local[n].hour // 4 == hour // 4 for n in rows) if rows else NAN
            row[f"share_hours_{hour:02d}_to_{hour + 4:02d}"] = share
        for weekday in range(7):
            row[f"share_weekday_{weekday}"] = mean(local[n].weekday() == weekday for n in rows) if rows else NAN
    return row


def moments(log: Log, seed: int) -> np.ndarray:
    """A moment for every customer, from before the first event to after the last, often just at one."""
    rng = np.random.default_rng(seed)
    if log.clock != "clock":
        return rng.integers(0, 12, size=len(log))
    drawn = rng.integers(int(log.time.min()) - DAY, int(log.time.max()) + 30 * DAY, size=len(log))
    exact = rng.choice(log.time, size=len(log))
    own = log.time[np.minimum(log.offsets[1:], log.events) - 1]
    return np.where(rng.random(len(log)) < 0.3, own, np.where(rng.random(len(log)) < 0.2, exact, drawn))


@QUICK
@given(
    seed=st.integers(0, 50), clock=st.sampled_from(["clock", "order", "none"]), unknown=st.sampled_from([0.0, 0.3, 1.0])
)
def test_rows_are_what_one_customer_at_a_time_gives(draw_log: LogOf, seed: int, clock: str, unknown: float) -> None:
    log = priced(draw_log(seed=seed, customers=6, clock=clock), seed, unknown)
    asof = moments(log, seed)
    found = aggregate(log, asof, target=BUY)
    assert found.values.dtype == np.float32
    for b in range(len(log)):
        wanted = plainly(log, b, int(asof[b]))
        assert set(wanted) == set(found.names)
        np.testing.assert_allclose(
            found.values[b], [wanted[name] for name in found.names], rtol=2e-5, atol=1e-4, err_msg=str(found.names)
        )


@QUICK
@given(seed=st.integers(0, 50), clock=st.sampled_from(["clock", "order"]))
def test_events_after_the_moment_change_nothing(draw_log: LogOf, seed: int, clock: str) -> None:
    log = priced(draw_log(seed=seed, customers=8, clock=clock), seed)
    asof = moments(log, seed)
    known = log.where(log.time <= asof[log.owner])
    late = np.flatnonzero(log.time > asof[log.owner])
    rng = np.random.default_rng(seed)
    item, behaviour, value = log.item.copy(), log.behaviour.copy(), log.value.copy()
    item[late], behaviour[late] = rng.integers(-1, 12, size=len(late)), rng.integers(3, size=len(late))
    value[late] = 1e6
    other = replace(log, item=item, behaviour=behaviour, value=value)
    tables = [aggregate(each, asof, target=BUY).values for each in (known, log, other)]
    np.testing.assert_array_equal(tables[0], tables[1])
    np.testing.assert_array_equal(tables[0], tables[2])


@QUICK
@given(seed=st.integers(0, 50), clock=st.sampled_from(["clock", "order", "none"]))
def test_the_order_of_a_baskets_lines_changes_nothing(draw_log: LogOf, seed: int, clock: str) -> None:
    log = priced(draw_log(seed=seed, customers=8, clock=clock), seed)
    if clock == "order":  # lines of a basket have the position of its first
        head = np.maximum.accumulate(
            np.where(np.append(True, (np.diff(log.basket) != 0) | (np.diff(log.owner) != 0)), np.arange(log.events), 0)
        )
        log = replace(log, time=log.time[head])
    mixed = np.lexsort((np.random.default_rng(seed).random(log.events), log.basket, log.owner))
    other = replace(
        log, item=log.item[mixed], behaviour=log.behaviour[mixed], quantity=log.quantity[mixed], value=log.value[mixed]
    )
    asof = moments(log, seed)
    np.testing.assert_allclose(
        aggregate(other, asof, target=BUY).values, aggregate(log, asof, target=BUY).values, rtol=1e-6
    )


def test_customers_stand_alone(draw_log: LogOf) -> None:
    log = priced(draw_log(customers=12), 0)
    asof = moments(log, 0)
    whole = aggregate(log, asof, target=BUY)
    some = np.array([7, 2, 7, 11])
    np.testing.assert_array_equal(aggregate(log.take(some), asof[some], target=BUY).values, whole.values[some])


def test_a_log_without_events_is_a_row_of_nothing(draw_log: LogOf) -> None:
    empty = draw_log(customers=3).where(np.zeros(draw_log(customers=3).events, dtype=bool))
    for clock in ("clock", "order", "none"):
        found = aggregate(replace(empty, clock=clock), np.full(3, 5), target=BUY)
        assert np.all(found.column("orders_all") == 0) and np.isnan(found.column("days_since_last_order")).all()
        assert np.all(found.column("spend_90d") == 0) and np.isnan(found.column("gap_mean")).all()


def test_refunds_take_money_and_are_no_orders_and_postage_alone_is_none(log_of: LogOf) -> None:
    day = "2024-05-{:02d}T10:00".format
    log = log_of({"ann": [f"{day(1)} pen", f"{day(1)} postage", f"{day(3)} pen refund", f"{day(9)} postage"]})
    log = replace(log, value=np.array([5, 2, 3, 2], dtype=np.float32))
    found = aggregate(log, log.time[-1:] + DAY, target=BUY)
    told = {name: float(found.column(name)[0]) for name in ("orders_all", "spend_all", "refunded", "mean_order_value")}
    assert told == {"orders_all": 1, "spend_all": 6, "refunded": 3, "mean_order_value": 7}
    assert found.column("days_since_last_order")[0] == pytest.approx(9)


def test_yesterday_is_in_a_window_of_one_day_and_a_week_ago_in_one_of_seven(log_of: LogOf) -> None:
    log = log_of({"ann": ["2024-05-01T00:00 pen", "2024-05-07T00:00 pen", "2024-05-08T00:00 pen"]})
    found = aggregate(log, log.time[-1:], target=BUY)
    assert [float(found.column(f"orders_{end}")[0]) for end in ("1d", "7d", "all")] == [2, 3, 3]
