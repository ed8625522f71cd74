"""Sessions: a cookie that lets one person in for a day, and no other site's page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request, Response
from starlette.testclient import TestClient
from tests.serving.conftest import ELSEWHERE
from tests.serving.test_hosts import told

from regard.serving import sessions
from regard.serving.access import needs
from regard.serving.people import People
from regard.serving.sessions import csrf_of, log_in, log_out, person_of

Served = Callable[..., TestClient]
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords cost nothing here; what they cost is tested where they are kept."""
    monkeypatch.setattr("regard.serving.people._COST", 4)


def desk(client: TestClient) -> TestClient:
    """The same server with a small console."""
    app = client.app
    assert isinstance(app, FastAPI)

    @app.post("/in")
    async def begin(request: Request, response: Response) -> str:
        said = request.scope["regard.json"]
        return (await log_in(request, response, said["name"], said["password"])).role

    @app.post("/out")
    async def end(request: Request, response: Response) -> None:
        await log_out(request, response)

    @app.get("/me")
    async def me(request: Request) -> list[str]:
        person = person_of(request)
        return [person.name if person else "", csrf_of(request)]

    @app.post("/change", dependencies=[Depends(needs("manage"))])
    async def change() -> str:
        return "changed"

    return client


def at(client: TestClient) -> Any:
    return client.app.state.server  # type: ignore[attr-defined]


@pytest.fixture
def console(served: Served) -> TestClient:
    client = desk(served(address=ELSEWHERE))
    at(client).people.add("ann", "editor", PASSWORD, by="test")
    at(client).people.add("eve", "viewer", PASSWORD, by="test")
    return client


def enter(client: TestClient, name: str = "ann", password: str = PASSWORD) -> Any:
    return client.post("/in", json={"name": name, "password": password})


def test_a_person_is_known_until_leaving(console: TestClient) -> None:
    entered = enter(console)
    assert entered.json() == "editor"
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie and "Domain" not in cookie
    name, csrf = console.get("/me").json()
    assert name == "ann" and len(csrf) > 40
    token = console.cookies["regard_session"]
    assert console.post("/out", headers={"x-csrf-token": csrf}).status_code == 200
    assert console.get("/me").json() == ["", ""]
    assert console.get("/me", headers={"cookie": f"regard_session={token}"}).json() == ["", ""]


def test_over_tls_the_cookie_is_for_this_host_and_tls_alone(console: TestClient) -> None:
    secure = TestClient(console.app, base_url="https://localhost", client=ELSEWHERE)
    cookie = enter(secure).headers["set-cookie"]
    assert cookie.startswith("__Host-regard_session=") and "Secure" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert secure.get("/me", headers={"cookie": f"__Host-regard_session={token}"}).json()[0] == "ann"
    assert secure.get("/me", headers={"cookie": f"regard_session={token}"}).json()[0] == ""


def test_a_new_log_in_ends_the_session_before(console: TestClient) -> None:
    enter(console)
    before = console.cookies["regard_session"]
    csrf = csrf_now(console)
    again = console.post("/in", json={"name": "eve", "password": PASSWORD}, headers={"x-csrf-token": csrf})
    assert again.json() == "viewer" and console.get("/me").json()[0] == "eve"
    assert console.get("/me", headers={"cookie": f"regard_session={before}"}).json()[0] == ""


def csrf_now(client: TestClient) -> str:
    return str(client.get("/me").json()[1])


def test_changes_need_the_session_s_token(console: TestClient) -> None:
    enter(console)
    csrf = csrf_now(console)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert console.post("/change", headers={"x-csrf-token": csrf}).status_code == 200
    assert console.post("/change", content=f"name=x&csrf={csrf}", headers=form).status_code == 200
    for refused in (
        console.post("/change"),
        console.post("/change", json={"csrf": csrf}),
        console.post("/change", content="csrf=", headers=form),
        console.post("/change", content=f"csrf={csrf}x", headers=form),
        console.post("/change", content=f"csrf={csrf}&csrf={csrf}", headers=form),
        console.post("/change", content=f"csrf={csrf}", headers={"content-type": "text/plain"}),
        console.post("/change", headers={"x-csrf-token": ""}),
    ):
        assert told(refused) == (403, "no-token")
    other = console.post("/change", headers={"x-csrf-token": csrf, "origin": "https://evil.example"})
    assert told(other) == (403, "cross-origin")


def test_a_role_changes_at_once_and_who_is_removed_is_out(console: TestClient) -> None:
    enter(console)
    headers = {"x-csrf-token": csrf_now(console)}
    people: People = at(console).people
    people.change("ann", "viewer", by="test")
    assert told(console.post("/change", headers=headers)) == (403, "not-allowed")
    people.remove("ann", by="test")
    assert console.get("/me").json() == ["", ""]


def test_another_password_ends_all_sessions(console: TestClient) -> None:
    enter(console)
    at(console).people.reset("ann", PASSWORD + "!", by="test")
    assert console.get("/me").json() == ["", ""]


def test_a_session_ends_by_itself(console: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(console)
    later = time.time_ns() + sessions.HOURS * 3_600_000_000_000 + 1
    monkeypatch.setattr("regard.serving.sessions.time.time_ns", lambda: later)
    assert console.get("/me").json() == ["", ""]


def test_only_digests_are_kept(console: TestClient) -> None:
    enter(console)
    token = console.cookies["regard_session"]
    assert token.encode() not in b"".join(path.read_bytes() for path in at(console).vault.path.parent.glob("server.*"))


def test_a_wrong_password_and_a_wrong_name_are_one_answer(console: TestClient) -> None:
    wrong, nobody = enter(console, password="wrong"), enter(console, name="nobody")
    assert told(wrong) == told(nobody) == (401, "wrong-password")
    assert {**wrong.json(), "instance": ""} == {**nobody.json(), "instance": ""}


def test_who_fails_often_waits_even_with_the_right_password(console: TestClient) -> None:
    for _ in range(6):
        enter(console, password="wrong")
    refused = enter(console)
    assert told(refused) == (429, "too-many") and int(refused.headers["retry-after"]) >= 1
    assert enter(console, name="eve").status_code == 200  # somebody else is not kept out


@pytest.mark.parametrize(
    "cookie", ["regard_session=", "regard_session=x", '"', "regard_session=é; =;;", "a=b; regard_session"]
)
def test_strange_cookies_are_nobody_s(console: TestClient, cookie: str) -> None:
    assert console.get("/me", headers={"cookie": cookie.encode()}).json() == ["", ""]
