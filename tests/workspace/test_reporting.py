"""The page's counts are those of the store as it is now, whatever was taken in and taken back on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regard
from regard.report import ReportData, render
from regard.workspace.reporting import gather, totals

START = pd.Timestamp("2024-01-01")


def events(first: int, last: int) -> pd.DataFrame:
    """One event a day from day `first` on, every seventh the refund of the one before it."""
    days = np.arange(first, last)
    back = days % 7 == 6
    return pd.DataFrame(
        {
            "customer": [f"c{day // 7 % 5}" for day in days],
            "behaviour": np.where(back, "refund", "purchase"),
            "item": [f"i{day - undone}" for day, undone in zip(days, back, strict=True)],
            "time": (START + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%dT12:00:00"),
        }
    )


BROKEN = pd.DataFrame({"customer": ["c1", "c2"], "behaviour": "purchase", "item": "i1", "time": "soon"})


def csv(folder: Path, name: str, *parts: pd.DataFrame) -> str:
    path = folder / name
    pd.concat(parts).to_csv(path, index=False)
    return str(path)


def gathered(shop: regard.Workspace) -> ReportData:
    return gather(shop.store, shop.models, shop._answering.shop()[0], ())


def told(page: ReportData) -> tuple[int, dict[str, int], int, int, str, str]:
    assert page.doctor is not None and page.totals.first is not None and page.totals.last is not None
    covered = sum(found["count"] for found in page.doctor["findings"] if found["name"] == "counted once")
    first, last = page.totals.first.isoformat()[:10], page.totals.last.isoformat()[:10]
    return page.doctor["events"], dict(page.totals.behaviours), page.doctor["rejected"], covered, first, last


def test_the_counts_are_those_of_the_store_after_every_undo(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    one, two = events(0, 28), events(200, 230)
    shop.ingest(csv(tmp_path, "a.csv", one, BROKEN))
    shop.ingest(csv(tmp_path, "c.csv", two))
    shop.ingest(csv(tmp_path, "b.csv", one, events(28, 41)))
    both = {"purchase": 28 + 13 - 5 + 30 - 4, "refund": 5 + 4}
    page = gathered(shop)
    assert told(page) == (71, both, 2, 28, "2024-01-01", "2024-08-17")
    text = render(page)
    assert "Of 101 rows read, 71 became events." in text
    assert "In several files, counted once" in text and "Rejected: unreadable time" in text

    shop.undo(1)
    page = gathered(shop)
    assert told(page) == (71, both, 0, 0, "2024-01-01", "2024-08-17")
    text = render(page)
    assert "All 71 rows read became events." in text
    assert "counted once" not in text and "Rejected:" not in text and "a.csv" not in text

    shop.undo(2)
    page = gathered(shop)
    assert told(page) == (41, {"purchase": 36, "refund": 5}, 0, 0, "2024-01-01", "2024-02-10")
    assert "All 41 rows read became events." in render(page) and "c.csv" not in render(page)

    shop.undo(3)
    assert "No event has come in yet." in render(gathered(shop))


def test_refunds_without_a_purchase_are_counted_as_the_store_is(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    log = events(0, 28)
    shop.ingest(csv(tmp_path, "bought.csv", log[log["behaviour"] == "purchase"]))
    shop.ingest(csv(tmp_path, "returned.csv", log[log["behaviour"] == "refund"], events(28, 34)))
    assert "refunds without a purchase" not in render(gathered(shop))
    shop.undo(1)
    assert "0 of 4 refunds match an earlier purchase" in render(gathered(shop))


@pytest.mark.parametrize(("odd", "future", "far"), [("1995-05-05", 0, 1), ("2024-02-01", 0, 0)])
def test_events_out_of_their_time_are_counted(tmp_path: Path, odd: str, future: int, far: int) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pd.concat([events(0, 200), events(200, 201).assign(time=f"{odd}T12:00:00")]))
    found = totals(shop._answering.shop()[0], datetime(2025, 1, 1, tzinfo=UTC))
    assert (found.future, found.far, found.events) == (future, far, 201)
    early = totals(shop._answering.shop()[0], datetime(2024, 7, 1, 12, tzinfo=UTC))
    assert early.future == 200 - 184


def test_a_log_without_times_has_no_span(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pd.DataFrame({"customer": ["a", "b"], "item": ["x", "y"], "position": [0, 1], "behaviour": "purchase"}))
    page = gathered(shop)
    assert (page.totals.clock, page.totals.first, page.totals.last) == ("order", None, None)
    assert "The log has no times" in render(page)
