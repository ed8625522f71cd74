from __future__ import annotations

from pathlib import Path

import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from regard.errors import UsageError
from regard.simulate import Settings, shop, write

SMALL = shop(Settings(customers=40, items=40, days=90, seed=9))


def test_files_hold_the_tables(tmp_path: Path) -> None:
    files = write(SMALL, tmp_path / "a", format="parquet")
    tables = SMALL.tables()
    assert pq.read_table(files["events"]).equals(tables["events"])
    for name in ("causes", "future", "interests", "traits", "propensities"):
        assert pq.read_table(files[name]).equals(tables[name])
    assert pq.read_table(files["relations"]).equals(SMALL.relations)
    assert pv.read_csv(files["items"])["item"].to_pylist() == SMALL.items["item"].to_pylist()
    assert pv.read_csv(files["customers"]).num_rows == 40


def test_the_same_shop_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(SMALL, tmp_path / "a"), write(SMALL, tmp_path / "b")
    for name in first:
        assert first[name].read_bytes() == second[name].read_bytes()
    events = pv.read_csv(first["events"])
    assert events["event_id"].to_pylist() == SMALL.table("events")["event_id"].to_pylist()
    assert events["time"].cast("int64").to_pylist() == [
        int(when.timestamp()) for when in SMALL.table("events")["time"].to_pylist()
    ]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="xlsx"):
        write(SMALL, tmp_path, format="xlsx")
