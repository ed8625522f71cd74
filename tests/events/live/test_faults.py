"""What breaks below: whatever the disk, the folder or the clock does, what was acknowledged is there once, and nothing else.

What a power cut takes is imitated by cutting SQLite's log anywhere behind the last acknowledged commit, and leaving
rubbish there. That the system really has on the disk what it says to have synced is not tested here, nor can it be.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.events.live.test_seal import act, ids, kept, sent, since
from tests.events.test_store_trouble import no_room, place, read_only

from regard.errors import WorkspaceError
from regard.events.live import writer as live_writer
from regard.events.live.compaction import compact
from regard.events.live.seal import seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Writer
from regard.events.store import Store

__all__ = ["place"]  # a fixture


def files(store: Store) -> set[str]:
    return {str(path.relative_to(store.folder)) for path in store.folder.glob("*/*.[pi]*")}


@pytest.fixture
def shop(tmp_path: Path) -> Store:
    """Two seals and a tail."""
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        for name in "ab":
            sent(writer, act(name))
            seal(store)
        sent(writer, act("c"), act("d"))
    return store


def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    store, chance = Store.create(tmp_path / "shop"), np.random.default_rng(0)
    log = store.catalog.path.with_name("catalog.sqlite-wal")
    acknowledged: list[int] = []
    with Writer(store) as writer:
        for number in range(12):
            sent(writer, *(act(f"{number}-{n}") for n in range(4)))
            acknowledged.append(log.stat().st_size)
        copy = tmp_path / "copy"
        shutil.copytree(store.folder, copy)
    whole = (copy / log.name).read_bytes()
    (copy / "catalog.sqlite-shm").unlink()  # lives in memory
    for number in range(12):
        cut = int(chance.integers(acknowledged[number], acknowledged[number] + 9_000))
        lost = tmp_path / f"cut-{number}"
        shutil.copytree(copy, lost)
        (lost / log.name).write_bytes(whole[:cut] + (chance.bytes(5_000) if number % 2 else b""))
        there = ids(Store.open(lost))
        batches = Counter(name.split("-")[0] for name in there)
        assert set(batches.values()) == {4}
        assert set(map(str, range(number + 1))) <= batches.keys()
        with Writer(Store.open(lost)) as writer:
            assert sent(writer, act("0-0"), act("new")) == ["repeated", "accepted"]


@pytest.mark.parametrize(("work", "nth"), [*((seal, nth) for nth in (1, 2, 3, 4)), (compact, 1), (compact, 2)])
@pytest.mark.parametrize(("code", "word"), [(errno.EIO, "cannot read or write"), (errno.ENOSPC, "the disk is full")])
def test_a_sync_that_fails_leaves_everything_where_it_was(
    shop: Store, monkeypatch: pytest.MonkeyPatch, work: Callable[[Store], Any], nth: int, code: int, word: str
) -> None:
    before, sync, calls = (shop.version, kept(shop)), os.fsync, iter(range(1, 99))

    def failing(descriptor: int) -> None:
        if next(calls) == nth:
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(WorkspaceError, match=word):
            work(shop)
    assert (shop.version, kept(shop)) == before
    seal(shop)
    compact(shop)
    assert ids(shop) == Counter("abcd")
    with shop.writing():
        pass
    assert files(shop) == shop.catalog.paths()


@pytest.mark.parametrize("work", [seal, compact])
def test_a_disk_without_room_leaves_everything_where_it_was(
    shop: Store, monkeypatch: pytest.MonkeyPatch, work: Callable[[Store], Any]
) -> None:
    before = (shop.version, kept(shop))
    with no_room(monkeypatch), pytest.raises(WorkspaceError, match="the disk is full"):
        work(shop)
    assert (shop.version, kept(shop)) == before
    work(shop)
    assert ids(shop) == Counter("abcd")


def test_a_disk_without_room_is_said_to_the_sender_and_nothing_else_is_lost(
    shop: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(shop) as writer:
        assert sent(writer, act("e")) == ["accepted"]
        with no_room(monkeypatch):
            for _ in range(2):
                with pytest.raises(WorkspaceError, match="the disk is full"):
                    sent(writer, act("f"))
        assert sent(writer, act("e"), act("f")) == ["repeated", "accepted"]
    assert ids(shop) == Counter("abcdef")


def test_a_folder_that_may_not_be_written_is_read(place: Path) -> None:
    store = Store.create(place / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"), {"item": "pen"})
        seal(store)
        sent(writer, act("b"))
    with read_only(store.folder):
        again = Store.open(store.folder)
        for work in (Writer, seal, compact):
            with pytest.raises(WorkspaceError, match="shop is read-only"):
                work(again)
        with Tail.open(again.catalog.path) as tail:
            assert (tail.counts().tail, tail.counts().refused) == (1, 1)
            assert [event.event_id for event in tail.since(again.version, ["ann"])["ann"]] == ["b"]


def test_what_died_half_written_is_never_read_and_is_cleared_away(shop: Store) -> None:
    halves = (
        "events/events-000009-x.parquet.new",
        "events/events-000009-x.parquet",
        "ids/ids-9-x.ids.new",
        "ids/x.ids",
    )
    for name in halves:
        (shop.folder / name).write_bytes(b"PAR1 half")
    assert ids(shop) == Counter("abcd")
    with Writer(shop) as writer:
        assert sent(writer, *map(act, "abcde")) == ["repeated"] * 4 + ["accepted"]
    seal(shop)
    with shop.writing():
        pass
    assert (ids(shop), files(shop)) == (Counter("abcde"), shop.catalog.paths())


def test_a_part_cut_short_is_said_and_live_events_go_on(shop: Store) -> None:
    compact(shop)
    part = shop.folder / shop.catalog.parts(shop.version, "events")[0].path
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WorkspaceError, match=f"bytes instead of {len(whole)}"):
        ids(shop)
    with Writer(shop) as writer:
        assert sent(writer, act("a"), act("e")) == ["repeated", "accepted"]
    part.write_bytes(whole)
    assert ids(shop) == Counter("abcde")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """[seconds since 1970] that the writer's clock shows."""
    shown = [1_700_000_000]
    monkeypatch.setattr(live_writer.time, "time_ns", lambda: shown[0] * 10**9)
    yield shown


