"""The benchmark of profiles runs on a small shop and says what it measured."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import profiles
from pytest import MonkeyPatch


def test_it_measures_everybody_and_one(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "ALONE", 3)
    monkeypatch.setattr(profiles, "FIRST", 1)
    found = profiles.measured(profiles.draw_shop(60, 50))
    assert found["customers"] == 60 and found["fields"] > 30 and found["batch_seconds"] >= 0
    assert set(found["one"]) == {"plain", "with changes"} and found["one"]["plain"]["median_ms"] > 0
