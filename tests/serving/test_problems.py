"""Problems: whatever goes wrong is told in one form, and never more than the caller may know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient
from tests.serving.test_hosts import told

from regard.errors import (
    ConsentError,
    InputError,
    MissingExtraError,
    ModelError,
    RegardError,
    UsageError,
    WorkspaceError,
)
from regard.events.live import QueueFullError
from regard.serving.problems import TYPES, of
from regard.serving.server import At

Served = Callable[..., TestClient]


class Order(BaseModel):
    customer: str
    n: int


def with_routes(client: TestClient) -> TestClient:
    """The same server with addresses that fail in every way."""
    app = client.app
    assert isinstance(app, FastAPI)

    @app.post("/orders")
    async def order(order: Order) -> Order:
        return order

    @app.post("/any")
    async def anything(body: Annotated[dict[str, object], Body()]) -> dict[str, object]:
        return body

    @app.get("/slow")
    async def slow(at: At) -> None:
        await at.ask(time.sleep, 0.5)

    @app.get("/store")
    async def store() -> None:
        raise WorkspaceError("/srv/secret/catalog.sqlite is damaged", hint="restore /srv/secret")

    return client


@pytest.mark.parametrize(
    ("error", "status", "type"),
    [
        (UsageError("n is -1"), 422, "usage"),
        (InputError("nobody is called that"), 422, "usage"),
        (ConsentError("not consented"), 403, "no-consent"),
        (ModelError("no model"), 503, "no-model"),
        (QueueFullError("full"), 503, "queue-full"),
        (MissingExtraError("torch"), 501, "not-installed"),
        (WorkspaceError("gone"), 503, "store"),
        (RegardError("else"), 422, "usage"),
    ],
)
def test_every_error_of_the_rooms_below_has_its_type(error: RegardError, status: int, type: str) -> None:
    problem = of(error)
    assert (problem.status, problem.type) == (status, type) and TYPES[type][0] == status
    assert ("Retry-After" in problem.headers) is (status == 503 and type != "no-model")


def test_addresses_and_methods_that_are_not_there(client: TestClient) -> None:
    assert told(client.get("/nothing")) == (404, "not-found")
    refused = client.delete("/healthz")
    assert told(refused) == (405, "wrong-method") and refused.headers["allow"] == "GET"


def test_a_wrong_body_is_named_by_its_place_and_not_repeated(client: TestClient) -> None:
    refused = with_routes(client).post("/orders", json={"customer": "C42", "n": "Jane Doe, 5 High Street"})
    assert told(refused) == (422, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/n" and refused.json()["errors"][0]["in"] == "body"
    assert "Jane" not in refused.text


@pytest.mark.parametrize(
    ("body", "kind", "status", "type"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"customer=C42", "application/x-www-form-urlencoded", 415, "wrong-type"),
        (b'{"customer": "C42", "n": 1}', "text/plain", 415, "wrong-type"),
        (b"", "application/json", 422, "invalid"),
    ],
)
def test_bodies_that_are_not_read(client: TestClient, body: bytes, kind: str, status: int, type: str) -> None:
    refused = with_routes(client).post("/orders", content=body, headers={"content-type": kind})
    assert told(refused) == (status, type)


def test_what_the_store_says_stays_here(client: TestClient) -> None:
    refused = with_routes(client).get("/store")
    assert told(refused) == (503, "store") and "secret" not in refused.text and "retry-after" in refused.headers


def test_an_answer_has_its_time_and_the_waiting_their_number(served: Served) -> None:
    slow = with_routes(served(answer_seconds=0.05, threads=1, waiting=1))
    assert told(slow.get("/slow")) == (504, "too-slow")

    async def crowd(at: At) -> list[object]:
        asked = [asyncio.ensure_future(at.ask(time.sleep, 0.3)) for _ in range(4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    client = served(threads=1, waiting=1)
    assert client.portal is not None
    kinds = [getattr(found, "type", "fine") for found in client.portal.call(crowd, client.app.state.server)]  # type: ignore[attr-defined]
    assert sorted(kinds) == ["busy", "busy", "fine", "fine"]
    assert client.get("/readyz").status_code == 200  # the places are free again
