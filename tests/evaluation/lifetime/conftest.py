"""CDNOW's purchase days, where REGARD_DATA names a folder that has them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from regard.sequences.purchases import PurchaseDays


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Calibration to 30 September 1997 and the 39 weeks after: days: holdout purchase days. spend: holdout money, one value a customer."""

    purchases: PurchaseDays
    days: np.ndarray
    spend: np.ndarray


@pytest.fixture(scope="session")
def master() -> Cohort:
    """All 23,570 customers."""
    return _read("CDNOW_master.txt")


@pytest.fixture(scope="session")
def sample() -> Cohort:
    """The 2,357 customers of whom most papers print results; no rule tells which of the master's they are, so it needs its own file."""
    return _read("CDNOW_sample.txt")


def _read(name: str) -> Cohort:
    path = Path(os.environ.get("REGARD_DATA", "")) / "cdnow" / name
    if not os.environ.get("REGARD_DATA") or not path.is_file():
        pytest.skip(f"needs cdnow/{name} in REGARD_DATA")
    bought: dict[str, dict[date, float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        customer, *_, day, _, dollars = line.split()
        if customer.isdigit():
            own, when = bought.setdefault(customer, {}), date.fromisoformat(day)
            own[when] = own.get(when, 0.0) + float(dollars)
    return cohort([bought[customer] for customer in sorted(bought)])


def cohort(people: list[dict[date, float]]) -> Cohort:
    """Purchase days, plainly, of each customer's money by day."""
    end = date(1997, 9, 30)
    last = end + timedelta(weeks=39)
    rows, days, spend = [], [], []
    for own in people:
        before = sorted(day for day in own if day <= end)
        after = [day for day in own if end < day <= last]
        worth = [own[day] for day in before[1:]]
        mean = sum(worth) / len(worth) if worth else float("nan")
        rows.append((len(worth), (before[-1] - before[0]).days / 7, (end - before[0]).days / 7, mean))
        days.append(len(after))
        spend.append(sum(own[day] for day in after))
    x, t, T, m = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    purchases = PurchaseDays(repeats=x, last=t, age=T, value=m, valued=x)
    return Cohort(purchases=purchases, days=np.array(days), spend=np.array(spend))
