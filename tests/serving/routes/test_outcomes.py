"""Outcomes over HTTP: what was answered and followed is in them, periods that are none are said."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import regard
from regard.serving.app import create


def test_what_is_shown_and_bought_is_read_out(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    log = shop.log()
    who = log.customers.id(int(np.bincount(log.owner).argmax()))
    with TestClient(create(shop), base_url="http://localhost", client=("127.0.0.1", 5)) as client:
        answer = client.post("/v1/recommendations", json={"customer": who, "n": 3}).json()
        item = answer["items"][0]["item"]
        event = {"customer": who, "behaviour": "purchase", "item": item, "value": 4.5, "event_id": "bought"}
        assert client.post("/v1/events", json=[event]).status_code == 202
        found = client.get("/v1/outcomes").json()
        Draft202012Validator(json.loads((files("regard.schemas") / "outcomes.json").read_text("utf-8"))).validate(found)
        (group,) = found["groups"]
        assert (group["answers"], group["items"], group["orders"]["total"], group["revenue"]["total"]) == (1, 3, 1, 4.5)
        assert client.get("/v1/outcomes?scenario=none").json()["groups"] == []
        for odd in ("since=soon", "days=0", "since=2026-03-02&until=2026-03-01"):
            assert client.get(f"/v1/outcomes?{odd}").status_code == 422, odd


@pytest.mark.parametrize("path", ["/v1/outcomes"])
def test_the_description_says_who_may_ask(shop_folder: Path, path: str) -> None:
    with TestClient(create(regard.open(shop_folder)), base_url="http://localhost", client=("127.0.0.1", 5)) as client:
        assert {"401", "403", "422"} <= set(client.get("/openapi.json").json()["paths"][path]["get"]["responses"])
