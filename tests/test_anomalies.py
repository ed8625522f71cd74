"""The benchmark of anomalies says what was measured, and what is claimed of it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import anomalies, readme

RESULTS = Path(anomalies.__file__).parent / "results"
SCRIPTS = {"fixed_gaps", "bursts", "all_hours", "one_item", "copies"}


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, *words: str) -> dict[str, object]:
    monkeypatch.setattr(sys, "argv", ["anomalies", *words, "--seeds", "2", "--json", str(out)])
    anomalies.main()
    return dict(json.loads(out.read_text()))


@pytest.fixture
def sequences(tmp_path: Path) -> str:
    """120 customers without times."""
    lines = [f"c{n} " + " ".join(f"i{(n * n + step * (3 + n % 5)) % 97}" for step in range(15)) for n in range(120)]
    path = tmp_path / "sequences.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_a_log_without_a_clock_says_what_needs_one(
    sequences: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(monkeypatch, tmp_path / "out.json", sequences, "--format", "sequences", "--share", "0.05")
    assert set(found["scripts"]) == {"one_item", "copies"}  # type: ignore[call-overload]
    assert set(found["needs_clock"]) == SCRIPTS - {"one_item", "copies"}  # type: ignore[call-overload]
    said = capsys.readouterr().out
    assert "all_hours    needs a clock" in said and "recall at 1%" in said
    one = found["scripts"]["one_item"]  # type: ignore[index]
    assert one["score"]["recall"]["n"] == 2 * found["bots"] and one["score"]["recall"]["mean"] > 0.9
    assert "acts_a_day" not in one and one["events"]["recall"]["mean"] < 0.5
    shown = readme.block("anomalies_retail", found, "zh")
    assert "反复操作同一件商品" in shown and "昼夜不停" not in shown


@pytest.mark.parametrize(("share", "alone", "together"), [("0", 1, 2), ("0.01", 1, 2), ("0.04", 5, 4)])
def test_bots_are_those_that_were_injected(
    sequences: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: str, alone: int, together: int
) -> None:
    found = measured(monkeypatch, tmp_path / "out.json", sequences, "--format", "sequences", "--share", share)
    assert found["bots"] == found["scripts"]["copies"]["bots"] == alone  # type: ignore[index]
    assert found["together"]["bots"] == together  # type: ignore[index]
    assert found["together"]["score"]["recall"]["n"] == 2 * together  # type: ignore[index]
    assert f"\n{alone} bots of one script, or {together} of all, " in readme.block("anomalies_retail", found, "en")


def test_no_seed_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["anomalies", "log.csv", "--seeds", "0"])
    with pytest.raises(SystemExit) as end:
        anomalies.main()
    assert end.value.code == 2 and "--seeds: at least one" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["anomalies_retail", "anomalies_taobao"])
def test_scripted_bots_are_found_in_real_logs(name: str) -> None:
    found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert set(found["scripts"]) == SCRIPTS and found["seeds"] >= 3 and found["jitter"] == 0.2
    for script, each in found["scripts"].items():
        ours = each["score"]["recall"]
        assert ours["interval"][0] > each["events"]["recall"]["mean"], script
        assert ours["mean"] >= (0.9 if script != "all_hours" else 0.6), script
        assert each["score"]["average_precision"]["mean"] > 5 * each["events"]["average_precision"]["mean"], script
    together = found["together"]
    assert together["score"]["recall"]["mean"] >= 0.85
    assert together["score"]["recall"]["interval"][0] > together["acts_a_day"]["recall"]["mean"]
    assert found["untouched"]["scripted"] < 0.01
