"""What is known of each customer: attributes, interests, timelines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest

from regard.customers.segments.attributes import attributes, compared, tiers
from regard.customers.segments.interests import SHARE, interests
from regard.customers.segments.timelines import LATEST, NAMED, teller, timeline
from regard.model.runtime.horizon import Outlook
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content

Draw = Callable[..., Log]
END = 1_700_000_000 + 120 * DAY


def _outlook(count: int) -> Outlook:
    part = np.tile([0.2, 0.4, 0.6], (count, 1))
    spend = part * np.arange(1, count + 1)[:, None]
    spend[0] = np.nan
    told = {field.name: part for field in fields(Outlook)} | {"spend": spend}
    return Outlook(**told)


def test_attributes_count_what_was_done(draw_log: Draw) -> None:
    log = draw_log()
    table = attributes(log, np.full(len(log), END), target=("purchase",))
    assert table["customer"].to_pylist() == log.customers.ids.to_pylist()
    assert table["events"].to_pylist() == log.lengths.tolist()
    bought = log.is_behaviour(("purchase",)) & np.append(log.merchandise, True)[log.item]
    for row in table.to_pylist()[:8]:
        mine = bought & (log.owner == log.customers.code(row["customer"]))
        assert row["orders"] == len(set(log.basket[mine].tolist()))
        assert (row["days_since_last_order"] is None) == (row["orders"] == 0)
        assert (row["rfm"] is None) or row["orders"] > 0
    empty = table.to_pylist()[int(np.flatnonzero(log.lengths == 0)[0])]
    assert (empty["events"], empty["last_seen"], empty["rfm"]) == (0, None, None)


def test_what_is_foreseen_stands_beside_it_and_what_is_declared_is_never_mixed_with_it(draw_log: Draw) -> None:
    log = draw_log(customers=6)
    declared = pa.table({"customer": ["c3", "c1", "zz"], "city": ["Ulm", "Bonn", "Jena"], "Orders": [7, 8, 9]})
    chance = {7: np.linspace(0, 1, 6)}
    asof = np.full(6, END)
    table = attributes(log, asof, target=("purchase",), outlook=_outlook(6), intent=chance, declared=declared)
    rows = table.to_pylist()
    assert rows[2]["churn_30d"] == pytest.approx(0.8) and rows[2]["spend_90d"] == pytest.approx(1.8)
    assert rows[0]["spend_90d"] is None and rows[5]["intent_7d"] == 1 and rows[5]["value_tier"] == "gold"
    assert [row["city"] for row in rows] == [None, "Bonn", None, "Ulm", None, None]
    assert (rows[1]["Orders_"], rows[3]["Orders_"]) == (8, 7) and isinstance(rows[1]["orders"], int)
    assert {"city", "Orders_", "rfm", "value_tier"} <= set(compared(table).column_names)
    assert not {"customer", "events", "churn_30d", "days_since_last_order"} & set(compared(table).column_names)


@pytest.mark.parametrize("clock", ["order", "none"])
def test_without_a_clock_nothing_is_told_in_days(draw_log: Draw, clock: str) -> None:
    log = draw_log(clock=clock)
    last = np.maximum(log.offsets[1:] - 1, 0)
    table = attributes(log, log.time[np.minimum(last, log.events - 1)], target=("purchase",))
    assert not any(name.startswith("days_") or name.endswith("_seen") for name in table.column_names)
    assert {"orders", "items", "value_tier", "rfm"} <= set(table.column_names)


def test_equals_are_of_one_tier_and_a_fifth_is_gold() -> None:
    told = tiers(np.arange(100.0)).to_pylist()
    assert [told.count(tier) for tier in ("gold", "silver", "bronze")] == [20, 30, 50]
    assert len(set(tiers(np.ones(9)).to_pylist())) == 1
    assert tiers(np.empty(0)).to_pylist() == []


def test_a_word_is_an_interest_where_a_tenth_of_the_items_have_it(draw_log: Draw) -> None:
    log = draw_log(items=20, visits=30)
    bags = [[0, item % 3 + 1] if item else [0, 4] for item in range(20)]
    found = interests(log, Content(tuple("abcde"), Ragged.of(bags)))
    assert len(found) == len(log)
    for row in range(len(log)):
        own = set(log.item[log.offsets[row] : log.offsets[row + 1]].tolist()) - {-1, 3}  # 3 is postage
        count = {word: sum(word in bags[item] for item in own) for word in range(5)}
        assert found[row].tolist() == [word for word, n in count.items() if n and n >= SHARE * len(own)]


def test_a_timeline_tells_the_latest_days_newest_first(draw_log: Draw) -> None:
    log = draw_log(visits=20)
    told = teller(log, {"i1": "red lamp"})
    busiest = int(log.lengths.argmax())
    lines = told(log.customers.id(busiest))
    assert len(lines) == LATEST and told("nobody") == ()
    days = [line.day for line in lines]
    assert days == sorted(days, reverse=True) and all(len(line.items) <= NAMED for line in lines)
    assert not any("i1" in line.items for line in lines)
    mine = log.take(np.array([busiest]))
    assert sum(line.times for line in timeline(mine.where(mine.time >= mine.time[-1]), {})) == int(
        (mine.time >= mine.time[-1]).sum()
    )


def test_without_a_clock_a_line_is_a_basket_and_has_no_day(draw_log: Draw) -> None:
    log = draw_log(clock="order", visits=20)
    lines = teller(log, {})(log.customers.id(int(log.lengths.argmax())))
    assert lines and all(line.day is None for line in lines)
