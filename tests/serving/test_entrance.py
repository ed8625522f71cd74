"""Entrance: open to this machine until a key exists, then to keys alone, and to no page of another site."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient
from tests.serving.conftest import ELSEWHERE
from tests.serving.test_hosts import told

from regard.serving.access import SCOPES, granted, needs

Served = Callable[..., TestClient]
SHOP = "https://shop.example"


def add(client: TestClient) -> TestClient:
    """The same server with one address for each scope."""
    app = client.app
    assert isinstance(app, FastAPI)
    for scope in SCOPES:

        @app.post(f"/test/{scope}", dependencies=[Depends(needs(scope))])
        async def tell(request: Request) -> str:
            return str(request.scope["regard.caller"].kind)

    return client


def made(client: TestClient, *scopes: str, origins: tuple[str, ...] = ()) -> str:
    """The text of a new key of the server."""
    return str(client.app.state.server.keys.create("test", scopes, origins, by="test")[1])  # type: ignore[attr-defined]


def bearer(text: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"} | more


def test_until_a_key_exists_this_machine_may_do_everything(served: Served) -> None:
    here, there = add(served()), served(address=ELSEWHERE)
    assert here.post("/test/admin").json() == "local"
    refused = there.post("/test/admin")
    assert told(refused) == (401, "no-key") and refused.headers["www-authenticate"] == "Bearer"
    key = made(here, "read")
    assert told(here.post("/test/admin")) == (401, "no-key")
    here.app.state.server.keys.revoke(key[:12], by="test")  # type: ignore[attr-defined]
    assert told(here.post("/test/admin")) == (401, "no-key")  # it does not open again


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_does_what_its_scope_says_and_no_more(served: Served, scope: str) -> None:
    client = add(served(address=ELSEWHERE))
    text = made(client, scope, origins=(SHOP,) if scope == "ingest-public" else ())
    for asked in SCOPES:
        answer = client.post(f"/test/{asked}", headers=bearer(text, origin=SHOP))
        assert (answer.status_code == 200) is (asked in granted(scope)), (scope, asked)
        assert answer.status_code == 200 or told(answer) == (403, "not-allowed")


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer wrong",
        "Bearer",
        "Basic YTpi",
        "Basic !",
        "Basic /w==",
        "rgd_1",
        "Bearer rgd_12345678_wrong",
        "",
        "Bearer é",
    ],
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(client: TestClient, shown: str) -> None:
    refused = client.get("/healthz", headers={"authorization": shown.encode()})
    assert told(refused) == (401, "no-key")
    assert shown.partition(" ")[2] not in refused.text or shown in ("Bearer", "", "rgd_1")


def test_a_public_key_serves_its_own_pages_only(served: Served) -> None:
    client = add(served(address=ELSEWHERE))
    text = made(client, "ingest-public", origins=(SHOP,))
    fine = client.post("/test/ingest-public", headers=bearer(text, origin=SHOP))
    assert fine.status_code == 200 and fine.headers["access-control-allow-origin"] == SHOP
    assert "origin" in fine.headers["vary"].lower()
    assert fine.headers["access-control-expose-headers"] == "retry-after"
    for origin in ({"origin": "https://evil.example"}, {"origin": "null"}, {}):
        refused = client.post("/test/ingest-public", headers=bearer(text, **origin))
        assert told(refused) == (403, "cross-origin") and "access-control-allow-origin" not in refused.headers


def test_segments_libraries_show_a_key_as_their_user(served: Served) -> None:
    client = add(served(address=ELSEWHERE))
    text = made(client, "ingest")
    assert client.post("/test/ingest", auth=(text, "")).status_code == 200
    assert told(client.post("/test/ingest", auth=("", text))) == (401, "no-key")


def test_a_page_asks_first(served: Served) -> None:
    client = add(served(address=ELSEWHERE))
    made(client, "ingest-public", origins=(SHOP,))
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    fine = client.options("/test/ingest-public", headers=asking | {"origin": SHOP})
    assert fine.status_code == 204 and fine.headers["access-control-allow-origin"] == SHOP
    allowed = fine.headers["access-control-allow-headers"]
    assert {"authorization", "content-encoding", "x-retry-count"} <= set(allowed.split(", "))
    refused = client.options("/test/ingest-public", headers=asking | {"origin": "https://evil.example"})
    assert told(refused) == (403, "cross-origin")


def test_only_a_public_key_may_stand_in_the_address(served: Served) -> None:
    client = add(served(address=ELSEWHERE))
    public, secret = made(client, "ingest-public", origins=(SHOP,)), made(client, "ingest")
    assert client.post(f"/test/ingest-public?key={public}", headers={"origin": SHOP}).status_code == 200
    assert told(client.post(f"/test/ingest-public?key={secret}", headers={"origin": SHOP})) == (401, "no-key")


def test_an_address_of_many_parts_is_refused(client: TestClient) -> None:
    assert told(client.post(f"/v1/events?key=rgd_1{'&a=1' * 30}")) == (400, "malformed")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_other_page_changes_anything_on_an_open_server(client: TestClient, headers: dict[str, str]) -> None:
    assert told(add(client).post("/test/admin", headers=headers)) == (403, "cross-origin")


def test_its_own_pages_may(client: TestClient) -> None:
    fine = add(client).post("/test/admin", headers={"origin": "http://localhost", "sec-fetch-site": "same-origin"})
    assert fine.status_code == 200
