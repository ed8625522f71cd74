"""Sealing: every accepted event is once in tail or parts, whatever comes between."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import InputError, WorkspaceError
from regard.events import catalog
from regard.events.engine import listed
from regard.events.live.seal import Settings, seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Writer
from regard.events.store import Store
from regard.sequences.pack import read_log

Kept = tuple[str, str, str | None, int, str, float | None, str | None]


def act(event_id: str, **more: Any) -> dict[str, Any]:
    return {"customer": "ann", "behaviour": "view_item", "item": "pen", "event_id": event_id, **more}


def digest(event_id: str) -> bytes:
    return hashlib.sha256(event_id.encode()).digest()[:16]


def kept(store: Store) -> tuple[Counter[Kept], Counter[Kept]]:
    """(events of the tail, events of the parts), each as customer, behaviour, item, time, id, price, extra."""
    with Tail.open(store.catalog.path) as tail:
        waiting = Counter(
            (
                one.customer, one.behaviour, one.item, one.time_us, one.event_id, one.fields.get("price"),
                one.fields.get("extra"),
            )
            for one in tail.newest(1_000_000)
        )  # fmt: skip
    with store.reading() as (engine, version):
        engine.scan("events", store.catalog.parts(version, "events"))
        rows = engine.rows("SELECT customer, behaviour, item, epoch_us(time), event_id, price, extra FROM events")
    return waiting, Counter(rows)


def ids(store: Store) -> Counter[str]:
    waiting, sealed = kept(store)
    return Counter(event[4] for event in (waiting + sealed).elements())


def since(store: Store, version: int, customer: str = "ann") -> list[str]:
    with Tail.open(store.catalog.path) as tail:
        return [event.event_id for event in tail.since(version, [customer])[customer]]


def sent(writer: Writer, *records: dict[str, Any]) -> list[str]:
    return [result.status for result in writer.submit(records).result(30)]


def test_a_seal_is_an_ingest_with_a_report_and_can_be_undone(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a", time=1_700_000_060, price=2.5), act("b", customer="bob", behaviour="purchase", page="/"))
        sent(writer, act("c", time=1_700_000_000, item=None, behaviour="search", query="笔"))
        before = sum(kept(store), Counter())
        report = seal(store)
        assert report is not None
        assert (report.number, report.rows, report.accepted, report.customers, report.items) == (1, 3, 3, 2, 1)
        assert report.behaviours == {"purchase": 1, "search": 1, "view_item": 1}
        assert report.first == "2023-11-14T22:13:20Z"
        assert store.history()[0].report == json.loads(json.dumps(report.to_json()))
        assert kept(store) == (Counter(), before)
        (part,) = store.catalog.parts(store.version, "events")
        assert set(part.columns) == {
            "customer", "behaviour", "item", "time", "event_id", "price", "query", "extra", "ingest", "file", "line"
        }  # fmt: skip
        with store.reading() as (engine, _):
            engine.over("part", [part])
            assert engine.rows("SELECT event_id, line, file, ingest FROM part") == [
                ("c", 3, 0, 1), ("a", 1, 0, 1), ("b", 2, 0, 1)
            ]  # fmt: skip
        assert read_log(store).events == 3
        assert seal(store) is None
        assert sent(writer, act("a"), act("d")) == ["repeated", "accepted"]
        assert [since(store, 0), since(store, 1)] == [["c", "a", "d"], ["d"]]
    store.undo(1)
    assert [since(store, 0), since(store, 1), since(store, 2)] == [["c", "a", "d"], ["d"], ["d"]]
    assert ids(store) == Counter(["d"])
    assert store.clock == "clock"
    with Writer(store) as writer:  # what was taken back stays so
        assert sent(writer, act("a")) == ["repeated"]
    assert seal(store).number == 2  # type: ignore[union-attr]


def test_every_pinned_version_has_its_own_rest_until_the_seal_after_next(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    file = pa.table(
        {
            "customer": ["zoe"], "behaviour": ["purchase"], "item": ["pen"],
            "time": pa.array([10**15], pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    with Writer(store) as writer:
        sent(writer, act("a", time=1_700_000_001), act("b", time=1_700_000_000), act("other", customer="bob"))
        store.ingest(file)
        sent(writer, act("c"))
        assert [since(store, version) for version in (0, 1)] == [["b", "a", "c"]] * 2
        seal(store)
        sent(writer, act("d"))
        assert [since(store, version) for version in (0, 1, 2)] == [["b", "a", "c", "d"]] * 2 + [["d"]]
        store.undo(1)
        assert [since(store, version) for version in (1, 2, 3)] == [["b", "a", "c", "d"], ["d"], ["d"]]
        seal(store)
        sent(writer, act("e"))
    assert [since(store, version) for version in (2, 3, 4)] == [["d", "e"]] * 2 + [["e"]]
    with pytest.raises(WorkspaceError, match="moved on since version 1"):
        since(store, 1)
    with Tail.open(store.catalog.path) as tail:
        assert (tail.counts().tail, [event.event_id for event in tail.newest(9)]) == (1, ["e"])
    with catalog.opened(store.catalog.path) as link:
        assert [row[0] for row in link.execute("SELECT event_id FROM tail ORDER BY seq")] == ["d", "e"]


@pytest.mark.parametrize("waiting", [True, False])
def test_a_tail_from_before_the_watermark_was_kept_goes_on(tmp_path: Path, waiting: bool) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"))
        seal(store)
        sent(writer, *([act("b")] if waiting else []))
    with catalog.opened(store.catalog.path) as link:
        link.execute("DROP TABLE sealed")
        link.execute("DROP TABLE seen")
        link.execute("DELETE FROM facts WHERE name = 'live'")
        link.execute("UPDATE parts SET removed = 1 WHERE kind = 'ids'")
        link.execute("DELETE FROM tail WHERE event_id = 'a'")
        link.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        link.executemany("INSERT INTO seen VALUES (?)", [(digest(event_id),) for event_id in ("a", "b")])
    before = seal(store)
    assert (before is not None) == waiting
    with Writer(store) as writer:
        assert sent(writer, act("a"), act("b"), act("c")) == ["repeated", "repeated", "accepted"]
    assert since(store, store.version) == ["c"]
    with pytest.raises(WorkspaceError, match="moved on"):
        since(store, 0)
    assert seal(store).rows == 1  # type: ignore[union-attr]
    assert ids(store) == Counter("abc" if waiting else "ac")
    with catalog.opened(store.catalog.path) as link:
        assert link.execute("SELECT count(*) FROM seen").fetchone() == (0,)
    with Writer(store) as writer:
        assert sent(writer, act("a"), act("b"), act("c")) == ["repeated"] * 3


def test_live_tables_of_an_earlier_regard_are_read_and_brought_up(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"))
    with catalog.opened(store.catalog.path) as link:
        link.execute("UPDATE facts SET value = '2' WHERE name = 'live'")
        link.execute("DROP INDEX tail_by_customer")
        link.execute("CREATE INDEX tail_customer ON tail (customer, time_us, seq)")
    assert since(store, 0) == ["a"]
    assert seal(store).rows == 1  # type: ignore[union-attr]
    with catalog.opened(store.catalog.path) as link:
        assert link.execute("SELECT name FROM sqlite_master WHERE name LIKE 'tail%'").fetchall() == [
            ("tail",), ("tail_by_customer",)
        ]  # fmt: skip


def test_live_parts_stand_beside_those_of_files(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    file = pa.table(
        {
            "customer": ["ann", "bob"], "behaviour": ["purchase"] * 2, "item": ["pen"] * 2, "event_id": ["a", "z"],
            "time": pa.array([1_700_000_000_000_000] * 2, pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    with Writer(store) as writer:
        sent(writer, act("a", behaviour="purchase", time=1_700_000_000))
    assert seal(store) is not None
    report = store.ingest(file)  # the shop's own export of the same day
    assert (report.accepted, report.already_there) == (1, 1)
    assert ids(store) == Counter(["a", "z"])
    store.undo(1)
    assert ids(store) == Counter(["a", "z"])
    timeless = pa.table({"customer": ["ann"], "item": ["pen"], "behaviour": ["purchase"]})
    store.undo(2)
    with pytest.raises(InputError, match="no time"):
        store.ingest(timeless)


def test_a_long_tail_is_sealed_by_and_by(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, *(act(str(number)) for number in range(25)))
        few = Settings(rows=10, chunk=3)
        rows = []
        while (report := seal(store, settings=few)) is not None:
            rows.append(report.rows)
    assert rows == [10, 10, 5]
    assert ids(store) == Counter(str(number) for number in range(25))


def test_while_a_file_comes_in_sealing_waits_and_live_events_do_not(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer, store.writing():
        assert sent(writer, act("a")) == ["accepted"]
        with pytest.raises(WorkspaceError, match="locked by another writer"):
            seal(store)
    assert kept(store)[0].total() == 1


def test_events_that_arrive_during_a_seal_stay_in_the_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"))
        commit = catalog.Catalog.commit

        def late(self: catalog.Catalog, change: catalog.Change) -> int:
            sent(writer, act("b"))
            return commit(self, change)

        monkeypatch.setattr(catalog.Catalog, "commit", late)
        seal(store)
    waiting, sealed = kept(store)
    assert [[event[4] for event in events] for events in (waiting, sealed)] == [["b"], ["a"]]


def test_a_tail_that_changes_under_a_seal_is_sealed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"), act("b"))
    commit = catalog.Catalog.commit

    def erased(self: catalog.Catalog, change: catalog.Change) -> int:
        with catalog.opened(self.path) as link:
            link.execute("DELETE FROM tail WHERE event_id = 'a'")
        return commit(self, change)

    with monkeypatch.context() as patch:
        patch.setattr(catalog.Catalog, "commit", erased)
        with pytest.raises(WorkspaceError, match="1 events in the tail where 2 were sealed"):
            seal(store)
    assert (store.version, ids(store)) == (0, Counter("b"))
    assert seal(store).rows == 1  # type: ignore[union-attr]
    assert len(list(store.folder.glob("*/*.[pi]*"))) == 2


_RECORDS = st.lists(
    st.fixed_dictionaries(
        {"customer": st.sampled_from(["ann", "bob", "笔", ""]), "behaviour": st.sampled_from(["pv", "purchase"])},
        optional={
            "event_id": st.sampled_from("abcdefgh"), "item": st.sampled_from(["pen", "cup"]), "page": st.text(max_size=3),
            "time": st.sampled_from([1_700_000_000, 1_600_000_000]), "price": st.floats(-1e9, 1e9),
        },
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(st.one_of(_RECORDS, st.sampled_from(["seal", "restart"])), max_size=8))
def test_every_accepted_event_is_there_exactly_once(steps: list[list[dict[str, Any]] | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(f"{folder}/shop")
        writer = Writer(store)
        model: dict[str, tuple[Any, ...]] = {}
        for step in [*steps, "seal"]:
            if step == "seal":
                seal(store)
            elif step == "restart":
                writer.close()
                writer = Writer(Store.open(store.folder))
            else:
                assert isinstance(step, list)
                for record, result in zip(step, writer.submit(step).result(30), strict=True):
                    known = record.get("event_id") in model
                    assert result.status == (
                        "refused" if not record["customer"] else "repeated" if known else "accepted"
                    )
                    if result.status == "accepted":
                        model[result.event_id] = (
                            record["customer"], "view_item" if record["behaviour"] == "pv" else "purchase",
                            record.get("item"), record.get("price"),
                        )  # fmt: skip
            waiting, sealed = kept(store)
            assert {event[4]: (*event[:3], event[5]) for event in waiting + sealed} == model
            assert (waiting + sealed).total() == len(model)
        writer.close()


CHILD = """
import sys, time
from regard.events.live.compaction import compact
from regard.events.live.seal import seal
from regard.events.live.writer import Writer
from regard.events.store import Store
store, run = Store.open(sys.argv[1]), sys.argv[2]
with Writer(store) as writer:
    print("ready", flush=True)
    for number in range(1_000_000):
        batch = [{"customer": f"c{n}", "behaviour": "view_item", "event_id": f"{run}-{number}-{n}"} for n in range(5)]
        for result in writer.submit(batch + [{"customer": "ann", "behaviour": "search", "event_id": "once"}]).result():
            print(result.event_id, flush=True)
        if number % 10 == 9:
            seal(store)
        if number % 30 == 29:
            compact(store)
