"""Kill, full disk, no memory: the store is as before or as after, and the next ingest cleans up."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.errors import WorkspaceError
from regard.events import engine
from regard.events.catalog import Catalog
from regard.events.store import Store
from regard.sequences.pack import read_log

INGEST = """
import sys
from regard.events.store import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
store.ingest(sys.argv[2])
"""
STOP = """
import os, signal, sys
from regard.events import engine, catalog
from regard.events.store import Store
def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
places = {"rename": (engine, "make_durable"), "commit": (catalog.Catalog, "commit"), "inside": (catalog, "_apply")}
setattr(*places[sys.argv[3]], die)
Store.open(sys.argv[1]).ingest(sys.argv[2])
"""


def events(rows: int, seed: int = 0) -> pa.Table:
    chance = np.random.default_rng(seed)
    time_of = 1_700_000_000_000_000 + 1_000_000 * chance.integers(0, 10_000_000, rows)
    return pa.table(
        {
            "customer": [f"c{n}" for n in chance.integers(0, rows // 20 + 1, rows)],
            "item": [f"i{n}" for n in chance.integers(0, 500, rows)],
            "behaviour": chance.choice(["purchase", "view_item"], rows).tolist(),
            "time": pa.array(time_of, pa.timestamp("us", "UTC")),
            "order": [f"{seed}-{n}" for n in range(rows)],
        }
    )


def shop(folder: Path, rows: int) -> tuple[Store, Path]:
    """A store with one ingest, and a file for the next."""
    store = Store.create(folder / "shop")
    store.ingest(events(1_000))
    file = folder / "next.parquet"
    pq.write_table(events(rows, seed=1), file)
    return store, file


def run(code: str, *arguments: object, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, preexec_fn=before,
    )  # fmt: skip


def check_whole(store: Store, before: int, after: int) -> int:
    """The state is one of the two, readable, and the next ingest leaves no file that the manifest does not know."""
    count = read_log(store).events
    assert count in (before, after)
    store.ingest(events(10, seed=2))
    known = store.catalog.paths()
    assert {str(path.relative_to(store.folder)) for path in store.folder.rglob("*.parquet*")} == known
    store.undo(store.history()[-1].number)
    assert read_log(store).events == count
    return count


@pytest.mark.parametrize("moment", ["rename", "commit", "inside"])
def test_killed_at_a_critical_moment_leaves_the_old_state(tmp_path: Path, moment: str) -> None:
    store, file = shop(tmp_path, 2_000)
    child = run(STOP, store.folder, file, moment)
    assert child.wait(60) == -signal.SIGKILL
    assert check_whole(store, 1_000, 1_000) == 1_000
    assert store.ingest(file).accepted == 2_000


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    store, file = shop(tmp_path, 300_000)
    began = time.monotonic()
    whole = run(INGEST, store.folder, file)
    whole.wait()
    span = time.monotonic() - began
    number = store.history()[-1].number
    assert number == 2
    store.undo(2)
    chance = np.random.default_rng(0)
    seen = set()
    for _ in range(25):
        child = run(INGEST, store.folder, file)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(float(chance.uniform(0, span)))
        child.kill()
        child.wait()
        count = check_whole(store, 1_000, 301_000)
        seen.add(count)
        if count > 1_000:
            store.undo(next(entry.number for entry in store.history()[::-1] if not entry.undone))
    assert 1_000 in seen


def test_a_full_disk_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    store, file = shop(tmp_path, 20_000)
    child = run(INGEST, store.folder, file, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)))
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert errors.splitlines()[-1].startswith("regard.errors.WorkspaceError: the disk is full; the store is unchanged")
    assert check_whole(store, 1_000, 1_000) == 1_000


def test_a_disk_that_is_full_at_the_last_step_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, file = shop(tmp_path, 500)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(WorkspaceError, match="the disk is full; the store is unchanged"):
            store.ingest(file)
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "commit", full)
        with pytest.raises(WorkspaceError, match="the disk is full; the store is unchanged"):
            store.ingest(file)
    assert check_whole(store, 1_000, 1_000) == 1_000


def test_too_little_memory_is_one_line_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, file = shop(tmp_path, 200_000)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_engine", lambda self: engine.Engine(self.folder, memory_mb=12))
        with pytest.raises(WorkspaceError, match=r"not enough memory|disk is full"):
            store.ingest(file)
    assert check_whole(store, 1_000, 1_000) == 1_000
    assert list((store.folder / "cache").glob("spill-*")) == []
