"""The benchmark of questions about segments runs on a small shop and says what it measured."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import segments_speed
from pytest import MonkeyPatch


def test_every_question_is_answered_and_timed(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(segments_speed, "EACH", 20)
    monkeypatch.setattr(segments_speed, "_apart", lambda shop, name: segments_speed.fresh(str(shop), name))
    found = segments_speed.measured(tmp_path, 3_000, 40, rounds=2)
    assert 100 < found["customers"] <= 150 and found["looking_seconds"] >= 0
    assert len(found["questions"]) == len(segments_speed.RULES) + 3
    for told in found["questions"].values():
        assert told["warm_ms"]["median"] > 0 and told["fresh"]["seconds"] > 0
