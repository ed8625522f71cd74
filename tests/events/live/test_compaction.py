"""Compaction: the same events in fewer parts, every seal still undone by itself; what is old goes when it is asked for."""

from __future__ import annotations

import signal
import sqlite3
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.events.live.test_seal import act, ids, kept, run, sent

from regard.config import Config, load
from regard.errors import ConfigError, UsageError, WorkspaceError
from regard.events import catalog, enter
from regard.events.live.compaction import Compacted, Settings, compact
from regard.events.live.seal import Settings as Sealing
from regard.events.live.seal import seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Writer
from regard.events.store import Store
from regard.sequences.pack import read_log

DAY = 86_400
START = 1_700_006_400
"""Seconds: midnight of 2023-11-15 UTC."""


def at(day: float) -> datetime:
    return datetime(2023, 11, 15) + timedelta(days=day)


def shop(folder: Path, *seals: str, **config: Any) -> Store:
    """A shop whose seals hold an event for each letter; the position of a seal is the day of its events."""
    store = Store.create(folder / "shop", Config(**config))
    with Writer(store) as writer:
        for day, letters in enumerate(seals):
            batch = (
                act(name, customer=f"c{number % 3}", time=START + DAY * day + number, price=float(number))
                for number, name in enumerate(letters)
            )
            sent(writer, *batch)
            seal(store)
    return store


def parts(store: Store) -> list[tuple[int, ...]]:
    """The ingests of each part of events."""
    return [part.ingests for part in store.catalog.parts(store.version, "events")]


def test_small_parts_become_one_and_nothing_else_changes(tmp_path: Path) -> None:
    store = shop(tmp_path, "ab", "c", "def")
    before, log = kept(store)[1], read_log(store)
    assert compact(store) == Compacted(before=3, after=1, rows=6)
    assert (parts(store), kept(store)[1]) == ([(1, 2, 3)], before)
    again = read_log(store)
    assert [column.tolist() for column in (again.time, again.item, again.offsets)] == [
        column.tolist() for column in (log.time, log.item, log.offsets)
    ]
    with store.reading() as (engine, version):
        engine.over("part", store.catalog.parts(version, "events"))
        rows = engine.rows("SELECT customer, time FROM part")
    assert rows == sorted(rows)
    assert compact(store) == Compacted()
    assert [entry.undone for entry in store.history()] == [False] * 3
    assert store.doctor().events == 6


def test_every_seal_can_be_undone_out_of_a_part_that_they_share(tmp_path: Path) -> None:
    store = shop(tmp_path, "ab", "c", "def")
    compact(store)
    for number, rest in ((2, "abdef"), (1, "def"), (3, "")):
        store.undo(number)
        assert ids(store) == Counter(rest)
        with pytest.raises(UsageError, match=f"no ingest {number} to undo"):
            store.undo(number)
    assert parts(store) == []
    with Writer(store) as writer:
        assert sent(writer, act("a"), act("z")) == ["repeated", "accepted"]