def test_a_clock_that_jumps_changes_no_order_of_arrival_and_loses_nothing(tmp_path: Path, clock: list[int]) -> None:
    store = Store.create(tmp_path / "shop")
    jumps = {"a": 0, "b": -1_000, "c": 9_000_000, "d": -500_000, "e": 1}
    for name, jump in jumps.items():
        clock[0] += jump
        with Writer(store) as writer:
            # A sender whose clock is right is refused while this one is far behind; it can be sent again.
            late = act(f"late {name}", time=1_700_000_000)
            assert sent(writer, act(name), late) == ["accepted", "accepted"]
    with Tail.open(store.catalog.path) as tail:
        assert [event.event_id for event in tail.newest(99)][::2] == [f"late {name}" for name in reversed(jumps)]
        times = [event.time_us for event in tail.since(0, ["ann"])["ann"]]
        assert times == sorted(times)
        assert tail.counts().newest_us == clock[0] * 1_000_000
    everything = ids(store)
    seal(store)
    assert (ids(store), since(store, store.version)) == (everything, [])
    clock[0] = 1_600_000_000
    with Writer(store) as writer:
        assert sent(writer, act("f", time=1_700_000_000), act("g")) == ["refused", "accepted"]
        clock[0] = 1_700_000_000
        assert [result.status for result in writer.replay([1]).result(10)] == ["accepted"]
    seal(store)
    compact(store)
    assert ids(store) == everything + Counter("fg")
