"""What can befall a workspace folder: no cache, nothing may be written, no room, parts or a catalogue that were changed."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from regard.errors import WorkspaceError
from regard.events import catalog
from regard.events.store import Store
from regard.sequences.pack import read_log

NOBODY = 65534


def events(customer: str) -> pa.Table:
    return pa.table(
        {
            "customer": [customer] * 3,
            "behaviour": ["purchase"] * 3,
            "item": ["pen", "cup", "ink"],
            "time": pa.array([1_700_000_000_000_000 + 60_000_000 * n for n in range(3)], pa.timestamp("us", "UTC")),
        }
    )


def shop(folder: Path) -> Store:
    store = Store.create(folder / "shop")
    store.ingest(events("ann"))
    return store


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing below may be written; root, who may write anywhere, is somebody else meanwhile."""
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def no_room(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file can grow, and the disk says that nothing is free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    usage = shutil.disk_usage("/")
    with patch.context() as inner:
        inner.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may look into, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def change(path: Path) -> None:
    """Other bytes, as many as before."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def part(store: Store, ingest: int) -> Path:
    (found,) = [each for each in store.catalog.parts(store.version, "events") if each.ingest == ingest]
    return store.folder / found.path


def test_the_cache_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    store = shop(tmp_path)
    for read in (store.doctor, store.items, lambda: read_log(store)):
        shutil.rmtree(store.folder / "cache")
        read()
    shutil.rmtree(store.folder / "cache")
    assert store.ingest(events("bob")).accepted == 3


@pytest.mark.parametrize("packed", [True, False])
def test_a_read_only_workspace_is_read(place: Path, packed: bool) -> None:
    store = shop(place)
    if packed:
        read_log(store)
    with read_only(place):
        again = Store.open(store.folder)
        assert [entry.number for entry in again.history()] == [1]
        assert (again.doctor().events, again.items().num_rows, read_log(again).events) == (3, 3, 3)
        for write in (lambda: again.ingest(events("bob")), lambda: again.undo(1)):
            with pytest.raises(WorkspaceError, match="is read-only") as caught:
                write()
            assert caught.value.hint == "make it writable, or copy it and work on the copy"
    assert store.ingest(events("bob")).accepted == 3


def test_a_read_only_workspace_that_lacks_its_cache_is_read(place: Path) -> None:
    store = shop(place)
    shutil.rmtree(store.folder / "cache")
    with read_only(place):
        assert read_log(Store.open(store.folder)).events == 3
    assert not (store.folder / "cache").exists()


def test_a_read_only_catalogue_with_a_log_beside_it_is_never_called_damaged(place: Path) -> None:
    store = shop(place)
    link = sqlite3.connect(store.catalog.path)  # an open connection keeps the log
    link.execute("CREATE TABLE notes (text TEXT)")
    link.commit()
    copy = place / "copy"
    shutil.copytree(store.folder, copy)
    (copy / "catalog.sqlite-shm").unlink()
    link.close()
    with read_only(place), pytest.raises(WorkspaceError, match="copy is read-only"):
        Store.open(copy)
    assert Store.open(copy).version == 1


def test_a_full_disk_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shop(tmp_path)
    for act in (store.history, store.doctor, lambda: Store.create(tmp_path / "other")):
        with no_room(monkeypatch), pytest.raises(WorkspaceError, match="the disk is full") as caught:
            act()
        assert caught.value.hint == "free some space and run the same command again"
    assert store.doctor().events == 3
    assert Store.create(tmp_path / "other").version == 0


def test_a_part_that_was_changed_is_found_before_anything_is_built_on_it(tmp_path: Path) -> None:
    store = shop(tmp_path)
    store.ingest(events("bob"))
    store.ingest(events("cid"))
    changed = part(store, 2)
    change(changed)
    for act in (store.doctor, lambda: store.ingest(events("dan")), lambda: store.undo(3)):
        with pytest.raises(WorkspaceError, match=f"{changed.name} is damaged: its content has changed") as caught:
            act()
        assert f"regard undo {store.folder} 2" in caught.value.hint
        assert store.version == 3
    store.undo(2)
    assert store.doctor().events == 6
    assert store.ingest(events("bob")).accepted == 3


def test_a_workspace_made_before_digests_were_kept_goes_on(tmp_path: Path) -> None:
    store = shop(tmp_path)
    with sqlite3.connect(store.catalog.path) as link:
        link.execute("DROP TABLE digests")
    link.close()
    assert store.doctor().events == 3
    store.ingest(events("bob"))
    assert [len(each.digest) for each in store.catalog.parts(store.version, "events")] == [0, 64]
    assert store.doctor().events == 6


def test_an_empty_catalogue_is_damaged_and_not_of_another_layout(tmp_path: Path) -> None:
    store = shop(tmp_path)
    store.catalog.path.write_bytes(b"")
    with pytest.raises(WorkspaceError, match="is damaged: it is empty") as caught:
        Store.open(store.folder)
    assert "restore it from a backup" in caught.value.hint
    with sqlite3.connect(store.catalog.path) as link:
        link.execute(f"PRAGMA user_version={catalog.SHARED + 1}")
    link.close()
    with pytest.raises(WorkspaceError, match="this Regard knows") as caught:
        Store.open(store.folder)
    assert caught.value.hint == "upgrade regard"


def test_a_missing_catalogue_is_said_by_every_command_alike(tmp_path: Path) -> None:
    store = shop(tmp_path)
    store.catalog.path.unlink()
    said = set()
    for act in (store.history, lambda: store.ingest(events("bob")), lambda: Store.create(store.folder)):
        with pytest.raises(WorkspaceError, match=r"catalog\.sqlite is missing") as caught:
            act()
        said.add(str(caught.value))
    assert len(said) == 1 and "restore it from a backup, or make a workspace in another folder" in said.pop()
    assert part_count(store.folder) == 1


def part_count(folder: Path) -> int:
    return len(list((folder / "events").glob("*.parquet")))
