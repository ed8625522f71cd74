"""Run: `regard serve` as a process of its own; it says where it listens, and stops when asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

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
        yield json.loads(line)["address"], process
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
