"""Upkeep: what is due is asked for once, and what came out is taken over."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import regard
from regard.errors import ConfigError
from regard.events.catalog import opened
from regard.serving.jobs import Book, Job
from regard.serving.jobs.schedule import Settings, Upkeep


class Asked:
    """Jobs that end as the test says."""

    def __init__(self, folder: Path) -> None:
        self.book = Book(folder)

    def submit(self, kind: str, arguments: dict[str, Any], *, by: str) -> Job:
        return self.book.add(kind, arguments, by=by)

    def all(self, n: int) -> list[Job]:
        return self.book.all(n)

    def busy(self) -> bool:
        return bool(self.book.all(1, states=("queued", "running")))

    def end(self, name: str, state: Any = "done", **result: Any) -> Job:
        job = self.book.ended(name, state, result=result)
        assert job is not None
        return job


class Waits:
    def __init__(self) -> None:
        self.tail = 0

    def __call__(self) -> Waits:
        return self


@pytest.fixture
def shop(shop_folder: Path, stand_in: None) -> regard.Workspace:
    return regard.open(shop_folder)


class Kept:
    """An upkeep whose clock the test moves."""

    def __init__(self, shop: regard.Workspace, **settings: Any) -> None:
        self.now, self.waits, self.jobs = time.time(), Waits(), Asked(shop.folder)
        self.upkeep = Upkeep(shop, self.waits, Settings(**settings), clock=lambda: self.now)  # type: ignore[arg-type]
        self.upkeep._jobs = self.jobs  # type: ignore[assignment]  # without the thread


def test_the_tail_is_sealed_when_it_is_long_or_old(shop: regard.Workspace) -> None:
    kept = Kept(shop, seal_rows=100, seal_minutes=10)
    assert kept.upkeep.look() == []
    kept.waits.tail = 99
    assert kept.upkeep.look() == []
    kept.waits.tail = 100
    assert kept.upkeep.look() == ["seal"] and kept.upkeep.look() == []
    kept.jobs.end("j1", events=0)
    kept.waits.tail = 1
    assert kept.upkeep.look() == []
    kept.now += 599
    assert kept.upkeep.look() == []
    kept.now += 1
    assert kept.upkeep.look() == ["seal"]


def test_what_failed_is_not_tried_at_once(shop: regard.Workspace) -> None:
    kept = Kept(shop, seal_rows=1, retry_minutes=5)
    kept.waits.tail = 10
    assert kept.upkeep.look() == ["seal"]
    kept.jobs.end("j1", "failed")
    assert kept.upkeep.look() == []
    kept.now += 301
    assert kept.upkeep.look() == ["seal"]


def test_a_new_version_is_taken_over_before_the_next_job(
    shop: regard.Workspace, export: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, renewed = Kept(shop), list[int]()
    monkeypatch.setattr(type(shop), "refresh", lambda self: renewed.append(self.store.version))
    kept.jobs.submit("seal", {}, by="upkeep")
    shop.undo(1)
    kept.upkeep.heard(kept.jobs.end("j1", events=3))
    assert renewed == [2] and kept.upkeep.look() == []


def test_what_others_changed_is_packed_beside_and_then_taken_over(
    shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, renewed = Kept(shop), list[int]()
    monkeypatch.setattr(type(shop), "refresh", lambda self: renewed.append(self.store.version))
    shop.undo(1)
    assert kept.upkeep.look() == ["pack"] and renewed == [] and kept.upkeep.look() == []
    kept.upkeep.heard(kept.jobs.end("j1"))
    assert renewed == [2] and kept.upkeep.look() == []
    shop.models.folder.mkdir(exist_ok=True)
    shop.models.add("m1", 1)
    assert kept.upkeep.look() == [] and renewed == [2, 2]  # nothing is packed for a model


def test_a_model_is_refreshed_when_it_is_old(shop: regard.Workspace) -> None:
    shop.train()
    kept = Kept(shop, refresh_days=7, refresh_rest_hours=24)
    assert kept.upkeep.look() == []
    with opened(shop.store.catalog.path) as link:
        link.execute("UPDATE models SET at = ?", (datetime.fromtimestamp(kept.now - 7.01 * 86_400, UTC).isoformat(),))
    assert kept.upkeep.look() == ["refresh"] and kept.upkeep.look() == []
    kept.jobs.end("j1", outcome="kept")
    assert kept.upkeep.look() == []  # it was asked for just now
    kept.now += 25 * 3_600
    assert kept.upkeep.look() == ["refresh"]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_model_is_refreshed_when_things_have_shifted(shop: regard.Workspace, wanted: bool) -> None:
    shop.train()
    kept = Kept(shop, refresh_days=0, refresh_on_drift=wanted)
    kept.jobs.submit("seal", {}, by="upkeep")
    kept.upkeep.heard(kept.jobs.end("j1", drift=["item"]))
    assert kept.upkeep.look() == (["refresh"] if wanted else [])
    if wanted:
        kept.jobs.end("j2", outcome="promoted")
        kept.now += 25 * 3_600
        assert kept.upkeep.look() == []  # it has been dealt with


def test_nothing_is_refreshed_without_torch(shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.train()
    kept = Kept(shop)
    kept.now = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert kept.upkeep.look() == []


@pytest.mark.parametrize(
    "table", [{"seal_row": 1}, {"seal_rows": 0}, {"seal_rows": 1.5}, {"seal_rows": "1"}, {"refresh_on_drift": 1}]
)
def test_settings_that_mean_nothing_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Settings.of(table)


def test_settings_are_read_from_the_workspace(shop_folder: Path) -> None:
    path = shop_folder / "regard.toml"
    path.write_text(path.read_text().replace("[upkeep]\n", "") + "\n[upkeep]\nseal_rows = 7\nrefresh_days = 0\n")
    found = Settings.of(regard.open(shop_folder).config.upkeep)
    assert (found.seal_rows, found.refresh_days) == (7, 0)
