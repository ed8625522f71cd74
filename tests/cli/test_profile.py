"""regard profile: a page in both languages, JSON of its schema, everybody into a file, and errors in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import regard
from regard.cli.app import app
from regard.customers.profile.fields import FIELDS
from regard.workspace.segment_registry import Registry

SCHEMAS = Path(regard.__file__).parent / "schemas"


def call(*words: object, columns: int = 120) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": str(columns)})


def checked(schema: str, *words: object) -> Any:
    result = call(*words, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    data = json.loads(result.stdout)
    Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))).validate(data)
    return data


def buyer(folder: Path) -> str:
    log = regard.open(folder).log()
    return log.customers.id(int(log.owner[log.is_behaviour(("purchase",))][0]))


def test_one_customer_in_both_languages(shop_folder: Path, stand_in: None) -> None:
    who = buyer(shop_folder)
    data = checked("profile", "profile", shop_folder, who)
    assert set(data["fields"]) <= set(FIELDS) and data["fields"]["aipl"]["evidence"]
    english, chinese = call("profile", shop_folder, who), call("profile", shop_folder, who, "--lang", "zh")
    assert english.exit_code == chinese.exit_code == 0, english.output + chinese.output
    for word in ("life-cycle stage", "RFM tier", "stage in 30 days", "AIPL stage", "rests on", "What changed since"):
        assert word in english.stdout, word
    for word in ("客户画像", "生命周期阶段", "RFM分层", "30天后阶段", "AIPL阶段", "依据", "以来的变化"):
        assert word in chinese.stdout, word
    assert checked("profile", "profile", shop_folder, who, "--lang", "zh")["fields"]["rfm"]["title"] == "RFM分层"


def test_segments_are_told_with_the_day_they_were_found(shop_folder: Path) -> None:
    who = buyer(shop_folder)
    Registry(shop_folder).save("gold", "orders > 5", [who])
    data = checked("profile", "profile", shop_folder, who)
    assert [one["name"] for one in data["fields"]["segments"]["value"]] == ["gold"]
    day = data["fields"]["segments"]["as_of"][:4]
    assert any("gold" in line and day in line for line in call("profile", shop_folder, who).stdout.splitlines())
    assert "所属客群" in call("profile", shop_folder, who, "--lang", "zh").stdout


def test_everybody_into_a_file(shop_folder: Path, tmp_path: Path) -> None:
    data = checked("profile_all", "profile", shop_folder, "--all", "--out", tmp_path / "all.parquet")
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == data["customers"]


@pytest.mark.parametrize("words", [(), ("C1", "--all", "--out", "x.parquet"), ("--all",), ("C1", "--out", "x.parquet")])
def test_one_or_everybody(shop_folder: Path, words: tuple[str, ...]) -> None:
    result = call("profile", shop_folder, *words)
    assert result.exit_code == 2 and "name one customer, or --all with --out FILE" in result.stderr


def test_nobody_of_that_id(shop_folder: Path) -> None:
    result = call("profile", shop_folder, "nobody")
    assert (
        result.exit_code == 1 and "no customer 'nobody'" in result.stderr and "ids here look like 'C0" in result.stderr
    )
