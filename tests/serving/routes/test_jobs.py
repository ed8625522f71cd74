"""Jobs over HTTP: asked for once, watched as they go, stopped, and their files fetched."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from regard.serving.jobs import Jobs, Settings

PATIENCE = 120.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that do not stand back, however busy the machine."""
    monkeypatch.setattr("regard.serving.app.Jobs", partial(Jobs, settings=Settings(nice=0)))


def ended(client: TestClient, name: str) -> dict[str, Any]:
    limit = time.monotonic() + PATIENCE
    while (job := client.get(f"/v1/jobs/{name}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < limit, job
        time.sleep(0.05)
    return dict(job)


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_job_is_asked_for_watched_and_listed(client: TestClient) -> None:
    sent = client.post("/v1/jobs", json={"kind": "seal"}, headers={"Idempotency-Key": "k1"})
    assert sent.status_code == 202 and sent.headers["location"] == f"/v1/jobs/{sent.json()['id']}"
    again = client.post("/v1/jobs", json={"kind": "seal"}, headers={"Idempotency-Key": "k1"})
    assert again.json()["id"] == sent.json()["id"]
    other = client.post("/v1/jobs", json={"kind": "pack"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422 and other.json()["type"].endswith("key-reused")
    with client.stream("GET", f"/v1/jobs/{sent.json()['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = events(stream.read().decode())
    assert told[-1][0] == "ended" and told[-1][1]["state"] == "done" and {name for name, _ in told[:-1]} <= {"progress"}
    assert ended(client, "j1")["result"] == {"events": 0}
    second = client.post("/v1/jobs", json={"kind": "pack"}).json()["id"]
    ended(client, second)
    page = client.get("/v1/jobs", params={"limit": 1}).json()
    assert [job["id"] for job in page["jobs"]] == [second]
    rest = client.get("/v1/jobs", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [job["id"] for job in rest["jobs"]] == ["j1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "format"}, 422), ({"kind": "seal", "arguments": {"x": 1}}, 422), ({"kind": "train", "arguments": []}, 422),
        ({"kind": "seal", "more": 1}, 422), ({}, 422),
    ],
)  # fmt: skip
def test_what_is_no_job_is_refused(client: TestClient, body: dict[str, Any], status: int) -> None:
    assert client.post("/v1/jobs", json=body).status_code == status
    assert client.get("/v1/jobs").json() == {"jobs": [], "next_cursor": None}


def test_a_job_that_is_not_there(client: TestClient) -> None:
    for path in (
        "/v1/jobs/j9",
        "/v1/jobs/j9/events",
        "/v1/jobs/j9/file",
        "/v1/jobs/x",
        "/v1/jobs/j99999999999999999999",
    ):
        assert client.get(path).status_code == 404, path
    assert client.post("/v1/jobs/j9/cancel").status_code == 404


def test_a_job_that_has_ended_cannot_be_stopped_and_one_without_a_file_gives_none(client: TestClient) -> None:
    client.post("/v1/jobs", json={"kind": "pack"})
    ended(client, "j1")
    assert client.post("/v1/jobs/j1/cancel").status_code == 409
    assert client.get("/v1/jobs/j1/file").status_code == 409


def test_a_file_that_a_job_wrote_is_fetched(client: TestClient) -> None:
    rows = [{"customer": f"C{n % 5}", "behaviour": "purchase", "item": f"i{n % 7}"} for n in range(40)]
    assert client.post("/v1/events", json=rows).status_code in (200, 202)
    client.post("/v1/jobs", json={"kind": "seal"})
    assert ended(client, "j1")["state"] == "done"
    client.post("/v1/jobs", json={"kind": "recommend_all", "arguments": {"n": 2}})
    job = ended(client, "j2")
    assert job["state"] == "done", job
    found = client.get("/v1/jobs/j2/file")
    assert (
        found.status_code == 200
        and found.content[:4] == b"PAR1"
        and "attachment" in found.headers["content-disposition"]
    )
