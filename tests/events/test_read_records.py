"""Nested records, as Segment and GA4 export them, read from file to events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ReadOf = Callable[..., Any]
Write = Callable[..., Path]


def test_segment_records(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    records = [
        {"type": "track", "event": "Product Viewed", "userId": None, "anonymousId": "a1", "messageId": "m1",
         "timestamp": "2024-03-01T10:00:00.000Z", "properties": {"product_id": "p1", "name": "Mug", "price": 9.5}},
        {"type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "a1", "messageId": "m2",
         "timestamp": "2024-03-01T10:05:00.000Z", "properties": {"order_id": "o1", "total": 31.0, "products": [
             {"product_id": "p1", "price": 9.5, "quantity": 2}, {"product_id": "p2", "price": 12, "quantity": 1}]}},
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "messageId": "m3",
         "timestamp": "2024-03-01T10:06:00Z", "traits": {"plan": "gold"}},
        {"type": "page", "userId": "u1", "anonymousId": "a1", "messageId": "m4",
         "timestamp": "2024-03-01T12:07:00+02:00", "context": {"campaign": {"name": "spring"}}, "properties": {}},
    ]  # fmt: skip
    read = read_of(write(tmp_path, "\n".join(json.dumps(record) for record in records), name="segment.jsonl"))
    assert read.column("customer") == ["a1", "u1", "u1", "u1", "u1"]
    assert read.column("behaviour") == ["view_item", "purchase", "purchase", "identify", "page_view"]
    assert read.column("item") == ["p1", "p1", "p2", None, None]
    assert read.column("value") == [None, 19.0, 12.0, None, None]
    assert read.column("line") == [1, 2, 2, 3, 4]
    assert read.column("event_id") == ["m1", "m2", "m2", "m3", "m4"]
    assert read.column("time")[4] == datetime(2024, 3, 1, 10, 7)
    assert read.column("campaign")[4] == "spring"
    assert read.staged.notes


SESSION = {
    "key": "ga_session_id",
    "value": {"string_value": None, "int_value": "77", "float_value": None, "double_value": None},
}
GA4: list[dict[str, Any]] = [
    {"event_date": "20240301", "event_timestamp": "1709287200000000", "event_name": "view_item", "user_id": None,
     "user_pseudo_id": "p.1", "event_params": [SESSION], "device": {"category": "mobile"}, "geo": {"country": "Japan"},
     "items": [{"item_id": "sku1", "item_name": "Tee", "price": 19.0, "quantity": None, "item_category": "Apparel"}]},
    {"event_date": "20240301", "event_timestamp": "1709287260000000", "event_name": "purchase", "user_id": "u9",
     "user_pseudo_id": "p.1", "event_params": [SESSION], "device": {"category": "mobile"}, "geo": {"country": "Japan"},
     "ecommerce": {"transaction_id": "T1", "purchase_revenue": 57.0},
     "items": [{"item_id": "sku1", "item_name": "Tee", "price": 19.0, "quantity": "2", "item_category": "Apparel"},
               {"item_id": "sku2", "item_name": "Cap", "price": 19.0, "quantity": "1", "item_category": "Apparel"}]},
    {"event_date": "20240301", "event_timestamp": "1709287300000000", "event_name": "page_view", "user_id": None,
     "user_pseudo_id": "p.1", "event_params": [], "items": []},
]  # fmt: skip


def check_ga4(read: Any) -> None:
    assert read.column("customer") == ["p.1", "u9", "u9", "p.1"]
    assert read.column("behaviour") == ["view_item", "purchase", "purchase", "page_view"]
    assert read.column("item") == ["sku1", "sku1", "sku2", None]
    assert read.column("session") == ["77", "77", "77", None]
    assert read.column("order") == [None, "T1", "T1", None]
    assert read.column("value") == [None, 38.0, 19.0, None]
    assert read.column("device")[0] == "mobile"
    assert read.column("place")[0] == "Japan"
    assert read.column("time")[0] == datetime(2024, 3, 1, 10, 0)
    assert read.column("line") == [1, 2, 2, 3]


def test_ga4_as_json_lines(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    check_ga4(read_of(write(tmp_path, "\n".join(json.dumps(record) for record in GA4), name="ga4.json")))


def test_ga4_as_one_json_list(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    check_ga4(read_of(write(tmp_path, json.dumps(GA4, indent=1), name="ga4.json")))


def test_ga4_as_parquet(tmp_path: Path, read_of: ReadOf) -> None:
    pq.write_table(pa.Table.from_pylist([{**GA4[1], **record} for record in GA4]), tmp_path / "ga4.parquet")
    read = read_of(tmp_path / "ga4.parquet")
    assert read.column("item") == ["sku1", "sku1", "sku2", None]
    assert read.column("line") == [1, 2, 2, 3]


def test_broken_json_lines_are_rejected_and_their_neighbours_kept(
    tmp_path: Path, read_of: ReadOf, write: Write
) -> None:
    good = '{"user_id": "u%d", "item_id": "i,\\"x\\"", "event": "view", "timestamp": 1700000000}'
    text = "\n".join([good % 1, '{"user_id": "u2", "item', "", "[1, 2]", good % 5, good % 6, good % 7])
    read = read_of(write(tmp_path, text, name="log.jsonl"))
    assert read.column("line") == [1, 5, 6, 7]
    assert read.column("item")[0] == 'i,"x"'
    assert [(line, reason) for line, reason, _ in read.rejects] == [(2, "not JSON"), (4, "not a JSON object")]
    assert read.rejects[0][2] == '{"user_id": "u2", "item'
