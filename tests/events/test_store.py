"""The store as a whole: one ingest after the other, history, undo, what counts once, who may write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.config import Config
from regard.errors import ConfigError, InputError, RegardError, UsageError, WorkspaceError
from regard.events.store import Store
from regard.sequences.pack import read_log

Row = tuple[str, str, str, int, str | None]


def frame(rows: list[Row], **more: list[object]) -> pa.Table:
    """Rows (customer, behaviour, item, minute, order) as a table that needs no guessing."""
    names = ("customer", "behaviour", "item", "minute", "order")
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    minutes = columns.pop("minute")
    columns["time"] = pa.array(
        [1_700_000_000_000_000 + 60_000_000 * int(str(m)) for m in minutes], pa.timestamp("us", "UTC")
    )
    columns["order"] = pa.array(columns["order"], pa.string())
    return pa.table({**columns, **more})


def stored(store: Store) -> Counter[tuple[str, ...]]:
    """Every event of the store as a tuple."""
    with store.reading() as (engine, version):
        engine.scan("events", store.catalog.parts(version, "events"))
        return Counter(engine.rows('SELECT customer, behaviour, item, epoch(time)::BIGINT, "order" FROM events'))


def test_a_fresh_store_is_empty(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop", Config(time_zone="Asia/Shanghai"))
    assert (store.version, store.history(), store.bots(), store.clock) == (0, [], [], "clock")
    log = read_log(store)
    assert (len(log), log.events, len(log.items), log.time_zone) == (0, 0, 0, "Asia/Shanghai")
    assert store.items().num_rows == store.customers().num_rows == 0
    assert store.doctor().findings == ()
    with pytest.raises(WorkspaceError, match="workspace already"):
        Store.create(tmp_path / "shop")
    with pytest.raises(ConfigError):
        Store.open(tmp_path / "elsewhere")


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    rows: list[Row] = [
        ("ann", "purchase", "pen", 1, "o1"),
        ("ann", "purchase", "pen", 1, "o1"),  # a second line of the same order: kept
        ("ann", "view_item", "pen", 0, None),
        ("ann", "view_item", "pen", 0, None),  # the same view again: dropped
        ("bob", "purchase", "cup", 2, "o2"),
        ("bob", "refund", "cup", 9, "o2"),
        (None, "purchase", "cup", 3, "o3"),  # type: ignore[list-item]
    ]
    report = store.ingest(frame(rows))
    assert report.number == 1
    assert report.rows == 7
    assert report.accepted == 5
    assert report.rejected == {"no customer": 1, "exact repeat": 1}
    assert report.rows == report.accepted + sum(report.rejected.values()) + report.counted_once + report.already_there
    assert report.repeats_kept == 1
    assert (report.refunds, report.refunds_matched) == (1, 1)
    assert report.behaviours == {"purchase": 3, "refund": 1, "view_item": 1}
    assert (report.first, report.clock) == ("2023-11-14T22:13:20Z", "clock")
    assert json.loads(json.dumps(report.to_json()))["accepted"] == 5
    assert store.history()[0].report["accepted"] == 5
    names = {finding.name: finding for finding in store.doctor().findings}
    assert names["no customer"].count == names["exact repeat"].count == 1
    assert "pen" in names["exact repeat"].examples[0]
    assert names["no customer"].share == pytest.approx(1 / 7)


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    rows: list[Row] = [("ann", "purchase", "pen", 1, "o1")] * 3 + [("ann", "view_item", "pen", 1, None)] * 2
    store.ingest(frame(rows))
    before, version = stored(store), store.version
    files = sorted(tmp_path.rglob("*.parquet"))
    report = store.ingest(frame(rows))
    assert (report.number, report.accepted, report.already_there) == (None, 0, 4)
    assert "nothing new" in report.words
    assert (stored(store), store.version) == (before, version)
    assert sorted(tmp_path.rglob("*.parquet")) == files
    assert [entry.number for entry in store.history()] == [1]


def test_missing_is_missing_and_other_ids_are_other_events(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    one, two = [("ann", "purchase", "pen", 1, None)], [("ann", "purchase", "pen", 1, "")]
    assert store.ingest([frame(one), frame(two)]).counted_once == 1  # type: ignore[arg-type]
    third = store.ingest(frame(one * 2, event_id=["a", "b"]))  # type: ignore[arg-type]
    assert third.accepted == 2


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    shown = []
    items = pa.table({"item": ["pen", "cup"]})
    report = store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]), items=items, dry_run=True, show=shown.append)
    assert (report.number, report.accepted, store.version, len(shown)) == (None, 1, 0, 1)
    assert report.words == "1 of 1 row accepted; items table: 2 rows would be taken in"
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_file_that_cannot_be_read_leaves_the_store_alone(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("customer,behaviour,item,time\nann,purchase,pen,2024-01-01 10:00:00\n")
    bad.write_bytes(b"\x00\x01\x02\x03" * 100)
    with pytest.raises(InputError):
        store.ingest([good, bad])
    assert (store.version, stored(store)) == (0, Counter())
    with pytest.raises(InputError, match="nothing to ingest"):
        store.ingest([])


def test_times_that_are_lacking_are_asked_for(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]))
    with pytest.raises(InputError, match="--map time="):
        store.ingest(pa.table({"customer": ["ann"], "item": ["pen"], "behaviour": ["purchase"]}))
    assert Store.open(store.folder).config.clock == "clock"


def test_a_table_of_items_says_nothing_of_the_clock(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(items=pa.table({"item": ["pen"], "brand": ["Acme"]}))
    assert store.config.clock == ""
    store.ingest(pa.table({"customer": ["ann"], "item": ["pen"], "behaviour": ["purchase"]}))
    assert (store.clock, read_log(store).events) == ("none", 1)


def test_columns_once_named_are_remembered_and_do_no_harm_elsewhere(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    odd = pa.table({"wer": ["ann"], "item": ["pen"], "behaviour": ["purchase"]})
    store.ingest(odd, overrides={"customer": "wer"})
    assert Store.open(store.folder).config.columns == {"customer": "wer"}
    assert store.ingest(odd.set_column(0, "wer", pa.array(["bob"]))).accepted == 1
    assert store.ingest(pa.table({"customer": ["cid"], "item": ["pen"], "behaviour": ["purchase"]})).accepted == 1


def test_how_one_file_writes_times_is_not_remembered(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    dated = pa.table({"customer": ["ann"], "item": ["pen"], "behaviour": ["purchase"], "wann": ["01/02/2024"]})
    store.ingest(dated, overrides={"time": "wann", "time_format": "dmy"})
    assert Store.open(store.folder).config.columns == {"time": "wann"}


def test_a_time_ahead_of_now_is_refused_and_one_far_away_reported(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    rows: list[Row] = [("ann", "view_item", f"i{n}", n, None) for n in range(200)]
    ahead = int(time.time() - 1_700_000_000) // 60 + 60 * 24 * 30
    rows += [("ann", "view_item", "x", ahead, None), ("ann", "view_item", "y", -60 * 24 * 365 * 10, None)]
    report = store.ingest(frame(rows))
    assert (report.accepted, report.future, report.far) == (201, 1, 2)
    assert report.rejected == {"time in the future": 1}
    # When all of a file is ahead, this machine's clock is the likelier one to be wrong.
    rehearsal = store.ingest(frame([("bob", "view_item", f"i{n}", ahead + n, None) for n in range(5)]))
    assert (rehearsal.accepted, rehearsal.future) == (5, 5)


def test_undo_takes_back_any_ingest_and_nothing_else(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    a: list[Row] = [("ann", "purchase", "pen", 1, "o1"), ("ann", "view_item", "cup", 2, None)]
    b: list[Row] = [("ann", "purchase", "pen", 1, "o1"), ("bob", "purchase", "cup", 3, "o2")]
    store.ingest(frame(a))
    assert store.ingest(frame(b)).already_there == 1
    store.undo(1)
    assert sum(stored(store).values()) == 2
    assert {row[0] for row in stored(store)} == {"ann", "bob"}
    assert [entry.undone for entry in store.history()] == [True, False]
    for number in (1, 7):
        with pytest.raises(UsageError, match=f"no ingest {number}"):
            store.undo(number)
    store.undo(2)
    assert stored(store) == Counter()
    assert store.config.clock == ""
    assert store.ingest(frame(a)).number == 3
    assert [path.name[:13] for path in (store.folder / "events").iterdir()] == ["events-000003"]


_ROWS = st.tuples(
    st.sampled_from(["ann", "bob"]), st.sampled_from(["purchase", "view_item"]), st.just("pen"), st.integers(0, 1),
    st.sampled_from([None, "o1"]),
)  # fmt: skip
_FILES = st.lists(_ROWS, min_size=1, max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ingests=st.lists(st.lists(_FILES, min_size=1, max_size=2), min_size=1, max_size=3),
    undone=st.sets(st.integers(1, 3)),
)
def test_a_row_counts_as_often_as_in_the_file_where_it_occurs_most(
    ingests: list[list[list[Row]]], undone: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "shop")
        numbers = [store.ingest([frame(file) for file in files]).number for files in ingests]
        for at, number in enumerate(numbers):
            if at in undone and number is not None:
                store.undo(number)
        # An ingest that brought nothing new left nothing behind, so it brings nothing back either.
        standing = [files for at, files in enumerate(ingests) if numbers[at] is not None and at not in undone]
        most: Counter[Row] = Counter()
        for file in (file for files in standing for file in files):
            most |= Counter(file)
        for row in most:
            if row[1] != "purchase" or row[4] is None:
                most[row] = 1
        assert Counter(
            {(*row[:3], 1_700_000_000 + 60 * row[3], row[4]): count for row, count in most.items()}
        ) == stored(store)


def test_readers_keep_their_version_while_a_writer_works(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]))
    with store.reading() as (engine, version):
        other = Store.open(store.folder)
        other.undo(1)
        other.ingest(frame([("bob", "purchase", "cup", 1, "o2")]))
        engine.scan("events", store.catalog.parts(version, "events"))
        assert engine.rows("SELECT customer FROM events") == [("ann",)]
    other.ingest(frame([("cid", "purchase", "cup", 1, "o3")]))
    assert len(list((store.folder / "events").iterdir())) == 2


def test_two_writers_do_not_meet_and_a_dead_ones_lock_does_not_stay(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    code = (
        "import sys, time; from regard.events.store import Store\n"
        "with Store.open(sys.argv[1]).writing():\n print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder)], stdout=subprocess.PIPE, text=True, env=_env()
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    try:
        with pytest.raises(WorkspaceError, match=rf"locked by another writer \(pid {child.pid}\)"):
            store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]))
    finally:
        child.kill()
        child.wait()
    assert store.ingest(frame([("ann", "purchase", "pen", 1, "o1")])).accepted == 1


def test_a_truncated_or_missing_part_is_named(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]))
    (part,) = (store.folder / "events").iterdir()
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WorkspaceError, match=rf"{part.name} is damaged") as caught:
        read_log(store)
    assert "undo" in caught.value.hint
    part.unlink()
    with pytest.raises(WorkspaceError, match="is missing"):
        store.items()
    store.undo(1)
    assert read_log(store).events == 0


def test_a_catalogue_that_is_none_is_said_so(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    for suffix in ("-wal", "-shm"):
        (store.folder / f"catalog.sqlite{suffix}").unlink(missing_ok=True)
    (store.folder / "catalog.sqlite").write_bytes(b"not a database at all" * 50)
    with pytest.raises(WorkspaceError, match=r"catalog\.sqlite"):
        Store.open(store.folder)
    (store.folder / "catalog.sqlite").unlink()
    with pytest.raises(RegardError, match="is missing"):
        Store.open(store.folder)


def test_items_come_from_tables_first_and_from_events_as_of_a_time(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    rows: list[Row] = [
        ("ann", "purchase", "pen", 1, "o1"),
        ("ann", "purchase", "pen", 100, "o2"),
        ("bob", "purchase", "cup", 200, "o3"),
    ]
    events = frame(rows, item_name=["Pen", "Red pen", "Cup"], price=[1.0, 3.0, 5.0])
    table = pa.table({"item": ["pen", "hat"], "brand": ["Acme", "Hatter"], "colour": ["red", "blue"]})
    people = pa.table({"customer": ["ann"], "city": ["Ulm"]})
    report = store.ingest(events, items=table, customers=people)
    assert report.tables == {"items": 2, "customers": 1}
    items = {row["item"]: row for row in store.items().to_pylist()}
    assert (items["pen"]["brand"], items["pen"]["price"], items["pen"]["colour"]) == ("Acme", 2.0, "red")
    assert (items["cup"]["item_name"], items["cup"]["brand"], items["hat"]["item_name"]) == ("Cup", None, None)
    early = {row["item"]: row for row in store.items(before=datetime(2023, 11, 14, 22, 30)).to_pylist()}
    assert (early["pen"]["item_name"], early["pen"]["price"]) == ("Pen", 1.0)
    assert "cup" not in early
    store.ingest(items=pa.table({"item": ["pen"], "brand": ["Better"]}))
    assert {row["item"]: row["brand"] for row in store.items().to_pylist()} == {
        "pen": "Better",
        "hat": "Hatter",
        "cup": None,
    }
    assert store.customers().to_pylist() == [{"customer": "ann", "city": "Ulm"}]
    store.undo(2)
    assert {row["item"]: row["brand"] for row in store.items().to_pylist()}["pen"] == "Acme"


def test_the_same_table_twice_changes_nothing_and_says_so(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    items = pa.table({"item": ["pen", "cup", None], "price": [1.5, 2.0, 9.0], "colour": ["red", None, None]})
    people = pa.table({"customer": ["ann"], "town": ["Leeds"]})
    first = store.ingest(items=items, customers=people)
    assert (first.number, first.words) == (1, "items table: 2 rows taken in; customers table: 1 row taken in")
    assert first.notes == ("items: 1 row without an id, left out",)
    before = store.version, sorted(path.name for path in (store.folder / "tables").iterdir())
    again = store.ingest(items=items.slice(0, 1), customers=people)
    assert (again.number, again.tables_unchanged) == (None, ("items", "customers"))
    assert again.words == "items table: nothing new, its row is known; customers table: nothing new, its row is known"
    assert before == (store.version, sorted(path.name for path in (store.folder / "tables").iterdir()))
    assert [entry.number for entry in store.history()] == [1]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"item": ["pen"], "price": [2.5], "colour": ["red"]}),
        pa.table({"item": ["pen"], "price": [1.5]}),  # a row describes its item as a whole: it is no longer red
        pa.table({"item": ["pen"], "price": [1.5], "colour": ["red"], "size": ["A4"]}),
        pa.table({"item": ["pin"], "price": [1.5], "colour": ["red"]}),
    ],
)
def test_a_table_that_says_anything_new_is_taken_in(tmp_path: Path, table: pa.Table) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(items=pa.table({"item": ["pen"], "price": [1.5], "colour": ["red"]}))
    assert store.ingest(items=table).number == 2
    assert store.ingest(items=table).number is None


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"item": ["pen"], "price": pa.array([2], pa.int64()), "colour": ["red"]}),
        pa.table({"item": ["pen"], "price": [2.0], "Colour": ["red"]}),
        pa.table({"colour": pa.array(["red"]).dictionary_encode(), "item": ["pen"], "price": [2.0]}),
        pa.table({"item": ["pen"], "price": [2.0], "colour": ["red"], "size": pa.array([None], pa.string())}),
    ],
)
def test_a_table_that_says_the_same_in_another_form_is_known(tmp_path: Path, table: pa.Table) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(items=pa.table({"item": ["pen", "cup"], "price": [2.0, 2.5], "colour": ["red", None]}))
    assert store.ingest(items=table).tables_unchanged == ("items",)
    assert store.version == 1


def test_a_table_that_cannot_stand_beside_the_one_before_is_refused(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(items=pa.table({"item": ["pen"], "since": [date(2024, 1, 1)]}))
    with pytest.raises(InputError, match="another kind of values"):
        store.ingest(items=pa.table({"item": ["cup"], "since": [7]}))
    assert store.items()["since"].to_pylist() == [date(2024, 1, 1)]


def test_a_known_table_beside_new_events_outlives_the_ingest_that_brought_it(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    items = pa.table({"item": ["pen"], "brand": ["Acme"]})
    store.ingest(items=items)
    report = store.ingest(frame([("ann", "purchase", "pen", 1, "o1")]), items=items)
    assert report.words == "1 of 1 row accepted; items table: nothing new, its row is known"
    store.undo(1)
    assert store.items().to_pylist()[0]["brand"] == "Acme"


def test_several_files_are_no_table(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    for name in "ab":
        (tmp_path / f"items-{name}.csv").write_text("item,brand\npen,Acme\n")
    with pytest.raises(InputError, match="is 2 files"):
        store.ingest(items=str(tmp_path / "items-*.csv"))


def test_the_files_that_overlap_are_named(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    days = {"jan": range(0, 6), "feb": range(4, 10), "mar": range(9, 12)}
    for name, days_of in days.items():
        lines = [f"ann,purchase,pen,2024-01-{day + 1:02}" for day in days_of]
        (tmp_path / f"{name}.csv").write_text(
            "\n".join(["customer,behaviour,item,time", *lines, ",purchase,pen,2024-01-20"])
        )
    report = store.ingest([str(tmp_path / f"{name}.csv") for name in days])
    assert [(Path(a).stem, Path(b).stem, found.rows) for found in report.overlaps for a, b in [found.files]] == [
        ("jan", "feb", 2), ("feb", "mar", 1)
    ]  # fmt: skip
    assert (report.counted_once, report.rejected) == (3, {"no customer": 3})  # refused before files are compared


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
