"""docs/serve.md tells what the server does: its settings, scopes and problems, in both languages."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from regard.cli.app import app
from regard.serving.access import SCOPES, granted
from regard.serving.problems import TYPES
from regard.serving.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("serve.md", "serve.zh-CN.md")


def rows(page: str) -> list[list[str]]:
    lines = (DOCS / page).read_text("utf-8").splitlines()
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_has_its_default(page: str) -> None:
    told = {name: text for name, text, _ in rows(page) if name in {spec.name for spec in fields(Settings)}}
    shown = {spec.name: tomllib.loads(f"value = {told[spec.name]}")["value"] for spec in fields(Settings)}
    wanted = {spec.name: spec.default for spec in fields(Settings)}
    assert shown == {name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()}


@pytest.mark.parametrize("page", PAGES)
def test_every_problem_has_its_status(page: str) -> None:
    told = {name: int(status) for name, status, _ in rows(page) if status.isdecimal() and name in TYPES}
    assert told == {name: status for name, (status, _) in TYPES.items()}
    if page == "serve.md":
        titles = {name: title for name, status, title in rows(page) if status.isdecimal() and name in TYPES}
        assert titles == {name: title for name, (_, title) in TYPES.items()}


def test_every_scope_includes_what_it_says() -> None:
    told = {name: included for name, _, included in rows("serve.md") if name in SCOPES}
    assert list(told) == list(SCOPES)
    for name, included in told.items():
        parts = re.findall("[a-z-]+", included)
        assert granted(name) == (set(SCOPES) if parts == ["all"] else granted(name, *parts))


def test_both_languages_show_the_same() -> None:
    one, other = (re.findall(r"```[a-z]+\n.*?```", (DOCS / page).read_text("utf-8"), re.S) for page in PAGES)
    assert one == other


def test_every_command_exists() -> None:
    from typer.testing import CliRunner

    for command in re.findall(r"^regard ((?:admin \w+ \w+)|serve)", (DOCS / "serve.md").read_text("utf-8"), re.M):
        words = command.split()[:3] if not command.startswith("admin audit") else ["admin", "audit"]
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, command
