"""regard admin models, backup, verify, restore, upgrade, replay."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_cli import refused, shown, told

import regard


def test_models_are_listed_promoted_and_taken_back(shop_folder: Path, stand_in: None) -> None:
    assert "regard train" in shown("admin", "models", "list", shop_folder)
    shop = regard.open(shop_folder)
    for _ in range(2):
        shop.train()
    assert "m2, the newest, answers" in shown("admin", "models", "list", shop_folder)
    assert told("admin_model", "admin", "models", "promote", shop_folder, "m1", "--why", "steadier")["answers"]
    listed = told("admin_models", "admin", "models", "list", shop_folder)["models"]
    assert [(one["id"], one["state"], one["why"]) for one in listed] == [
        ("m2", "previous", ""),
        ("m1", "serving", "steadier"),
    ]
    assert "m2 is in service again" in shown("admin", "models", "rollback", shop_folder)
    assert "no previous model" in refused(1, "admin", "models", "rollback", shop_folder)[0]


def test_a_backup_is_made_checked_and_restored(shop_folder: Path, tmp_path: Path) -> None:
    made = told("admin_backup", "admin", "backup", shop_folder, tmp_path / "b")
    assert made["files"] > 3 and told("admin_backup", "admin", "verify", tmp_path / "b") == made
    assert "restored" in shown("admin", "restore", tmp_path / "b", tmp_path / "again")
    assert regard.open(tmp_path / "again").log().events == regard.open(shop_folder).log().events
    assert "is there already" in refused(2, "admin", "restore", tmp_path / "b", tmp_path / "again")[0]
    assert "is up to date" in shown("admin", "upgrade", tmp_path / "again")
    assert told("admin_upgrade", "admin", "upgrade", tmp_path / "again")["done"] == []


def test_refused_records_are_sent_again(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    with shop.live() as live:
        live.submit([{"behaviour": "purchase", "item": "pen"}]).result()
    found = told("admin_replay", "admin", "replay", shop.folder)
    assert found["sent"] == 0 and sum(found["refused"].values()) == 1
