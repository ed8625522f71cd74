"""Scenarios over HTTP: names of any characters, no edit lost, every change in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import regard
from regard.serving.app import create

RULES: dict[str, Any] = {"version": 1, "caps": [{"column": "category", "most": 1}]}


@pytest.fixture
def client(shop_folder: Path) -> Iterator[TestClient]:
    with TestClient(create(regard.open(shop_folder)), base_url="http://localhost", client=("127.0.0.1", 5)) as asked:
        yield asked


def fits(schema: str, document: Any) -> Any:
    Draft202012Validator(json.loads((files("regard.schemas") / f"{schema}.json").read_text("utf-8"))).validate(document)
    return document


def put(client: TestClient, name: str, rules: dict[str, Any], **headers: str) -> Any:
    told = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.put(f"/v1/scenarios/{quote(name, safe='')}", json={"scenario": rules}, headers=told)


def test_a_scenario_is_made_read_edited_and_taken_away(client: TestClient) -> None:
    made = client.post("/v1/scenarios", json={"name": "home", "scenario": RULES})
    assert made.status_code == 201 and fits("scenario", made.json())["scenario"] == RULES
    read = client.get("/v1/scenarios/home")
    assert (read.headers["etag"], read.json()) == (made.headers["etag"], made.json())
    edited = put(client, "home", {}, If_Match=read.headers["etag"])
    assert edited.status_code == 200 and edited.headers["etag"] != read.headers["etag"]
    assert [one["name"] for one in fits("scenarios", client.get("/v1/scenarios").json())["scenarios"]] == ["home"]
    assert client.delete("/v1/scenarios/home").status_code == 428
    assert client.delete("/v1/scenarios/home", headers={"If-Match": read.headers["etag"]}).status_code == 412
    assert client.delete("/v1/scenarios/home", headers={"If-Match": "*"}).status_code == 200
    assert client.get("/v1/scenarios/home").status_code == 404
    assert client.delete("/v1/scenarios/home", headers={"If-Match": "*"}).status_code == 404
    history = fits("scenarios", client.get("/v1/scenarios?history=home").json())["scenarios"]
    assert [one["removed"] for one in history] == [True, False, False]
    audit = client.app.state.server.audit.newest(10)  # type: ignore[attr-defined]
    assert [entry.what for entry in audit] == ["scenario.remove", "scenario.save", "scenario.save"]


def test_an_edit_of_what_has_changed_is_refused(client: TestClient) -> None:
    made = client.post("/v1/scenarios", json={"name": "home", "scenario": {}})
    assert client.post("/v1/scenarios", json={"name": "home", "scenario": {}}).status_code == 409
    assert put(client, "home", {}).status_code == 428
    assert put(client, "home", {}, If_None_Match="*").status_code == 412
    assert put(client, "home", {}, If_Match=made.headers["etag"]).status_code == 200
    for stale in (made.headers["etag"], '"999"', "x", '"' + "9" * 30 + '"'):
        assert put(client, "home", {}, If_Match=stale).status_code == 412


@pytest.mark.parametrize("name", ["a/b", "主页 ?#&", "preview", "history", ".."])
def test_names_of_any_characters(client: TestClient, name: str) -> None:
    address = f"/v1/scenarios/{quote(name, safe='')}".replace("..", "%2E%2E")
    made = client.put(address, json={"scenario": RULES}, headers={"If-None-Match": "*"})
    if name == "..":  # clients resolve this one before they send it
        assert made.status_code in (200, 404, 405)
        return
    assert made.status_code == 200, made.text
    assert client.get(address).json()["name"] == name
    answer = client.post("/v1/recommendations", json={"scenario": name, "n": 5})
    assert (answer.status_code, answer.json()["scenario"]) == (200, name)


@pytest.mark.parametrize(
    ("rules", "said"),
    [({"filter": "colour = 1"}, "no column"), ({"pin": []}, "knows no 'pin'"), ({"alike": 3}, "alike is 0 to 1")],
)
def test_rules_that_do_not_fit_are_not_kept(client: TestClient, rules: dict[str, Any], said: str) -> None:
    for answer in (
        client.post("/v1/scenarios", json={"name": "home", "scenario": rules}),
        client.post("/v1/scenarios/preview", json={"scenario": rules}),
        put(client, "home", rules, If_None_Match="*"),
    ):
        assert answer.status_code == 422 and said in answer.json()["detail"]
    assert client.get("/v1/scenarios").json() == {"scenarios": []}


def test_a_preview_shows_before_and_after(client: TestClient) -> None:
    answer = client.post("/v1/scenarios/preview", json={"scenario": RULES, "customers": [None, "nobody"], "n": 6})
    one, other = fits("preview", answer.json())["previews"]
    assert (one["customer"], other["customer"]) == (None, "nobody")
    assert len(one["after"]["items"]) < len(one["before"]["items"]) == 6  # one of each category at most
