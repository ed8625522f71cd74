"""Edges and scores of customers: read by their columns, kept as versioned tables, consent and sensitivity obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from regard.config import Config
from regard.errors import InputError
from regard.events.read import open_source, read_table
from regard.events.sensitive import KINDS, kind_of
from regard.events.store import Store


def edges_of(table: dict[str, list[Any]], **overrides: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        read_table(connection, open_source(pa.table(table)), kind="edges", overrides=overrides, table="t")
        return connection.execute("SELECT customer, other, kind FROM t ORDER BY ALL").fetchall()


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("customer", "other", "kind"),
        ("customer_id", "friend_id", "relation"),
        ("Customer 1", "Customer 2", "type"),
        ("source", "target", "relationship"),
        ("用户ID", "好友ID", "关系类型"),
        ("用户1", "用户2", "关系"),
    ],
)
def test_edges_are_recognised_in_both_languages(one: str, other: str, kind: str) -> None:
    table = {
        one: ["ann", "bob", "ann", None],
        other: ["bob", "cid", "bob", "cid"],
        kind: ["friend", None, "friend", "x"],
    }
    assert edges_of(table) == [("ann", "bob", "friend"), ("bob", "cid", "")]


def test_what_is_no_table_of_edges_is_said() -> None:
    with pytest.raises(InputError, match="recognised as the other"):
        edges_of({"customer": ["ann"], "city": ["Ulm"]})
    with pytest.raises(InputError, match="'friend' and 'partner' could each be the other"):
        edges_of({"customer": ["ann"], "friend": ["bob"], "partner": ["cid"]})
    assert edges_of({"customer": ["ann"], "chum": ["bob"]}, other="chum") == [("ann", "bob", "")]
    with pytest.raises(InputError, match="no row with two customers"):
        edges_of({"customer": ["ann"], "other": [None], "x": ["y"]}, other="other")


def test_tables_beside_customers_are_versioned_and_speak_of_nobody_who_does_not_consent(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop", Config())
    people = pd.DataFrame(
        {"customer": ["ann", "bob", "cid"], "consent": ["yes", "yes", "no"], "Age band": ["20-29"] * 3}
    )
    edges = pd.DataFrame(
        {"customer": ["ann", "ann"], "other": ["bob", "cid"], "kind": ["household"] * 2, "weight": [2, 1]}
    )
    scores = pd.DataFrame({"customer": ["ann", "cid"], "nps": [9.0, 3.0], "inferred gender": ["f", "m"]})
    report = store.ingest(customers=people, edges=edges, scores=scores)
    assert report.tables == {"customers": 3, "edges": 2, "scores": 2}
    assert "customers: sensitive and not used unless switched on in regard.toml: Age band" in report.notes
    assert store.edges().to_pylist() == [{"customer": "ann", "other": "bob", "kind": "household", "weight": 2.0}]
    assert store.scores().to_pylist() == [{"customer": "ann", "nps": 9.0}]
    assert store.customers().to_pylist() == [{"customer": "ann"}, {"customer": "bob"}]
    allowed = Store(store.folder, replace(store.config, privacy={"sensitive": ("age",)}))
    assert allowed.customers().column_names == ["customer", "Age band"]
    assert allowed.scores().column_names == ["customer", "nps"]  # age alone was switched on
    store.ingest(edges=edges.assign(weight=[5, 1]))
    assert store.ingest(edges=edges.assign(weight=[5, 1])).tables_unchanged == ("edges",)
    assert store.edges()["weight"].to_pylist() == [5.0]
    store.undo(2)
    assert store.edges()["weight"].to_pylist() == [2.0]


@pytest.mark.parametrize("name", ["language", "page views", "message", "usage", "storage", "城市"])
def test_ordinary_columns_are_not_sensitive(name: str) -> None:
    assert kind_of(name) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Gender", "gender"),
        ("性别", "gender"),
        ("age_band", "age"),
        ("AGE_DESC", "age"),
        ("dateOfBirth", "age"),
        ("会员年龄段", "age"),
        ("ethnic group", "ethnicity"),
        ("民族", "ethnicity"),
        ("religion", "religion"),
        ("宗教信仰", "religion"),
        ("health-status", "health"),
        ("是否怀孕", "health"),
        ("sexual_orientation", "sexual_orientation"),
        ("性取向", "sexual_orientation"),
        ("political party", "politics"),
        ("政治面貌", "politics"),
    ],
)
def test_sensitive_columns_are_known_in_both_languages(name: str, kind: str) -> None:
    assert kind_of(name) == kind
    assert kind in KINDS
