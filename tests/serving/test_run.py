"""Run: `regard serve` as a process of its own; it says where it listens, and stops when asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.cli.test_cli import check

from regard.serving.keys import Keys
from regard.serving.vault import Vault
from regard.workspace import Workspace


@contextmanager
def running(shop: Workspace, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server of its own process, killed in the end."""
    words = [sys.executable, "-m", "regard", "serve", str(shop.folder), "--port", "0", "--json", *flags]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=30)
        process.told = json.loads(line)  # type: ignore[attr-defined]
        check("serve", process.told)  # type: ignore[attr-defined]
        yield process.told["address"], process  # type: ignore[attr-defined]
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_it_serves_until_it_is_told_to_stop(empty: Workspace) -> None:
    with running(empty) as (address, process):
        assert httpx.get(f"{address}/healthz", timeout=10).json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_an_address_that_is_taken_is_said_in_one_line(empty: Workspace) -> None:
    with running(empty) as (address, _):
        words = [sys.executable, "-m", "regard", "serve", str(empty.folder), "--port", address.rpartition(":")[2]]
        again = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert again.returncode == 1 and "cannot listen" in again.stderr and "Traceback" not in again.stderr


def test_a_server_that_others_reach_makes_one_key_and_lets_nobody_else_in(empty: Workspace) -> None:
    with running(empty, "--host", "0.0.0.0", "--allow-host", "shop.example") as (address, process):
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{here}/v1/keys", timeout=20).status_code == 401
        assert httpx.get(f"{here}/healthz", headers={"host": "other.example"}, timeout=20).status_code == 421
        keys = Keys(Vault(empty.folder)).all()
        assert [(key.name, key.scopes) for key in keys] == [("first", ("admin",))]
        bearer = {"authorization": f"Bearer {process.told['key']}"}  # type: ignore[attr-defined]
        assert httpx.get(f"{here}/v1/keys", headers=bearer, timeout=20).status_code == 200
    with running(empty, "--host", "0.0.0.0") as (_, process):
        assert "key" not in process.told  # type: ignore[attr-defined]


def test_a_certificate_that_is_none_is_said_in_one_line(empty: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nonsense")
    for name in ("a.pem", "nothing.pem"):
        text = (empty.folder / "regard.toml").read_text().partition("[serve]")[0]
        path = str(tmp_path / name)
        said = f"{text}\n[serve]\nport = 0\ncertificate = '{path}'\ncertificate_key = '{path}'\n"
        (empty.folder / "regard.toml").write_text(said)
        words = [sys.executable, "-m", "regard", "serve", str(empty.folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "certificate" in done.stderr and "Traceback" not in done.stderr
