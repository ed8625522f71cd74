"""Answers over HTTP: of the form that is promised, for whomever asks, and noted as shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import regard
from regard.serving.access import Caller, granted, needs
from regard.serving.app import create
from regard.workspace import Workspace

ALL = {"since_us": 0, "until_us": 2**62}


@pytest.fixture
def shop(shop_folder: Path) -> Workspace:
    return regard.open(shop_folder)


@pytest.fixture
def client(shop: Workspace) -> Iterator[TestClient]:
    with TestClient(create(shop), base_url="http://localhost", client=("127.0.0.1", 5)) as asked:
        yield asked


def buyer(shop: Workspace) -> str:
    log = shop.log()
    return log.customers.id(int(np.bincount(log.owner[log.is_behaviour(("purchase",))]).argmax()))


def told(client: TestClient, address: str, schema: str, **body: Any) -> Any:
    answer = client.post(address, json=body) if body else client.get(address)
    assert answer.status_code == 200, answer.text
    Draft202012Validator(json.loads((files("regard.schemas") / f"{schema}.json").read_text("utf-8"))).validate(
        answer.json()
    )
    return answer.json()


def refused(client: TestClient, address: str, **body: Any) -> dict[str, Any]:
    answer = client.post(address, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    return document


def test_a_known_customer_a_visitor_and_a_stranger_are_answered(client: TestClient, shop: Workspace) -> None:
    who, items = buyer(shop), shop.log().items
    known = told(client, "/v1/recommendations", "recommendation", customer=who, n=5, explain=True)
    assert (known["customer"], known["fallback_level"], len(known["items"])) == (who, "counting", 5)
    assert [item["position"] for item in known["items"]] == [1, 2, 3, 4, 5] and known["items"][0]["reasons"]
    basket = told(client, "/v1/recommendations", "recommendation", anonymous="a-1", events=[items.id(0)], n=3)
    assert basket["fallback_level"] in ("similar", "history")
    assert items.id(0) not in [item["item"] for item in basket["items"]]
    nobody = told(client, "/v1/recommendations", "recommendation", customer="no/body?#\n", language="zh", n=2)
    assert nobody["fallback_level"] == "recent popularity" and "没有顾客" in nobody["notes"][0]
    shop.impressions.flush()
    noted = list(shop.impressions.read(**ALL))
    assert [(one.customer, one.anonymous) for one in noted] == [(who, None), (None, "a-1"), ("no/body?#\n", None)]
    assert [one.id for one in noted] == [one["recommendation_id"] for one in (known, basket, nobody)]


def test_what_the_question_says_is_obeyed(client: TestClient, shop: Workspace) -> None:
    first, second = [item["item"] for item in told(client, "/v1/recommendations", "recommendation", n=2)["items"]]
    prices = dict(zip(*(shop.store.items()[name].to_pylist() for name in ("item", "price")), strict=True))
    asked = {"n": 200, "context": {"item": first}, "without": [second], "filter": "price > 10"}
    found = [item["item"] for item in told(client, "/v1/recommendations", "recommendation", **asked)["items"]]
    assert found and not {first, second} & set(found) and all(prices[item] > 10 for item in found)
    lifted = told(
        client, "/v1/recommendations", "recommendation", n=1, boost=[{"when": f'item = "{second}"', "factor": 1000}]
    )
    assert lifted["items"][0]["item"] == second


def test_an_event_is_in_the_next_answer(client: TestClient, shop: Workspace) -> None:
    item = shop.log().items.id(0)
    before = told(client, "/v1/recommendations", "recommendation", customer="newcomer", n=3)
    event = {"customer": "newcomer", "behaviour": "view_item", "item": item, "event_id": "e1"}
    assert client.post("/v1/events", json=[event]).status_code == 202
    after = told(client, "/v1/recommendations", "recommendation", customer="newcomer", n=3)
    assert before["fallback_level"] == "recent popularity" and after["fallback_level"] != "recent popularity"


def test_every_question_has_its_schema(stand_in: None, client: TestClient, shop: Workspace) -> None:
    shop.train(steps=3)
    shop.refresh()
    who, item = buyer(shop), shop.log().items.id(0)
    assert told(client, "/v1/similar", "similar", items=[item], n=3)["answers"][0]["item"] == item
    intent = told(client, "/v1/intents", "intent", customers=[who, "nobody"], days=[7])["answers"]
    assert [one["fallback_level"] for one in intent] == ["model", "base rate"]
    assert told(client, "/v1/profile", "profile", customer=who)["customer"] == who
    assert told(client, "/v1/trending?n=3", "trending")["days"] == 7
    assert len(told(client, "/v1/new?n=3&days=300", "new")["items"]) == 3
    for_item = told(client, "/v1/audience", "audience", item=item, n=5)
    chances = [one["probability"] for one in for_item["customers"]]
    assert chances == sorted(chances, reverse=True) and for_item["model_version"] == "m1"
    rule = told(client, "/v1/audience", "audience", rule="orders >= 1", n=2)
    assert rule["size"] >= len(rule["customers"]) == 2


def test_members_of_a_segment_come_page_by_page(client: TestClient, shop: Workspace) -> None:
    found = told(client, "/v1/segments", "segments")
    cell = max(found["rfm"], key=lambda cell: cell["size"])
    seen, cursor = [], ""
    while True:
        page = told(client, f"/v1/segments/members?segment={cell['cell']}&limit=7&cursor={cursor}", "segment_members")
        seen += [one["customer"] for one in page["members"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == page["size"] == cell["size"]
    assert client.get("/v1/segments/members?segment=none").status_code == 422
    assert client.get(f"/v1/segments/members?segment={cell['cell']}&cursor=!").status_code == 422


def test_who_has_not_consented_gets_what_is_popular(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    events = {"customer": ["yes", "no"], "item": ["a", "b"], "behaviour": ["purchase"] * 2, "time": ["2026-03-01"] * 2}
    shop.ingest(pa.table(events), customers=pa.table({"customer": ["yes", "no"], "consent": ["yes", "no"]}))
    with TestClient(create(shop), base_url="http://localhost", client=("127.0.0.1", 5)) as client:
        answer = told(client, "/v1/recommendations", "recommendation", customer="no", n=1)
        assert (answer["fallback_level"], answer["items"][0]["item"]) == ("recent popularity", "a")
        refusal = client.post("/v1/profile", json={"customer": "no"})
        assert (refusal.status_code, refusal.json()["type"]) == (403, "urn:regard:problem:no-consent")
    assert [(one.customer, one.anonymous) for one in shop.impressions.read(**ALL)] == [
        (None, None)
    ]  # written on leaving


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"n": 201}, "/n"),
        ({"n": 0}, "/n"),
        ({"filters": "a"}, "/filters"),
        ({"customer": ""}, "/customer"),
        ({"customer": "a", "anonymous": "b"}, "both"),
        ({"filter": "x" * 5_000}, "/filter"),
        ({"filter": "colour = 1"}, "no column 'colour'"),
        ({"events": ["a"] * 1_001}, "/events"),
        ({"boost": [{"when": "price > 1", "factor": 0}]}, "/boost/0/factor"),
        ({"scenario": "home"}, "no scenario 'home'"),
        ({"events": [{"item": "a", "time": "soon"}]}, "soon"),
    ],
)
def test_a_wrong_question_is_told_where(client: TestClient, body: dict[str, Any], said: str) -> None:
    assert said in json.dumps(refused(client, "/v1/recommendations", **body), ensure_ascii=False)


def test_an_audience_is_of_one_thing(client: TestClient) -> None:
    for body in ({"n": 3}, {"item": "a", "rule": "orders > 1"}):
        assert "either" in refused(client, "/v1/audience", **body)["detail"]


def test_scopes(client: TestClient) -> None:
    caller = Caller(name="k", kind="key", scopes=granted("serve"))
    client.app.dependency_overrides[needs("serve")] = lambda: caller  # type: ignore[attr-defined]
    assert client.post("/v1/recommendations", json={"n": 1}).status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/recommendations", "/v1/similar", "/v1/audience", "/v1/scenarios", "/v1/segments/members"):
        for operation in paths[path].values():
            assert {"401", "403", "422"} <= set(operation["responses"])
