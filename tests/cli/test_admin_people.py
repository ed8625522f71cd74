"""regard admin erase, export, separate: what is kept of one person is shown, taken out and said by number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_cli import refused, shown, told

import regard
from regard.cli.admin import opened
from regard.events.live import Writer
from regard.serving.audit import Audit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shop = regard.init(tmp_path / "shop")
    records = [
        *({"customer": who, "behaviour": "purchase", "item": "pen", "time": 1_700_000_000} for who in ("安", "a-1", "bob")),
        {"kind": "identify", "customer": "安", "anonymous": "a-1", "traits": {"city": "Ulm", "consent": True}},
        {"customer": "安"},
    ]  # fmt: skip
    with Writer(shop.store) as writer:
        writer.submit(records).result(30)
    return shop.folder


def test_without_yes_it_is_only_shown(folder: Path) -> None:
    found = told("admin_erase", "admin", "erase", folder, "安")
    assert (found["erased"], found["places"]) == (
        False, {"tail": 2, "refused": 1, "traits": 1, "consents": 1, "aliases": 1}
    )  # fmt: skip
    assert "add --yes" in shown("admin", "erase", folder, "安")
    assert told("admin_export", "admin", "export", folder, "安")["places"]["tail"]
    assert "nothing is kept" in shown("admin", "erase", folder, "nobody")


def test_erased_and_proved(folder: Path) -> None:
    found = told("admin_erase", "admin", "erase", folder, "安", "--yes")
    assert found["erased"] and found["done"] and found["places"]["tail"] == 2
    assert told("admin_export", "admin", "export", folder, "安")["places"] == {}
    with opened(str(folder)) as (_, vault):
        (entry,) = Audit(vault).newest(10)
    assert (entry.what, entry.about, entry.detail) == ("customer.erase", "1", {})
    assert "proof 2" in shown("admin", "erase", folder, "bob", "--yes")


def test_every_place_has_its_words(folder: Path) -> None:
    from regard.cli.admin_people import _places
    from regard.cli.screen import Screen
    from regard.cli.words import Words
    from regard.events.inventory import PARTS, TABLES

    places = [parts.kind for parts in PARTS if parts.by != "nobody"] + [one.name for one in TABLES if one.personal]
    for language in ("en", "zh"):
        _places(Screen().out, dict.fromkeys([*places, "segments", "cache", "reports"], 1), Words(language))


def test_an_export_as_a_file_and_in_chinese(folder: Path, tmp_path: Path) -> None:
    (folder / "regard.toml").write_text((folder / "regard.toml").read_text().replace('"en"', '"zh"'))
    path = tmp_path / "out.json"
    assert "已写入" in shown("admin", "export", folder, "安", "--out", path)
    assert [one["id"] for one in json.loads(path.read_text())["ids"]] == ["安", "a-1"]
    assert "new file" in refused(2, "admin", "export", folder, "安", "--out", path)[1]
    assert "实时事件" in shown("admin", "erase", folder, "安")


def test_an_identification_is_taken_back(folder: Path) -> None:
    assert told("admin_separate", "admin", "separate", folder, "a-1", "安")["separated"] == "a-1"
    assert [one["id"] for one in told("admin_export", "admin", "export", folder, "安")["ids"]] == ["安"]
    assert "joined" in refused(2, "admin", "separate", folder, "a-1", "安")[1]
