"""One record: what becomes an event, what is refused and why, and that nothing a sender can write breaks the check."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.events.live.record import Event, Limits, Refusal, check
from regard.events.schema import FIELD_NAMES

NOW = 1_700_000_000_000_000
GOOD = {"customer": "ann", "behaviour": "view_item", "event_id": "e1"}


def event(**more: Any) -> Event:
    found = check({**GOOD, **more}, now_us=NOW)
    assert isinstance(found, Event), found
    return found


def reason(**more: Any) -> str:
    found = check({**GOOD, **more}, now_us=NOW)
    assert isinstance(found, Refusal), found
    return found.reason


@pytest.mark.parametrize(
    ("word", "behaviour"),
    [("Product Viewed", "view_item"), ("加购", "add_to_cart"), ("purchase", "purchase"), ("spin_wheel", "spin_wheel")],
)
def test_behaviours_are_named_as_the_readers_name_them(word: str, behaviour: str) -> None:
    assert event(behaviour=word).behaviour == behaviour


def test_the_shops_own_words_come_first() -> None:
    found = check({**GOOD, "behaviour": "Detail"}, now_us=NOW, own=(("detail", "page_view"),))
    assert isinstance(found, Event)
    assert found.behaviour == "page_view"


@pytest.mark.parametrize(
    ("time", "micros"),
    [
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14t22:13:20.000001z", NOW + 1),
        ("2023-11-15T06:13:20+08:00", NOW),
        (1_700_000_000, NOW),
        (1_700_000_000.25, NOW + 250_000),
        (1_700_000_000_001, NOW + 1_000),
        (None, NOW),
        ("", NOW),
    ],
)
def test_times(time: Any, micros: int) -> None:
    assert event(time=time).time_us == micros


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("2023-11-14T22:13:20", "time without a zone"),
        ("2023-11-14", "time without a zone"),
        ("2023-13-14T22:13:20Z", "unreadable time"),
        ("yesterday", "unreadable time"),
        ([1], "unreadable time"),
        (True, "unreadable time"),
        (float("nan"), "unreadable time"),
        (10**400, "unreadable time"),
        (0, "absurd time"),
        ("0001-01-01T00:00:00+23:00", "absurd time"),
        (1_700_000_000 + 86_401, "time in the future"),
    ],
)
def test_times_that_are_none(time: Any, why: str) -> None:
    assert reason(time=time) == why
    assert event(time=1_700_000_000 + 86_400).time_us == NOW + 86_400_000_000  # a day ahead is a wrong zone


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"customer": None}, "no customer"),
        ({"customer": " null "}, "no customer"),
        ({"behaviour": ""}, "no behaviour"),
        ({"customer": "a\0b"}, "unreadable customer"),
        ({"item": "\ud800"}, "unreadable item"),
        ({"item": {"id": 1}}, "unreadable item"),
        ({"item": True}, "unreadable item"),
        ({"item": "x" * 513}, "item is too long"),
        ({"text": "x" * 10_001}, "text is too long"),
        ({"price": "cheap"}, "unreadable price"),
        ({"price": "1_000"}, "unreadable price"),
        ({"price": float("inf")}, "price is not finite"),
        ({"quantity": 10**400}, "quantity is not finite"),
        ({"quantity": 4_006_381_333_931}, "absurd quantity"),
        ({"position": 1.5}, "unreadable position"),
        ({"position": 2**63}, "unreadable position"),
        ({"extra": [1]}, "extra is not an object"),
        ({"extra": {"page": 1}, "page": 2}, "extra repeats a field"),
        ({"page": float("nan")}, "extra is not JSON"),
        ({"page": "\ud800"}, "extra is not JSON"),
        ({"page": "x" * 16_384}, "extra is too long"),
    ],
)
def test_refusals_have_one_reason_each(more: dict[str, Any], why: str) -> None:
    assert reason(**more) == why


def test_what_is_refused_can_be_read_again_and_is_cut_where_it_is_endless() -> None:
    refused = check({"behaviour": "view_item", "page": "é"}, now_us=NOW)
    assert isinstance(refused, Refusal)
    assert json.loads(refused.raw) == {"behaviour": "view_item", "page": "é"}
    endless = check({"page": "x" * 1_000}, now_us=NOW, limits=Limits(raw=100))
    assert isinstance(endless, Refusal)
    assert len(endless.raw) == 100
    assert check([GOOD], now_us=NOW) == Refusal(reason="not an object", raw=json.dumps([GOOD]))


def test_fields_keep_their_names_and_types() -> None:
    found = event(
        item=17.0,
        order=5,
        quantity="2",
        price=2.5,
        session=" s ",
        position=3,
        page="/pen",
        extra={"ab": [1]},
        text="null",
    )
    assert found.item == "17"
    row = json.loads(found.row)
    assert json.loads(row.pop("extra")) == {"page": "/pen", "ab": [1]}
    assert row == {"order": "5", "quantity": 2.0, "price": 2.5, "session": "s", "position": 3}


def test_a_purchase_of_less_than_nothing_is_a_refund() -> None:
    assert event(behaviour="purchase", quantity=-1).behaviour == "refund"
    assert event(behaviour="view_item", quantity=-1).behaviour == "view_item"


def test_without_an_id_every_record_is_an_event_of_its_own() -> None:
    one, two = event(event_id=None), event(event_id=None)
    assert one.digest != two.digest
    assert event().digest == event(item="pen").digest
    assert len(one.digest) == 16


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8)
_RECORDS = st.dictionaries(st.sampled_from([*FIELD_NAMES, "page", "\ud800", ""]), _JSON, max_size=8)


@given(st.one_of(_RECORDS, _RECORDS.map(lambda more: {**GOOD, **more}), _JSON))
def test_whatever_is_sent_becomes_something_that_can_be_kept(record: object) -> None:
    found = check(record, now_us=NOW)
    with sqlite3.connect(":memory:") as link:
        if isinstance(found, Refusal):
            assert found.reason
            assert link.execute("SELECT ?", (found.raw,)).fetchone() == (found.raw,)
            return
        values = (found.customer, found.behaviour, found.item, found.time_us, found.event_id, found.row)
        assert link.execute("SELECT ?, ?, ?, ?, ?, ?", values).fetchone() == values
    assert json.loads(found.row).keys() <= set(FIELD_NAMES)
    assert "" not in (found.customer, found.behaviour, found.item, found.event_id)


def test_a_refusal_stays_one() -> None:
    refused = Refusal(reason="no such call", raw="{}")
    assert check(refused, now_us=NOW) is refused
