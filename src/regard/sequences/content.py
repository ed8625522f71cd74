"""Content: what is known of items beside their ids, as a bag of features each, so that an item nobody has touched yet
is no stranger.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from regard.events.names import plain
from regard.events.store import Store, utc
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

BANDS = 8
"""Price bands of equal numbers of items: enough to tell cheap from dear, few enough to be learnt."""

COMMON = 0.9
"""Share of the items above which a feature tells nothing apart."""

TAGS = frozenset(
    [
        "tag",
        "tags",
        "attribute",
        "attributes",
        "keyword",
        "keywords",
        "genre",
        "genres",
        "label",
        "labels",
        "标签",
        "属性",
        "关键词",
    ]
)
"""Names of columns that hold several words about an item, each of them a feature."""

_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_BETWEEN_TAGS = re.compile(r"[|,;，；、]")
_WORD = re.compile(rf"[{_HAN}]+|[^\W\d_{_HAN}]{{2,}}")
_IS_HAN = re.compile(rf"[{_HAN}]")


def read_content(store: Store, items: Vocabulary, before: int | None = None) -> Content:
    """Content features of items: words of the name, levels of the category, the brand, a price band and tags.

    Names, categories, brands and prices come from the items tables (undated, used as given) and, where these are
    silent, from the events before `before`.

    Args:
        store: the workspace's store.
        items: the V items asked about.
        before: seconds since 1970 UTC; None = everything.

    Returns:
        V rows; features on a single item or on more than 90 % of the items are left out.
    """
    return features_of(store.items(before=None if before is None else utc(before)), items)


def features_of(table: pa.Table, items: Vocabulary) -> Content:
    """Content features from a table with the columns item and any of item_name, category, brand, price, and tags
    by any of their names.

    >>> table = pa.table({"item": ["a", "b", "c"], "item_name": ["Red lamp", "Blue LAMP", "玻璃杯"]})
    >>> features_of(table, Vocabulary(["a", "b", "c"])).names
    ('word:lamp',)
    """
    bags: list[set[str]] = [set() for _ in range(len(items))]
    codes = items.codes(table["item"].to_pylist())
    told = [("item_name", words), ("category", _levels), ("brand", _brand)]
    told += [(name, _tags) for name in table.column_names if plain(name) in TAGS]
    for name, split in told:
        if name not in table.column_names:
            continue
        for code, text in zip(codes, _texts(table[name]), strict=True):
            if code >= 0 and text:
                bags[code].update(split(text))
    if "price" in table.column_names:
        for code, band in zip(codes, _bands(table["price"], codes), strict=True):
            if code >= 0 and band >= 0:
                bags[code].add(f"price:{band}")
    return _encode(bags)


def words(text: str) -> Iterator[str]:
    """Features of a name: lower-cased words; where words are not parted by blanks (Chinese, Japanese), pairs of
    characters.

    >>> sorted(words("LED-Lampe 15cm 玻璃杯"))
    ['word:cm', 'word:lampe', 'word:led', 'word:玻璃', 'word:璃杯']
    """
    for word in _WORD.findall(text.lower()):
        if _IS_HAN.match(word) and len(word) > 1:
            yield from (f"word:{word[at : at + 2]}" for at in range(len(word) - 1))
        else:
            yield f"word:{word}"


def _levels(text: str) -> Iterator[str]:
    path = [level.strip().lower() for level in text.split(">")]
    yield from (f"category:{' > '.join(path[: depth + 1])}" for depth in range(len(path)) if path[depth])


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """A column of text; a list becomes text with bars."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return [None if cells is None else "|".join(map(str, cells)) + "|" for cells in column.to_pylist()]
    found: list[str | None] = column.cast(pa.string()).to_pylist()
    return found


def _tags(text: str) -> Iterator[str]:
    """Parted by bars, commas or semicolons, by blanks where there are none of these; or a JSON list."""
    if text.startswith("["):
        with contextlib.suppress(ValueError):
            text = "|".join(map(str, json.loads(text))) + "|"
    parts = _BETWEEN_TAGS.split(text) if _BETWEEN_TAGS.search(text) else text.split()
    yield from (f"tag:{part.strip().lower()}" for part in parts if part.strip())


def _brand(text: str) -> Iterator[str]:
    yield f"brand:{text.strip().lower()}"


def _bands(column: Any, codes: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    price = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    known = np.isfinite(price) & (price > 0) & (codes >= 0)
    if not known.any():
        return [-1] * len(price)
    # Equal numbers of items a band are the same on any rising scale of money, the logarithm included.
    edges = np.unique(np.quantile(price[known], np.arange(1, BANDS) / BANDS))
    bands: list[int] = np.where(known, np.searchsorted(edges, price, side="right"), -1).tolist()
    return bands


def _encode(bags: list[set[str]]) -> Content:
    counts: dict[str, int] = {}
    for bag in bags:
        for name in bag:
            counts[name] = counts.get(name, 0) + 1
    names = sorted(name for name, count in counts.items() if 1 < count <= COMMON * len(bags))
    code = {name: at for at, name in enumerate(names)}
    return Content(tuple(names), Ragged.of([sorted(code[name] for name in bag if name in code) for bag in bags]))
