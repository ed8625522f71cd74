"""Who may be looked at: by the customers tables, and obeyed by every reader of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from regard.errors import InputError, UsageError
from regard.events.consent import consenting
from regard.events.read import open_source, read_table
from regard.events.store import Store


def events(*people: str, **columns: list[Any]) -> pd.DataFrame:
    rows = [(name, "purchase", f"of {name}", f"2026-03-0{day}") for name in people for day in (1, 2)]
    return pd.DataFrame(rows, columns=["customer", "behaviour", "item", "time"]).assign(**columns)


def said(**consents: Any) -> pd.DataFrame:
    return pd.DataFrame({"customer": list(consents), "consent": list(consents.values())})


def seen(store: Store) -> list[str]:
    with store.reading() as (engine, version):
        engine.scan("events", store.catalog.parts(version, "events"))
        return [name for (name,) in engine.rows("SELECT DISTINCT customer FROM events ORDER BY customer")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "shop")


def test_nobody_was_asked_and_everybody_is_seen(store: Store) -> None:
    store.ingest(events("ann", "bob"), customers=pd.DataFrame({"customer": ["ann"], "city": ["Ulm"]}))
    assert seen(store) == ["ann", "bob"]
    assert store.consenting() is None


def test_whoever_does_not_say_yes_is_not_seen(store: Store) -> None:
    store.ingest(events("ann", "bob", "cid", "dan", "eve"), customers=said(ann="yes", bob="no", cid=None, dan="maybe"))
    assert seen(store) == ["ann"]  # bob refused, cid said nothing, dan nothing readable, eve is in no table
    assert store.consenting().to_pylist() == ["ann"]
    assert store.customers().to_pylist() == [{"customer": "ann"}]
    assert store.items()["item"].to_pylist() == ["of ann"]


def test_what_a_table_says_is_told_when_it_comes(store: Store) -> None:
    report = store.ingest(customers=said(ann="yes", bob="no", cid=None, dan="maybe"))
    assert report.notes == (
        "customers: 1 row whose consent is neither yes nor no, taken for no",
        "customers: 1 of 4 rows consent; nobody else is looked at from now on",
    )


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("consent", True, False),
        ("Consent", 1, 0),
        ("GDPR consent", "Yes", "NO"),
        ("opt-in", " y ", "n"),
        ("是否同意", "是", "否"),
        ("授权", "已授权", "未授权"),
        ("consent", 1.0, 0.0),
        ("Consent given", "1", "0"),
        ("consented", "granted", "withdrawn"),
    ],
)
def test_names_and_values_in_both_languages(column: str, yes: Any, no: Any) -> None:
    table = pa.table({"customer": ["ann", "bob"], column: [yes, no]})
    with duckdb.connect() as connection:
        found = read_table(connection, open_source(table), kind="customers", overrides={}, table="t")
        rows = connection.execute("SELECT * FROM t ORDER BY customer").fetchall()
    assert (rows, found.columns["consent"]) == ([("ann", True), ("bob", False)], column)
    assert (found.consents, found.odd) == (1, 0)


def test_a_column_by_another_name_is_named_and_two_are_a_question(store: Store, tmp_path: Path) -> None:
    table = pd.DataFrame({"customer": ["ann", "bob"], "OK to profile": ["yes", "no"]})
    store.ingest(events("ann", "bob"), customers=table, overrides={"consent": "OK to profile"})
    assert seen(store) == ["ann"]
    assert store.config.columns == {"consent": "OK to profile"}
    store.ingest(customers=table.assign(**{"OK to profile": ["yes", "yes"]}))  # as last time
    assert seen(store) == ["ann", "bob"]
    two = pd.DataFrame({"customer": ["ann"], "gdpr_consent": ["yes"], "data_consent": ["no"]})
    with pytest.raises(InputError, match="'gdpr_consent' and 'data_consent' could each be the consent"):
        Store.create(tmp_path / "other").ingest(customers=two)


def test_a_map_for_the_table_leaves_a_like_named_column_of_the_events_alone(store: Store) -> None:
    log = events("ann", "bob", ok=["no"] * 4)
    table = pd.DataFrame({"customer": ["ann", "bob"], "ok": ["yes", "no"]})
    store.ingest(log, customers=table, overrides={"consent": "ok"})
    assert seen(store) == ["ann"]
    with pytest.raises(UsageError, match="no field 'consent'"):
        store.ingest(events("cid", ok=["no"] * 2), overrides={"consent": "ok"})


def test_the_latest_table_that_has_the_column_decides(store: Store) -> None:
    store.ingest(events("ann", "bob"), customers=said(ann="yes", bob="yes"))
    store.ingest(customers=said(bob="no"))
    assert seen(store) == ["ann"]
    store.ingest(customers=pd.DataFrame({"customer": ["ann", "bob"], "city": ["Ulm", "Bonn"]}))
    assert seen(store) == ["ann"]  # a table without the column changes nobody's consent
    assert store.customers().to_pylist() == [{"customer": "ann", "city": "Ulm"}]
    store.ingest(customers=said(ann=None))
    assert seen(store) == []
    store.undo(4)
    assert seen(store) == ["ann"]
    store.undo(2)
    assert seen(store) == ["ann", "bob"]


def test_when_nobody_consents_the_store_reads_as_an_empty_one(store: Store) -> None:
    from regard.sequences.pack import read_log

    store.ingest(events("ann", "bob"), customers=said(ann="no"))
    log = read_log(store)
    assert (log.events, len(log), len(log.items)) == (0, 0, 0)
    assert store.items().num_rows == store.customers().num_rows == len(store.bots()) == 0
    assert [(f.name, f.count, f.of) for f in store.doctor().findings] == [("no consent", 2, 2)]


def test_columns_that_only_others_fill_are_not_there(store: Store) -> None:
    log = events("ann", "bob", device=[None, None, "phone", "phone"], price=[None, None, 3.0, 4.0])
    store.ingest(log, customers=said(ann="yes", bob="no"))
    with store.reading() as (engine, version):
        assert not {"device", "price"} & set(engine.scan("events", store.catalog.parts(version, "events")))
    assert "price" not in store.items().column_names


def test_who_is_bot_like_is_asked_of_those_who_consent_and_by_them_alone(store: Store) -> None:
    def busy(name: str, acts: int) -> pd.DataFrame:
        rows = [(name, "view_item", f"i{n % 7}", f"2026-03-01T10:{n // 60:02}:{n % 60:02}") for n in range(acts)]
        return pd.DataFrame(rows, columns=["customer", "behaviour", "item", "time"])

    log = pd.concat([busy(f"c{n}", 1 + n % 3) for n in range(20)] + [busy("bot", 600), busy("robot", 700)])
    store.ingest(log, customers=said(**{f"c{n}": "yes" for n in range(20)}, bot="yes", robot="no"))
    assert store.bots() == ["bot"]
    assert "robot" not in str(store.doctor().to_json()["findings"])
    store.ingest(customers=said(bot="no"))
    assert store.bots() == []
    store.undo(2)
    assert store.bots() == ["bot"]


def test_a_table_in_memory() -> None:
    assert consenting(pa.table({"city": ["Ulm"]})).tolist() == [True]
    assert consenting(pa.table({"Consent": [True, False, None]})).tolist() == [True, False, False]
    with pytest.raises(UsageError, match="one column of true and false"):
        consenting(pa.table({"consent": ["yes"]}))
