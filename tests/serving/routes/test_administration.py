"""Keys, people and the audit log over HTTP: told once, made once, and all of it on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.serving.test_hosts import told

Served = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.serving.people._COST", 4)


@pytest.fixture
def admin(client: TestClient) -> TestClient:
    """An administrator with a key."""
    made = client.post("/v1/keys", json={"name": "root", "scopes": ["admin"]})
    assert made.status_code == 201, made.text
    client.headers["authorization"] = f"Bearer {made.json()['key']}"
    return client


def new(client: TestClient, path: str, key: str = "", **body: Any) -> Any:
    return client.post(path, json=body, headers={"idempotency-key": key} if key else {})


def test_a_key_is_made_used_and_revoked(admin: TestClient) -> None:
    made = new(admin, "/v1/keys", name="till", scopes=["ingest"]).json()
    bearer = {"authorization": f"Bearer {made['key']}"}
    assert admin.get("/v1/events/tail", headers=bearer).status_code == 403
    listed = admin.get("/v1/keys").json()["keys"]
    assert [key["name"] for key in listed] == ["root", "till"] and made["key"] not in str(listed)
    assert admin.delete(f"/v1/keys/{made['prefix']}").status_code == 204
    assert told(admin.get("/healthz", headers=bearer)) == (401, "no-key")
    assert told(admin.delete("/v1/keys/rgd_00000000")) == (404, "not-found")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": []},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": ["ingest-public"]},
        {"name": "x", "scopes": ["ingest-public"], "origins": ["*"]},
        {"name": "x", "scopes": ["read"], "more": 1},
    ],
)
def test_a_key_that_cannot_be_made(admin: TestClient, body: dict[str, Any]) -> None:
    assert admin.post("/v1/keys", json=body).status_code == 422


def test_the_same_request_makes_one_key_and_its_text_is_told_once(admin: TestClient) -> None:
    first = new(admin, "/v1/keys", "k1", name="till", scopes=["ingest"])
    assert first.status_code == 201
    assert told(new(admin, "/v1/keys", "k1", name="till", scopes=["ingest"])) == (409, "conflict")
    assert told(new(admin, "/v1/keys", "k1", name="other", scopes=["ingest"])) == (422, "key-reused")
    assert told(new(admin, "/v1/people", "k1", name="ann", role="viewer")) == (422, "key-reused")
    assert len(admin.get("/v1/keys").json()["keys"]) == 2
    kept = b"".join(path.read_bytes() for path in admin.app.state.server.shop.folder.glob("server.sqlite*"))  # type: ignore[attr-defined]
    assert first.json()["key"].encode() not in kept


def test_what_failed_may_be_tried_again_with_the_same_key(admin: TestClient) -> None:
    assert told(new(admin, "/v1/people", "k2", name="a b", role="viewer")) == (422, "usage")
    assert told(new(admin, "/v1/people", "k2", name="a b", role="viewer")) == (422, "usage")
    assert new(admin, "/v1/people", "k2", name="ann", role="viewer").status_code == 201


def test_people_come_change_and_go(admin: TestClient) -> None:
    made = new(admin, "/v1/people", name="Ann", role="viewer").json()
    assert admin.app.state.server.people.check("ann", made["password"]).role == "viewer"  # type: ignore[attr-defined]
    assert admin.patch("/v1/people/ann", json={"role": "editor"}).status_code == 204
    assert admin.get("/v1/people").json()["people"][0]["role"] == "editor"
    assert admin.delete("/v1/people/ann").status_code == 204
    assert told(admin.delete("/v1/people/ann")) == (404, "not-found")
    assert told(admin.patch("/v1/people/ann", json={"role": "admin"})) == (404, "not-found")


def test_all_of_it_is_on_record_and_can_be_checked(admin: TestClient) -> None:
    for number in range(3):
        new(admin, "/v1/people", name=f"p{number}", role="viewer")
    page = admin.get("/v1/audit?limit=2").json()
    assert [entry["about"] for entry in page["entries"]] == ["p2", "p1"]
    assert all(entry["who"].startswith("rgd_") for entry in page["entries"])
    rest = admin.get("/v1/audit", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [entry["what"] for entry in rest["entries"]] == ["person.add", "key.create"]
    assert rest["entries"][1]["who"] == "local"
    found = admin.get("/v1/audit/verification").json()
    assert found == {"entries": 4, "hash": page["entries"][0]["hash"]}
    assert told(admin.get("/v1/audit?cursor=nonsense")) == (422, "invalid")
