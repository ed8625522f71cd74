"""What the server says of itself holds: every operation of its OpenAPI document answers as described, and never with a 500."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

import regard
from regard.serving.app import create
from regard.serving.keys import Keys
from regard.serving.settings import Settings
from regard.serving.vault import Vault

pytestmark = pytest.mark.slow

HOST = "testserver"
FOLDER = tempfile.TemporaryDirectory()
"""Made when the tests are collected: which operations there are is asked of the server itself."""

APP = create(
    regard.init(Path(FOLDER.name) / "shop"),
    Settings(allowed_hosts=(HOST,), key_rate=1e6, address_rate=1e6),
)
SCHEMA = schemathesis.openapi.from_dict(APP.openapi())
SCHEMA.app = APP


def no_crash(ctx: object, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """A server that is busy or has no model says 503 and why; a 500 is always a fault."""
    assert response.status_code not in (500, 502), response.text


CHECKS = [
    no_crash, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


@pytest.fixture(scope="module")
def key() -> Iterator[str]:
    """Of an administrator, while the server runs."""
    with TestClient(APP, base_url=f"http://{HOST}"):
        vault = Vault(Path(FOLDER.name) / "shop")
        try:
            yield Keys(vault).create("schemathesis", ["admin"], by="test")[1]
        finally:
            vault.close()


@SCHEMA.parametrize()
@settings(
    max_examples=10, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_operation_answers_as_it_is_described(case: schemathesis.Case, key: str) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {key}"})
