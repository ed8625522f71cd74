"""Events over HTTP: what is committed before it is acknowledged, what is refused and how, and that no body breaks it."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from regard.errors import disk_full
from regard.events.live import QueueFullError, Result
from regard.serving.public import REASON

VIEW = {"customer": "C42", "behaviour": "view_item", "item": "pen", "event_id": "e1"}
ANONYMOUS = "a-" + "0f" * 16


@pytest.fixture
def public(client: TestClient) -> TestClient:
    """Somebody with a public key, on the page that it is for."""
    keys = client.app.state.server.keys  # type: ignore[attr-defined]
    _, text = keys.create("page", ["ingest-public"], ["https://shop.example"], by="test")
    client.headers.update({"Authorization": f"Bearer {text}", "Origin": "https://shop.example"})
    return client


def tail(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/events/tail").json()["events"]
    return found


@pytest.mark.parametrize("body", [[VIEW], {"events": [VIEW]}, VIEW])
def test_events_are_acknowledged_and_are_there(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/events", json=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "repeated": 0, "event_ids": ["e1"]})
    again = client.post("/v1/events", json=body)
    assert (again.status_code, again.json()) == (202, {"accepted": 0, "repeated": 1, "event_ids": ["e1"]})
    (event,) = tail(client)
    assert (event["customer"], event["behaviour"], event["item"], event["event_id"]) == (
        "C42",
        "view_item",
        "pen",
        "e1",
    )


def test_lines(client: TestClient) -> None:
    body = "\n".join([json.dumps(VIEW), "", "{broken", json.dumps({**VIEW, "event_id": "e2"})])
    answer = client.post("/v1/events", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 207
    assert answer.json()["results"] == [
        {"index": 0, "status": "accepted", "event_id": "e1"},
        {"index": 1, "status": "refused", "reason": "not JSON"},
        {"index": 2, "status": "accepted", "event_id": "e2"},
    ]


def test_some_refused_and_all_refused(client: TestClient) -> None:
    answer = client.post("/v1/events", json=[VIEW, {"customer": "C42"}, 17])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (207, 1, 2)
    assert [one.get("reason") for one in answer.json()["results"]] == [None, "no behaviour", "not an object"]
    answer = client.post("/v1/events", json=[{"customer": "C42"}, 17])
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["type"] == "urn:regard:problem:refused"
    assert [one["reason"] for one in answer.json()["results"]] == ["no behaviour", "not an object"]


def test_nothing_is_a_batch_too(client: TestClient) -> None:
    assert client.post("/v1/events", json=[]).json() == {"accepted": 0, "repeated": 0, "event_ids": []}


def test_the_answer_waits_for_the_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    committed: Future[list[Result]] = Future()
    monkeypatch.setattr(type(client.app.state.server.live), "submit", lambda self, records: committed)  # type: ignore[attr-defined]
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(client.post("/v1/events", json=VIEW)))
    asking.start()
    asking.join(0.3)
    assert not answers
    committed.set_result([Result(status="accepted", event_id="e1")])
    asking.join(10)
    assert answers[0].status_code == 202


def test_what_is_not_committed_is_not_acknowledged(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    live = type(client.app.state.server.live)  # type: ignore[attr-defined]

    def full(self: Any, records: Any) -> Any:
        raise QueueFullError("20,000 live events are waiting")

    monkeypatch.setattr(live, "submit", full)
    answer = client.post("/v1/events", json=VIEW)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:regard:problem:queue-full")
    assert int(answer.headers["Retry-After"]) >= 1
    failed: Future[list[Result]] = Future()
    failed.set_exception(disk_full())
    monkeypatch.setattr(live, "submit", lambda self, records: failed)
    answer = client.post("/v1/events", json=VIEW)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:regard:problem:store")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b'{"customer": "C42",\n "behaviour" 3}', 400, "line 2, column 14"),
        (b"", 400, "line 1, column 1"),
        (b"\xff{}", 400, "byte 0"),
        (b'[{"price": NaN}]', 400, "NaN"),
        (b'[{"price": -Infinity}]', 400, "Infinity"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"[" + b"1" * 5_000 + b"]", 400, "too long"),
        (b'{"events": 3}', 422, "array"),
        (b"[" + b"{}," * 1_000 + b"{}]", 413, "1,000 records"),
        (b'"' + b"x" * (1 << 20) + b'"', 413, "1,048,576 bytes"),
    ],
)
def test_bodies_that_are_none(client: TestClient, body: bytes, status: int, word: str) -> None:
    answer = client.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert word in answer.json()["detail"]


def test_of_a_name_that_stands_twice_the_last_counts(client: TestClient) -> None:
    body = b'{"customer": "C1", "customer": "C2", "behaviour": "view_item"}'
    assert client.post("/v1/events", content=body, headers={"Content-Type": "application/json"}).status_code == 202
    assert tail(client)[0]["customer"] == "C2"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/html", "", "application/jsonx"])
def test_media_types_that_are_not_read(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/events", content=json.dumps(VIEW), headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert tail(client) == []


def test_packed_bodies(client: TestClient) -> None:
    def post(body: bytes, coding: str = "gzip") -> Any:
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        return client.post("/v1/events", content=body, headers=headers)

    whole = gzip.compress(json.dumps([VIEW]).encode())
    assert post(whole).status_code == 202
    assert post(gzip.compress(b" " * (2 << 20))).status_code == 413
    assert [post(body).status_code for body in (whole[:-4], b"no gzip", whole + whole)] == [400] * 3
    refused = post(whole, "br")
    assert (refused.status_code, refused.headers["Accept-Encoding"]) == (415, "gzip")


def test_a_senders_clock_is_set_right(client: TestClient) -> None:
    event = {**VIEW, "time": 1_577_836_800_000}
    assert client.post("/v1/events", json={"events": [event], "sent_at": 1_577_836_800_000 + 60_000}).status_code == 202
    assert tail(client)[0]["time"][:4] == str(time.gmtime().tm_year)
    assert client.post("/v1/events", json=[{**event, "event_id": "e2"}]).status_code == 202
    assert tail(client)[0]["time"] == "2020-01-01T00:00:00Z", "without it the sender is believed"


def test_ga4(client: TestClient) -> None:
    body = {
        "client_id": "1.2",
        "events": [{"name": "view_item_list", "params": {"items": [{"item_id": "a"}, {"item_id": "b"}]}}, 3],
    }
    answer = client.post("/v1/events?shape=ga4", json=body)
    assert [(one["index"], one["status"]) for one in answer.json()["results"]] == [
        (0, "accepted"),
        (0, "accepted"),
        (1, "refused"),
    ]
    assert sorted(event["item"] for event in tail(client)) == ["a", "b"]
    assert client.post("/v1/events?shape=ga4", json=[VIEW]).status_code == 422
    assert client.post("/v1/events?shape=ga5", json=[VIEW]).status_code == 422


def test_cloud_events(client: TestClient) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "view_item",
        "subject": "C42",
        "data": {"item": "pen"},
    }

    def post(body: Any, kind: str, **headers: str) -> int:
        return client.post(
            "/v1/events", content=json.dumps(body), headers={"Content-Type": kind, **headers}
        ).status_code

    assert post(event, "application/cloudevents+json; charset=utf-8") == 202
    assert post([{**event, "id": "2"}, {**event, "id": "3"}], "application/cloudevents-batch+json") == 202
    binary = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    assert post({"item": "ink"}, "application/json", **{**binary, "ce-id": "4"}) == 202
    assert [(one["event_id"], one["item"]) for one in tail(client)] == [
        ("/shop 4", "ink"), ("/shop 3", "pen"), ("/shop 2", "pen"), ("/shop 1", "pen")
    ]  # fmt: skip
    assert post({**event, "specversion": "9"}, "application/cloudevents+json") == 422


def test_pages_of_the_tail(client: TestClient) -> None:
    client.post("/v1/events", json=[{**VIEW, "event_id": f"e{n}"} for n in range(5)])
    first = client.get("/v1/events/tail?limit=3").json()
    second = client.get("/v1/events/tail", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [one["event_id"] for one in first["events"] + second["events"]] == ["e4", "e3", "e2", "e1", "e0"]
    assert second["next_cursor"] is None
    for wrong in ("x", "!!", "LTE", "é"):
        assert client.get("/v1/events/tail", params={"cursor": wrong}).status_code == 422


def test_what_a_public_key_may_send(public: TestClient) -> None:
    consent = {"kind": "identify", "customer": ANONYMOUS, "traits": {"consent": True}}
    forbidden = [
        {**consent, "customer": "C42"},
        {**consent, "anonymous": "a-1"},
        {**consent, "traits": {"tier": "gold"}},
        {**consent, "traits": [1]},
        {"kind": "alias", "customer": ANONYMOUS, "anonymous": "a-1"},
    ]
    answer = public.post("/v1/events", json=[VIEW, *forbidden])
    assert [one.get("reason") for one in answer.json()["results"]] == [None, *[REASON] * len(forbidden)]
    joined = {"batch": [{"type": "identify", "userId": "C42", "anonymousId": "a-1"}]}
    assert public.post("/v1/batch", json=joined).json()["results"][0]["reason"] == REASON


def test_ids_of_a_public_key_take_nobody_elses_place(public: TestClient) -> None:
    bought = {
        "client_id": "1.2",
        "events": [{"name": "purchase", "params": {"transaction_id": "T1", "items": [{"item_id": "a"}]}}],
    }
    early = {"customer": "x", "behaviour": "view_item", "event_id": "ga4/purchase/T1/0"}
    assert public.post("/v1/events", json=[early, early]).json()["repeated"] == 1
    _, text = public.app.state.server.keys.create("till", ["ingest"], by="test")  # type: ignore[attr-defined]
    answer = public.post("/v1/events?shape=ga4", json=bought, headers={"Authorization": f"Bearer {text}"})
    assert answer.json() == {"accepted": 1, "repeated": 0, "event_ids": ["ga4/purchase/T1/0"]}


@pytest.mark.parametrize("call", ["track", "page", "screen", "group", "t", "p"])
def test_segments_calls(client: TestClient, call: str) -> None:
    message = {"userId": "C42", "event": "Product Viewed", "messageId": "m1", "properties": {"product_id": "pen"}}
    assert client.post(f"/v1/{call}", json=message).json() == {"accepted": 1, "repeated": 0, "event_ids": ["m1"]}
    assert tail(client)[0]["customer"] == "C42"


def test_segments_batch(client: TestClient) -> None:
    order = {
        "type": "track", "event": "Order Completed", "userId": "C42", "messageId": "m1",
        "properties": {"order_id": "O7", "products": [{"product_id": "pen"}, {"product_id": "ink"}]},
    }  # fmt: skip
    body = {"batch": [order, {"type": "what"}], "sentAt": "2026-01-01T00:00:00Z", "writeKey": "x"}
    answer = client.post("/v1/batch", content=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert [(one["index"], one.get("event_id")) for one in answer.json()["results"]] == [
        (0, "m1/0"),
        (0, "m1/1"),
        (1, None),
    ]
    assert client.post("/v1/batch", json={"batch": 3}).status_code == 422
    assert client.post("/v1/batch", json=[]).status_code == 422
    assert client.post("/v1/batch", json={"batch": [order] * 1_001}).status_code == 413
    assert (
        client.post(
            "/v1/track", content="x=1", headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).status_code
        == 415
    )


def test_the_description_tells_the_body(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    body = paths["/v1/events"]["post"]["requestBody"]["content"]
    assert {"application/json", "application/x-ndjson", "application/cloudevents+json"} <= set(body)
    assert {"202", "207", "400", "413", "415", "422", "503"} <= set(paths["/v1/events"]["post"]["responses"])
    assert "/v1/t" not in paths


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["customer", "behaviour", "events", "batch", "type", "time", "extra", "traits", "kind"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    JSON | st.binary(max_size=30),
    st.sampled_from(["/v1/events", "/v1/events?shape=ga4", "/v1/batch", "/v1/identify", "/v1/alias"]),
)
def test_no_body_breaks_the_server(client: TestClient, body: Any, path: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (202, 207, 400, 413, 422), answer.text


def test_deep_values_break_nothing(client: TestClient) -> None:
    deep: Callable[[int], str] = lambda n: "[" * n + "]" * n  # noqa: E731
    for levels in (100, 400, 700, 900):
        for event in (
            f'{{"customer":"C1","behaviour":"x","a":{deep(levels)}}}',
            f'{{"kind":"identify","customer":"C1","traits":{{"a":{deep(levels)}}}}}',
        ):
            answer = client.post("/v1/events", content=event, headers={"Content-Type": "application/json"})
            assert answer.status_code in (202, 400, 422), (levels, answer.text)
