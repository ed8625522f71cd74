"""regard anomalies: who stands out and why, in both languages, and as JSON of its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import regard
from regard.cli.app import run
from regard.workspace import leaving
from regard.workspace.data import Data

SCHEMAS = Path(regard.__file__).parent / "schemas"


@pytest.fixture
def folder(shop_folder: Path) -> Path:
    """The simulated shop with a robot."""
    shop = regard.open(shop_folder)
    last = pd.Timestamp(int(shop.log().time.max()), unit="s") - pd.Timedelta(days=50)
    time = pd.date_range(last, periods=30, freq="61s").strftime("%Y-%m-%dT%H:%M:%SZ")
    item = shop.log().items.id(0)
    shop.ingest(pd.DataFrame({"customer": "robot", "behaviour": "view_item", "item": item, "time": time}))
    return shop_folder


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        run([str(word) for word in words])
    said = capsys.readouterr()
    assert end.value.code == 0, said.err
    return said.out


def checked(schema: str, text: str) -> Any:
    data = json.loads(text)
    Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))).validate(data)
    return data


def test_who_stands_out_is_told_with_events(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = checked("anomalies", told(capsys, "anomalies", folder, "--json"))
    assert "robot" in {anomaly["customer"] for anomaly in every["anomalies"]}
    one = checked("anomalies", told(capsys, "anomalies", folder, "robot", "--json", "--lang", "zh"))
    assert {anomaly["customer"] for anomaly in one["anomalies"]} == {"robot"} and one["bursts"] == []
    shown = told(capsys, "anomalies", folder, "robot")
    assert "--leave-out-anomalies" in shown and "30 of 30 events are on one item" in " ".join(shown.split())
    assert "位异常顾客" in told(capsys, "anomalies", folder, "--lang", "zh")


def test_of_one_customer_every_kind_is_told_and_whether_it_is_beyond_the_limit(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    every = checked("anomalies", told(capsys, "anomalies", folder, "-n", 1, "--json"))
    assert len(every["anomalies"]) == 1 and every["no_sign"] == []
    found = Data(regard.open(folder).store).anomalies()
    usual = found.log.customers.id(int(np.flatnonzero((found.score > 0) & ~found.flagged)[0]))
    shown = told(capsys, "anomalies", folder, usual)
    assert f"How unusual {usual} is, kind by kind  0.50 is the shop's own limit" in shown
    assert "unusual customer" not in shown and " yes " not in shown and "--leave-out-anomalies" not in shown
    assert " no " in shown
    robot = told(capsys, "anomalies", folder, "robot", "-n", 1, "--lang", "zh")
    assert "超出界限" in robot and robot.count(" 是 ") == 1 and " 否 " not in robot and "未见：" in robot


def test_a_shop_without_events_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    regard.init(tmp_path / "new")
    for customer in ([], ["ann"]):
        with pytest.raises(SystemExit) as end:
            run(["anomalies", str(tmp_path / "new"), *customer])
        said = capsys.readouterr()
        assert end.value.code == 1 and "there are no events" in said.err and "regard ingest" in said.err
        assert said.out == ""


def test_nobody_of_that_name_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["anomalies", str(folder), "nobody"])
    assert end.value.code == 1 and "no customer 'nobody'" in capsys.readouterr().err


def test_training_without_them_says_so(folder: Path, stand_in: None, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("train", folder, "--steps", 12, "--leave-out-anomalies")
    report = checked("train", told(capsys, *words, "--json"))
    assert report["left_out"]["customers"] >= 1
    shown = told(capsys, *words)
    told_so = "to say what that changes" in shown or "validation NDCG@10 of" in shown
    assert "left out of training" in shown and told_so
    assert checked("train", told(capsys, "train", folder, "--steps", 12, "--json"))["left_out"] is None


def test_what_leaving_out_changed_is_called_a_figure_of_validation(
    folder: Path, stand_in: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "LEAST_ASKED", 5)
    words = ("train", folder, "--steps", 12, "--leave-out-anomalies")
    assert "validation NDCG@10 of" in told(capsys, *words)
    settings = folder / "regard.toml"
    settings.write_text(settings.read_text("utf-8").replace('language = "en"', 'language = "zh"'), encoding="utf-8")
    assert "位顾客的验证 NDCG@10：" in told(capsys, *words)
    about = json.loads((SCHEMAS / "train.json").read_text("utf-8"))["properties"]["left_out"]["properties"]["change"]
    assert "validation" in about["description"]
