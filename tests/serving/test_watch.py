"""Watch: every request is counted and none is told about; a failure says nothing to who asked and nothing of who was asked."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient
from tests.serving.conftest import ELSEWHERE
from tests.serving.test_hosts import told

from regard.serving import logs

Served = Callable[..., TestClient]
SECRET = "Jane Doe 5 High Street"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root, own = logging.root.handlers[:], logs.OWN.level
    logs.begin()
    yield written
    logging.root.handlers[:] = root
    logs.OWN.setLevel(own)


def failing(client: TestClient) -> TestClient:
    app = client.app
    assert isinstance(app, FastAPI)

    @app.get("/customers/{customer:path}")
    async def customer(customer: str, request: Request) -> str:
        raise ValueError(f"no {customer} {request.url}")

    return client


def test_a_failure_leaks_nothing_to_anybody(client: TestClient, lines: io.StringIO) -> None:
    refused = failing(client).get(f"/customers/{SECRET}?email=jane@example.com")
    assert told(refused) == (500, "internal")
    line = json.loads(lines.getvalue().splitlines()[-1])
    assert line["route"] == "/customers/{customer:path}" and line["error"] == "ValueError" and line["status"] == 500
    assert any("customer" in place for place in line["at"])
    assert refused.json()["instance"].endswith(line["request"]) and refused.headers["x-request-id"] == line["request"]
    for text in (refused.text, lines.getvalue()):
        assert "Jane" not in text and "jane" not in text


def test_no_line_holds_an_id_a_key_or_a_question(served: Served, lines: io.StringIO) -> None:
    client = failing(served(address=ELSEWHERE, log_requests=True))
    key = client.app.state.server.keys.create("till", ["ingest"], by="test")[1]  # type: ignore[attr-defined]
    headers = {"authorization": f"Bearer {key}", "cookie": "regard_session=secret-cookie", "user-agent": "secret-agent"}
    for path in (f"/customers/{SECRET}", "/healthz?q=secret-question", f"/v1/events?key={key}", "/secret-path"):
        client.get(path, headers=headers)
        client.post(path, headers=headers, json={"customer": SECRET, "n": "secret-body"})
    logging.getLogger("somebody.else").error("about %s", SECRET)
    text = lines.getvalue()
    assert len(text.splitlines()) == 9 and all(json.loads(line)["time"] for line in text.splitlines())
    for secret in ("secret", "Jane", key[4:], "203.0.113"):
        assert secret not in text


def test_what_goes_well_needs_no_line(client: TestClient, lines: io.StringIO) -> None:
    assert client.get("/healthz").status_code == 200
    assert lines.getvalue() == ""


def test_every_answer_is_safe_in_a_browser(client: TestClient) -> None:
    for answer in (client.get("/healthz"), client.get("/nothing"), client.get("/healthz", headers={"host": "evil"})):
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_a_route_may_say_otherwise(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)

    @app.get("/asset")
    async def asset() -> StreamingResponse:
        return StreamingResponse(iter([b"x"]), headers={"cache-control": "max-age=60"})

    assert client.get("/asset").headers.get_list("cache-control") == ["max-age=60"]


def test_requests_are_counted_by_route_and_never_by_address(served: Served) -> None:
    client = failing(served())
    client.get("/customers/C42")
    client.get("/nothing/C43")
    client.app.state.server.measures.answered("recommendations", "model")  # type: ignore[attr-defined]
    text = client.get("/metrics").text
    assert 'regard_requests_total{method="GET",route="/customers/{customer:path}",status="500"} 1.0' in text
    assert 'route="none",status="404"} 1.0' in text and "C42" not in text and "C43" not in text
    assert "regard_tail_events 0.0" in text and "regard_queue_records 0.0" in text
    assert "process_resident_memory_bytes" in text
    assert 'regard_answers_total{fallback_level="model",kind="recommendations"} 1.0' in text


def test_measures_are_for_this_machine_and_for_readers(served: Served) -> None:
    here, there = served(), served(address=ELSEWHERE)
    assert told(there.get("/metrics")) == (401, "no-key")
    keys = here.app.state.server.keys  # type: ignore[attr-defined]
    reader, till = (keys.create("x", [scope], by="test")[1] for scope in ("read", "ingest"))
    assert here.get("/metrics").status_code == 200  # also when keys exist
    assert there.get("/metrics", headers={"authorization": f"Bearer {reader}"}).status_code == 200
    assert told(there.get("/metrics", headers={"authorization": f"Bearer {till}"})) == (403, "not-allowed")


def test_events_and_answers_are_counted_by_what_became_of_them(client: TestClient) -> None:
    event = {"customer": "C42", "behaviour": "view_item", "item": "a", "event_id": "e1"}
    client.post("/v1/events", json=[event, event, {"customer": "C42"}])
    client.post("/v1/recommendations", json={"customer": "C42"})
    client.app.state.server.shop.impressions.flush()
    text = client.get("/metrics").text
    for status in ("accepted", "repeated", "refused"):
        assert f'regard_events_total{{status="{status}"}} 1.0' in text
    assert "regard_tail_events 1.0" in text and "regard_refused_records 1.0" in text
    assert "regard_waiting_impressions 0.0" in text and "regard_lost_impressions 0.0" in text
    assert 'kind="recommendations"} 1.0' in text
