"""Whatever is sent, the server answers with no 500, and its answers tell nothing of the machine that it runs on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import regard
from regard.serving.app import create
from regard.serving.settings import Settings

pytestmark = pytest.mark.slow

OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = st.sampled_from([
    "customer", "behaviour", "item", "event_id", "time", "price", "quantity", "events", "sent_at", "kind", "anonymous", "traits",
    "batch", "type", "userId", "anonymousId", "messageId", "properties", "context", "timestamp", "data", "specversion", "id",
    "client_id", "params", "items", "products", "name", "value", "currency", "consent",
])  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
    | st.sampled_from(["purchase", "view_item", "2026-01-01T00:00:00Z", "9" * 400, "\u0000", "\ud800", "C1", "'; DROP TABLE tail;--"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6), max_leaves=15
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {}, optional={"customer": SCALARS, "behaviour": SCALARS, "item": SCALARS, "time": SCALARS, "event_id": SCALARS, "price": VALUES}
)  # fmt: skip

TOKENS = st.sampled_from([
    "price", "category", "item", "brand", "(", ")", "and", "or", "not", "in", "is", "null", "like", "between", "=", "!=", "<", ">=",
    '"lights"', "'", '"', "20", "-1", "1e999", "2026-01-01", "true", ",", "[", "]", "%", "\\", "--", ";", "/*", "$1", "?", "é", "价格",
])  # fmt: skip
FILTERS = st.lists(TOKENS, max_size=25).map(" ".join) | st.text(max_size=60)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with tempfile.TemporaryDirectory(prefix="regard-secret-place-") as name:
        shop = regard.init(Path(name) / "shop")
        frame = pd.DataFrame({"customer": [f"c{n % 9}" for n in range(60)], "item": [f"i{n % 7}" for n in range(60)]})
        frame["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(60), unit="h")
        items = pd.DataFrame(
            {"item": [f"i{n}" for n in range(7)], "price": range(7), "category": ["lights", *"bcdefg"]}
        )
        shop.ingest(frame.assign(behaviour="purchase"), items=items)
        app = create(shop, Settings(address_rate=1e6))
        with TestClient(
            app, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False
        ) as made:
            yield made


def harmless(client: TestClient, path: str, body: bytes, kind: str = "application/json") -> None:
    """One request, and an answer as it should be."""
    found = client.post(path, content=body, headers={"Content-Type": kind})
    assert found.status_code < 500, (path, body, found.text)
    assert "regard-secret-place" not in found.text and "Traceback" not in found.text and ".py" not in found.text
    if found.status_code >= 400:
        assert found.headers["content-type"] == "application/problem+json"
        assert found.json()["type"].startswith("urn:regard:problem:")


@OFTEN
@given(st.sampled_from(["/v1/events", "/v1/events?shape=ga4"]), VALUES | st.lists(EVENTS, max_size=5))
@example("/v1/events", [{"customer": "a", "behaviour": "b", "price": 10**400}])
@example("/v1/events", {"events": [{}], "sent_at": 1e300})
def test_events_of_any_shape(client: TestClient, path: str, document: object) -> None:
    harmless(client, path, json.dumps(document).encode())


@OFTEN
@given(st.sampled_from(["batch", "track", "identify", "alias", "page", "screen", "group"]), VALUES)
def test_segments_calls_of_any_shape(client: TestClient, call: str, document: object) -> None:
    harmless(client, f"/v1/{call}", json.dumps(document).encode())


@OFTEN
@given(
    st.sampled_from([
        "application/json", "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain",
        "application/xml", "",
    ]),
    st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
@example("application/json", b"[" * 100_000)
@example("application/json", b'{"a": 1' + b"0" * 5_000 + b"}")
def test_bodies_of_any_bytes(client: TestClient, kind: str, body: bytes) -> None:
    harmless(client, "/v1/events", body, kind)


@OFTEN
@given(FILTERS)
@example("price < 1 " + "or price < 1 " * 2_000)
@example("(" * 5_000)
def test_filters_of_any_text(client: TestClient, text: str) -> None:
    harmless(client, "/v1/recommendations", json.dumps({"customer": "c1", "n": 3, "filter": text}).encode())


@OFTEN
@given(
    st.dictionaries(
        st.sampled_from(
            ["customer", "n", "filter", "exclude", "events", "scenario", "boost", "context", "explain", "x"]
        ),
        VALUES,
    )
)
def test_questions_of_any_shape(client: TestClient, document: dict[str, object]) -> None:
    for path in ("recommendations", "similar", "intents", "profile", "audience"):
        harmless(client, f"/v1/{path}", json.dumps(document).encode())


def test_whatever_was_sent_can_still_be_sealed_and_read(client: TestClient) -> None:
    from regard.events.live.seal import seal

    shop = client.app.state.server.shop  # type: ignore[attr-defined]
    client.post("/v1/events", json=[{"customer": "last", "behaviour": "purchase", "item": "i1"}])
    assert seal(shop.store) is not None and "last" in regard.open(shop.folder).log().customers
