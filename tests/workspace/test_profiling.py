"""Profiles of a workspace: with a model or without one, of people who consent, and of everybody into a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import regard
from regard.errors import ConsentError, InputError, UsageError, WorkspaceError


def buyer(shop: regard.Workspace) -> str:
    log = shop.log()
    return log.customers.id(int(log.owner[log.is_behaviour(("purchase",))][-1]))


def test_a_customer_is_told_with_what_changed(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    who = buyer(shop)
    counted = shop.profile(who)
    assert counted.model_version is None and any("base rate" in note for note in counted.notes)
    assert counted.fields["lifecycle"].value and len(counted.fields["next_items"].value) == 5
    shop.train(steps=3)
    found = shop.profile(who)
    assert found.model_version == "m1" and found.fields["intent_7d"].probability == found.fields["intent_7d"].value
    assert any("churn and spend ahead are not told" in note for note in found.notes)
    last = found.fields["last_seen"]
    assert last.evidence[0].time == last.value <= (found.as_of or "") < (last.expires or "")
    assert found.since is not None and found.since < (found.as_of or "")


def test_the_profile_of_last_week_is_what_changes_compare_with(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    days = [*range(0, 60, 10), 63]
    frame = pd.DataFrame({"customer": "ann", "behaviour": "purchase", "item": "lamp", "price": 5.0, "day": days})
    others = pd.DataFrame({"customer": "bob", "behaviour": "purchase", "item": "cup", "price": 5.0, "day": [0, 20, 66]})
    frame = pd.concat([frame, others])
    first = pd.Timestamp("2024-03-01")
    frame["time"] = [str((first + pd.Timedelta(days=day)).date()) for day in frame.pop("day")]
    shop.ingest(frame)
    changes = {change.field: change for change in shop.profile("ann").changes}
    assert (changes["orders"].before, changes["orders"].now) == (6, 7)
    assert changes["spend"].text == "spent: 30.00 → 35.00"
    assert "订单数：6 → 7" in [change.text for change in shop.profile("ann", language="zh").changes]


def test_an_unknown_customer_is_one_line_with_the_nearest(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    who = buyer(shop)
    with pytest.raises(InputError, match=f"no customer '{who}x'") as caught:
        shop.profile(f"{who}x")
    assert caught.value.hint == f"did you mean '{who}'?"


def test_nothing_is_computed_about_who_has_not_consented(
    shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = regard.open(shop_folder)
    who = buyer(shop)
    names = shop.log().customers.ids.to_pylist()
    table = pd.DataFrame({"customer": names, "consent": [name != who for name in names]})
    shop.ingest(customers=table)
    with monkeypatch.context() as patch:
        patch.setattr("regard.workspace.profiling.profile", None)
        patch.setattr("regard.workspace.profiling.Base", None)
        with pytest.raises(ConsentError, match="does not consent"):
            shop.profile(who)
    written = shop.profile_all(tmp_path / "all.parquet")
    told = pq.read_table(tmp_path / "all.parquet")["customer"].to_pylist()
    assert who not in told and len(told) == written.customers > 0


def test_everybody_goes_into_one_file_whose_rows_are_the_profiles(
    shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.customers.profile.batch.CUSTOMERS", 16)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    shop = regard.open(shop_folder)
    written = shop.profile_all(tmp_path / "all.parquet")
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.num_rows == written.customers and set(written.fields) < set(table.column_names)
    row = table.slice(33, 1).to_pylist()[0]
    fields = shop.profile(row["customer"]).fields
    assert row["lifecycle"] == fields["lifecycle"].value and row["rfm"] == fields["rfm"].value
    assert row["lifecycle_coverage"] == pytest.approx(fields["lifecycle"].coverage)
    assert [one["word"] for one in row["interests_long"]] == [one["word"] for one in fields["interests_long"].value]
    assert table.schema.field("rfm").metadata[b"fresh_days"] == b"7"
    with pytest.raises(UsageError, match="Parquet"):
        shop.profile_all(tmp_path / "all.csv")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        shop.profile_all(tmp_path / "nowhere" / "all.parquet")
    assert [path.name for path in tmp_path.glob("*.part")] == []
