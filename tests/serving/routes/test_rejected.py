"""Refused records over HTTP: listed, mended, sent again, and never taken twice."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from regard.events.live.record import Refusal
from regard.serving.public import REASON

BAD = {"customer": "C42", "item": "pen"}
GOOD = {**BAD, "behaviour": "view_item", "event_id": "e1"}


@pytest.fixture
def refused(client: TestClient) -> TestClient:
    """A server that has refused two records."""
    assert client.post("/v1/events", json=[BAD, 17]).status_code == 422
    return client


def waiting(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/rejected", params=asked).json()["rejected"]
    return found


def tail(client: TestClient) -> list[str]:
    return [event["event_id"] for event in client.get("/v1/events/tail").json()["events"]]


def test_they_are_listed_with_reason_and_record(refused: TestClient) -> None:
    assert [(one["number"], one["reason"], one["record"]) for one in waiting(refused)] == [
        (2, "not an object", 17), (1, "no behaviour", BAD)
    ]  # fmt: skip
    page = refused.get("/v1/rejected", params={"limit": 1}).json()
    assert [one["number"] for one in page["rejected"]] == [2]
    page = refused.get("/v1/rejected", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [one["number"] for one in page["rejected"]] == [1]


def test_a_mended_record_is_taken_once(refused: TestClient) -> None:
    answer = refused.post("/v1/rejected/1", json=GOOD)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "repeated": 0, "event_ids": ["e1"]})
    assert tail(refused) == ["e1"]
    assert [one["number"] for one in waiting(refused)] == [2]
    assert [one["number"] for one in waiting(refused, state="all")] == [2, 1]
    assert refused.post("/v1/rejected/1", json={**GOOD, "event_id": "e2"}).json()["repeated"] == 1
    assert tail(refused) == ["e1"]


def test_a_record_that_is_refused_again_keeps_its_number(refused: TestClient) -> None:
    answer = refused.post("/v1/rejected/1", json={"behaviour": "view_item"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "no customer")
    assert [(one["number"], one["reason"]) for one in waiting(refused)] == [(2, "not an object"), (1, "no customer")]


def test_all_are_sent_again_but_who_somebody_is(refused: TestClient) -> None:
    live = refused.app.state.server.live  # type: ignore[attr-defined]
    said = '{"kind": "identify", "customer": "C42", "traits": {"tier": "gold"}}'
    live.submit([Refusal(reason=REASON, raw=said)]).result()
    answer = refused.post("/v1/rejected/replay", json={})
    assert answer.status_code == 422
    assert [one["reason"] for one in answer.json()["results"]] == ["not an object", "no behaviour"]
    assert waiting(refused)[0]["reason"] == REASON
    answer = refused.post("/v1/rejected/replay", json={"numbers": [3, 3]})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1), "by its number it is"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/rejected/9", GOOD, 404),
        ("/v1/rejected/0", GOOD, 422),
        ("/v1/rejected/99999999999999999999", GOOD, 422),
        ("/v1/rejected/x", GOOD, 422),
        ("/v1/rejected/replay", {"numbers": [9]}, 404),
        ("/v1/rejected/replay", {"numbers": ["x"]}, 422),
        ("/v1/rejected/replay", {"number": [1]}, 422),
        ("/v1/rejected/replay", {"numbers": [1] * 1_001}, 422),
    ],
)
def test_what_cannot_be_sent_again(refused: TestClient, path: str, body: Any, status: int) -> None:
    answer = refused.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_mended_record_is_json(refused: TestClient) -> None:
    assert refused.post("/v1/rejected/1", content="x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert refused.post("/v1/rejected/1", content="{", headers={"Content-Type": "application/json"}).status_code == 400
