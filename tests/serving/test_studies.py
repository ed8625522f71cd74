from __future__ import annotations

import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving.app import create
from regard.serving.settings import Settings


def test_a_long_study_keeps_no_answer_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = regard.init(tmp_path / "shop")
    going, done = threading.Semaphore(0), threading.Event()

    def slowly(*args: object, **kw: object) -> None:
        going.release()
        done.wait(30)

    monkeypatch.setattr(shop, "trending", slowly)
    app = create(shop, Settings(answer_seconds=0.3, threads=1))
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1)) as client:
        late = client.get("/v1/trending")
        assert late.status_code == 504 and late.headers["Retry-After"] and "goes on" in late.json()["hint"]
        assert going.acquire(timeout=5)
        for _ in range(3):  # the study still runs
            assert client.post("/v1/recommendations", json={"n": 1}).status_code == 200
        done.set()
