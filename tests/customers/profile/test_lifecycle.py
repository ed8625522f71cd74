"""Life cycle: stages at any moment are those of the profile, and the odds of the next are counted from the past alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.customers.profile import Base
from regard.customers.profile.given import Given
from regard.customers.profile.lifecycle import LIFECYCLE, NEXT_DAYS, Transitions, _reached, _Rhythm, transitions
from regard.customers.profile.stage import stage
from regard.insight import Shop
from regard.sequences.log import DAY, Log

BUY = ("purchase",)
PLACE = {name: place for place, name in enumerate(LIFECYCLE)}


def end(log: Log) -> int:
    return int(log.time.max())


@pytest.mark.parametrize("seed", range(4))
def test_the_stage_at_any_moment_is_that_of_the_profile_of_then(
    draw_log: Callable[..., Log], shop_with: Callable[[Log], Shop], seed: int
) -> None:
    shop = shop_with(draw_log(customers=60, visits=14, seed=seed))
    rhythm = _Rhythm.of(shop.log, BUY)
    for part in (0.3, 0.7, 1.0):
        at = int(np.quantile(shop.log.time, part))
        base = Base(shop=shop, at=at)
        there = Given.of(shop, base, np.arange(len(shop.log)))
        told = next(column for column in stage(there) if column.name == "lifecycle").values.to_pylist()
        found = rhythm.staged(at, base.usual_gap)
        came = there.log.lengths > 0
        assert [LIFECYCLE[place] for place in found[came]] == [
            one for one, here in zip(told, came, strict=True) if here
        ]
        assert (found[~came] == -1).all()


def hangs_together(found: Transitions) -> None:
    seen = found.customers > 0
    np.testing.assert_allclose(found.probability[seen].sum(axis=1), 1.0)
    assert np.isnan(found.probability[~seen]).all()
    assert ((found.probability[seen] > 0) == _reached()[seen]).all()
    known = np.isfinite(found.low)
    assert (known <= _reached()).all() and (found.low[known] <= found.probability[known]).all()
    assert (found.high[known] >= found.probability[known]).all()
    assert (found.low[known] >= 0).all() and (found.high[known] <= 1).all()


DAYS = st.lists(st.integers(0, 400), min_size=1, max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(DAYS, st.booleans()), min_size=1, max_size=12), st.integers(0, 420))
def test_odds_of_any_past_sum_to_one_and_later_events_change_nothing(
    make_log: Callable[..., Log], people: list[tuple[list[int], bool]], day: int
) -> None:
    rows = [
        (f"c{who:02}", "purchase" if buys else "view_item", "a", float(when))
        for who, (visits, buys) in enumerate(people) for when in visits
    ]  # fmt: skip
    log = make_log(rows)
    at = 1_700_000_000 // DAY * DAY + day * DAY
    found, past = transitions(log, BUY, at, 20.0), transitions(log.where(log.time <= at), BUY, at, 20.0)
    hangs_together(found)
    for name in ("probability", "low", "high", "customers"):
        np.testing.assert_array_equal(getattr(found, name), getattr(past, name))
    assert (found.customers <= len(people)).all()


def steady(name: str, first: int, last: int, every: int) -> list[Any]:
    return [(name, "purchase", "a", float(day)) for day in range(first, last, every)]


def test_odds_are_counted_from_those_who_were_at_the_stage(make_log: Callable[..., Log]) -> None:
    rows = [row for who in range(40) for row in steady(f"a{who:02}", 0, 361, 10)]
    rows += [row for who in range(10) for row in steady(f"b{who:02}", 0, 310, 10)]  # loyal, then two months of silence
    log = make_log(rows)
    found = transitions(log, BUY, end(log), 10.0)
    loyal = PLACE["loyal"]
    assert found.customers[loyal] == 50
    stays, leaves = found.probability[loyal, loyal], found.probability[loyal, PLACE["silent"]]
    assert 0.85 < stays < 0.96 and leaves > 0.02  # a fifth of the month before last, nobody in the others
    assert found.low[loyal, loyal] < stays < found.high[loyal, loyal]
    assert found.probability[loyal, PLACE["prospect"]] == 0 and np.isnan(found.low[loyal, PLACE["new"]])


def test_what_was_longer_ago_weighs_less(make_log: Callable[..., Log]) -> None:
    went = [row for who in range(30) for row in steady(f"w{who:02}", 0, 300, 10)]
    early = make_log(went + [row for who in range(30) for row in steady(f"s{who:02}", 0, 450, 10)])
    odds = [
        transitions(early, BUY, int(early.time.min()) + day * DAY, 10.0).probability[PLACE["loyal"], PLACE["silent"]]
        for day in (330, 360, 390)
    ]
    assert odds[0] > odds[1] > odds[2] > 0


def test_one_month_alone_has_no_interval_and_none_no_odds(
    make_log: Callable[..., Log], shop_with: Callable[[Log], Shop], told: Callable[..., list[Any]]
) -> None:
    rows = [row for who in range(9) for row in steady(f"a{who}", 0, 200, 10)]
    log = make_log(rows)
    month = transitions(log, BUY, int(log.time.min()) + NEXT_DAYS * DAY, 10.0)
    new = PLACE["new"]
    assert month.customers[new] == 9 and np.isnan(month.low).all() and month.probability[new].sum() == pytest.approx(1)
    young = shop_with(log.where(log.time < log.time.min() + 20 * DAY))
    columns = {column.name for column in stage(Given.of(young, Base(shop=young, at=young.now), np.arange(9)))}
    assert columns == {"lifecycle", "aipl"}


def test_the_profile_tells_the_likeliest_first_with_where_it_is_counted_from(
    make_log: Callable[..., Log], shop_with: Callable[[Log], Shop], column_of: Callable[..., Any]
) -> None:
    rows = [row for who in range(30) for row in steady(f"a{who:02}", 0, 361, 10)] + [("z", "view_item", "a", 360.0)]
    shop = shop_with(make_log(rows))
    column = column_of(shop, stage, "next_stage")
    loyal, looker = column.values[0].as_py(), column.values[-1].as_py()
    assert loyal[0]["stage"] == "loyal" and loyal[0]["customers"] == 30
    assert [one["probability"] for one in loyal] == sorted((one["probability"] for one in loyal), reverse=True)
    assert column.probability[0] == loyal[0]["probability"] and column.low[0] <= loyal[0]["probability"]
    assert looker is None  # nobody was a prospect before
    assert column.evidence[:-1].all() and column.evidence[-1]
