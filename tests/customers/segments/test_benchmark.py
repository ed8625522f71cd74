"""The benchmark of segments runs on any workspace with a model, and leaves out whoever withholds consent."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from benchmarks import segments
from benchmarks.segments import Outcome, together

import regard
from regard.sequences.log import Log


class _Model:
    """Sees two kinds of customers, as the first letters of items divide them, in a space turned by chance."""

    name = "m"

    def __init__(self, log: Log) -> None:
        self.view_items, self.behaviours = log.items, log.behaviours

    def states(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        few = queries.lengths % 2
        random = np.random.default_rng(len(queries))
        turn = np.linalg.qr(random.normal(size=(8, 8)))[0]
        return (np.eye(8)[few] + 0.1 * random.normal(size=(len(queries), 8))) @ turn


def test_it_counts_who_stays_beside_the_plain_ways(
    shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = regard.open(shop_folder).log()
    fitted: list[int] = []

    def fit(view: Any, *, folder: Path, steps: int, seed: int, resume: bool) -> None:
        assert steps == 5 and resume
        fitted.append(view.cut)

    monkeypatch.setattr(segments, "fit", fit)
    monkeypatch.setattr(segments, "load", lambda folder: _Model(log))
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["segments", str(shop_folder), "--steps", "5", "--json", str(out)])
    segments.main()
    told = json.loads(out.read_text())
    assert len(set(fitted)) == 2 and len(fitted) == 2 and max(fitted) - min(fitted) == 7 * 86_400
    assert list(told["methods"]) == list(segments.METHODS)
    ours = told["methods"]["states"]
    assert ours["offered"] == [2] and ours["jaccard"]["mean"] > 0.9 and ours["jaccard"]["n"] == 1
    assert ours["stayed"]["mean"] > 0.9 and ours["stayed"]["n"] == told["runs"][0]["unchanged"] > 0
    assert "stayed" in capsys.readouterr().out


def test_an_interval_holds_the_mean_of_all_runs() -> None:
    rng = np.random.default_rng(0)
    runs = [
        (cut, Outcome(jaccard=np.array([0.9, 0.8]), stayed=(rng.random(200) < chance).astype(float), share=1.0))
        for cut, chance in ((0, 0.95), (0, 0.55), (1, 0.9))
    ]
    told = together(runs)
    low, high = told["stayed"]["interval"]
    assert low < told["stayed"]["mean"] < high and told["stayed"]["n"] == 400
    assert told["stayed"]["mean"] == pytest.approx(
        ((runs[0][1].stayed + runs[1][1].stayed) / 2).mean() / 2 + runs[2][1].stayed.mean() / 2
    )
    assert told["jaccard"] == {"mean": pytest.approx(0.85), "interval": None, "n": 3, "sd": pytest.approx(0.0)}
