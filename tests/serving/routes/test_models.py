"""Models over HTTP: listed, put in service after a check, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving.app import create


@pytest.fixture
def shop(shop_folder: Path, stand_in: None) -> regard.Workspace:
    shop = regard.open(shop_folder)
    for _ in range(2):
        shop.train()
    return shop


@pytest.fixture
def asked(shop: regard.Workspace) -> Iterator[TestClient]:
    with TestClient(create(shop), base_url="http://localhost", client=("127.0.0.1", 1)) as client:
        yield client


def serving(client: TestClient) -> str:
    return str(client.post("/v1/recommendations", json={}).json()["model_version"])


def test_a_model_is_put_in_service_and_taken_back(asked: TestClient) -> None:
    listed = asked.get("/v1/models").json()["models"]
    assert [(one["id"], one["state"], one["answers"]) for one in listed] == [
        ("m2", "candidate", True), ("m1", "candidate", False),
    ]  # fmt: skip
    put = asked.post("/v1/models/m1/promote", json={"why": "the newer one looks odd"})
    assert put.status_code == 200 and put.json()["state"] == "serving" and put.json()["answers"]
    one = asked.get("/v1/models/m1").json()
    assert one["card"]["steps"] == 70 and one["why"] == "the newer one looks odd"
    back = asked.post("/v1/models/rollback", json={})
    assert back.json()["id"] == "m2" and asked.get("/v1/models/m1").json()["state"] == "refused"
    assert [line["what"] for line in asked.get("/v1/models/switches").json()["switches"]] == ["rolled back", "promoted"]
    assert asked.post("/v1/models/rollback", json={}).status_code == 409


def test_a_model_that_fails_its_check_is_not_put_in_service(asked: TestClient, shop: regard.Workspace) -> None:
    asked.post("/v1/models/m2/promote", json={})
    (shop.models.get("m1").folder / "model.json").write_text("{")
    assert asked.post("/v1/models/m1/promote", json={}).status_code == 409
    assert asked.get("/v1/models/m1").json()["card"] is None
    assert asked.get("/v1/models/m9").status_code == 404
    assert asked.post("/v1/models/m9/promote", json={}).status_code == 404
    assert asked.get("/v1/models").json()["models"][0]["state"] == "serving"
