"""The writer and the tail: what is acknowledged is there once, a full queue and a full disk are said and lose nothing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from regard.config import Config
from regard.errors import InputError, UsageError, WorkspaceError
from regard.events import catalog
from regard.events.live import tail as live_tail
from regard.events.live import writer as live_writer
from regard.events.live.entry import Result
from regard.events.live.tables import prepare
from regard.events.live.tail import Counts, Tail
from regard.events.live.writer import QueueFullError, Settings, Writer
from regard.events.store import Store
from regard.sequences.pack import read_log


def act(event_id: str | None = None, **more: Any) -> dict[str, Any]:
    record = {"customer": "ann", "behaviour": "view_item", "item": "pen", **more}
    return record if event_id is None else {**record, "event_id": event_id}


def ids(store: Store) -> list[str]:
    with Tail.open(store.catalog.path) as tail:
        return [arrived.event_id for arrived in tail.newest(1_000_000)][::-1]


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Somebody else writes to the catalogue."""
    with catalog.opened(store.catalog.path) as link:
        link.execute("BEGIN IMMEDIATE")
        yield
        link.execute("ROLLBACK")


def test_every_record_has_its_result_and_an_id_counts_once(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop", Config(behaviours={"Spun": "spin_wheel"}))
    with Writer(store) as writer:
        first = writer.submit(
            [act("a"), act("b", price=2.5, page="/"), act("a"), {"item": "pen"}, act(behaviour="spun")]
        )
        results = first.result(10)
        assert [result.status for result in results] == ["accepted", "accepted", "repeated", "refused", "accepted"]
        assert (results[1], results[3]) == (
            Result(status="accepted", event_id="b"),
            Result(status="refused", reason="no customer"),
        )
        assert writer.submit([act("b", item="cup")]).result(10)[0].status == "repeated"
        assert writer.submit([]).result(10) == []
    with Writer(store) as writer:  # an id is known for good
        assert writer.submit([act("a")]).result(10)[0].status == "repeated"
    with Tail.open(store.catalog.path) as tail:
        since = tail.since(0, ["ann", "bob"])
        events = since["ann"]
        assert [arrived.event_id for arrived in events] == ["a", "b", results[4].event_id]
        assert events[1].fields == {"price": 2.5, "extra": '{"page":"/"}'}
        assert events[2].behaviour == "spin_wheel"
        assert since["bob"] == ()
        counts = tail.counts()
        assert (counts.tail, counts.refused, counts.newest_us) == (3, 1, events[2].received_us)
        assert [arrived.seq for arrived in tail.newest(2)] == [3, 2]
        assert [arrived.seq for arrived in tail.newest(2, before=2)] == [1]
        (refused,) = tail.refused(10)
        assert (refused.reason, refused.raw, refused.replayed) == ("no customer", '{"item": "pen"}', None)
        assert tail.refused(10, before=refused.number) == []


def test_a_customers_events_are_found_by_the_index_and_not_by_reading_the_tail(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    Writer(store).close()
    with catalog.opened(store.catalog.path) as link:
        plan = str(link.execute(f"EXPLAIN QUERY PLAN {live_tail._SINCE}", ("[]", 0)).fetchall())
    assert "tail_by_customer (customer=? AND rowid>?)" in plan


def test_many_senders_at_once(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    statuses: list[str] = []

    def send(writer: Writer, sender: int) -> None:
        for number in range(40):
            batch = [act(f"{sender}-{number}"), act(f"shared-{number}")]
            statuses.extend(result.status for result in writer.submit(batch).result(30))

    with Writer(store) as writer:
        senders = [threading.Thread(target=send, args=(writer, sender)) for sender in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert (statuses.count("accepted"), statuses.count("repeated")) == (200, 120)
    assert len(ids(store)) == len(set(ids(store))) == 200


def test_two_writers_of_one_workspace_keep_an_id_once(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as one, Writer(Store.open(store.folder)) as other:
        sent = [writer.submit([act(str(number))]) for number in range(30) for writer in (one, other)]
        statuses = [result.status for future in sent for result in future.result(30)]
    assert (statuses.count("accepted"), statuses.count("repeated")) == (30, 30)
    assert sorted(ids(store), key=int) == [str(number) for number in range(30)]


def test_a_full_queue_says_so_at_once_and_what_waits_is_kept(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    writer = Writer(store, settings=Settings(queue=5, group=1, linger=0.0))
    writer.submit([act("first")]).result(10)
    with held(store):
        taken = [writer.submit([act("in hand")])]
        while writer.waiting:
            pass
        taken += [writer.submit([act(f"{number}-{n}") for n in range(2)]) for number in range(2)]
        with pytest.raises(QueueFullError, match="4 live events are waiting"):
            writer.submit([act("x"), act("y")])
        taken.append(writer.submit([act("last")]))
        assert not any(sent.done() for sent in taken)
        assert not taken[-1].cancel()
    with pytest.raises(UsageError, match="a batch of 6 records"):
        writer.submit([act()] * 6)
    writer.close()
    assert all(result.status == "accepted" for sent in taken for result in sent.result(0))
    assert ids(store) == ["first", "in hand", "0-0", "0-1", "1-0", "1-1", "last"]
    with pytest.raises(UsageError, match="closed"):
        writer.submit([act()])


def test_a_full_disk_fails_the_batches_it_meets_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")
    prepare(store.catalog.path)

    def small(path: Path) -> sqlite3.Connection:
        monkeypatch.undo()
        link = catalog.connected(path)
        pages = link.execute("PRAGMA page_count").fetchone()[0]
        link.execute(f"PRAGMA max_page_count={pages + 3:d}")
        return link

    monkeypatch.setattr(live_writer, "connected", small)
    with Writer(store) as writer:
        assert writer.submit([act("a")]).result(10)[0].status == "accepted"
        sent = writer.submit([act("b"), *(act(text="long " * 1_000) for _ in range(100))])
        with pytest.raises(WorkspaceError, match="the disk is full"):
            sent.result(10)
        assert [result.status for result in writer.submit([act("b")]).result(10)] == ["accepted"]
    assert ids(store) == ["a", "b"]


class Broken:
    """A connection whose disk fails at one statement."""

    def __init__(self, link: sqlite3.Connection, at: str, code: int) -> None:
        self.link, self.at, self.code = link, at, code

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith(self.at):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return self.link.execute(sql, *values)

    def close(self) -> None:
        self.link.close()


@pytest.mark.parametrize("at", ["BEGIN", "INSERT INTO tail", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "word"),
    [
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_IOERR_FSYNC, "disk is in order"),
        (sqlite3.SQLITE_BUSY, "in use"),
    ],
)
def test_whatever_fails_takes_its_batch_with_it_and_the_writer_goes_on(
    tmp_path: Path, at: str, code: int, word: str
) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        writer.submit([act("a")]).result(10)
        writer._link = Broken(writer._link, at, code)  # type: ignore[assignment, arg-type]
        with pytest.raises(WorkspaceError, match=word):
            writer.submit([act("b"), act("c")]).result(10)
        assert ids(store) == ["a"]
        assert [result.status for result in writer.submit([act("b")]).result(10)] == ["accepted"]
    assert ids(store) == ["a", "b"]


def test_a_catalogue_that_could_lose_what_it_acknowledges_is_refused(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    prepare(store.catalog.path)
    with sqlite3.connect(store.catalog.path) as link:
        link.execute("PRAGMA journal_mode=DELETE")
    with Writer(store) as writer, pytest.raises(WorkspaceError, match="could lose what it acknowledges"):
        writer.submit([act()]).result(10)


def test_a_workspace_that_is_deleted_is_missed(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        writer.submit([act()]).result(10)
        shutil.rmtree(store.folder)
        with pytest.raises(WorkspaceError, match="missing"):
            writer.submit([act()]).result(10)


def test_a_store_without_times_takes_no_live_events_and_one_with_live_events_no_file_without(tmp_path: Path) -> None:
    timeless = pa.table({"customer": ["ann"], "item": ["pen"], "behaviour": ["purchase"]})
    old = Store.create(tmp_path / "old")
    old.ingest(timeless)
    with pytest.raises(UsageError, match="have no times"):
        Writer(Store.open(old.folder))
    new = Store.create(tmp_path / "new")
    Writer(new).close()
    with pytest.raises(InputError, match="has no time"):
        new.ingest(timeless)


def test_beside_a_tail_the_store_is_as_it_was(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    events = pa.table(
        {
            "customer": ["ann"],
            "item": ["pen"],
            "behaviour": ["purchase"],
            "time": pa.array([10**15], pa.timestamp("us", "UTC")),
        }
    )
    store.ingest(events)
    with Tail.open(store.catalog.path) as tail:
        assert (tail.counts(), tail.since(1, ["ann"]), tail.refused(9)) == (Counts(), {"ann": ()}, [])
        with Writer(store) as writer, store.writing():  # while a file comes in
            writer.submit([act("a")]).result(10)
        assert tail.counts().tail == 1
    again = Store.open(store.folder)
    assert (again.version, len(again.history()), read_log(again).events, again.clock) == (1, 1, 1, "clock")
    assert again.doctor().events == 1
    again.undo(1)
    assert (read_log(again).events, ids(again)) == (0, ["a"])
