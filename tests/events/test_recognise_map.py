"""One `--map` for events and tables together."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from regard.errors import UsageError
from regard.events.store import Store

EVENTS = pa.table({"Kunde": ["ann"], "Artikel": ["pen"], "event": ["buy"], "time": ["2024-01-01"], "Preis": [2.0]})
ITEMS = pa.table({"Artikelnummer": ["pen"], "Bezeichnung": ["Pen"], "Warengruppe": ["ink"], "Preis": [1.5]})
NAMES = {"item_name": "Bezeichnung", "category": "Warengruppe", "price": "Preis"}


def test_the_map_reaches_a_table_and_is_remembered(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(items=ITEMS, overrides={"item": "Artikelnummer", **NAMES})
    assert store.items().to_pylist() == [{"item": "pen", "item_name": "Pen", "category": "ink", "price": 1.5}]
    assert store.ingest(items=ITEMS).tables_unchanged == ("items",)


def test_each_field_goes_to_the_files_that_have_its_column(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    people = pa.table({"Kunde": ["ann"], "city": ["Ulm"]})
    more = EVENTS.rename_columns(["user_id", "Artikel", "event", "time", "Preis"])
    items = ITEMS.rename_columns(["Artikel", *ITEMS.column_names[1:]])
    store.ingest(
        [EVENTS, more], items=items, customers=people, overrides={"customer": "Kunde", "item": "Artikel", **NAMES}
    )
    assert store.customers().to_pylist() == [{"customer": "ann", "city": "Ulm"}]
    assert store.items().to_pylist() == [{"item": "pen", "item_name": "Pen", "category": "ink", "price": 1.5}]


def test_numbers_count_the_columns_of_the_events(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    overrides = {"customer": "#1", "item": "#2"}
    store.ingest(EVENTS, items=pa.table({"name": ["Pen"], "x": ["y"], "sku": ["pen"]}), overrides=overrides)
    assert store.items().to_pylist()[0]["item"] == "pen"
    store.ingest(items=pa.table({"a": ["b"], "c": ["cup"]}), overrides={"item": "#2"})
    assert {row["item"] for row in store.items().to_pylist()} == {"pen", "cup"}


def test_a_column_that_no_file_has_is_wrong_usage(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    told = {"customer": "Kunde", "item": "Artikel"}
    with pytest.raises(UsageError, match="category=Warengrupe: no file") as caught:
        store.ingest(EVENTS, items=ITEMS, overrides={**told, "category": "Warengrupe"})
    assert caught.value.hint == "did you mean 'Warengruppe'?"
    with pytest.raises(UsageError, match="no file"):
        store.ingest(items=ITEMS, overrides={"item": "#9"})
    with pytest.raises(UsageError, match="this table has the fields item"):
        store.ingest(items=ITEMS, overrides={"quantity": "Preis"})
    with pytest.raises(UsageError, match="no such column"):
        store.ingest(EVENTS, items=ITEMS, overrides={**told, "time": "Wann"})
