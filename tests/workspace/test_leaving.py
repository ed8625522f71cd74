"""Leaving anomalies out: who is left out is judged as of the cut, and what it changes is asked of those who stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regard
from regard.errors import InputError, UsageError
from regard.progress import Silent
from regard.sequences.log import DAY
from regard.workspace import learning, leaving, oddities, workspace
from regard.workspace.data import Data


def robot(name: str, first: pd.Timestamp, item: str) -> pd.DataFrame:
    """Thirty views of one item, a minute apart: too few for the gate, and no person's way."""
    time = pd.date_range(first, periods=30, freq="61s").strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.DataFrame({"customer": name, "behaviour": "view_item", "item": item, "time": time})


@pytest.fixture
def data(shop_folder: Path) -> Data:
    """The simulated shop with one robot before its last thirty days and one within them."""
    shop = regard.open(shop_folder)
    last = pd.Timestamp(int(shop.log().time.max()), unit="s")
    early, late = last - pd.Timedelta(days=50), last - pd.Timedelta(days=3)
    item = shop.log().items.id(0)
    shop.ingest(pd.concat([robot("robot-1", early, item), robot("robot-2", late, item)]))
    return Data(shop.store)


def left(data: Data, cut: int | None) -> set[str]:
    """Who is among the people, and not any more without the anomalies."""
    some, fewer = data.people(cut), data.people(cut, anomalies=False)
    gone = (some.lengths > 0) & (fewer.lengths == 0)
    assert (some.lengths[~gone] == fewer.lengths[~gone]).all()
    return set(some.customers.names(np.flatnonzero(gone)))


def test_anomalies_are_known_from_when_they_happened_on(data: Data) -> None:
    then, now = left(data, int(data.log().time.max()) - 20 * DAY), left(data, None)
    assert "robot-1" in then and "robot-2" not in then and {"robot-1", "robot-2"} <= now
    told = leaving.told(data.anomalies())
    assert told["customers"] == len(now) <= told["of"] / 10 and told["change"] is None
    assert told["events"] >= 60 and min(told["kinds"].values()) > 0


def test_the_change_is_asked_of_customers_who_are_in_both(
    data: Data, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Any] = []

    def fit(view: Any, **how: Any) -> None:
        fitted.append((view, how))
        learning._fit(view, **how)

    monkeypatch.setattr(leaving, "LEAST_ASKED", 5)
    found = leaving.change(data, fit=fit, load=workspace._load, progress=Silent(), steps=12, seed=4)
    assert found is not None and found["metric"] == "ndcg_at_10"
    (everybody, asked), (without, again) = fitted
    assert "robot-1" in everybody.log.customers and "robot-1" not in without.log.customers
    assert everybody.cut == without.cut and (asked["steps"], asked["seed"]) == (again["steps"], again["seed"]) == (
        12,
        4,
    )
    one, other = asked["validation"], again["validation"]
    assert one.queries.customers.ids.to_pylist() == other.queries.customers.ids.to_pylist()
    assert one.hash == other.hash and one.mask == other.mask
    for ours, theirs in zip(one.targets, other.targets, strict=True):
        assert set(everybody.log.items.names(ours[ours >= 0])) >= set(without.log.items.names(theirs[theirs >= 0]))
    difference = found["without"]["mean"] - found["with"]["mean"]
    assert found["difference"]["mean"] == pytest.approx(difference) and found["difference"]["n"] == len(one) >= 5


def test_too_few_to_ask_train_nothing(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LEAST_ASKED", 10_000)

    def fit(view: Any, **how: Any) -> None:
        raise AssertionError("nothing is to be trained")

    assert leaving.change(data, fit=fit, load=workspace._load, progress=Silent(), steps=1, seed=0) is None


def test_the_unusual_is_reported_with_its_events(data: Data) -> None:
    found = oddities.report(data.anomalies(), None, 5, "zh")
    assert {anomaly.customer for anomaly in found.anomalies} >= {"robot-1", "robot-2"}
    assert found.flagged >= 2 and found.customers == int((data.log().lengths > 0).sum())
    told = found.to_json()
    assert all(anomaly["events"] for anomaly in told["anomalies"])
    one = oddities.report(data.anomalies(), "robot-1", 5, "en")
    assert {anomaly.customer for anomaly in one.anomalies} == {"robot-1"} and len(one.anomalies) >= 2
    signs = [anomaly.kind for anomaly in one.anomalies]
    assert not set(signs) & set(one.no_sign) and {*signs, *one.no_sign} == set(one.kinds)
    first = oddities.report(data.anomalies(), "robot-1", 1, "en")
    assert [anomaly.kind for anomaly in first.anomalies] == signs[:1] and first.no_sign == one.no_sign
    with pytest.raises(InputError, match="nobody"):
        oddities.report(data.anomalies(), "nobody", 5, "en")
    with pytest.raises(UsageError):
        oddities.report(data.anomalies(), None, 0, "en")


def test_a_training_says_whom_it_left_out_and_what_that_changed(
    data: Data, shop_folder: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "LEAST_ASKED", 5)
    shop = regard.open(shop_folder)
    whole = shop.train(steps=12)
    assert whole.left_out is None and leaving.kept(Path(whole.folder)) is None
    report = shop.train(steps=12, leave_out_anomalies=True)
    assert report.left_out is not None and report.left_out == leaving.kept(Path(report.folder))
    assert report.left_out["customers"] == shop.anomalies().flagged >= 2
    assert report.left_out["change"]["difference"]["n"] >= 5
    assert report.card["events"] == whole.card["events"] - report.left_out["events"]
    page = shop.report("en").read_text(encoding="utf-8")
    assert "customers left out as anomalies" in page and "change of validation NDCG@10" in page
    learned: list[Any] = []
    fit = learning._fit

    def watched(view: Any, **how: Any) -> None:
        learned.append(view)
        fit(view, **how)

    monkeypatch.setattr(learning, "_fit", watched)
    shop.evaluate()
    assert "robot-1" not in learned[0].log.customers, "judged as it was trained"


def test_brief_figures_exist_where_there_is_something_to_say() -> None:
    found = {"mean": -0.0012, "interval": [-0.003, 0.0005], "n": 80}
    assert leaving.told_briefly({"customers": 3, "change": {"difference": found}}) == {
        "left_out": 3, "left_out_change": "−0.0012 (−0.0030 – +0.0005)",
    }  # fmt: skip
    assert leaving.told_briefly({"customers": 0, "change": None}) == {"left_out": 0}
