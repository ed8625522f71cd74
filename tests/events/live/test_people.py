"""Identifications: what was done under an id is its customer's everywhere, counted once, and taken back without a trace."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import UsageError
from regard.events import aliases, catalog
from regard.events.live import people
from regard.events.live.seal import seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Result, Writer
from regard.events.store import Store
from regard.sequences.pack import read_log

DAY = 86_400


def act(customer: str, at: int, item: str = "pen", **more: Any) -> dict[str, Any]:
    return {"customer": customer, "behaviour": "view_item", "item": item, "time": 1_700_000_000 + at, **more}


def identify(customer: str | None, anonymous: str | None, at: int = 0, **traits: Any) -> dict[str, Any]:
    record = {"kind": "identify", "customer": customer, "anonymous": anonymous, "time": 1_700_000_000 + at}
    return {**record, "traits": traits} if traits else record


def send(store: Store, *records: dict[str, Any]) -> list[Result]:
    with Writer(store) as writer:
        return writer.submit(records).result(30)


def logged(store: Store) -> dict[str, list[str]]:
    """Items of each customer's sequence, as training sees them."""
    log = read_log(store)
    names = [log.items.id(item) for item in log.item]
    return {log.customers.id(at): names[log.offsets[at] : log.offsets[at + 1]] for at in range(len(log))}


def waiting(store: Store, version: int, *customers: str) -> dict[str, list[str | None]]:
    with Tail.open(store.catalog.path) as tail:
        return {name: [one.item for one in found] for name, found in tail.since(version, customers).items()}


def test_what_was_done_before_is_the_customers_everywhere(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    send(store, act("a-1", 0, "pen"), act("ann", 10, "cup"), act("bob", 20, "hat"))
    assert seal(store) is not None
    assert logged(store) == {"a-1": ["pen"], "ann": ["cup"], "bob": ["hat"]}
    send(store, act("a-1", 30, "bag"), identify("ann", "a-1", 40), act("a-1", 50, "mug"))
    assert waiting(store, 1, "ann", "a-1", "bob") == {"ann": ["bag", "mug"], "a-1": [], "bob": []}
    assert logged(store) == {"a-1": ["pen"], "ann": ["cup"], "bob": ["hat"]}  # the version is what it was
    with catalog.opened(store.catalog.path) as link:
        assert [span.id for span in aliases.since(link, 1, ["ann"])["ann"]] == ["a-1"]
        assert aliases.whose(link, ["a-1", "bob"], 0) == {"a-1": "ann", "bob": "bob"}
    assert seal(store) is not None
    assert logged(store) == {"ann": ["pen", "cup", "bag", "mug"], "bob": ["hat"]}
    with catalog.opened(store.catalog.path) as link:
        assert aliases.since(link, 2, ["ann"]) == {"ann": ()}
        assert aliases.since(link, 1, ["ann"])["ann"] == (aliases.Span(id="a-1"),)
    assert store.doctor().events == 5
    people.part(store, "a-1", "ann")
    assert logged(store) == {"a-1": ["pen", "bag", "mug"], "ann": ["cup"], "bob": ["hat"]}
    with pytest.raises(UsageError, match="never said"):
        people.part(store, "a-1", "ann")


def test_an_identification_counts_once_and_a_wrong_one_is_kept_aside(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    first = {**identify("ann", "a-1"), "event_id": "i"}
    results = send(
        store, first, first, {"kind": "alias", "customer": "ann"}, {"kind": "identify", "traits": {}},
        identify("a-1", "ann"), {"kind": "alias", "customer": "old", "anonymous": "ann"}, {**act("ann", 0), "kind": "shoe"},
        {"kind": "identify", "customer": "ann", "traits": [1]}, {"kind": "identify", "customer": "ann", "traits": {"x": "y" * 20_000}},
        {"kind": "identify", "customer": "ann", "time": 4_000_000_000}, {"kind": "alias", "customer": "\ud800", "anonymous": "x"},
    )  # fmt: skip
    assert [(result.status, result.reason) for result in results] == [
        ("accepted", ""), ("repeated", ""), ("refused", "no anonymous id"), ("refused", "no customer"),
        ("refused", "joins an id to itself"), ("accepted", ""), ("accepted", ""), ("refused", "traits are not an object"),
        ("refused", "traits are too long"), ("refused", "time in the future"), ("refused", "unreadable customer"),
    ]  # fmt: skip
    assert results[0].event_id == "i"
    with Tail.open(store.catalog.path) as tail:
        assert (tail.counts().tail, tail.counts().refused) == (1, 7)
        assert '"a-1"' in {refused.reason: refused.raw for refused in tail.refused(10)}["joins an id to itself"]
    assert waiting(store, 0, "old", "ann") == {"old": ["pen"], "ann": []}
    assert send(store, first)[0].status == "repeated"


def test_on_a_shared_device_each_has_what_they_did(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    send(store, *(act("tablet", at, f"i{at}") for at in range(0, 50, 10)))
    send(store, identify("ann", "tablet", 15), identify("bob", "tablet", 25), identify("ann", "tablet", 40))
    assert waiting(store, 0, "ann", "bob") == {"ann": ["i0", "i10", "i20", "i40"], "bob": ["i30"]}
    assert seal(store) is not None
    assert logged(store) == {"ann": ["i0", "i10", "i20", "i40"], "bob": ["i30"]}
    people.part(store, "tablet", "bob")
    assert logged(store) == {"ann": [f"i{at}" for at in range(0, 50, 10)]}


NAMES = ["a", "b", "c", "ann", "bob"]
EVENTS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 30)), max_size=25)
JOINS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 30)), max_size=8)


