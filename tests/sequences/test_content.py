"""Item content: which features there are, which are dropped, and that the future stays out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from regard.events.store import Store
from regard.sequences.content import BANDS, features_of, read_content, words
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary


def names_of(content: Content, row: int) -> list[str]:
    return [content.names[code] for code in content.features[row]]


def test_words_of_any_script() -> None:
    assert sorted(words("Örtliche ПОСУДА set-of-6")) == ["word:of", "word:set", "word:örtliche", "word:посуда"]
    assert sorted(words("保温杯 USB 灯")) == ["word:usb", "word:保温", "word:温杯", "word:灯"]
    assert list(words("6 + 7 __")) == []


def test_features_on_one_item_or_on_nearly_all_are_dropped() -> None:
    table = pa.table(
        {"item": ["a", "b", "c"], "item_name": ["red lamp", "red cup", "red lamp big"], "brand": ["X", " x ", None]}
    )
    content = features_of(table, Vocabulary(["a", "b", "c"]))
    assert content.names == ("brand:x", "word:lamp")
    assert [names_of(content, row) for row in range(3)] == [["brand:x", "word:lamp"], ["brand:x"], ["word:lamp"]]


def test_categories_are_levels_and_prices_are_bands_of_equal_size() -> None:
    count = 10 * BANDS
    table = pa.table(
        {
            "item": [f"{n:03d}" for n in range(count)],
            "price": [float(2**n) if n < 60 else 2.0**60 + n * 2.0**20 for n in range(count)],
            "category": ["Home > Lights" if n % 2 else "Home > Cups" if n % 4 else "Garden" for n in range(count)],
        }
    )
    content = features_of(table, Vocabulary(table["item"].combine_chunks()))
    assert names_of(content, 1) == ["category:home", "category:home > lights", "price:0"]
    prices = [name for row in range(count) for name in names_of(content, row) if name.startswith("price")]
    assert {prices.count(f"price:{band}") for band in range(BANDS)} == {10}


def test_tags_are_known_by_any_of_their_names() -> None:
    table = pa.table(
        {"item": ["a", "b", "c"], "Genres": ["Drama|Sci Fi", "Drama", "War"], "关键词": ["红 大", "红, 小", "深 蓝"]}
    )
    content = features_of(table, Vocabulary(["a", "b", "c"]))
    assert [names_of(content, row) for row in range(3)] == [["tag:drama", "tag:红"], ["tag:drama", "tag:红"], []]


def test_lists_of_tags_are_read_from_a_table_and_from_a_store(tmp_path: Path) -> None:
    table = pa.table({"item": ["a", "b", "c"], "tags": [["New", "in stock"], ["in stock"], None]})
    store = Store.create(tmp_path / "shop")
    store.ingest(items=table)
    for content in (
        features_of(table, Vocabulary(["a", "b", "c"])),
        read_content(store, Vocabulary(["a", "b", "c"])),
    ):
        assert [names_of(content, row) for row in range(3)] == [["tag:in stock"], ["tag:in stock"], []]


def test_rows_follow_the_vocabulary_and_unknown_items_have_none() -> None:
    table = pa.table({"item": ["a", "b", "z"], "item_name": ["lamp", "lamp", "lamp"]})
    content = features_of(table, Vocabulary(["new", "b", "a"]))
    assert [names_of(content, row) for row in range(3)] == [[], ["word:lamp"], ["word:lamp"]]
    assert len(features_of(table, Vocabulary([])).features) == 0


def test_what_is_told_later_is_not_known_before(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    day = 86_400_000_000
    table = pa.table(
        {
            "customer": ["ann"] * 8, "item": ["a", "b", "c", "d"] * 2, "behaviour": ["purchase"] * 8,
            "time": pa.array([20_000 * day] * 4 + [20_010 * day] * 4, pa.timestamp("us", "UTC")),
            "item_name": ["lamp", "lamp", "cup", "cup", "new lamp", "new lamp", "cup", "cup"],
        }
    )  # fmt: skip
    store.ingest([table, table.slice(4).append_column("device", pa.array(["phone"] * 4))])
    items = Vocabulary(["a", "b", "c", "d"])
    assert read_content(store, items, 20_005 * 86_400).names == ("word:cup", "word:lamp")
    assert read_content(store, items).names == ("word:cup", "word:lamp", "word:new")
