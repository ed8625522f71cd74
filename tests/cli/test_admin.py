"""regard admin: keys are made, listed and revoked on the machine where the workspace lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_cli import call, refused, shown, told

import regard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return regard.init(tmp_path / "shop").folder


def test_a_key_is_made_listed_and_revoked(folder: Path) -> None:
    words = ("--name", "site", "--scope", "ingest-public", "--origin", "https://shop.example")
    made = told("admin_key", "admin", "keys", "create", folder, *words)
    assert made["key"].startswith(made["prefix"] + "_") and made["origins"] == ["https://shop.example"]
    listed = told("admin_keys", "admin", "keys", "list", folder)["keys"]
    assert [key["prefix"] for key in listed] == [made["prefix"]] and listed[0]["revoked_at"] is None
    assert told("admin_revoked", "admin", "keys", "revoke", folder, made["prefix"])["revoked"] == made["prefix"]
    assert told("admin_keys", "admin", "keys", "list", folder)["keys"][0]["revoked_at"]


def test_people_see_its_text_once(folder: Path) -> None:
    printed = shown("admin", "keys", "create", folder, "--name", "till", "--scope", "ingest", "--scope", "serve")
    text = printed.split()[-1]
    listed = shown("admin", "keys", "list", folder)
    assert text.startswith("rgd_") and text[:12] in listed and text not in listed and "ingest, serve" in listed


def test_chinese_is_spoken(folder: Path) -> None:
    (folder / "regard.toml").write_text((folder / "regard.toml").read_text().replace('"en"', '"zh"'))
    assert "只有本机" in shown("admin", "keys", "list", folder)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("create", "--name", "x", "--scope", "root"), "ingest-public"),
        (("create", "--name", "x", "--scope", "ingest-public"), "--origin"),
    ],
)
def test_what_cannot_be_made_is_said(folder: Path, words: tuple[str, ...], hint: str) -> None:
    assert hint in refused(2, "admin", "keys", words[0], folder, *words[1:])[1]


def test_help_is_near(folder: Path) -> None:
    assert "keys" in shown("admin", "--help")
    assert call("admin", "keys", "create", folder).exit_code == 2
