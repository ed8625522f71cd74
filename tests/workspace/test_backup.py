"""Backups: what is restored is what was there at one moment, whatever went on meanwhile; a damaged one is found."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import regard
from regard.errors import ConfigError, UsageError, WorkspaceError
from regard.events.live.seal import seal
from regard.events.store import Store
from regard.workspace.backup import backup, restore, verify
from regard.workspace.upgrade import upgrade


def rows(count: int, start: int = 0) -> list[object]:
    return [
        {"customer": f"C{n % 7}", "behaviour": "purchase", "item": f"i{n % 11}", "event_id": f"e{n}"}
        for n in range(start, start + count)
    ]


def test_a_restored_workspace_answers_as_the_one_that_was_backed_up(
    shop_folder: Path, stand_in: None, tmp_path: Path
) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    shop.promote("m1")
    archive = backup(shop.store, tmp_path / "monday")
    assert verify(tmp_path / "monday") == archive and archive.version == shop.store.version
    restore(tmp_path / "monday", tmp_path / "again")
    again, who = regard.open(tmp_path / "again"), shop.log().customers.id(0)
    assert again.recommend(who).items == shop.recommend(who).items and again.recommend(who).model_version == "m1"
    assert [entry.report for entry in again.history()] == [entry.report for entry in shop.history()]
    again.undo(1)
    assert shop.log().events > 0 and again.log().events == 0


@pytest.mark.parametrize("link", [False, True])
def test_it_is_made_while_events_come_in_and_are_sealed(tmp_path: Path, link: bool) -> None:
    shop, stop, told = regard.init(tmp_path / "shop"), threading.Event(), list[int]()
    with shop.live() as live:
        live.submit(rows(50)).result()
        seal(shop.store)

        def go_on() -> None:
            start = 50
            while not stop.is_set():
                live.submit(rows(10, start)).result()
                start += 10
                told.append(start)
                if start % 50 == 0:
                    seal(shop.store)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for number in range(3):
                before = told[-1] if told else 50
                backup(shop.store, tmp_path / f"b{number}", link=link)
                after = (told[-1] if told else 50) + 10
                restore(tmp_path / f"b{number}", tmp_path / f"r{number}")
                held = regard.open(tmp_path / f"r{number}")
                with closing(sqlite3.connect(tmp_path / f"r{number}" / "catalog.sqlite")) as catalog:
                    sealed = catalog.execute("SELECT coalesce(max(seq), 0) FROM sealed").fetchone()[0]
                    tail = catalog.execute("SELECT count(*) FROM tail WHERE seq > ?", (sealed,)).fetchone()[0]
                parts = sum(part.rows for part in held.store.catalog.parts(held.store.version, "events"))
                assert before <= parts + tail <= after
        finally:
            stop.set()
            thread.join()


def test_it_overwrites_nothing(shop_folder: Path, tmp_path: Path) -> None:
    store = Store.open(shop_folder)
    backup(store, tmp_path / "b")
    for wrong in (tmp_path / "b", shop_folder / "b"):
        with pytest.raises(UsageError):
            backup(store, wrong)
    with pytest.raises(UsageError, match="is there already"):
        restore(tmp_path / "b", shop_folder)


@pytest.mark.parametrize("damage", ["flip", "cut", "lose", "add", "manifest", "newer", "outside"])
def test_a_damaged_backup_is_not_restored(shop_folder: Path, tmp_path: Path, damage: str) -> None:
    archive = tmp_path / "b"
    backup(Store.open(shop_folder), archive)
    part = next((archive / "events").glob("*.parquet"))
    manifest = json.loads((archive / "backup.json").read_text())
    if damage == "flip":
        raw = bytearray(part.read_bytes())
        raw[len(raw) // 2] ^= 1
        part.write_bytes(raw)
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:-1])
    elif damage == "lose":
        part.unlink()
    elif damage == "add":
        (archive / "events" / "more.parquet").write_bytes(b"")
    elif damage == "manifest":
        (archive / "backup.json").unlink()
    elif damage == "newer":
        (archive / "backup.json").write_text(json.dumps({**manifest, "format": 99}))
    else:
        files = {**manifest["files"], "../outside": {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}}
        (archive / "backup.json").write_text(json.dumps({**manifest, "files": files}))
    for act in (verify, lambda place: restore(place, tmp_path / "again")):
        with pytest.raises(WorkspaceError):
            act(archive)
    assert not (tmp_path / "again").exists() and not list(tmp_path.glob(".again*"))


def test_a_part_that_rots_is_found_when_it_is_backed_up(shop_folder: Path, tmp_path: Path) -> None:
    part = next((shop_folder / "events").glob("*.parquet"))
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)
    with pytest.raises(WorkspaceError, match="damaged"):
        backup(Store.open(shop_folder), tmp_path / "b")
    assert not list(tmp_path.glob("*b*"))


@pytest.mark.slow
def test_a_killed_backup_is_none_and_the_next_one_is_whole(shop_folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from regard.events.store import Store; from regard.workspace.backup import *\n"
        "backup(Store.open(sys.argv[1]), Path(sys.argv[2]))"
    )
    for pause in (0.0, 0.01, 0.03):
        process = subprocess.Popen([sys.executable, "-c", script, str(shop_folder), str(tmp_path / "b")])
        while not (tmp_path / ".b.part").exists():
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "b").exists():
            verify(tmp_path / "b")
            break
        with pytest.raises(WorkspaceError, match="no backup"):
            verify(tmp_path / ".b.part")
    else:
        backup(Store.open(shop_folder), tmp_path / "b")
        verify(tmp_path / "b")
    assert regard.open(shop_folder).log().events > 0


def first_release(folder: Path) -> None:
    """The workspace as a Regard wrote it that kept no digests and knew nothing of live events, models or jobs."""
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as link:
        for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in ("versions", "ingests", "parts", "bots", "facts") and not name.startswith("sqlite_"):
                link.execute(f'DROP TABLE "{name}"')
        link.commit()
    path = folder / "regard.toml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith(("[live", "[serve", "[upkeep"))) + "\n")


def test_a_workspace_of_the_first_release_is_upgraded_with_a_backup(shop_folder: Path, tmp_path: Path) -> None:
    before = regard.open(shop_folder).log()
    first_release(shop_folder)
    found = upgrade(shop_folder, to=tmp_path / "before")
    assert found.done == ("digests of parts",) and found.backup is not None
    assert verify(tmp_path / "before") == found.backup
    shop = regard.open(shop_folder)
    after = shop.log()
    assert after.events == before.events and (after.item == before.item).all() and (after.time == before.time).all()
    assert all(part.digest for part in shop.store.catalog.parts(shop.store.version, "events", "rejected", "items"))
    assert upgrade(shop_folder).done == () and shop.doctor().events == before.events
    with shop.live() as live:
        assert live.submit(rows(1)).result()[0].status == "accepted"


def test_what_a_newer_regard_wrote_is_refused(shop_folder: Path) -> None:
    with closing(sqlite3.connect(shop_folder / "catalog.sqlite")) as link:
        link.execute("PRAGMA user_version=3")
    with pytest.raises(WorkspaceError, match="layout 3"):
        upgrade(shop_folder)
    with closing(sqlite3.connect(shop_folder / "catalog.sqlite")) as link:
        link.execute("PRAGMA user_version=1")
    path = shop_folder / "regard.toml"
    path.write_text(path.read_text().replace("schema_version = 1", "schema_version = 2"))
    with pytest.raises(ConfigError, match="newer Regard"):
        upgrade(shop_folder)


def test_an_upgrade_builds_on_nothing_that_is_damaged(shop_folder: Path, tmp_path: Path) -> None:
    first_release(shop_folder)
    part = next((shop_folder / "events").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(WorkspaceError):
        upgrade(shop_folder, to=tmp_path / "before")
    assert not (tmp_path / "before").exists()
