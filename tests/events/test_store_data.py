"""The store on real files, where REGARD_DATA names a folder that has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regard.events.store import Store
from regard.sequences.pack import read_log

pytestmark = pytest.mark.data


def test_two_years_of_invoices_overlap_and_are_counted_once(tmp_path: Path) -> None:
    folder = Path(os.environ.get("REGARD_DATA", "")) / "online-retail"
    if not os.environ.get("REGARD_DATA") or not folder.is_dir():
        pytest.skip("online-retail is not in REGARD_DATA")
    first, second = folder / "2009-2010.csv.gz", folder / "2010-2011.csv.gz"
    store = Store.create(tmp_path / "shop")
    report = store.ingest([first, second])
    assert report.rows == 525_461 + 541_909
    assert report.rows == report.accepted + sum(report.rejected.values()) + report.counted_once
    assert report.rejected["no customer"] == 243_007
    assert 14_000 < report.counted_once < 22_600
    (overlap,) = report.overlaps
    assert [Path(name).name for name in overlap.files] == [first.name, second.name]
    assert overlap.rows == report.counted_once
    assert report.customers == 5_942
    assert {"POST", "M", "C2", "D", "BANK CHARGES"} <= set(report.not_merchandise)
    assert report.refunds_matched > 0.8 * report.refunds > 10_000
    assert store.ingest([second]).accepted == 0
    log = read_log(store)
    assert (len(log), report.bots) == (5_942, 0)
    other = Store.create(tmp_path / "other")
    other.ingest(first)
    other.ingest(second)
    assert read_log(other).events == log.events
    other.undo(1)
    assert read_log(other).events == read_log(alone(tmp_path, second)).events


def alone(folder: Path, file: Path) -> Store:
    store = Store.create(folder / "alone")
    store.ingest(file)
    return store
