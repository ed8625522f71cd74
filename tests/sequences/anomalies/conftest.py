"""A crowd of people to hide bots in: they sleep at night, act in sittings, and like popular items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regard.sequences.log import DAY, Log
from regard.sequences.vocabulary import Vocabulary

START = 1_704_067_200
"""2024-01-01 UTC."""


def draw_crowd(
    customers: int = 400, items: int = 200, days: int = 60, seed: int = 0, clock: str = "clock", pages: int = 0
) -> Log:
    """Views and purchases, each its own basket; devices keep to their people, prices to their items.

    Args:
        customers, items, days: how many. seed: another, other people. clock: what the log's time is.
        pages: acts of every visit, 40 visits each at most; 0 = one to five, in eight visits at most.
    """
    chance = np.random.default_rng(seed)
    rows: list[tuple[int, int]] = []
    for customer in range(customers):
        favourite_hour = chance.normal(15, 2)
        for _ in range(int(chance.integers(1, 41 if pages else 9))):
            hour = np.clip(chance.normal(favourite_hour, 2), 7, 22.5)
            moment = START + int(chance.integers(days)) * DAY + int(hour * 3600)
            for pause in chance.exponential(240, size=pages or int(chance.integers(1, 6))):
                moment += 5 + int(pause)
                rows.append((customer, moment))
    rows.sort()
    owner, time = np.array(rows, dtype=np.int64).T
    lengths = np.bincount(owner, minlength=customers)
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    place = np.arange(len(owner)) - offsets[owner]
    item = (items * chance.random(len(owner)) ** 2).astype(np.int32)
    quantity = chance.integers(1, 5, len(owner)).astype(np.float32)
    price = (5 + item % 17).astype(np.float32)
    return Log(
        customers=Vocabulary([f"c{number}" for number in range(customers)]),
        items=Vocabulary([f"i{number}" for number in range(items)]),
        behaviours=("purchase", "view_item"),
        offsets=offsets,
        item=item,
        behaviour=(chance.random(len(owner)) < 0.5).astype(np.int16),
        time={"clock": time, "order": place, "none": 0 * place}[clock],
        basket=place.astype(np.int32),
        quantity=quantity,
        value=quantity * price,
        merchandise=np.ones(items, dtype=bool),
        context={"device": (("phone", "desktop"), (owner % 2).astype(np.int16))} if clock == "clock" else {},
        clock=clock,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def crowd() -> Log:
    """400 people over 60 days."""
    return draw_crowd()


@pytest.fixture(scope="session")
def crowd_of() -> Callable[..., Log]:
    """`draw_crowd` with other settings."""
    return draw_crowd


@pytest.fixture(scope="session")
def changed() -> Callable[..., Log]:
    """A log with some of one column's values replaced: (log, column, rows, values)."""

    def change(log: Log, column: str, rows: np.ndarray, values: object) -> Log:
        told = np.array(getattr(log, column))
        told[rows] = values
        return replace(log, **{column: told})

    return change
