"""The faithfulness benchmark runs on any workspace with a model, and says what it measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import faithfulness

import regard
from regard.errors import MissingExtraError, ModelError


def test_every_answer_is_measured_beside_recency_chance_and_mixed_weights(
    shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    with pytest.raises(ModelError, match="no model"):
        faithfulness.measured(str(shop_folder), ["recommendation"], customers=5, seed=0)
    regard.open(shop_folder).train(steps=3)
    words = [str(shop_folder), "--of", "recommendation", "--of", "intent_7d", "--customers", "6", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["faithfulness", *words])
    faithfulness.main()
    found = json.loads(out.read_text())
    assert set(found["answers"]) == {"recommendation", "intent_7d"} and 0 < found["customers"] <= 6
    for told in found["answers"].values():
        assert set(told["all"]["curves"]) == {"explained", "recency", "random"}
        assert told["all"]["n"] == found["customers"]
        assert -1 <= told["rank_correlation_with_mixed_weights"]["mean"] <= 1
    assert "above recency" in capsys.readouterr().out
    monkeypatch.setattr(faithfulness, "LATEST", 60)
    monkeypatch.setattr(
        sys, "argv", ["faithfulness", str(shop_folder), "--long", "--customers", "3", "--json", str(out)]
    )
    faithfulness.main()
    long = json.loads(out.read_text())
    assert long["customers"] == 3 and long["command"].endswith("--long --customers 3 --seed 0")
    by_gradients = long["answers"]["recommendation, by integrated gradients"]["all"]
    assert by_gradients["n"] == 3 and set(by_gradients["curves"]) == {"explained", "recency", "random"}
    monkeypatch.setattr("regard.workspace.learning.importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="integrated gradients need PyTorch") as caught:
        faithfulness.long_ones(str(shop_folder), customers=3, seed=0)
    assert "regard[train]" in caught.value.hint
