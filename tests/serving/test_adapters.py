"""Other people's shapes: what becomes of each call, and that nothing a sender can write breaks an adapter."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.events.live.record import Event, Refusal, check
from regard.serving.adapters import cloudevents, ga4, segment
from regard.serving.adapters.lines import MOST

NOW = 1_700_000_000_000_000
AT = "2023-11-14T22:13:20Z"
ORDER = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m1",
    "userId": "C42",
    "timestamp": AT,
    "properties": {
        "order_id": "O7",
        "revenue": 25.0,
        "tax": 2,
        "coupon": "SUMMER",
        "products": [
            {"product_id": "pen", "name": "A pen", "price": 10, "quantity": 2, "brand": "Bic", "variant": "blue"},
            {"sku": "ink", "price": "5.00"},
        ],
    },
}


def said(message: object, **more: Any) -> list[Any]:
    return segment.records(message, received_us=NOW, **more)


def checked(record: object) -> Event:
    found = check(record, now_us=NOW)
    assert isinstance(found, Event), found
    return found


def reason(record: object) -> str:
    found = check(record, now_us=NOW)
    assert isinstance(found, Refusal), found
    return found.reason


def test_an_order_is_one_purchase_per_product() -> None:
    pen, ink = (checked(record) for record in said(ORDER))
    assert (pen.behaviour, pen.item, pen.event_id, pen.customer, pen.time_us) == ("purchase", "pen", "m1/0", "C42", NOW)
    assert (ink.behaviour, ink.item, ink.event_id) == ("purchase", "ink", "m1/1")
    first, second = json.loads(pen.row), json.loads(ink.row)
    assert {name: first[name] for name in ("order", "quantity", "price", "item_name", "brand")} == {
        "order": "O7", "quantity": 2.0, "price": 10.0, "item_name": "A pen", "brand": "Bic"
    }  # fmt: skip
    assert json.loads(first["extra"]) == {"variant": "blue", "event": {"value": 25.0, "tax": 2, "coupon": "SUMMER"}}
    assert second == {"order": "O7", "price": 5.0}, "the order's value stands in one line and no other"


def test_an_order_of_one_product_brings_its_value() -> None:
    order = {**ORDER, "properties": {"order_id": "O7", "total": 30, "products": [{"product_id": "pen"}]}}
    (line,) = said(order)
    assert (line["value"], line["event_id"], line["item"]) == (30, "m1/0", "pen")


@pytest.mark.parametrize(
    ("event", "behaviour"),
    [
        ("Product Viewed", "view_item"),
        ("Product Clicked", "select_item"),
        ("Product List Viewed", "view_item_list"),
        ("Product Added", "add_to_cart"),
        ("Product Removed", "remove_from_cart"),
        ("Cart Viewed", "view_cart"),
        ("Checkout Started", "begin_checkout"),
        ("Payment Info Entered", "add_payment_info"),
        ("Order Completed", "purchase"),
        ("Order Refunded", "refund"),
        ("Order Cancelled", "refund"),
        ("Products Searched", "search"),
        ("Promotion Viewed", "view_promotion"),
        ("Promotion Clicked", "select_promotion"),
        ("Product Added to Wishlist", "add_to_wishlist"),
        ("Product Shared", "share"),
        ("Product Reviewed", "review"),
        ("Wheel Spun", "Wheel Spun"),
    ],
)
def test_segments_names(event: str, behaviour: str) -> None:
    (record,) = said({"type": "track", "event": event, "anonymousId": "a-1", "properties": {"product_id": "pen"}})
    assert (checked(record).behaviour, checked(record).customer, checked(record).item) == (behaviour, "a-1", "pen")


def test_what_the_spec_does_not_define_is_not_taken_for_it() -> None:
    quiz = {
        "type": "track",
        "event": "Quiz Done",
        "userId": "C42",
        "properties": {"value": "blue", "id": 7, "name": "q"},
    }
    event = checked(said(quiz)[0])
    assert event.item is None
    assert json.loads(json.loads(event.row)["extra"]) == {"value": "blue", "id": 7, "name": "q"}


def test_an_unreadable_price_of_a_known_event_is_refused() -> None:
    (record,) = said({"type": "track", "event": "Product Viewed", "userId": "C42", "properties": {"price": "cheap"}})
    assert reason(record) == "unreadable price"


def test_a_page_is_a_page_view_and_its_name_no_items() -> None:
    page = {
        "type": "page", "name": "Home", "category": "Docs", "anonymousId": "a-1", "properties": {"path": "/", "id": 3},
        "context": {"device": {"type": "phone"}, "locale": "zh-CN", "ip": "192.0.2.1", "campaign": {"name": "Spring"}},
    }  # fmt: skip
    event = checked(said(page)[0])
    row = json.loads(event.row)
    assert (event.behaviour, event.item) == ("page_view", None)
    assert (row["device"], row["campaign"]) == ("phone", "Spring")
    assert json.loads(row["extra"]) == {"locale": "zh-CN", "path": "/", "id": 3, "name": "Home", "category": "Docs"}
    assert "192.0.2.1" not in event.row, "an address is personal and nobody asked for it"


def test_identify_and_alias_are_identifications() -> None:
    identify = {
        "type": "identify",
        "userId": "C42",
        "anonymousId": "a-1",
        "traits": {"consent": True},
        "messageId": "m2",
    }
    assert said(identify) == [
        {"kind": "identify", "customer": "C42", "anonymous": "a-1", "traits": {"consent": True}, "event_id": "m2"}
    ]
    assert said({"type": "identify", "anonymousId": "a-1"}) == [{"kind": "identify", "customer": "a-1", "traits": {}}]
    assert said({"type": "alias", "userId": "C42", "previousId": "a-1"}) == [
        {"kind": "alias", "customer": "C42", "anonymous": "a-1"}
    ]


def test_a_group_is_kept() -> None:
    event = checked(said({"type": "group", "userId": "C42", "groupId": "G1", "traits": {"plan": "gold"}})[0])
    assert (event.behaviour, json.loads(json.loads(event.row)["extra"])) == (
        "group", {"group_id": "G1", "traits": {"plan": "gold"}}
    )  # fmt: skip


def test_a_senders_clock_is_set_right() -> None:
    viewed = {"event": "Product Viewed", "userId": "C42", "timestamp": "2020-01-01T00:00:00Z"}
    (record,) = said(viewed, call="track", sent_at="2020-01-01T00:01:00.5Z")
    assert checked(record).time_us == NOW - 60_500_000
    (record,) = said({**viewed, "sentAt": "2020-01-01T00:00:01Z"}, call="track", sent_at="2020-01-01T00:01:00Z")
    assert checked(record).time_us == NOW - 1_000_000, "a message's own sentAt comes first"
    (record,) = said({**viewed, "timestamp": AT, "sentAt": "1999-01-01T00:00:00Z", "receivedAt": AT}, call="track")
    assert checked(record).time_us == NOW, "who received it first has set it right already"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (17, "not an object"),
        ({"type": "delete"}, "not a call of Segment's"),
        ({"type": ["track"]}, "not a call of Segment's"),
        ({"type": "track", "properties": 3}, "properties is not an object"),
        ({"type": "track", "properties": {"products": {}}}, "products is not a list"),
        ({"type": "track", "event": "Order Completed", "properties": {"products": [3]}, "userId": "x"}, "a product is not an object"),
        ({"type": "track", "event": "x", "properties": {"products": [{}] * (MOST + 1)}}, "too many products"),
        ({"type": "track", "event": "Product Viewed"}, "no customer"),
        ({"type": "track", "userId": "C42"}, "no behaviour"),
        ({"type": "page", "userId": "C42", "timestamp": "yesterday"}, "unreadable time"),
    ],
)  # fmt: skip
def test_what_segment_messages_are_refused_for(message: object, why: str) -> None:
    (record,) = said(message)
    assert reason(record) == why


def test_ga4_items_are_lines() -> None:
    body = {"client_id": "1.2", "timestamp_micros": str(NOW), "device": {"category": "mobile"}}
    bought = {
        "name": "purchase",
        "params": {
            "transaction_id": "T1", "value": 30.0, "currency": "EUR", "session_id": "s1",
            "items": [
                {"item_id": "pen", "item_name": "A pen", "item_category": "Office", "item_category2": "Pens", "price": 10},
                {"item_name": "Ink", "quantity": 2},
            ],
        },
    }  # fmt: skip
    pen, ink = (checked(record) for record in ga4.records(body, bought))
    row = json.loads(pen.row)
    assert (pen.customer, pen.behaviour, pen.item, pen.time_us) == ("1.2", "purchase", "pen", NOW)
    assert (row["category"], row["order"], row["device"], row["session"]) == ("Office > Pens", "T1", "mobile", "s1")
    assert json.loads(row["extra"]) == {"event": {"value": 30.0, "currency": "EUR"}}
    assert (ink.item, ink.event_id) == ("Ink", "ga4/purchase/T1/1")
    assert (pen, ink) == tuple(checked(record) for record in ga4.records(body, bought)), "a repeat has the same ids"


def test_ga4_repeats_are_told_by_their_time() -> None:
    def first_id(body: dict[str, Any]) -> str | None:
        (record,) = ga4.records(body, {"name": "view_item", "params": {"item_id": "pen"}})
        assert isinstance(record, dict)
        return record.get("event_id")

    timed = {"client_id": "1.2", "timestamp_micros": NOW}
    assert first_id(timed) == first_id(dict(timed)) != first_id({**timed, "timestamp_micros": NOW + 1})
    assert first_id({"client_id": "1.2"}) is None
    assert first_id({**timed, "client_id": "1.3"}) != first_id(timed)


def test_ga4_search_and_login() -> None:
    searched = checked(
        ga4.records({"client_id": "1.2"}, {"name": "view_search_results", "params": {"search_term": "pen"}})[0]
    )
    assert (searched.behaviour, json.loads(searched.row)) == ("search", {"query": "pen"})
    body = {"client_id": "1.2", "user_id": "C42", "user_properties": {"tier": {"value": "gold"}}}
    event, joined = ga4.records(body, {"name": "login"})
    assert checked(event).customer == "C42"
    assert joined == {"kind": "identify", "customer": "C42", "anonymous": "1.2", "traits": {"tier": "gold"}}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ([], "not an object"),
        ({"name": "x", "params": 3}, "params is not an object"),
        ({"name": "x", "params": {"items": {}}}, "items is not a list"),
        ({"name": "view_item", "params": {"items": ["pen"]}, "timestamp_micros": NOW}, "a product is not an object"),
        ({"name": "view_item", "timestamp_micros": "soon"}, "unreadable time"),
        ({"params": {}}, "no behaviour"),
    ],
)
def test_what_ga4_events_are_refused_for(event: object, why: str) -> None:
    assert reason(ga4.records({"client_id": "1.2"}, event)[0]) == why


CLOUD = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "com.shop.order.completed.v1",
    "subject": "C42",
    "time": AT,
}


def test_a_cloud_event() -> None:
    (record,) = cloudevents.records({**CLOUD, "data": {"item": "pen", "price": 2}, "region": "eu"})
    event = checked(record)
    assert (event.customer, event.behaviour, event.item, event.event_id) == ("C42", "purchase", "pen", "/shop 1")
    assert (event.time_us, json.loads(json.loads(event.row)["extra"])) == (NOW, {"region": "eu"})
    own = {"customer": "C7", "behaviour": "view_item", "time": NOW // 1_000_000 - 1, "event_id": "e1"}
    (record,) = cloudevents.records({**CLOUD, "data": own})
    event = checked(record)
    assert (event.customer, event.behaviour, event.event_id) == ("C7", "view_item", "e1"), "the data speaks first"
    coded = base64.b64encode(b'{"item": "ink"}').decode()
    assert checked(cloudevents.records({**CLOUD, "data_base64": coded})[0]).item == "ink"


def test_a_cloud_event_in_headers() -> None:
    headers = {f"ce-{name}": value for name, value in CLOUD.items() if name != "subject"}
    headers |= {"ce-subject": "%E5%BC%A0%E4%B8%89", "content-type": "application/json"}
    assert cloudevents.is_binary(headers) and not cloudevents.is_binary({"content-type": "application/json"})
    event = checked(cloudevents.records(cloudevents.from_headers(headers, {"item": "pen"}))[0])
    assert (event.customer, event.item, event.behaviour) == ("张三", "pen", "purchase")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("x", "not an object"),
        ({**CLOUD, "specversion": "0.3"}, "not CloudEvents 1.0"),
        ({**CLOUD, "source": ""}, "a CloudEvent without id, source or type"),
        ({**CLOUD, "id": 3}, "a CloudEvent without id, source or type"),
        ({**CLOUD, "data": [1]}, "data is not an object"),
        ({**CLOUD, "data_base64": "!"}, "data is not an object"),
        ({**CLOUD, "data_base64": 3}, "data is not an object"),
        ({**CLOUD, "subject": None}, "no customer"),
    ],
)
def test_what_cloud_events_are_refused_for(event: object, why: str) -> None:
    assert reason(cloudevents.records(event)[0]) == why


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(AT)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def near(*names: str) -> st.SearchStrategy[Any]:
    """Objects whose keys a shape knows, with anything under them."""
    return st.dictionaries(st.sampled_from(names), JSON, max_size=5) | JSON


PROPERTIES = st.dictionaries(
    st.sampled_from(["products", "product_id", "value", "price", "id", "name", "order_id"]), JSON
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(segment.CALLS) | JSON},
    optional={
        "properties": PROPERTIES | JSON, "traits": JSON, "userId": JSON, "anonymousId": JSON, "messageId": JSON,
        "event": JSON | st.just("Order Completed"), "timestamp": SCALARS, "sentAt": SCALARS, "receivedAt": SCALARS,
        "context": near("device", "campaign", "page", "locale", "location") | JSON,
    },
)  # fmt: skip


@given(MESSAGES | JSON, SCALARS)
def test_no_segment_message_breaks_the_adapter(message: object, sent_at: object) -> None:
    for record in said(message, sent_at=sent_at):
        if isinstance(record, Refusal) or "kind" not in record:
            assert isinstance(check(record, now_us=NOW), (Event, Refusal))


@given(
    near("client_id", "user_id", "timestamp_micros", "device", "user_location", "user_properties"),
    near("name", "params", "timestamp_micros")
    | st.fixed_dictionaries({"params": near("items", "value", "item_id", "transaction_id"), "name": JSON}),
)
def test_no_ga4_event_breaks_the_adapter(body: object, event: object) -> None:
    for record in ga4.records(body if isinstance(body, dict) else {}, event):
        if isinstance(record, Refusal) or "kind" not in record:
            assert isinstance(check(record, now_us=NOW), (Event, Refusal))


@given(
    st.builds(lambda more: {**CLOUD, **more}, st.dictionaries(st.sampled_from([*CLOUD, "data", "data_base64"]), JSON))
    | JSON
)
def test_no_cloud_event_breaks_the_adapter(event: object) -> None:
    for record in cloudevents.records(event):
        assert isinstance(check(record, now_us=NOW), (Event, Refusal))
