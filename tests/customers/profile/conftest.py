"""Small shops for profiles, and somebody who foresees by a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from regard.customers.profile import Base
from regard.customers.profile.given import Column, Given
from regard.insight import Shop
from regard.model.runtime.facts import Facts, facts_of
from regard.model.runtime.horizon import Outlook
from regard.sequences.anomalies import judge
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

START = 1_700_000_000 // DAY * DAY


@dataclass
class Formula:
    """An order comes within h days with the chance 1 - exp(-h / 40), if the customer ever ordered; each is worth 10."""

    answers: Mapping[str, str] = field(
        default_factory=lambda: {"churn": "recency", "orders": "model", "spend": "model"}
    )

    def facts(self, queries: Log, asof: np.ndarray) -> Facts:
        return facts_of(queries, asof, target=("purchase",))

    def chances(self, facts: Facts, horizons_days: np.ndarray) -> np.ndarray:
        return 1 - np.exp(-np.maximum(facts.bought, 0.5)[:, None] / 100 * horizons_days)

    def outlook(self, facts: Facts, horizons_days: np.ndarray) -> Outlook:
        rate = np.where(facts.bought > 0, facts.bought / 100, np.nan)[:, None]
        mean = rate * horizons_days
        p = 1 - np.exp(-mean)
        return Outlook(
            p_order=p, orders=mean, orders_low=np.floor(mean / 2), orders_high=np.ceil(2 * mean), spend=10 * mean,
            spend_low=5 * mean, spend_high=20 * mean, next_order_days=(np.log(2) / rate)[:, 0],
        )  # fmt: skip


@pytest.fixture
def shop(draw_log: Callable[..., Log]) -> Shop:
    """Forty customers of items in three categories, whose lines have prices."""
    log = draw_log(customers=40, visits=14, seed=4)
    price = 1 + np.arange(len(log.items), dtype=np.float32)
    bought = log.is_behaviour(("purchase",))
    quantity = np.where(bought, 2, np.nan).astype(np.float32)
    return _shop(
        replace(log, quantity=quantity, value=np.where(bought, 2 * price[log.item], np.nan).astype(np.float32))
    )


def _shop(log: Log) -> Shop:
    names = ("brand:acme", "category:cups", "category:lights", "category:pots", "price:1", "word:red")
    rows = Ragged.of([[1 + item % 3, 0] if item % 2 else [1 + item % 3, 5, 4] for item in range(len(log.items))])
    return Shop.of(log, target=("purchase",), content_of=lambda items, before: Content(names, rows))


def _base(shop: Shop, at: int | None = None) -> Base:
    return Base(shop=shop, at=shop.now if at is None else at, anomalies=judge(shop.log), horizon=Formula())


@pytest.fixture
def base(shop: Shop) -> Base:
    return _base(shop)


@pytest.fixture
def base_of() -> Callable[..., Base]:
    """(shop, seconds or None for its end) -> what everybody is like, with a formula that foresees."""
    return _base


@pytest.fixture
def shop_with() -> Callable[[Log], Shop]:
    """A log -> a shop whose items stand in turn in three categories."""
    return _shop


@pytest.fixture
def make_log() -> Callable[..., Log]:
    """Events (customer, behaviour, item, day) -> Log."""
    return _log


def _log(rows: list[tuple[str, str, str | None, float]], *, items: str = "abc", value: float = 10.0) -> Log:
    """Events (customer, behaviour, item, day), each a basket of its own."""
    people = sorted({row[0] for row in rows})
    acts = tuple(sorted({row[1] for row in rows} | {"purchase"}))
    rows = sorted(rows, key=lambda row: (row[0], row[3]))
    offsets = np.searchsorted([people.index(row[0]) for row in rows], np.arange(len(people) + 1))
    count = len(rows)
    made: dict[str, Any] = {
        "item": np.array([items.index(row[2]) if row[2] else -1 for row in rows], dtype=np.int32),
        "behaviour": np.array([acts.index(row[1]) for row in rows], dtype=np.int16),
        "time": START + (np.array([row[3] for row in rows]) * DAY).astype(np.int64),
        "basket": (np.arange(count) - np.repeat(offsets[:-1], np.diff(offsets))).astype(np.int32),
        "quantity": np.ones(count, np.float32),
        "value": np.array([value if row[1] == "purchase" else np.nan for row in rows], dtype=np.float32),
    }
    return Log(
        customers=Vocabulary(people), items=Vocabulary(list(items)), behaviours=acts, offsets=offsets.astype(np.int64),
        merchandise=np.ones(len(items), dtype=bool), **made,
    )  # fmt: skip


@pytest.fixture
def told() -> Callable[..., list[Any]]:
    """(shop, section, field, day or None for the end) -> the values of everybody."""

    def tell(shop: Shop, section: Callable[[Given], Any], name: str, at: float | None = None) -> list[Any]:
        return list(_column(shop, section, name, at).values.to_pylist())

    return tell


@pytest.fixture
def column_of() -> Callable[..., Column]:
    """The same -> the column."""
    return _column


def _column(shop: Shop, section: Callable[[Given], Any], name: str, at: float | None = None) -> Column:
    base = _base(shop, None if at is None else START + int(at * DAY))
    given = Given.of(shop, base, np.arange(len(shop.log)))
    return next(column for column in section(given) if column.name == name)
