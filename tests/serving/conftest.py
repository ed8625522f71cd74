"""A server of a small workspace, asked from this machine and from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving.app import create
from regard.serving.settings import Settings
from regard.workspace import Workspace

LOCAL = ("127.0.0.1", 50_000)
ELSEWHERE = ("203.0.113.7", 50_000)


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace without events."""
    return regard.init(tmp_path / "shop")


@pytest.fixture
def served(empty: Workspace) -> Iterator[Callable[..., TestClient]]:
    """Clients of a server of `empty`; the same settings give the same server."""
    running: list[tuple[dict[str, Any], TestClient]] = []

    def client(*, address: tuple[str, int] = LOCAL, host: str = "localhost", **settings: Any) -> TestClient:
        app = next((first.app for said, first in running if said == settings), None)
        asked = TestClient(app or create(empty, Settings(**settings)), base_url=f"http://{host}", client=address)
        if app is None:
            asked.__enter__()
            running.append((settings, asked))
        return asked

    yield client
    for _, first in running:
        first.__exit__(None, None, None)


@pytest.fixture
def client(served: Callable[..., TestClient]) -> TestClient:
    """Somebody at this machine, of a server that nobody has made a key for."""
    return served()