def plain(events: list[tuple[str, int]], joins: list[tuple[str, str, int]]) -> Counter[tuple[str, int]]:
    """Each event's owner by the words of the module, one event at a time."""

    def owner(name: str, at: int) -> str:
        rows = sorted((row for row in joins if row[0] == name), key=lambda row: row[2])
        if not rows:
            return name
        return owner(([rows[0]] + [row for row in rows if row[2] <= at])[-1][1], at)

    return Counter((owner(name, at), at) for name, at in events)


@settings(max_examples=8)
@given(events=EVENTS, joins=JOINS, taken=st.data())
def test_joining_and_parting_leave_no_trace(
    events: list[tuple[str, int]], joins: list[tuple[str, str, int]], taken: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "shop")
        send(store, act("zoe", 0), *(act(name, at, str(at)) for name, at in events))
        seal(store)
        before = logged(store)
        kept = []
        for anonymous, customer, at in joins:
            (result,) = send(store, identify(customer, anonymous, at))
            if result.status == "accepted" and anonymous != customer:
                kept.append((anonymous, customer, at))
        send(store, act("zoe", 31))
        expected = plain(events, kept)
        assert seal(store) is not None
        with store.reading() as (engine, version):
            engine.scan("events", store.catalog.parts(version, "events"))
            rows = engine.rows("SELECT customer, epoch(time)::BIGINT - 1700000000 FROM events WHERE customer <> 'zoe'")
        assert Counter(rows) == expected
        with catalog.opened(store.catalog.path) as link:
            under = aliases.under(link, NAMES)
        for name in NAMES:  # the way of one customer agrees with that of all
            spans = [(span, one, at) for span in under[name] for one, at in events if span.id == one]
            own = Counter((name, at) for span, _, at in spans if (1_700_000_000 + at) * 1_000_000 in span)
            assert own == Counter({key: count for key, count in expected.items() if key[0] == name})
        pairs = sorted({(anonymous, customer) for anonymous, customer, _ in kept})
        for pair in taken.draw(st.permutations(pairs)) if pairs else ():
            with suppress(UsageError):  # a repeat that changed nothing was not kept
                people.part(store, *pair)
        after = logged(store)
        after["zoe"] = after["zoe"][:1]
        assert after == before


