"""regard admin: keys are made, listed and revoked on the machine where the workspace lies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.test_cli import call, refused, shown, told
from typer.testing import CliRunner

import regard
from regard.cli.app import app
from regard.serving.people import People
from regard.serving.vault import Vault


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


def test_people_are_let_in_and_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.serving.people._COST", 4)
    made = told("admin_person", "admin", "people", "add", folder, "Ann", "--role", "editor", "--generate")
    assert (made["name"], made["role"], len(made["password"]) > 20) == ("ann", "editor", True)
    typed = CliRunner().invoke(
        app, ["admin", "people", "add", str(folder), "bob", "--role", "viewer"], input="correct horse battery\n"
    )
    assert typed.exit_code == 0 and "correct" not in typed.output
    again = shown("admin", "people", "reset", folder, "bob", "--generate").split()[-1]
    with closing(Vault(folder)) as vault:
        assert People(vault).check("bob", "correct horse battery") is None
        assert People(vault).check("bob", again) is not None
    assert shown("admin", "people", "remove", folder, "ann").startswith("ann may log in no more")
    assert [one["name"] for one in told("admin_people", "admin", "people", "list", folder)["people"]] == ["bob"]
    entries = told("admin_audit", "admin", "audit", folder)["entries"]
    assert [one["what"] for one in entries] == ["person.remove", "person.reset", "person.add", "person.add"]
    assert "person.reset" in shown("admin", "audit", folder)


def test_a_short_password_is_refused(folder: Path) -> None:
    words = ["admin", "people", "add", str(folder), "bob", "--role", "viewer"]
    typed = CliRunner().invoke(app, words, input="short\n")
    assert typed.exit_code == 2 and "12 to 256" in typed.stderr


def test_a_log_that_was_changed_fails(folder: Path) -> None:
    shown("admin", "keys", "create", folder, "--name", "till", "--scope", "ingest")
    with closing(sqlite3.connect(folder / "server.sqlite")) as link, link:
        link.execute("UPDATE audit SET who = 'nobody'")
    assert "entry 1" in refused(1, "admin", "audit", folder)[0]
