"""Refused records sent again: entered once, at the time they first came, or refused under the same number."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from regard.errors import UsageError, WorkspaceError
from regard.events.live import writer as live_writer
from regard.events.live.entry import Entry, Result
from regard.events.live.record import Limits
from regard.events.live.tail import Refused, Tail
from regard.events.live.writer import Writer
from regard.events.store import Store


def refused(store: Store) -> dict[int, Refused]:
    with Tail.open(store.catalog.path) as tail:
        return {record.number: record for record in tail.refused(1_000)}


def arrived(store: Store) -> list[tuple[str, str | None, int]]:
    with Tail.open(store.catalog.path) as tail:
        return [(event.event_id, event.item, event.time_us) for event in tail.newest(1_000)][::-1]


def send(writer: Writer, *records: object) -> list[str]:
    return [result.status for result in writer.submit(records).result(30)]


BAD: dict[str, Any] = {"customer": "ann", "behaviour": "view_item", "event_id": "e1", "price": "cheap"}


def test_mended_records_are_entered_once_as_of_when_they_came(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        assert send(writer, BAD, "nonsense", {**BAD, "event_id": "e2"}) == ["refused"] * 3
        first = refused(store)[1]
        assert writer.replay([2, 1]).result(10) == [
            Result(status="refused", reason="not an object"), Result(status="refused", reason="unreadable price")
        ]  # fmt: skip
        mended = {1: {**BAD, "price": 2.5, "item": "pen"}, 3: {**BAD, "event_id": "e2", "price": 1, "behaviour": ""}}
        assert writer.replay([1, 3], mended).result(10) == [
            Result(status="accepted", event_id="e1"), Result(status="refused", reason="no behaviour")
        ]  # fmt: skip
        assert arrived(store) == [("e1", "pen", first.received_us)]
        now = refused(store)
        assert now[1].replayed is not None
        assert now[1].replayed >= first.received_us
        assert (now[1].raw, now[2].replayed, now[3].replayed) == (first.raw, None, None)
        assert (now[3].reason, json.loads(now[3].raw)) == ("no behaviour", mended[3])
        assert [result.status for result in writer.replay([1, 1], mended).result(10)] == ["repeated"] * 2
        with pytest.raises(UsageError, match="no refused record 4"):
            writer.replay([1, 4])
        assert writer.replay([]).result(0) == []
    with Tail.open(store.catalog.path) as tail:
        assert (tail.counts().tail, tail.counts().refused) == (1, 2)


def test_what_was_too_early_passes_as_it_is_when_its_time_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.create(tmp_path / "shop")
    clock = 1_700_000_000 * 10**9
    monkeypatch.setattr(live_writer.time, "time_ns", lambda: clock)
    with Writer(store) as writer:
        assert send(writer, {**BAD, "price": 1, "time": 1_700_100_000}) == ["refused"]
        assert writer.replay([1]).result(10)[0].reason == "time in the future"
        clock += 100_000 * 10**9
        assert writer.replay([1]).result(10)[0].status == "accepted"
    assert arrived(store) == [("e1", None, 1_700_100_000_000_000)]


def test_a_mended_record_whose_id_is_kept_is_dealt_with_and_not_kept_twice(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        send(writer, BAD, {**BAD, "price": 1})
        assert writer.replay([1], {1: {**BAD, "price": 1}}).result(10) == [Result(status="repeated", event_id="e1")]
        assert len(arrived(store)) == 1
        assert refused(store)[1].replayed is not None


def test_what_was_cut_needs_mending(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        send(writer, {**BAD, "price": 1, "page": "x" * Limits().raw}, {**BAD, "price": object()})
        before = refused(store)
        assert [result.reason for result in writer.replay([1, 2]).result(10)] == [
            "extra is too long", "unreadable price"
        ]  # fmt: skip
        assert refused(store) == before
        assert writer.replay([1], {1: {**BAD, "price": 1}}).result(10)[0].status == "accepted"


def test_marking_and_entering_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        send(writer, BAD, {**BAD, "event_id": "e2"})

        def broken(self: Entry, received_us: int, event: Any) -> None:
            if event.event_id == "e2":
                raise WorkspaceError("the disk is full")
            keep(self, received_us, event)

        keep = Entry._keep
        mended = {1: {**BAD, "price": 1}, 2: {**BAD, "price": 1, "event_id": "e2"}}
        with monkeypatch.context() as patch:
            patch.setattr(Entry, "_keep", broken)
            with pytest.raises(WorkspaceError, match="disk is full"):
                writer.replay([1, 2], mended).result(10)
        assert (arrived(store), [one.replayed for one in refused(store).values()]) == ([], [None, None])
        assert [result.status for result in writer.replay([1, 2], mended).result(10)] == ["accepted"] * 2


def test_many_who_mend_the_same_record_enter_it_once(tmp_path: Path) -> None:
    store, statuses = Store.create(tmp_path / "shop"), []
    with Writer(store) as writer:
        send(writer, {"customer": "ann", "price": 1})

        def mend(item: str) -> None:
            mended = {1: {"customer": "ann", "behaviour": "view_item", "item": item}}  # without an id
            statuses.append(writer.replay([1], mended).result(30)[0].status)

        threads = [threading.Thread(target=mend, args=(str(n),)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == ["accepted"] + ["repeated"] * 7
    assert len(arrived(store)) == 1