def test_a_live_no_withholds_at_once_and_a_yes_gives_back(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    send(store, act("ann", 0), act("bob", 1))
    assert seal(store) is not None
    assert set(logged(store)) == {"ann", "bob"}
    send(store, identify("ann", None, 2, consent=False, city="Ulm"))
    assert set(logged(store)) == {"bob"} and store.consenting() is None
    assert store.people(1, ["ann", "bob", "new"])["ann"].said is False
    assert store.people(1, ["ann", "bob", "new"])["new"].said is None  # nobody else was asked
    assert store.customers().to_pylist() == []
    send(store, act("ann", 3))
    assert seal(store) is not None
    assert set(logged(store)) == {"bob"}
    (finding,) = [one for one in store.doctor().findings if one.name == "no consent"]
    assert (finding.count, finding.of) == (1, 2) and "they have said" in finding.advice
    send(store, identify("ann", None, 1, consent=True))  # said before the no
    assert store.people(2, ["ann"])["ann"].said is False
    send(store, identify("ann", None, 4, consent="同意"))
    assert store.people(2, ["ann"])["ann"].said is True
    assert store.customers().to_pylist() == [{"customer": "ann", "city": "Ulm"}]
    send(store, act("bob", 5))
    assert seal(store) is not None
    assert set(logged(store)) == {"ann", "bob"}


def test_a_live_word_and_a_table(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    table = pa.table({"customer": ["ann", "bob", "cat"], "consent": ["yes", "yes", "no"]})
    send(store, act("ann", 0), act("bob", 1), act("cat", 2), act("dan", 3))
    assert seal(store) is not None
    send(store, identify("bob", None, 4, consent=False), identify("dan", None, 4, consent=True))
    store.ingest(customers=table)
    assert store.consenting().to_pylist() == ["ann", "dan"]  # type: ignore[union-attr]
    send(store, identify("cat", None, 5, consent=True))
    store.ingest(customers=table.append_column("city", [["Ulm"] * 3]))  # a table later than a yes may say no
    assert store.consenting().to_pylist() == ["ann", "dan"]  # type: ignore[union-attr]
    send(store, identify("cat", None, 6, consent=True), identify("bob", None, 6, consent=True))
    assert {name: one.said for name, one in store.people(3, ["ann", "bob", "cat"]).items()} == {
        "ann": None, "bob": True, "cat": True
    }  # fmt: skip
    assert store.consenting().to_pylist() == ["ann", "bob", "cat", "dan"]  # type: ignore[union-attr]


def test_a_word_under_an_id_is_that_of_its_customer(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    send(store, act("ann", 0), act("a-1", 1), act("bob", 2))
    assert seal(store) is not None
    send(store, identify(None, "a-1", 3, consent=False))
    assert store.withdrawn(1) == {"a-1"}
    send(store, identify("ann", "a-1", 4))
    assert store.withdrawn(1) == {"a-1", "ann"} and set(logged(store)) == {"bob"}
    send(store, act("bob", 5))
    assert seal(store) is not None
    assert (store.withdrawn(2), set(logged(store))) == (set(), {"bob"})
    people.part(store, "a-1", "ann")
    assert set(logged(store)) == {"ann", "bob"}
    send(store, identify("ann", "a-1", 4))
    assert store.withdrawn(store.version) == {"a-1", "ann"} and set(logged(store)) == {"bob"}
    send(store, identify("ann", None, 9, consent=True))
    assert store.withdrawn(store.version) == set()
    assert (seal(store), store.version, seal(store), store.version) == (None, 4, None, 4)  # words alone make a version
    assert set(logged(store)) == {"ann", "bob"}


def test_traits_stand_over_the_tables_and_the_last_word_counts(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(customers=pa.table({"customer": ["ann", "bob"], "City": ["Ulm", "Bonn"], "visits": [3, 4]}))
    send(
        store, identify("ann", None, 5, city="Köln", age=33, vip=True, tags=["a"]), identify("ann", None, 4, city="Rom"),
        identify("cat", None, 5, visits="7", points=2.5, Customer="x"), identify(None, "a-1", 6, nick="Bo", city="Wien"),
        identify("cat", None, 7, points=None), identify("dan", None, 1, visits="many"),
    )  # fmt: skip
    send(store, identify("bob", "a-1", 8))
    rows = {row.pop("customer"): row for row in store.customers().to_pylist()}
    assert rows["ann"] == {"City": "Köln", "visits": 3, "vip": True, "tags": '["a"]', "nick": None}
    assert rows["bob"] == {"City": "Wien", "visits": 4, "vip": None, "tags": None, "nick": "Bo"}
    assert (rows["cat"]["visits"], rows["dan"]["visits"]) == (7, None)
    assert "points" not in rows["cat"] and "age" not in rows["ann"]  # taken back; sensitive
