"""Limits: too much, too fast, too deep and too slow are refused, and the next caller is served."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.serving.conftest import ELSEWHERE
from tests.serving.test_hosts import told

from regard.errors import RegardError
from regard.serving.body import parsed
from regard.serving.limits import Bucket
from regard.serving.problems import Problem

Served = Callable[..., TestClient]
JSON = {"content-type": "application/json"}


def counting(client: TestClient) -> TestClient:
    """The same server with an address that tells the length of a body."""
    app = client.app
    assert isinstance(app, FastAPI)

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    return client


def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(served: Served) -> None:
    client = counting(served(body_bytes=1000))
    assert client.post("/length", content=b"x" * 1000).json() == 1000
    refused = client.post("/length", content=b"x" * 1001)
    assert told(refused) == (413, "too-large") and refused.headers["connection"] == "close"
    assert client.post("/length", content=iter([b"x" * 500] * 2)).json() == 1000
    assert told(client.post("/length", content=iter([b"x" * 500] * 3))) == (413, "too-large")


def test_strangers_may_send_little(served: Served) -> None:
    client = counting(served(address=ELSEWHERE))
    assert told(client.post("/length", content=b"x" * 20_000)) == (413, "too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        b"[" * 300 + b"]" * 300,
        b'"\xff"',
        b"9" * 9999,
        b"\xef\xbb\xbf{}",
        b"{}x",
    ],
)
def test_json_is_read_strictly_before_a_handler_sees_it(client: TestClient, body: bytes) -> None:
    assert told(counting(client).post("/length", content=body, headers=JSON)) == (400, "malformed")


@given(st.binary(max_size=64) | st.text(alphabet='[]{}":,\\u0d89eE+-.tfn ', max_size=64).map(str.encode))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    try:
        parsed(body)
    except RegardError as error:
        assert isinstance(error, Problem) and error.type == "malformed"


def test_each_key_and_each_stranger_has_a_rate(served: Served) -> None:
    client = served(address=ELSEWHERE, address_rate=1.0, key_rate=2.0)
    answers = [client.get("/healthz") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert told(answers[2]) == (429, "too-many") and answers[2].headers["retry-after"] == "1"
    assert answers[0].headers["ratelimit"] == '"address";r=1;t=1'
    assert answers[0].headers["ratelimit-policy"] == '"address";q=2;w=2'
    other = served(address=("203.0.113.8", 1), address_rate=1.0, key_rate=2.0)
    assert other.get("/healthz").status_code == 200
    key = client.app.state.server.keys.create("till", ["ingest"], by="test")[1]  # type: ignore[attr-defined]
    headers = {"authorization": f"Bearer {key}"}
    assert [client.get("/healthz", headers=headers).status_code for _ in range(5)] == [200] * 4 + [429]


@given(st.lists(st.floats(0, 10), max_size=60), st.floats(0.1, 10), st.floats(1, 20))
def test_no_bucket_gives_more_than_its_rate(pauses: list[float], rate: float, burst: float) -> None:
    now = [0.0]
    bucket, given_out = Bucket(rate=rate, burst=burst, clock=lambda: now[0]), 0
    for pause in pauses:
        now[0] += pause
        wait = bucket.take()
        assert wait >= 0
        given_out += wait == 0
    assert given_out <= burst + rate * now[0] + 1e-6
