"""What docs/live.md shows to be copied does what it says, in both languages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.test_run import running

from regard.serving.keys import Keys
from regard.serving.vault import Vault
from regard.workspace import Workspace

DOCS = Path(__file__).parents[2] / "docs"
LOCAL = "http://localhost:8700"
TOOLS = {"sh": "curl", "python": sys.executable, "js": "node"}


def blocks(page: str) -> list[tuple[str, str]]:
    return re.findall(r"```([a-z]+)\n(.*?)```", (DOCS / page).read_text("utf-8"), re.S)


@pytest.fixture
def server(empty: Workspace) -> Iterator[dict[str, str]]:
    """The environment of a program that has a key of a running server, and that server's address."""
    vault = Vault(empty.folder)
    _, key = Keys(vault).create("docs", ["admin"], by="test")
    vault.close()
    with running(empty) as (address, _):
        yield {**os.environ, "KEY": key, "ADDRESS": address}


def test_both_languages_show_the_same() -> None:
    assert blocks("live.md") == blocks("live.zh-CN.md")


def runs(kind: str, code: str) -> bool:
    """Whether a block is a whole program: Segment's libraries and a page's scripts are not at hand here."""
    return kind in ("sh", "python") or (kind == "js" and "import" not in code and "regard.push" not in code)


@pytest.mark.slow
def test_what_is_shown_works(server: dict[str, str]) -> None:
    ran = 0
    for kind, code in blocks("live.md"):
        if not runs(kind, code) or (kind != "python" and shutil.which(TOOLS[kind]) is None):
            continue
        text = code.replace(LOCAL, server["ADDRESS"])
        words = {
            "sh": ["sh", "-c", text.replace("curl -sS", "curl -sS -w '\\n%{http_code}'")],
            "python": [sys.executable, "-c", text],
            "js": ["node", "--input-type=module", "-e", text],
        }[kind]
        done = subprocess.run(words, env=server, capture_output=True, text=True, timeout=60)
        status = done.stdout.strip().splitlines()[-1:]
        assert status in (["202"], ["200"]), (code, done.stdout, done.stderr)
        ran += 1
    assert ran, "nothing of it could be run"