"""

STOP = """
import os, signal, sys
from regard.events import catalog, engine
from regard.events.live import seal
from regard.events.store import Store
def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
places = {"rename": (engine, "make_durable"), "commit": (catalog.Catalog, "commit"), "inside": (catalog, "_apply")}
if sys.argv[2] == "last":
    sealed = seal._sealed
    seal._sealed = lambda *given: lambda link: (sealed(*given)(link), die())
else:
    setattr(*places[sys.argv[2]], die)
seal.seal(Store.open(sys.argv[1]))
"""


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize("moment", ["rename", "commit", "inside", "last"])
def test_killed_at_a_critical_moment_leaves_all_in_the_tail(tmp_path: Path, moment: str) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        sent(writer, act("a"), act("b"))
    assert run(STOP, store.folder, moment).wait(60) == -signal.SIGKILL
    assert (store.version, kept(store)[0].total(), kept(store)[1].total()) == (0, 2, 0)
    assert seal(store).rows == 2  # type: ignore[union-attr]
    assert ids(store) == Counter("ab")
    assert {str(path.relative_to(store.folder)) for path in store.folder.glob("*/*.[pi]*")} == store.catalog.paths()


@pytest.mark.parametrize("kills", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_at_any_moment_nothing_acknowledged_is_lost_or_there_twice(tmp_path: Path, kills: int) -> None:
    store = Store.create(tmp_path / "shop")
    chance, ledger = np.random.default_rng(0), set()
    for number in range(kills):
        child = run(CHILD, store.folder, number)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(float(chance.uniform(0.05, 0.8)))
        child.kill()
        said = child.stdout.read()
        child.wait()
        ledger |= set(said[: said.rfind("\n") + 1].split())
    there = ids(store)
    assert len(ledger) > 100
    assert ledger <= there.keys()
    assert set(there.values()) == {1}
    assert len(there) - len(ledger) <= kills * 5  # of each life at most one batch that was kept and not yet answered
    seal(store)
    assert ids(store) == there


def test_the_same_acts_are_the_same_events_by_file_and_live(tmp_path: Path) -> None:
    header = ["customer", "behaviour", "item", "time", "order", "quantity", "price", "query", "event_id"]
    lines = [
        [" c1 ", "Product Viewed", "17", "2023-11-14T22:13:20Z", "", "", "2.50", "", "e1"],
        ["c1", "下单", "17", "2023-11-15T06:13:21+08:00", "o1", "2", "2.5", "", "e2"],
        ["c2", "purchase", "18", "2023-11-14T22:13:22Z", "o2", "-1", "9", "", "e3"],
        ["NULL", "purchase", "18", "2023-11-14T22:13:22Z", "o2", "1", "9", "", "e4"],
        ["笔", "spin_wheel", "n/a", "2023-11-14T22:13:23.5Z", "", "", "", "red pen", "e5"],
        ["c3", "view_item", "19", "1970-01-01T00:00:00Z", "", "", "1", "", "e6"],
        ["c3", "view_item", "19", "2023-11-14T22:13:24Z", "", "", "1e12", "", "e7"],
    ]
    file, live = Store.create(tmp_path / "file"), Store.create(tmp_path / "live")
    path = tmp_path / "log.csv"
    path.write_text("\n".join(",".join(line) for line in [header, *lines]) + "\n", encoding="utf-8")
    report = file.ingest(path)
    with Writer(live) as writer:
        results = writer.submit([dict(zip(header, line, strict=True)) for line in lines]).result(30)
    assert seal(live) is not None
    rows = []
    for store in (file, live):
        with store.reading() as (engine, version):
            engine.scan("events", store.catalog.parts(version, "events"))
            rows.append(engine.rows(f"SELECT {listed(header)} FROM events ORDER BY event_id"))
    assert rows[0] == rows[1]
    assert report.rejected == Counter(result.reason for result in results if result.reason)
