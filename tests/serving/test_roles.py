"""Every route and every role: who lacks the scope that an operation says it needs is refused, whatever the request looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving.access import SCOPES, granted
from regard.serving.app import create
from regard.serving.event_docs import SCOPE
from regard.serving.keys import Keys
from regard.serving.settings import Settings
from regard.serving.vault import Vault

ORIGIN = "https://shop.example"
OPEN = {"/healthz", "/readyz", "/regard.js", "/openapi.json"}
"""What everybody may ask for."""
HERE = {"/metrics"}
"""What this machine may ask for without a key: what collects measures runs beside the server."""


@dataclass
class Asked:
    """A server with a key of every scope. operations: (method, path, scope)."""

    client: Callable[[str], TestClient]
    keys: dict[str, str]
    operations: list[tuple[str, str, str | None]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder: Path = tmp_path_factory.mktemp("roles") / "shop"
    app = create(regard.init(folder), Settings(address_rate=1e6))
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1)):
        vault = Vault(folder)
        made = Keys(vault)
        origins = {"ingest-public": [ORIGIN]}
        keys = {scope: made.create(scope, [scope], origins.get(scope, ()), by="test")[1] for scope in SCOPES}
        operations = [
            (method.upper(), path, told.get(SCOPE))
            for path, methods in app.openapi()["paths"].items() for method, told in methods.items()
        ]  # fmt: skip
        yield Asked(lambda address: TestClient(app, base_url="http://localhost", client=(address, 1)), keys, operations)
        vault.close()


def ask(client: TestClient, method: str, path: str, **headers: str) -> Any:
    return client.request(method, re.sub(r"\{[^}]+\}", "1", path), headers=headers)


def test_every_operation_says_who_may_ask_it(asked: Asked) -> None:
    assert {path for _, path, scope in asked.operations if scope is None} <= OPEN
    assert len(asked.operations) > 10 and {scope for _, _, scope in asked.operations} <= {None, *SCOPES}


@pytest.mark.parametrize("address", ["127.0.0.1", "203.0.113.7"])
def test_without_a_key_nobody_is_let_in_once_there_is_one(asked: Asked, address: str) -> None:
    client = asked.client(address)
    for method, path, scope in asked.operations:
        if scope is not None and not (path in HERE and address == "127.0.0.1"):
            found = ask(client, method, path)
            assert (found.status_code, found.json()["type"]) == (401, "urn:regard:problem:no-key"), (method, path)


@pytest.mark.parametrize("role", SCOPES)
def test_a_key_does_what_its_scope_allows_and_nothing_more(asked: Asked, role: str) -> None:
    client = asked.client("203.0.113.7")
    page = {"Origin": ORIGIN} if role == "ingest-public" else {}
    for method, path, scope in asked.operations:
        found = ask(client, method, path, Authorization=f"Bearer {asked.keys[role]}", **page)
        allowed = scope is None or scope in granted(role)
        assert (found.status_code in (401, 403)) != allowed, (method, path, scope, found.text)
        assert found.status_code < 500 or found.status_code == 503, (method, path, found.text)


def test_a_wrong_key_is_let_in_nowhere(asked: Asked) -> None:
    client = asked.client("127.0.0.1")
    for method, path, _ in asked.operations:
        assert ask(client, method, path, Authorization="Bearer rgd_00000000_wrong").status_code == 401, path