def test_what_a_file_repeats_comes_back_when_the_live_one_is_undone(tmp_path: Path) -> None:
    store = shop(tmp_path, "a", "b")
    file = pa.table(
        {
            "customer": ["c0", "zoe"], "behaviour": ["view_item"] * 2, "item": ["pen"] * 2, "event_id": ["a", "z"],
            "price": [0.0, 1.0], "time": pa.array([START * 1_000_000] * 2, pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    compact(store)
    assert store.ingest(file).already_there == 1
    store.undo(1)
    assert ids(store) == Counter("abz")
    assert compact(store) == Compacted()  # a file's parts and one seal's
    store.undo(3)
    assert ids(store) == Counter("b")


def test_parts_grow_by_and_by_and_are_let_alone_when_they_are_large(tmp_path: Path) -> None:
    store, few = Store.create(tmp_path / "shop"), Settings(rows=4)
    with Writer(store) as writer:
        for number in range(10):
            sent(writer, act(str(number)))
            seal(store)
            compact(store, settings=few)
            sizes = [part.rows for part in store.catalog.parts(store.version, "events")]
            assert sum(sizes) == number + 1
            assert max(sizes) <= 4
    assert len(sizes) <= 4
    assert ids(store) == Counter(map(str, range(10)))


def test_readers_keep_their_parts_and_what_nobody_reads_is_forgotten(tmp_path: Path) -> None:
    store = shop(tmp_path, "a", "b")
    with store.reading() as (engine, version):
        compact(store)
        with Writer(store) as writer:
            sent(writer, act("c"))
        seal(store)  # another writer, who would collect what nobody reads
        engine.scan("events", store.catalog.parts(version, "events"))
        assert engine.rows("SELECT event_id FROM events ORDER BY event_id") == [("a",), ("b",)]
    with store.writing():
        pass
    with sqlite3.connect(store.catalog.path) as link:
        known = {path for (path,) in link.execute("SELECT path FROM parts")}
        assert {path for (path,) in link.execute("SELECT path FROM digests")} == known
        assert {path for (path,) in link.execute("SELECT path FROM holds")} < known
    assert {str(path.relative_to(store.folder)) for path in store.folder.glob("*/*.[pi]*")} == known


def test_a_regard_that_cannot_undo_a_shared_part_does_not_open_it(tmp_path: Path) -> None:
    store = shop(tmp_path, "a", "b")

    def layout() -> int:
        with sqlite3.connect(store.catalog.path) as link:
            return int(link.execute("PRAGMA user_version").fetchone()[0])

    assert layout() == catalog.LAYOUT
    compact(store)
    assert layout() == catalog.SHARED
    assert ids(Store.open(store.folder)) == Counter("ab")


def test_a_damaged_part_is_not_built_on(tmp_path: Path) -> None:
    store = shop(tmp_path, "a", "b")
    path = store.folder / store.catalog.parts(store.version, "events")[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + bytes(4) + whole[54:])
    before = store.version
    with pytest.raises(WorkspaceError, match="its content has changed"):
        compact(store)
    assert store.version == before
    path.write_bytes(whole)
    compact(store)
    (part,) = store.catalog.parts(store.version, "events")
    (store.folder / part.path).unlink()
    with pytest.raises(WorkspaceError, match="is missing") as told:
        store.undo(1)
    assert told.value.hint == "restore it from a backup"


def test_old_events_go_once_a_day_and_their_ids_stay(tmp_path: Path) -> None:
    store = shop(tmp_path, "ab", "cd", "ef", "gh", live={"keep_days": 2})
    assert compact(store, now=at(3.9)).expired == 2  # the latest event is of day 3, so that day 1 is kept whole
    assert ids(store) == Counter("cdefgh")
    version = store.version
    assert compact(store, now=at(3.95)) == Compacted()
    assert store.version == version
    with Writer(store) as writer:
        assert sent(writer, act("a"), act("i", time=START + 5 * DAY)) == ["repeated", "accepted"]
    seal(store)
    assert compact(store, now=at(5)).expired == 4
    assert ids(store) == Counter("ghi")
    store.undo(4)
    assert ids(store) == Counter("i")
    with Writer(store) as writer:
        sent(writer, act("j", time=START + 90 * DAY))
    seal(store)
    store.undo(5)
    assert compact(store, now=at(90)) == Compacted()


def test_a_clock_that_jumps_drops_nothing(tmp_path: Path) -> None:
    store = shop(tmp_path, "ab", "cd", live={"keep_days": 2, "keep_refused_days": 2})
    with Writer(store) as writer:
        sent(writer, {"item": "pen"})
    assert compact(store, now=at(10_000)).expired == 0
    assert compact(store, now=at(-10_000)).expired == 0
    assert ids(store) == Counter("abcd")
    with Tail.open(store.catalog.path) as tail:
        assert tail.counts().refused == 1


def test_a_part_of_old_events_alone_goes_whole_and_files_stay(tmp_path: Path) -> None:
    store = shop(tmp_path, "ab", live={"keep_days": 1})
    file = pa.table(
        {
            "customer": ["zoe"], "behaviour": ["purchase"], "item": ["pen"], "event_id": ["z"],
            "time": pa.array([10**15], pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    store.ingest(file)
    with Writer(store) as writer:
        sent(writer, *(act(str(number), time=START + 9 * DAY) for number in range(5)))
    seal(store)
    few = Settings(growth=1, rows=1)
    assert compact(store, settings=few, now=at(9)) == Compacted(before=1, after=0, rows=0, expired=2)
    assert ids(store) == Counter(["z", *map(str, range(5))])
    store.undo(1)
    assert len(store.history()) == 3


def test_refused_records_are_kept_for_their_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, {"item": "old"}, {"item": "new"})
    with sqlite3.connect(store.catalog.path) as link:
        link.execute("UPDATE refused SET received_us = received_us - 91 * 86400 * 1000000 WHERE number = 1")
    assert compact(store) == Compacted(refused=1)
    assert compact(store) == Compacted()
    with Tail.open(store.catalog.path) as tail:
        assert [refused.number for refused in tail.refused(9)] == [2]


@pytest.mark.parametrize(
    ("live", "why"),
    [
        ("keep = 3", "knows no 'keep'"),
        ("keep_days = -1", "keep_days is -1"),
        ("keep_days = true", "must be dict"),
        ('keep_days = "9"', "must be dict"),
    ],
)
def test_wrong_days_are_said(tmp_path: Path, live: str, why: str) -> None:
    (tmp_path / "regard.toml").write_text(f"[live]\n{live}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=why):
        load(tmp_path)


def test_the_whole_store_is_looked_over_as_it_grows_and_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, looks = Store.create(tmp_path / "shop"), []
    look = enter.look
    monkeypatch.setattr(enter, "look", lambda *given, **named: looks.append(1) or look(*given, **named))

    def grown(rows: int) -> Any:
        with Writer(store) as writer:
            sent(writer, *(act(customer=f"c{n % 7}", event_id=f"{store.version}-{n}") for n in range(rows)))
        looks.clear()
        return seal(store)

    grown(100)
    assert looks == [1]
    with Writer(store) as writer:
        sent(writer, act("r", behaviour="refund"))
    first = seal(store)
    assert (looks, first.refunds) == ([1], 0)  # type: ignore[union-attr]
    assert (grown(10).refunds, looks) == (1, [1])
    assert (grown(9).refunds, looks) == (1, [])
    with catalog.opened(store.catalog.path) as link:
        link.execute("UPDATE facts SET value = replace(value, '20', '19') WHERE name = ?", (enter.LOOKED,))
    grown(1)
    assert looks == [1]
    store.undo(1)
    grown(1)
    assert looks == [1]


def test_robots_stay_known_between_looks(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    people = (act(customer=f"c{n}", event_id=f"p{n}") for n in range(300))
    with Writer(store) as writer:
        sent(writer, *people, *(act(customer="robot", event_id=f"r{n}") for n in range(200)))
        assert seal(store).bots == 1  # type: ignore[union-attr]
        sent(writer, act("z"))
        assert seal(store).bots == 1  # type: ignore[union-attr]
    assert store.bots() == ["robot"]
    compact(store)
    assert store.bots() == ["robot"]


STOP = """
import os, signal, sys
from regard.events import catalog, engine
from regard.events.live import compaction, seal, seen
from regard.events.store import Store
def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
what, place = sys.argv[2], sys.argv[3]
if place == "ids written":
    durable = seen.make_durable
    seen.make_durable = lambda *given: (durable(*given), die())
elif place == "part written":
    durable = engine.make_durable
    engine.make_durable = lambda *given: (durable(*given), die())
elif place == "committed":
    commit = catalog.Catalog.commit
    catalog.Catalog.commit = lambda *given: (commit(*given), die())
else:
    target, name = {
        "part unwritten": (engine, "make_durable"), "ids unwritten": (seen, "make_durable"),
        "ids half written": (seen, "_sorted_into"), "begun": (catalog, "_apply"), "forgetting": (catalog.Catalog, "forget"),
    }[place]
    setattr(target, name, die)
store = Store.open(sys.argv[1])
{"seal": seal.seal, "compact": compaction.compact}[what](store)
"""


def steps(what: str, *places: str) -> list[Any]:
    return [pytest.param(what, place, marks=pytest.mark.slow) for place in places]


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("seal", "ids written"), ("compact", "part written"),
        *steps("seal", "part unwritten", "part written", "ids half written", "ids unwritten", "begun", "committed"),
        *steps("compact", "part unwritten", "begun", "committed", "forgetting"),
    ],
)  # fmt: skip
def test_killed_at_any_step_every_event_is_there_once(tmp_path: Path, what: str, place: str) -> None:
    store = shop(tmp_path, "a", "b")
    with Writer(store) as writer:
        sent(writer, act("c"), act("d"))
    before = store.version
    assert run(STOP, store.folder, what, place).wait(60) == -signal.SIGKILL
    assert store.version == before + (place == "committed")
    assert ids(store) == Counter("abcd")
    with Writer(store) as writer:
        assert sent(writer, *map(act, "abcd")) == ["repeated"] * 4
    seal(store)
    compact(store)
    assert (ids(store), parts(store)) == (Counter("abcd"), [(1, 2, 3)])
    with store.writing():
        pass
    assert {str(path.relative_to(store.folder)) for path in store.folder.glob("*/*.[pi]*")} == store.catalog.paths()


class Shop(RuleBasedStateMachine):
    """A shop into which the same ids come again and again, whatever is done to it."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.create(f"{self.folder.name}/shop")
        self.writer = Writer(self.store)
        self.known: set[str] = set()
        self.there: dict[str, int | None] = {}
        """id -> the seal that holds it, None for the tail."""

    @rule(names=st.lists(st.sampled_from("abcdefghijklmnop"), max_size=6))
    def send(self, names: list[str]) -> None:
        for name, status in zip(names, sent(self.writer, *map(act, names)), strict=True):
            assert status == ("repeated" if name in self.known else "accepted")
            if name not in self.known:
                self.known.add(name)
                self.there[name] = None

    @rule()
    def restart(self) -> None:
        self.writer.close()
        self.store = Store.open(self.store.folder)
        self.writer = Writer(self.store)

    @rule(few=st.sampled_from([2, 100]))
    def seal(self, few: int) -> None:
        waiting = [name for name, number in self.there.items() if number is None]
        report = seal(self.store, settings=Sealing(rows=few, chunk=2, cleared=2))
        assert (report is None) == (not waiting)
        for name in waiting[:few]:
            self.there[name] = report.number  # type: ignore[union-attr]

    @rule(rows=st.sampled_from([3, 1_000]))
    def compact(self, rows: int) -> None:
        compact(self.store, settings=Settings(rows=rows))

    @precondition(lambda self: any(self.there.values()))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted({number for number in self.there.values() if number})))
        self.store.undo(number)
        self.there = {name: held for name, held in self.there.items() if held != number}

    @invariant()
    def once(self) -> None:
        waiting, sealed = (Counter(event[4] for event in some.elements()) for some in kept(self.store))
        assert waiting == Counter(name for name, number in self.there.items() if number is None)
        assert sealed == Counter(name for name, number in self.there.items() if number is not None)

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()
            self.folder.cleanup()


Shop.TestCase.settings = given_settings(max_examples=4, stateful_step_count=12, deadline=None)
TestShop = Shop.TestCase


@pytest.mark.slow
def test_the_same_at_length() -> None:
    run_state_machine_as_test(Shop, settings=given_settings(max_examples=60, stateful_step_count=30, deadline=None))
