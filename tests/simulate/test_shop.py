from __future__ import annotations

import dataclasses
import datetime as dt
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from regard.errors import UsageError
from regard.events.schema import BEHAVIOURS, SCHEMA
from regard.simulate import Settings, shop
from regard.simulate.shop import TABLES

SMALL = Settings(customers=400, items=200, seed=3)
VARIANTS = ({}, {"order_matters": False}, {"time_matters": False}, {"behaviours_matter": False})


@pytest.fixture(scope="module")
def drawn() -> dict[str, pa.Table]:
    return shop(SMALL).tables()


def _rows(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def _people(tables: dict[str, pa.Table]) -> pa.Table:
    bots = tables["traits"].filter(tables["traits"]["bot"])["customer"]
    events = tables["events"]
    return events.filter(pc.invert(pc.is_in(events["customer"], bots)))


def test_the_same_seed_gives_the_same_shop_and_another_seed_another(drawn: dict[str, pa.Table]) -> None:
    again = shop(SMALL)
    assert all(again.tables()[name].equals(drawn[name]) for name in TABLES)
    other = shop(dataclasses.replace(SMALL, seed=4))
    assert not other.table("events")["item"].equals(drawn["events"]["item"])
    assert not other.items.equals(again.items)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_size_of_a_chunk_changes_nothing(variant: dict[str, bool]) -> None:
    settings = Settings(customers=60, items=60, days=200, seed=5, bots=0.05, **variant)
    whole = shop(settings).tables()
    for size in (1, 7, 59):
        chunks = list(shop(settings).chunks(size))
        for name in ("events", "causes", "future", "interests", "traits", "customers"):
            assert pa.concat_tables([chunk[name] for chunk in chunks]).equals(whole[name]), (size, name)


def test_more_customers_leave_the_first_ones_as_they_were() -> None:
    few = shop(Settings(customers=20, items=60, bots=0.0)).table("events")
    many = shop(Settings(customers=50, items=60, bots=0.0)).table("events")
    assert many.slice(0, few.num_rows).equals(few)


def test_events_have_the_fields_and_types_of_the_event_schema(drawn: dict[str, pa.Table]) -> None:
    for field in TABLES["events"]:
        assert SCHEMA.field(field.name).type == field.type
    events = drawn["events"]
    assert set(events["behaviour"].unique().to_pylist()) <= set(BEHAVIOURS)
    assert pc.count_distinct(events["event_id"]).as_py() == events.num_rows
    assert events["time"].null_count == events["customer"].null_count == 0
    start = dt.datetime.combine(SMALL.start, dt.time(), dt.UTC)
    assert pc.min(events["time"]).as_py() >= start
    assert pc.max(events["time"]).as_py() < start + dt.timedelta(days=SMALL.days)


def test_proportions_are_those_of_a_shop(drawn: dict[str, pa.Table]) -> None:
    people = _people(drawn)
    counts = {row["values"]: row["counts"] for row in people["behaviour"].value_counts().to_pylist()}
    assert counts["view_item"] > 4 * counts["add_to_cart"] > 4 * counts["purchase"] > 40 * counts["refund"] > 0
    assert 75 < people.num_rows / SMALL.customers < 150
    priced = people.filter(pc.is_valid(people["item"]))
    assert pc.min(priced["price"]).as_py() > 0
    searches = people.filter(pc.equal(people["behaviour"], "search"))
    assert searches["item"].null_count == searches.num_rows and searches["query"].null_count == 0
    stars = people.filter(pc.equal(people["behaviour"], "review"))["rating"].to_pylist()
    assert set(stars) <= {1.0, 2.0, 3.0, 4.0, 5.0} and np.mean(stars) > 3


def test_what_goes_into_the_cart_was_just_viewed_and_what_was_clicked_is(drawn: dict[str, pa.Table]) -> None:
    rows = _rows(_people(drawn), "session", "behaviour", "item")
    pairs = [(before[1:], after[1:]) for before, after in pairwise(rows) if before[0] == after[0]]
    assert all(before == ("view_item", item) for before, (name, item) in pairs if name in ("add_to_cart", "favourite"))
    assert all(after == ("view_item", item) for (name, item), after in pairs if name == "select_item")
    assert sum(name == "add_to_cart" for _, (name, _) in pairs) > 500


def test_lines_of_an_order_share_the_moment_and_name_each_item_once(drawn: dict[str, pa.Table]) -> None:
    events = drawn["events"]
    bought = events.filter(pc.equal(events["behaviour"], "purchase"))
    orders = bought.group_by("order").aggregate(
        [("time", "count_distinct"), ("item", "count_distinct"), ("item", "count")]
    )
    assert pc.max(orders["time_count_distinct"]).as_py() == 1
    assert orders["item_count_distinct"].equals(orders["item_count"])
    assert pc.max(orders["item_count"]).as_py() > 1
    assert pc.min(bought["quantity"]).as_py() >= 1


def test_moments_of_a_customer_are_in_order_and_never_tie(drawn: dict[str, pa.Table]) -> None:
    events = _people(drawn)
    seen: dict[str, Any] = {}
    for who, behaviour, when, order in _rows(events, "customer", "behaviour", "time", "order"):
        previous = seen.get(who)
        if previous is not None:
            assert (
                when > previous[0]
                or (when == previous[0] and {"refund", "review"} & {behaviour, previous[1]})
                or (when == previous[0] and order == previous[2] is not None)
            )
        seen[who] = (when, behaviour, order)


def test_every_purchase_has_a_cause_of_its_own_kind_that_came_before(drawn: dict[str, pa.Table]) -> None:
    drawn_shop = shop(SMALL)
    events = {row[0]: row for row in _rows(drawn["events"], "event_id", "customer", "behaviour", "item", "time")}
    pairs: dict[str, set[tuple[str, str]]] = {"substitute": set(), "complement": set()}
    for kind, item, other in _rows(drawn_shop.relations, "kind", "item", "other"):
        pairs[kind].add((item, other))
    purchases = {key for key, row in events.items() if row[2] == "purchase"}
    assert purchases == set(drawn["causes"]["event_id"].to_pylist())
    kinds = set()
    for who, event, item, kind, why in _rows(drawn["causes"], "customer", "event_id", "item", "kind", "cause_event_id"):
        kinds.add(kind)
        assert events[event][3] == item
        if kind in ("season", "impulse"):
            assert why is None
            continue
        cause = events[why]
        assert cause[1] == who and cause[4] < events[event][4]
        if kind in ("interest", "repurchase"):
            assert cause[3] == item
            assert (cause[2] == "purchase") == (kind == "repurchase")
        else:
            assert (cause[3], item) in pairs[kind] or (kind == "substitute" and cause[3] == item)
    assert kinds == {"interest", "substitute", "complement", "repurchase", "season", "impulse"}


def test_refunds_follow_a_purchase_of_the_same_order_and_item(drawn: dict[str, pa.Table]) -> None:
    bought = {}
    refunds = 0
    for behaviour, order, item, when, quantity in _rows(
        drawn["events"], "behaviour", "order", "item", "time", "quantity"
    ):
        if behaviour == "purchase":
            bought[order, item] = (when, quantity)
        elif behaviour == "refund":
            refunds += 1
            assert bought[order, item][0] < when and quantity == -bought[order, item][1]
    assert refunds


def test_bots_are_told_in_the_truth_and_only_view_fast(drawn: dict[str, pa.Table]) -> None:
    bots = drawn["traits"].filter(drawn["traits"]["bot"])["customer"].to_pylist()
    assert len(bots) == round(SMALL.bots * SMALL.customers)
    events = drawn["events"].filter(pc.is_in(drawn["events"]["customer"], pa.array(bots)))
    assert events["behaviour"].unique().to_pylist() == ["view_item"]
    gaps = (
        np.diff(np.sort(events.filter(pc.equal(events["customer"], bots[0]))["time"].cast(pa.int64()).to_numpy())) / 1e6
    )
    assert np.median(gaps) < 5
    assert not set(bots) & set(drawn["customers"]["customer"].to_pylist())


def test_propensities_are_what_happens() -> None:
    settings = Settings(customers=4000, items=60, seed=11, looks=0.0, bots=0.0)
    table = shop(settings).table("propensities")
    for days in settings.horizons:
        some = table.filter(pc.equal(table["days"], days))
        chance, bought = some["probability"].to_numpy(), some["bought"].to_numpy(zero_copy_only=False)
        for part in np.array_split(np.argsort(chance), 4):
            spread = np.sqrt((chance[part] * (1 - chance[part])).sum())
            assert abs(chance[part].sum() - bought[part].sum()) < 4 * spread + 1


def test_future_purchases_lie_within_the_horizon_and_agree_with_who_bought(drawn: dict[str, pa.Table]) -> None:
    end = dt.datetime.combine(SMALL.start, dt.time(), dt.UTC) + dt.timedelta(days=SMALL.days)
    future, horizon = drawn["future"], max(SMALL.horizons)
    assert future.num_rows
    assert pc.min(future["time"]).as_py() >= end
    assert pc.max(future["time"]).as_py() < end + dt.timedelta(days=horizon)
    told = drawn["propensities"].filter(
        pc.and_(pc.equal(drawn["propensities"]["days"], horizon), drawn["propensities"]["bought"])
    )
    assert set(future["customer"].to_pylist()) == set(told["customer"].to_pylist())


def test_interests_are_what_customers_look_at(drawn: dict[str, pa.Table]) -> None:
    category = dict(_rows(shop(SMALL).items, "item", "category"))
    share = {(who, what): part for who, what, part in _rows(drawn["interests"], "customer", "category", "share")}
    views = _people(drawn)
    views = views.filter(pc.equal(views["behaviour"], "view_item"))
    looked = [share[who, category[item]] for who, item in _rows(views, "customer", "item")]
    assert np.mean(looked) > 2.5 * np.mean(list(share.values()))


def test_a_chinese_shop_speaks_chinese() -> None:
    drawn = shop(Settings(customers=60, items=80, days=120, language="zh", seed=2))
    tables = drawn.tables()

    def chinese(values: list[str | None]) -> bool:
        return all(any("\u4e00" <= letter <= "\u9fff" for letter in value) for value in values if value)

    for column in ("item_name", "category", "brand", "description"):
        assert chinese(drawn.items[column].to_pylist())
    assert chinese(tables["events"]["query"].drop_null().to_pylist()) and tables["events"]["query"].null_count
    assert chinese(tables["events"]["text"].to_pylist()) and chinese(tables["customers"]["place"].to_pylist())
    english = shop(Settings(customers=60, items=80, days=120, seed=2)).table("events")
    assert english["item"].equals(tables["events"]["item"])


@pytest.mark.parametrize(
    "settings", [Settings(customers=1, items=20, days=1), Settings(customers=3, items=21, days=400, horizons=(90,))]
)
def test_tiny_shops_can_be_drawn(settings: Settings) -> None:
    tables = shop(settings).tables()
    assert tables["customers"].num_rows == settings.customers
    assert tables["propensities"].num_rows == settings.customers * len(settings.horizons)


@pytest.mark.parametrize(
    "wrong",
    [
        {"customers": 0},
        {"items": 3},
        {"buying": 1.5},
        {"lifetime": 0},
        {"horizons": ()},
        {"language": "fr"},
        {"looks": -1},
    ],
)
def test_settings_that_make_no_shop_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong)) if "language" not in wrong else "language"):
        Settings(**wrong)
