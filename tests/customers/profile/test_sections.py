"""Sections: stages, interests, prices and rhythm on histories that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regard.customers.profile.given import Column
from regard.customers.profile.interests import interests
from regard.customers.profile.money import money
from regard.customers.profile.quality import quality
from regard.customers.profile.rhythm import rhythm
from regard.customers.profile.stage import stage
from regard.insight import Shop
from regard.sequences.log import Log

Tell = Callable[..., list[Any]]
Make = Callable[..., Log]
With = Callable[[Log], Shop]


def purchases(name: str, *days: float) -> list[Any]:
    return [(name, "purchase", "a", day) for day in days]


def test_the_life_cycle_follows_the_customers_own_rhythm(make_log: Make, shop_with: With, told: Tell) -> None:
    rows = [
        *purchases("a new", 100), *purchases("b loyal", 0, 20, 40, 60, 80, 100), *purchases("c growing", 80, 100),
        *purchases("d slowing", 0, 15, 30, 45, 65), *purchases("e silent", 0, 10, 20, 30, 40, 60), *purchases("f lost", 0, 5, 10, 12),
        *purchases("g returned", 0, 4, 8, 100), ("h looker", "view_item", "a", 90),
    ]  # fmt: skip
    shop = shop_with(make_log(rows))
    names = shop.log.customers.ids.to_pylist()
    assert {name[2:]: stage for name, stage in zip(names, told(shop, stage_of, "lifecycle"), strict=True)} == {
        "new": "new", "loyal": "loyal", "growing": "growing", "slowing": "slowing", "silent": "silent", "lost": "lost",
        "returned": "returned", "looker": "prospect",
    }  # fmt: skip


stage_of = stage


def test_aipl_is_the_furthest_that_was_done_in_a_year(make_log: Make, shop_with: With, told: Tell) -> None:
    rows = [
        ("a", "view_item", "a", 500), ("b", "view_item", "a", 490), ("b", "add_to_cart", "a", 491), *purchases("c", 480),
        *purchases("d", 300, 480), *purchases("e", 0, 20), ("e", "view_item", "a", 499), ("f", "view_item", "a", 1),
    ]  # fmt: skip
    shop = shop_with(make_log(rows))
    assert told(shop, stage, "aipl") == ["awareness", "interest", "purchase", "loyalty", "awareness", None]


def test_two_orders_of_one_day_are_one(make_log: Make, shop_with: With, told: Tell) -> None:
    shop = shop_with(make_log([*purchases("a", 10.1, 10.5), *purchases("b", 10, 11)]))
    assert told(shop, stage, "aipl") == ["purchase", "loyalty"]


def test_sufficiency_counts_events_and_orders(make_log: Make, shop_with: With, told: Tell) -> None:
    rows = [("a", "view_item", "a", 1.0)] * 4 + [("b", "view_item", "a", float(day)) for day in range(30)]
    rows += [*purchases("c", 1, 5, 9), *(("c", "view_item", "b", float(day)) for day in range(20))]
    assert told(shop_with(make_log(rows)), quality, "sufficiency") == ["cold", "thin", "rich"]


def test_an_interest_is_what_a_customer_looks_at_more_than_others_and_rises_with_late_looks(
    make_log: Make, shop_with: With, column_of: Callable[..., Column]
) -> None:
    rows = [("ann", "view_item", "a", float(day)) for day in range(0, 200, 10)]
    rows += [("ann", "view_item", "b", 200.0 + hour / 24) for hour in range(8)]
    rows += [("bob", "view_item", "c", float(day)) for day in range(0, 200, 5)]
    column = column_of(shop_with(make_log(rows)), interests, "interests_long")
    ann, bob = column.values.to_pylist()
    found = {one["word"]: one for one in ann}
    assert found["cups"]["trend"] == "fading" and found["lights"]["trend"] == "rising"
    assert found["cups"]["events"] == 20 and found["lights"]["events"] == 8
    assert [one["word"] for one in bob if one["kind"] == "category"] == ["pots"]
    assert not any(one["kind"] == "price" for one in ann)
    assert column.coverage[1] == 1.0 and column.evidence[:28].all()


def test_of_features_of_the_same_items_the_category_is_told_and_who_was_long_gone_has_no_late_interest(
    make_log: Make, shop_with: With, told: Tell
) -> None:
    rows = [("ann", "view_item", "b", float(day)) for day in range(9)] + [("bob", "view_item", "a", 200.0)] * 2
    shop = shop_with(make_log(rows))
    ann, _ = told(shop, interests, "interests_long")
    assert [one["word"] for one in ann] == ["lights"]  # brand acme is on the same items
    late = told(shop, interests, "interests_short")
    assert late[0] == [] and [one["kind"] for one in late[1]] == ["category", "word"]


def test_prices_are_told_beside_the_shops(make_log: Make, shop_with: With, column_of: Callable[..., Column]) -> None:
    rows = [
        (name, "purchase", "abc"[place], float(day))
        for place, name in enumerate(("ann", "bob", "cat"))
        for day in range(9)
    ]
    log = make_log(rows)
    log.value[:] = np.array([1.0, 10.0, 100.0])[log.item]
    shop = shop_with(log)
    assert column_of(shop, money, "price_band").values.to_pylist() == ["budget", "middle", "premium"]
    price = column_of(shop, money, "unit_price")
    assert price.values.to_pylist() == [1.0, 10.0, 100.0] and price.low is not None
    assert price.low.tolist() == [1.0, 10.0, 100.0]


def test_rhythm_finds_the_hour_the_weekday_and_the_gaps(
    make_log: Make, shop_with: With, column_of: Callable[..., Column]
) -> None:
    evening = 20.25 / 24
    rows = [("ann", "purchase", "a", week * 7 + evening) for week in range(40)]
    rows += [("bob", "view_item", "a", day + 9 / 24) for day in range(3)]
    shop = shop_with(make_log(rows))
    hours = column_of(shop, rhythm, "active_hours").values.to_pylist()
    assert hours[0][20] == pytest.approx(1.0) and hours[1][9] == pytest.approx(1.0)
    gap = column_of(shop, rhythm, "order_gap")
    assert gap.values.to_pylist() == [7.0, None] and gap.low is not None and gap.low[0] == 7.0
    reach = column_of(shop, rhythm, "reach")
    ann = reach.values.to_pylist()[0]
    weekday = (1_700_000_000 // 86_400 + 3) % 7
    assert ann["weekday"] == weekday and ann["from_hour"] in (19, 20) and reach.probability is not None
    assert 0.5 < reach.probability[0] < 1
    assert column_of(shop, rhythm, "visit_gap").values.to_pylist() == [7.0, 1.0]


def test_an_anomaly_is_shown_with_its_events(make_log: Make, shop_with: With, column_of: Callable[..., Column]) -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"c{person:02}", "view_item", "abc"[int(rng.integers(3))], float(day))
        for person in range(30) for day in np.sort(rng.uniform(0, 100, 12))
    ]  # fmt: skip
    rows += [("robot", "view_item", "a", 50 + n * 60 / 86_400) for n in range(60)]
    shop = shop_with(make_log(rows))
    column = column_of(shop, quality, "anomalies")
    assert column.values.to_pylist()[-1] and not any(column.values.to_pylist()[:-1])
    assert column.evidence[-60:].sum() > 50 and not column.evidence[:-60].any()
    assert column_of(shop, quality, "bot").values.to_pylist()[-1] >= 0.5
