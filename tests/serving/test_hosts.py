"""Hosts: a name that is not the server's is refused, and a forwarded address is believed from named proxies only."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient
from tests.serving.conftest import ELSEWHERE

Served = Callable[..., TestClient]


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and type of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].removeprefix("urn:regard:problem:")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1:8700", "[::1]:8700"])
def test_it_is_called_by_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8700", "", "[::1"])
def test_a_page_whose_name_leads_here_is_refused(client: TestClient, host: str) -> None:
    asked = client.get("/healthz", headers={"host": host})
    assert told(asked) == (421, "wrong-host")


def test_more_names_can_be_allowed(served: Served) -> None:
    asked = served(allowed_hosts=("Shop.Example",))
    assert asked.get("/healthz", headers={"host": "shop.example:443"}).status_code == 200
    assert told(asked.get("/healthz", headers={"host": "other.example"})) == (421, "wrong-host")


def test_two_hosts_are_none(client: TestClient) -> None:
    asked = client.get("/healthz", headers=[("host", "localhost"), ("host", "localhost")])
    assert told(asked) == (400, "malformed")


@pytest.mark.parametrize("mark", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
def test_what_is_passed_on_is_not_from_this_machine(client: TestClient, mark: str) -> None:
    assert "tail_events" in client.get("/readyz").json()
    assert "tail_events" not in client.get("/readyz", headers={mark: "127.0.0.1"}).json()


def test_nobody_from_elsewhere_is_local(served: Served) -> None:
    asked = served(address=ELSEWHERE, proxies=("10.0.0.1",))
    assert "tail_events" not in asked.get("/readyz").json()
    assert "tail_events" not in asked.get("/readyz", headers={"x-forwarded-for": "127.0.0.1"}).json()


@pytest.mark.parametrize(
    ("proxies", "headers", "client", "scheme"),
    [
        ((), {"x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https"}, "127.0.0.1", "http"),
        (("127.0.0.1",), {"x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https"}, "198.51.100.1", "https"),
        (("127.0.0.1",), {"x-forwarded-for": "192.0.2.9, 198.51.100.1"}, "198.51.100.1", "http"),
        (("127.0.0.0/8", "10.0.0.0/24"), {"x-forwarded-for": "198.51.100.1, 10.0.0.7"}, "198.51.100.1", "http"),
        (("127.0.0.1",), {"x-forwarded-for": "", "x-forwarded-proto": "gopher"}, "127.0.0.1", "http"),
        (("127.0.0.1",), {}, "127.0.0.1", "http"),
    ],
)
def test_only_named_proxies_are_believed(
    served: Served, proxies: tuple[str, ...], headers: dict[str, str], client: str, scheme: str
) -> None:
    asked = served(proxies=proxies)
    assert isinstance(asked.app, FastAPI)

    @asked.app.get("/who")
    async def who(request: Request) -> list[object]:
        return [request.scope["client"][0], request.scope["scheme"], request.scope["regard.direct"]]

    assert asked.get("/who", headers=headers).json() == [client, scheme, False]
