"""Packing: the fast path against the plain one, baskets, merged lines, days in a zone, the cache."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.config import Config
from regard.events.engine import Engine
from regard.events.store import Store
from regard.sequences import pack
from regard.sequences.log import Log, baskets_of
from regard.sequences.pack import days, find_baskets, read_log

NAMES = ("purchase", "refund", "view_item")
START = 1_700_006_400  # midnight UTC


def store_of(folder: Path, table: pa.Table, **config: object) -> Store:
    store = Store.create(folder / "shop", Config(**config))  # type: ignore[arg-type]
    store.ingest(table)
    return store


def frame(rows: list[tuple[str, str, str, int, str | None, float]]) -> pa.Table:
    """Rows (customer, behaviour, item, seconds after START, order, quantity); the price is 2."""
    customer, behaviour, item, seconds, order, quantity = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "customer": customer,
            "behaviour": behaviour,
            "item": item,
            "quantity": quantity,
            "price": [2.0] * len(rows),
            "time": pa.array([(START + int(s)) * 1_000_000 for s in seconds], pa.timestamp("us", "UTC")),
            "order": pa.array(order, pa.string()),
        }
    )


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2)), max_size=30),
    clock=st.booleans(), orders=st.booleans(),
)  # fmt: skip
def test_find_baskets_is_baskets_of(rows: list[tuple[int, int, int, int]], clock: bool, orders: bool) -> None:
    owner, behaviour, day, order = np.array(sorted(rows, key=lambda row: row[0]), dtype=np.int64).reshape(-1, 4).T
    asked = (owner, behaviour, NAMES, day if clock else None, order if orders else None)
    np.testing.assert_array_equal(find_baskets(*asked), baskets_of(*asked))


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cid"]), st.sampled_from(NAMES), st.sampled_from(["pen", "cup"]),
        st.sampled_from([0, 10, 50_000, 90_000]), st.sampled_from([None, "o1", "o2"]), st.sampled_from([1.0, 2.0]),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(first=_EVENTS, second=_EVENTS, batch=st.sampled_from([1, 2, 100]))
def test_a_packed_log_is_what_plain_python_makes_of_the_events(
    tmp_path_factory: pytest.TempPathFactory, first: list, second: list, batch: int
) -> None:
    store = store_of(tmp_path_factory.mktemp("shop"), frame(first))
    store.ingest(frame(second))
    with store.reading() as (engine, version):
        engine.scan("events", store.catalog.parts(version, "events"))
        events = engine.rows(
            'SELECT customer, epoch(time)::BIGINT, ingest, line, behaviour, item, "order", quantity FROM events'
            " ORDER BY 1, 2, 3, 4"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regard.events.engine.BATCH", batch)
        log = read_log(store)
    assert told(log) == plain(events)
    assert np.all(np.diff(log.basket)[np.diff(log.owner) == 0] >= 0)
    assert np.all(np.diff(log.time)[np.diff(log.owner) == 0] >= 0)


def told(log: Log) -> list[tuple[object, ...]]:
    """The log as rows; the order of a basket's lines says nothing, so they are sorted."""
    return sorted(
        (
            log.customers.id(owner),
            int(basket),
            log.behaviours[behaviour],
            log.items.id(item),
            int(time),
            float(quantity),
            float(value),
        )
        for owner, basket, behaviour, item, time, quantity, value in zip(
            log.owner, log.basket, log.behaviour, log.item, log.time, log.quantity, log.value, strict=True
        )
    )


