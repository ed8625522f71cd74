"""The published logs, where their folder is given in REGARD_DATA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from regard.config import Config
from regard.events.read import expand_sources, stage
from regard.events.recognise import recognise

PAIRS = {"customer": "#1", "item": "#2", "behaviour": "review", "position": "#row"}

pytestmark = pytest.mark.data


def read(pattern: str, query: str, **overrides: str) -> tuple[Any, ...]:
    folder = os.environ.get("REGARD_DATA")
    if not folder or not (Path(folder) / pattern).parent.exists():
        pytest.skip(f"REGARD_DATA has no {pattern}")
    with duckdb.connect() as connection:
        for file, source in enumerate(expand_sources([Path(folder) / pattern])):
            mapping = recognise(source, overrides=overrides, config=Config())
            stage(connection, source, mapping, table="t", rejects="r", file=file, config=Config())
        return tuple(connection.execute(query).fetchall()[0])


def test_online_retail() -> None:
    query = """SELECT
        count(*) + (SELECT count(*) FROM r), count(DISTINCT customer), count(*) FILTER (customer LIKE '%.%'),
        (SELECT count(DISTINCT reason) FROM r), min(time)::DATE::VARCHAR, max(time)::DATE::VARCHAR,
        count(*) FILTER (behaviour = 'refund' AND quantity >= 0) FROM t"""
    assert read("online-retail/*.csv.gz", query) == (1_067_370, 5942, 0, 1, "2009-12-01", "2011-12-09", 0)


@pytest.mark.parametrize(
    ("pattern", "overrides", "rows", "customers"),
    [
        ("taobao-timed/events.csv.gz", {}, 357_412, 31_882),
        ("movielens-1m/ratings_in_order.csv.gz", {}, 999_611, 6_040),
        ("xmarket/de_5core.txt", {}, 17_300, None),
        ("yoochoose-100k/yoochoose-clicks-100k_test.txt", {"behaviour": "view_item"}, 13_568, None),
        ("cdnow/CDNOW_master.txt", {}, 69_659, 23_570),
        ("complete-journey/transactions_sample.csv.gz", {}, 75_000, None),
        ("amazon-video-games/pairs_in_order.txt", PAIRS, 287_107, 31_013),
    ],
)
def test_every_row_goes_in(pattern: str, overrides: dict[str, str], rows: int, customers: int | None) -> None:
    found = read(pattern, "SELECT count(*), count(DISTINCT customer), (SELECT count(*) FROM r) FROM t", **overrides)
    assert found == (rows, customers or found[1], 0)


def test_cdnow_money() -> None:
    assert read("cdnow/CDNOW_master.txt", "SELECT round(sum(value), 2) FROM t") == (2_500_315.63,)
