"""What drives an answer, with a model whose chances can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.insight.conftest import TABLE, PairModel, content_of_table, make_log

from regard.errors import UsageError
from regard.insight import Ranker, Shop
from regard.insight import patterns as patterning
from regard.insight.patterns import patterns
from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary

ITEMS = ["lamp", "bulb", "cup", "tea", "vase", "candle"]


class Adding(PairModel):
    """The log-odds of a purchase: -2, and 1 for every event on a cup or tea, half of it for those of the first fifty days."""

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        kitchen = np.isin(np.array(ITEMS)[queries.item], ["cup", "tea"]) & (queries.item >= 0)
        worth = np.where(queries.time < 50 * 86_400, 0.5, 1.0) * kitchen
        told = -2 + np.bincount(queries.owner, worth, minlength=len(queries))
        return np.tile(1 / (1 + np.exp(-told))[:, None], (1, len(horizons_days))).astype(np.float32)


def shop_of(rows: list[Any], clock: str = "clock", **how: Any) -> Shop:
    log = make_log(rows, items=ITEMS, clock=clock)
    model = Adding(Vocabulary(ITEMS), np.zeros((6, 6)), behaviours=("view_item", "purchase", "refund"))
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version="m1")
    return Shop.of(log, target=("purchase",), content_of=content_of_table(TABLE), table=TABLE, ranker=ranker, **how)


@pytest.fixture
def shop() -> Shop:
    """Twelve customers, who looked at lamps long ago, and of whom every other one bought tea last week and returned it."""
    rows = []
    for number in range(12):
        name = f"c{number:02}"
        rows += [(name, "view_item", "lamp", 10), (name, "view_item", "tea", 20), (name, "view_item", "lamp", 95)]
        if number % 2:
            rows += [(name, "purchase", "tea", 96), (name, "refund", "tea", 97)]
    return shop_of([*rows, ("end", "view_item", None, 100)])


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterning, "LEAST", 6)


def test_all_events_of_a_kind_go_together(shop: Shop) -> None:
    told = patterns(shop, "intent_7d")
    assert (told.customers, told.among, told.events) == (13, 13, 6 * 3 + 6 * 5 + 1)
    kinds = {one.behaviour: one for one in told.behaviours}
    assert set(kinds) == {"view_item", "purchase"}  # what takes a purchase back goes with it
    assert kinds["purchase"].effect == pytest.approx(2, abs=1e-3) and kinds["purchase"].customers == 6
    assert kinds["purchase"].events == pytest.approx(12 / 49)
    tea = {one.category: one for one in told.categories}["kitchen"]
    assert tea.effect == pytest.approx((6 * 0.5 + 6 * 2.5) / 12, abs=1e-3)
    low, high = tea.interval or (0, 0)
    assert low < tea.effect < high


def test_shares_are_of_all_that_moves_and_lift_is_beyond_being_common(shop: Shop) -> None:
    told = patterns(shop, "intent_7d")
    lights = {one.category: one for one in told.categories}["home > lights"]
    assert lights.effect == pytest.approx(0, abs=1e-5) and lights.lift == pytest.approx(0, abs=1e-5)
    assert 0.5 < sum(one.share for one in told.categories) < 1  # one customer alone did something of no category
    for one in (*told.behaviours, *told.ages, *told.categories, *told.together):
        assert one.lift == pytest.approx(one.share / one.events)


def test_gaps_are_told_apart_by_the_time_since_the_event(shop: Shop) -> None:
    ages = {one.days: one for one in patterns(shop, "intent_7d").ages}
    assert set(ages) == {(1, 7), (30, 90)}  # what was done ninety days ago, to the day, is of the quarter
    crossed = {(one.behaviour, one.days, one.category) for one in patterns(shop, "intent_7d").together}
    assert ("purchase", (1, 7), "kitchen") in crossed and ("view_item", (30, 90), "home > lights") in crossed


def test_what_few_customers_did_is_not_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterning, "LEAST", 7)
    assert [one.behaviour for one in patterns(shop, "intent_7d").behaviours] == ["view_item"]


def test_a_group_of_customers_is_asked_alone_and_a_draw_is_said_to_be_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyers = np.arange(1, 12, 2)
    told = patterns(shop, "intent_7d", rows=np.append(buyers, -1), segment="s1")
    assert (told.customers, told.among, told.segment) == (6, 6, "s1")
    monkeypatch.setattr(patterning, "SAMPLE", 6)
    drawn = patterns(shop, "intent_7d")
    assert (drawn.customers, drawn.among) == (6, 13) and drawn == patterns(shop, "intent_7d")


def test_without_a_clock_there_are_no_gaps_and_without_content_no_categories() -> None:
    rows = [(f"c{number}", "view_item", "tea", day) for number in range(8) for day in range(3)]
    told = patterns(
        replace(shop_of(rows, clock="order"), content_of=lambda items, _: content_of_table(TABLE)(items, _)),
        "intent_7d",
    )
    assert told.ages == () and len(told.categories) == 1
    assert {(one.behaviour, one.days, one.category) for one in told.together} == {("view_item", None, "kitchen")}


def test_nobody_to_ask_is_said(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no customer whose intent_7d"):
        patterns(shop, "intent_7d", rows=np.empty(0, dtype=np.int64))
    with pytest.raises(UsageError, match="cannot be explained"):
        patterns(shop, "recommendation:lamp")


def test_equal_groups_are_asked_once(shop: Shop, pairs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    plain = Adding.propensity

    def counting(self: Adding, queries: Log, asof: np.ndarray, days: np.ndarray) -> np.ndarray:
        asked.append(len(queries))
        return plain(self, queries, asof, days)

    monkeypatch.setattr(Adding, "propensity", counting)
    rows = [("ann", "view_item", "tea", 1), ("ann", "view_item", "tea", 2)]
    told = patterns(shop_of(rows), "intent_7d")
    assert (
        sum(asked) == 1 and told.behaviours == ()
    )  # one history; without it nothing is left, and few have done the like
