"""One person's data over HTTP: all of it, and none of it, under an id of any characters."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from tests.cli.test_cli import check

WHO = "a/b c?安"


def test_a_customer_is_exported_and_erased(client: TestClient) -> None:
    event = {"customer": WHO, "behaviour": "purchase", "item": "pen", "time": "2026-03-01T00:00:00Z"}
    assert client.post("/v1/events", json=[event, {**event, "customer": "bob"}]).status_code == 202
    path = f"/v1/customers/{quote(WHO, safe='')}"
    found = client.get(path)
    check("admin_export", found.json())
    assert [row["item"] for row in found.json()["places"]["tail"]] == ["pen"]
    proof = client.delete(path)
    check("erasure", proof.json())
    assert proof.status_code == 200 and proof.json()["done"] and proof.json()["removed"]["tail"] == 1
    assert client.get(path).json()["places"] == {}
    assert client.get("/v1/customers/bob").json()["places"]["tail"]
    sent = client.post("/v1/events", json=[event, {**event, "customer": "bob", "item": "cup"}])
    assert sent.status_code == 207 and "erased" in sent.text
    entries = client.get("/v1/audit").json()["entries"]
    assert [(one["what"], one["about"]) for one in entries] == [("customer.erase", "1")]
    assert WHO not in json.dumps(entries, ensure_ascii=False)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_that_is_too_long(client: TestClient, method: str) -> None:
    assert client.request(method, f"/v1/customers/{'x' * 600}").status_code == 422
