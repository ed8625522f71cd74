"""The stream: a day unlike its days before is named, and so is a column that shifts; a shop that goes on as ever is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regard.sequences.anomalies import bursts, drift
from regard.sequences.log import DAY, Log

CrowdOf = Callable[..., Log]


@pytest.fixture(scope="module")
def steady(crowd_of: CrowdOf) -> Log:
    return crowd_of(customers=600, days=84, seed=5)


def test_a_burst_is_the_day_it_came(steady: Log) -> None:
    assert [burst for burst in bursts(steady) if burst.score > 0.6] == []
    time = np.array(steady.time)
    noon = int(time.min() // DAY * DAY) + 70 * DAY + DAY // 2
    views = np.flatnonzero(steady.behaviour == 1)
    moved = np.random.default_rng(0).choice(views, 400, replace=False)
    time[moved] = noon
    found = bursts(replace(steady, time=time))
    assert found[0].behaviour == "view_item" and found[0].count >= 400 > 5 * found[0].expected
    assert found[0].day == str(np.datetime64(noon, "s").astype("datetime64[D]"))
    assert found[0].deviations > 0 and found[0].score > 0.7 and found[0].weekday


def test_days_are_those_of_the_shop(steady: Log) -> None:
    far = replace(steady, time_zone="Asia/Shanghai", time=steady.time - 8 * 3600)
    assert [burst.to_json() for burst in bursts(far)] == [burst.to_json() for burst in bursts(steady)]


def test_a_later_day_changes_no_earlier_one(steady: Log) -> None:
    cut = int(steady.time.min() // DAY * DAY) + 60 * DAY
    before = bursts(steady.where(steady.time < cut))
    after = [burst for burst in bursts(steady) if burst.day < str(np.datetime64(cut, "s").astype("datetime64[D]"))]
    assert before == after


def test_a_column_that_shifts_is_named_with_what_moved(steady: Log) -> None:
    assert [found.column for found in drift(steady) if found.score > 0.5] == []
    last = steady.time >= int(steady.time.max() // DAY * DAY) - 6 * DAY
    shifted = replace(steady, item=np.where(last, steady.item % 3, steady.item).astype(np.int32))
    first = drift(shifted)[0]
    assert first.column == "item" and first.psi > first.usual and first.score > 0.5
    device = (("phone", "desktop"), np.where(last, 0, steady.context["device"][1]).astype(np.int16))
    first = drift(replace(steady, context={"device": device}))[0]
    assert first.column == "device" and {name for name, _, _ in first.moved[:2]} == {"phone", "desktop"}
    new = replace(steady, item=np.where(last, 199, np.minimum(steady.item, 198)).astype(np.int32))
    assert drift(new)[0].moved[0][0] == "new"


def test_a_day_that_is_not_over_is_no_dip_and_one_without_events_is(crowd_of: CrowdOf) -> None:
    many = crowd_of(customers=2_000, days=60, seed=6)
    last = int(many.time.max() // DAY * DAY)
    today, closed = (str(np.datetime64(day, "s").astype("datetime64[D]")) for day in (last, last - 10 * DAY))
    morning = many.where(many.time <= np.sort(many.time[many.time >= last])[2])
    assert today not in {burst.day for burst in bursts(morning)}
    found = bursts(many.where((many.time < last - 10 * DAY) | (many.time >= last - 9 * DAY)))
    assert found[0].day == closed and found[0].count == 0 and found[0].deviations < 0


def test_where_nearly_all_is_one_more_of_it_is_seen(steady: Log) -> None:
    last = steady.time >= int(steady.time.max() // DAY * DAY) - 6 * DAY
    for usual, now in ((1, 3), (3, 1)):
        quantity = np.where(last, now, usual).astype(np.float32)
        quantity[::50] = 2
        first = drift(replace(steady, quantity=quantity))[0]
        assert first.column == "quantity" and first.score > 0.5
        assert str(usual) in {name for name, _, _ in first.moved}


def test_too_short_a_log_and_none_say_nothing(steady: Log, crowd_of: CrowdOf) -> None:
    assert drift(steady, days=40) == []
    assert bursts(steady.where(np.zeros(steady.events, dtype=bool))) == []
    with pytest.raises(ValueError, match="clock"):
        bursts(crowd_of(customers=5, clock="order"))
    with pytest.raises(ValueError, match="clock"):
        drift(crowd_of(customers=5, clock="order"))
