"""The script for a shop's page: small, cached, loadable from anywhere, and what its source builds to."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from regard.serving.snippet import script

SOURCE = Path(__file__).parents[3] / "web" / "snippet"


def test_it_is_small() -> None:
    assert len(script().packed) < 4_000


def test_it_runs_under_a_strict_policy() -> None:
    text = script().body.decode()
    assert not re.search(r"\beval\(|new Function|\.innerHTML|document\.write|document\.cookie|setTimeout\(\"", text)


def test_it_is_served_to_everybody_and_kept(client: TestClient) -> None:
    plain = client.get("/regard.js", headers={"Accept-Encoding": "identity"})
    assert (plain.content, plain.headers["content-type"]) == (script().body, "text/javascript; charset=utf-8")
    assert "content-encoding" not in plain.headers
    packed = client.get("/regard.js", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", script().body)
    assert packed.headers["access-control-allow-origin"] == "*"
    again = client.get("/regard.js", headers={"If-None-Match": f"W/{packed.headers['etag']}"})
    assert (again.status_code, again.content) == (304, b"")
    named = client.get(f"/{script().name}")
    assert named.content == script().body
    assert "immutable" in named.headers["cache-control"]
    assert client.get("/regard-0123456789abcdef.js").status_code == 404


def test_its_integrity_is_its_texts() -> None:
    assert script().integrity == "sha384-" + base64.b64encode(hashlib.sha384(script().body).digest()).decode()


def test_the_lock_names_no_address() -> None:
    assert not re.search(r'"resolved"|https?:', (SOURCE / "package-lock.json").read_text("utf-8"))


@pytest.mark.slow
def test_its_source_is_sound_and_builds_to_it(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the script cannot be built here")
    work = tmp_path / "snippet"
    shutil.copytree(SOURCE, work, ignore=shutil.ignore_patterns("node_modules", "build"))

    def run(*words: str) -> None:
        done = subprocess.run([npm, *words], cwd=work, capture_output=True, text=True, timeout=300, env=os.environ)
        assert done.returncode == 0, done.stdout + done.stderr

    run("ci", "--prefer-offline")
    run("run", "check")
    run("test")
    run("run", "build", "--", f"--outfile={tmp_path / 'regard.js'}")
    assert (tmp_path / "regard.js").read_bytes() == script().body, "make snippet builds it anew"
