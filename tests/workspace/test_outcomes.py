"""What came of what was shown, against a count by hand; a difference is claimed where there is one, and not where there is none."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator

import regard
from regard.errors import UsageError
from regard.workspace import Workspace
from regard.workspace.impressions import Impression

DAY = 86_400
START = (int(time.time()) // DAY - 100) * DAY  # impressions of last year would be aged out
Event = tuple[str, str, str, int, float]
"""customer, behaviour, item, second after START, value."""


def shop_of(folder: Path, events: list[Event]) -> Workspace:
    shop = regard.init(folder / "shop")
    names = ("customer", "behaviour", "item", "time", "value")
    columns: dict[str, Any] = dict(zip(names, (list(column) for column in zip(*events, strict=True)), strict=True))
    columns["time"] = pa.array([(START + at) * 1_000_000 for at in columns["time"]], pa.timestamp("us", tz="UTC"))
    columns["order"] = [f"o{n}" for n in range(len(events))]
    shop.ingest(pa.table(columns))
    return shop


def show(
    shop: Workspace, who: str | None, items: str, at: int, *, scenario: str = "home", model: str = "m1", share: float = 1.0,
    anonymous: str | None = None,
) -> None:  # fmt: skip
    told = tuple((item, None) for item in items.split())
    impression = Impression(
        id=f"{who}{at}{model}", at_us=(START + at) * 1_000_000, customer=who, anonymous=anonymous, scenario=scenario, edit=1,
        model=model, level="model", share=share, items=told,
    )  # fmt: skip
    assert shop.impressions.note(impression)


def read(shop: Workspace, **how: Any) -> Any:
    found = shop.outcomes(START, START + 60 * DAY, **how).to_json()
    Draft202012Validator(json.loads((files("regard.schemas") / "outcomes.json").read_text("utf-8"))).validate(found)
    return found


def test_an_event_counts_for_the_list_that_showed_its_item_last(tmp_path: Path) -> None:
    events: list[Event] = [
        ("ann", "view_item", "lamp", 2 * DAY, 0),
        ("ann", "purchase", "lamp", 3 * DAY, 10.0),
        ("ann", "purchase", "cup", 3 * DAY, 99.0),  # never shown
        ("bob", "purchase", "lamp", DAY - 1, 50.0),  # before it was shown
        ("bob", "add_to_cart", "tea", 8 * DAY, 0),
        ("bob", "purchase", "tea", 8 * DAY + 1, 5.0),  # a second too late
        ("cid", "purchase", "tea", 20 * DAY, 4.0),
    ]
    shop = shop_of(tmp_path, events)
    show(shop, "ann", "lamp tea", DAY, model="m1")
    show(shop, "ann", "lamp", 2 * DAY, model="m2", scenario="cart")  # the view in this very second is its
    show(shop, "bob", "lamp tea", DAY, model="m1")
    show(shop, None, "lamp", DAY)
    found = read(shop, days=7)
    first, second = found["groups"]
    assert (first["scenario"], first["model"], first["answers"], first["customers"], first["items"]) == (
        "home",
        "m1",
        3,
        2,
        4,
    )
    assert [first[name]["total"] for name in ("views", "carts", "orders", "revenue")] == [0, 1, 0, 0]
    assert (second["scenario"], second["answers"], second["customers"]) == ("cart", 1, 1)
    assert [second[name]["total"] for name in ("views", "carts", "orders", "revenue")] == [1, 0, 1, 10]
    assert second["buyers"] == {"mean": 1.0, "interval": None, "n": 1}
    assert [group["scenario"] for group in read(shop, scenario="cart")["groups"]] == ["cart"]
    assert read(shop, days=8)["groups"][0]["orders"]["total"] == 1
    assert found["differences"] == [] and "two models" in found["notes"][0] and found["unnoted"] == 0


def test_the_newest_events_count_too_and_an_anonymous_id_that_was_joined(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, [("bob", "purchase", "lamp", 0, 1.0)])
    show(shop, None, "lamp", DAY, anonymous="a-1")
    with shop.live() as live:
        event = {"customer": "a-1", "behaviour": "purchase", "item": "lamp", "time": START + 2 * DAY, "value": 3.0}
        live.submit([event]).result()
        assert read(shop)["groups"][0]["revenue"]["total"] == 3
        live.submit([{"kind": "identify", "customer": "ann", "anonymous": "a-1"}]).result()
        live.submit([event | {"customer": "ann", "time": START + 3 * DAY}]).result()
        (group,) = read(shop)["groups"]
    assert (group["customers"], group["orders"]["total"], group["revenue"]["total"]) == (1, 2, 6)


def test_what_would_have_sold_otherwise_is_the_rate_of_those_not_shown(tmp_path: Path) -> None:
    events: list[Event] = [(f"c{n}", "view_item", "cup", 0, 0) for n in range(10)]
    events += [(f"c{n}", "purchase", "lamp", 5 * DAY, 1.0) for n in range(5, 8)]  # 3 of the 9 who were not shown it
    shop = shop_of(tmp_path, events)
    show(shop, "c0", "lamp", 0)
    (group,) = shop.outcomes(START, START + 30 * DAY, days=6).to_json()["groups"]
    days = 36  # the period and the days in which its last lists still count
    assert group["orders_otherwise"] == pytest.approx(3 / 9 / days * 6)


def counted(events: list[Event], lists: list[tuple[str, str, int, str]], window: int) -> dict[str, list[float]]:
    """By hand: views, carts, orders, revenue of each model."""
    told: dict[str, list[float]] = {}
    for _, _, _, model in lists:
        told.setdefault(model, [0, 0, 0, 0])
    for customer, behaviour, item, at, value in events:
        last = [
            (shown, place, model)
            for place, (who, items, shown, model) in enumerate(lists)
            if who == customer and item in items.split() and at - window <= shown <= at
        ]
        if last:
            metric = {"view_item": 0, "add_to_cart": 1, "purchase": 2}[behaviour]
            told[max(last)[2]][metric] += 1
            told[max(last)[2]][3] += value if metric == 2 else 0
    return told


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_by_hand(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    items = [f"i{n}" for n in range(6)]
    acts = ("view_item", "add_to_cart", "purchase")
    moments = random.permutation(40 * DAY // 60)[:300] * 60
    events: list[Event] = [
        (
            f"c{random.integers(9)}",
            str(random.choice(acts)),
            str(random.choice(items)),
            int(at),
            float(random.integers(9)),
        )
        for at in moments
    ]
    lists = [
        (f"c{random.integers(9)}", " ".join(random.choice(items, 3, replace=False)), int(at), f"m{random.integers(3)}")
        for at in np.sort(random.permutation(40 * DAY // 60)[:60] * 60 + 30)
    ]
    shop = shop_of(tmp_path, events)
    for who, shown, at, model in lists:
        show(shop, who, shown, at, model=model)
    wanted = counted(events, lists, 5 * DAY)
    for group in read(shop, days=5)["groups"]:
        assert [group[name]["total"] for name in ("views", "carts", "orders", "revenue")] == wanted[group["model"]]


@pytest.mark.parametrize(("lift", "outcome"), [(0.0, "open"), (0.5, "better")])
def test_a_difference_is_claimed_where_there_is_one(tmp_path: Path, lift: float, outcome: str) -> None:
    random = np.random.default_rng(5)
    names = [f"c{n}" for n in range(600)]
    events: list[Event] = [(name, "view_item", "cup", 0, 0) for name in names]
    buys = random.random(600) < np.where(np.arange(600) % 2, 0.2 + lift, 0.2)
    events += [(name, "purchase", "lamp", 2 * DAY, 10.0) for name, bought in zip(names, buys, strict=True) if bought]
    shop = shop_of(tmp_path, events)
    for number, name in enumerate(names):
        show(shop, name, "lamp", DAY, model="m2" if number % 2 else "m1", share=0.5)
    show(shop, "c0", "lamp", DAY + 60, model="m2", share=0.5)  # was shown both, and is of neither
    orders = next(one for one in read(shop)["differences"] if one["metric"] == "orders")
    assert (orders["outcome"], orders["customers"]) == (outcome, [299, 300])
    assert orders["interval"][0] < orders["difference"] < orders["interval"][1]
    assert ("no difference shown" in orders["text"]) == (outcome == "open")
    zh = next(one for one in read(shop, language="zh")["differences"] if one["metric"] == "orders")
    assert ("未显示出差别" in zh["text"]) == (outcome == "open")


def test_few_customers_are_no_claim_and_odd_periods_are_said(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, [("a", "purchase", "lamp", 2 * DAY, 1.0), ("b", "view_item", "lamp", 0, 0)])
    show(shop, "a", "lamp", DAY, model="m1", share=0.5)
    show(shop, "b", "lamp", DAY, model="m2", share=0.5)
    assert {one["outcome"] for one in read(shop)["differences"]} == {"small"}
    assert shop.outcomes(START - DAY, START).to_json()["groups"] == []
    for days, until in ((0, START + 1), (61, START + 1), (7, START)):
        with pytest.raises(UsageError):
            shop.outcomes(START, until, days=days)