def plain(events: list[tuple]) -> list[tuple[object, ...]]:
    """The definition, one customer and one event at a time."""
    rows: list[tuple[object, ...]] = []
    for customer in dict.fromkeys(event[0] for event in events):
        baskets: dict[object, dict] = {}
        for number, (_, time, _, _, behaviour, item, order, quantity) in enumerate(
            e for e in events if e[0] == customer
        ):
            key = number if behaviour == "view_item" else (behaviour, order or time // 86_400)
            basket = baskets.setdefault(key, {"time": time, "behaviour": behaviour, "lines": {}})
            units = -abs(quantity) if behaviour == "refund" else quantity
            basket["lines"][item] = basket["lines"].get(item, 0.0) + units
        for number, basket in enumerate(baskets.values()):
            for item, units in basket["lines"].items():
                rows.append((customer, number, basket["behaviour"], item, basket["time"], units, 2 * units))
    return sorted(rows)


def test_lines_of_one_item_in_one_basket_are_one_event(tmp_path: Path) -> None:
    rows = [
        ("ann", "purchase", "pen", 0, "o1", 2.0),
        ("ann", "purchase", "cup", 0, "o1", 1.0),
        ("ann", "purchase", "pen", 0, "o1", 3.0),
    ]
    log = read_log(store_of(tmp_path, frame(rows)))
    assert told(log) == [
        ("ann", 0, "purchase", "cup", START, 1.0, 2.0),
        ("ann", 0, "purchase", "pen", START, 5.0, 10.0),
    ]


def test_an_interleaved_order_stands_where_it_began(tmp_path: Path) -> None:
    rows = [
        ("ann", "purchase", "pen", 0, "o1", 1.0),
        ("ann", "view_item", "cup", 5, None, 1.0),
        ("ann", "purchase", "cup", 9, "o1", 1.0),
    ]
    log = read_log(store_of(tmp_path, frame(rows)))
    assert log.basket.tolist() == [0, 0, 1]
    assert [log.behaviours[code] for code in log.behaviour] == ["purchase", "purchase", "view_item"]
    assert (log.time - START).tolist() == [0, 0, 5]


def test_days_begin_where_the_shop_is(tmp_path: Path) -> None:
    rows = [("ann", "purchase", "pen", 15 * 3600, None, 1.0), ("ann", "purchase", "cup", 17 * 3600, None, 1.0)]
    assert read_log(store_of(tmp_path / "utc", frame(rows))).basket.tolist() == [0, 0]
    assert read_log(store_of(tmp_path / "zh", frame(rows), time_zone="Asia/Shanghai")).basket.tolist() == [0, 1]


@given(
    st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=20),
    st.sampled_from(["UTC", "Europe/London", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_days_is_what_datetime_says(times: list[int], zone: str) -> None:
    epoch = datetime(1970, 1, 1).date()
    expected = [(datetime.fromtimestamp(time, ZoneInfo(zone)).date() - epoch).days for time in times]
    assert days(np.array(times), zone).tolist() == expected


def test_a_log_without_clock_counts_positions_or_nothing(tmp_path: Path) -> None:
    table = pa.table(
        {
            "customer": ["ann", "ann", "bob"],
            "item": ["b", "a", "c"],
            "behaviour": ["view_item"] * 3,
            "position": [2, 1, 7],
        }
    )
    log = read_log(store_of(tmp_path, table))
    assert (log.clock, log.time.tolist(), log.items.names(log.item)) == ("order", [0, 1, 0], ["a", "b", "c"])
    assert log.basket.tolist() == [0, 1, 0]
    log = read_log(store_of(tmp_path / "set", table.drop_columns(["position"])))
    assert (log.clock, log.time.tolist()) == ("none", [0, 0, 0])


def test_context_is_coded_and_missing_values_are_minus_one(tmp_path: Path) -> None:
    table = frame([("ann", "view_item", "pen", 0, None, 1.0), ("bob", "view_item", "pen", 1, None, 1.0)])
    log = read_log(store_of(tmp_path, table.append_column("device", pa.array(["phone", None]))))
    names, codes = log.context["device"]
    assert ([names[code] for code in codes if code >= 0], codes.tolist()) == (["phone"], [0, -1])
    assert set(log.context) == {"device"}


def test_the_cache_is_used_and_may_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path, frame([("ann", "purchase", "pen", 0, "o1", 1.0)]))
    log = read_log(store)
    assert isinstance(log.time, np.memmap)
    (folder,) = (store.folder / "cache").glob("log-*")
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "sequences", lambda *given: pytest.fail("packed again"))
        assert told(read_log(store)) == told(log)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert told(read_log(store)) == told(log)
    store.ingest(frame([("bob", "purchase", "cup", 0, "o2", 1.0)]))
    assert read_log(store).events == 2
    assert len(list((store.folder / "cache").glob("log-*"))) == 1


def test_behaviours_and_until_choose_events(tmp_path: Path) -> None:
    rows = [
        ("ann", "purchase", "pen", 0, "o1", 1.0),
        ("ann", "view_item", "cup", 5, None, 1.0),
        ("ann", "purchase", "POSTAGE", 9, "o2", 1.0),
    ]
    store = store_of(tmp_path, frame(rows))
    assert read_log(store, behaviours=["view_item"]).events == 1
    assert read_log(store, until=START + 5).events == 1
    log = read_log(store)
    assert dict(zip(log.items.ids.to_pylist(), log.merchandise.tolist(), strict=True)) == {
        "POSTAGE": False,
        "cup": True,
        "pen": True,
    }
    assert pack.read_log(store, until=START + 9).merchandise.all()
