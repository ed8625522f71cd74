"""A shop small enough to reason about by hand, and a model whose every score can be worked out on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from regard.insight import Ranker, Shop
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

Row = tuple[str, str, str | None, int]
"""customer, behaviour, item, day."""


def make_log(
    rows: Sequence[Row], *, items: Sequence[str] = (), not_sold: Sequence[str] = (), clock: str = "clock"
) -> Log:
    customers = list(dict.fromkeys(row[0] for row in rows))
    rows = sorted(rows, key=lambda row: (customers.index(row[0]), row[3]))
    catalogue = list(items) or sorted({row[2] for row in rows if row[2]})
    behaviours = tuple(dict.fromkeys(row[1] for row in rows)) or ("purchase",)
    owner = np.array([customers.index(row[0]) for row in rows], dtype=np.int64)
    offsets = np.zeros(len(customers) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(customers)), out=offsets[1:])
    basket: list[int] = []
    for n, row in enumerate(rows):
        same = n > 0 and rows[n - 1][0] == row[0]
        together = same and row[1] == "purchase" == rows[n - 1][1] and rows[n - 1][3] == row[3]
        basket.append(0 if not same else basket[-1] + (not together))
    return Log(
        customers=Vocabulary(customers),
        items=Vocabulary(catalogue),
        behaviours=behaviours,
        offsets=offsets,
        item=np.array([catalogue.index(row[2]) if row[2] else -1 for row in rows], dtype=np.int32),
        behaviour=np.array([behaviours.index(row[1]) for row in rows], dtype=np.int16),
        time=np.array([row[3] * DAY for row in rows], dtype=np.int64),
        basket=np.array(basket, dtype=np.int32),
        quantity=np.full(len(rows), np.nan, dtype=np.float32),
        value=np.full(len(rows), np.nan, dtype=np.float32),
        merchandise=np.array([item not in not_sold for item in catalogue], dtype=bool),
        clock=clock,  # type: ignore[arg-type]
    )


@dataclass
class PairModel:
    """score(item) = sum over the history's events of pull[event item, item]; knows nothing else."""

    view_items: Vocabulary
    pull: np.ndarray
    name: str = "pairs"
    behaviours: tuple[str, ...] = ("view_item", "purchase")
    card: dict[str, Any] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    @property
    def item_vectors(self) -> np.ndarray:
        return self.pull.astype(np.float32)

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        self.asked.append(len(queries))
        scores = np.zeros((len(queries), len(self.view_items)), dtype=np.float32)
        rows = queries.item >= 0
        np.add.at(scores, queries.owner[rows], self.pull[queries.item[rows]].astype(np.float32))
        return scores

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        return np.tile(1 - np.exp(-np.asarray(horizons_days) / 10), (len(queries), 1)).astype(np.float32)


def content_of_table(table: pa.Table) -> Callable[[Vocabulary, int | None], Content]:
    """Content of a table's category column."""

    def content(items: Vocabulary, before: int | None) -> Content:
        category = dict(zip(table.column("item").to_pylist(), table.column("category").to_pylist(), strict=True))
        names = sorted({f"category:{value}" for value in category.values() if value})
        bags = [[names.index(f"category:{category[i]}")] if category.get(i) else [] for i in items.ids.to_pylist()]
        return Content(tuple(names), Ragged.of(bags))

    return content


TABLE = pa.table(
    {
        "item": ["lamp", "bulb", "cup", "tea", "vase", "candle"],
        "item_name": ["red lamp", "LED bulb", "blue cup", "green tea", "old vase", "candle"],
        "category": ["home > lights", "home > lights", "kitchen", "kitchen", "home > lights", "home > lights"],
        "price": [30.0, 3.0, 8.0, 5.0, 40.0, 2.0],
    }
)
ROWS: list[Row] = [
    ("ann", "view_item", "lamp", 1),
    ("ann", "purchase", "lamp", 2),
    ("ann", "purchase", "post", 2),
    ("bob", "purchase", "cup", 3),
    ("bob", "purchase", "tea", 3),
    ("bob", "purchase", "tea", 40),
    ("cid", "view_item", "tea", 40),
    ("dot", "purchase", "tea", 41),
    ("eve", "view_item", "vase", 41),
]


@pytest.fixture
def log_of() -> Callable[..., Log]:
    return make_log


@pytest.fixture
def table() -> pa.Table:
    return TABLE


@pytest.fixture
def pairs() -> PairModel:
    """Knows lamp -> bulb, tea -> cup and that tea is bought again; has never seen the vase."""
    items = Vocabulary(["bulb", "cup", "lamp", "tea"])
    pull = np.zeros((4, 4))
    pull[2, 0], pull[3, 1], pull[3, 3], pull[1, 3] = 5.0, 2.0, 3.0, 1.0
    return PairModel(items, pull)


@pytest.fixture
def shop(pairs: PairModel) -> Shop:
    """A shop with a model."""
    log = make_log(ROWS, items=["lamp", "post", "cup", "tea", "vase", "bulb"], not_sold=["post"])
    ranker = Ranker(scorer=pairs, items=pairs.view_items, behaviours=("view_item", "purchase"), version="m1")
    return Shop.of(log, target=("purchase",), content_of=content_of_table(TABLE), table=TABLE, ranker=ranker)


@pytest.fixture
def plain_shop() -> Shop:
    """The same shop without anybody who ranks."""
    log = make_log(ROWS, items=["lamp", "post", "cup", "tea", "vase", "bulb"], not_sold=["post"])
    return Shop.of(log, target=("purchase",), content_of=content_of_table(TABLE), table=TABLE)
