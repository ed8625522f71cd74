"""The card's benchmark: what it counts, that it measures, and that a row says so where it was not run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import gpu, readme

from regard.model.attention import read_bias
from regard.model.device import CPU
from regard.model.network import to_tensors

ROWS = {"rate", "full", "sampled", "parity"}
TINY = gpu.Shape(items=40, customers=40, width=16, layers=3, length=12, tokens=200, dropout=0.0)
needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card to measure")


def test_without_a_card_every_row_says_that_it_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu", "--json", str(out)])
    gpu.main()
    result = json.loads(out.read_text())
    assert result == json.loads(capsys.readouterr().out)
    assert result["card"] is None and set(result["rows"]) == ROWS
    assert all(row == {"not_run": gpu.NO_CARD} for row in result["rows"].values())
    for language, words in (("en", "not run: no CUDA card"), ("zh", "未运行：没有 CUDA 显卡")):
        assert readme.block("gpu", result, language).count(words) == len(ROWS)


def test_where_there_is_a_card_it_is_the_card_that_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[torch.device | None] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"{device.type} 9000")
    monkeypatch.setattr(gpu, "told", lambda card, work: asked.append(card) or {"not_run": "a test"})
    monkeypatch.setattr(sys, "argv", ["gpu"])
    gpu.main()
    assert asked == [torch.device("cuda", 0)] * len(ROWS)
    assert json.loads(capsys.readouterr().out)["card"] == "cuda 9000"


def test_what_was_measured_is_told_in_both_languages() -> None:
    speed = {
        "events_per_second": {"as it trains": 1_000, "batches ready": 2_000},
        "share": {"as it trains": 0.25, "batches ready": 0.5},
        "operations_per_event": 7,
        "peak_mb": 3_000,
    }
    parity = {"steps": 100, "largest_difference": 0.0123, "same_batches": True}
    result: dict[str, Any] = {
        "card": "Card 9000",
        "settings": {"full": gpu.asdict(TINY), "sampled": gpu.asdict(TINY)},
        "rows": {"rate": {"flops": 5e14}, "full": speed, "sampled": {"not_run": "OutOfMemoryError: no"}, "parity": parity},
        "command": "python -m benchmarks.gpu",
        "hardware": {},
    }  # fmt: skip
    for language in ("en", "zh"):
        text = readme.block("gpu", result, language)
        for said in (
            "500 TFLOP/s",
            "1,000",
            "25.0%",
            "50.0%",
            "3,000 MB",
            "1.23%",
            "OutOfMemoryError: no",
            "Card 9000",
        ):
            assert said in text, said


def test_a_row_that_fails_takes_no_other_along() -> None:
    def fail(device: torch.device) -> dict[str, Any]:
        raise torch.OutOfMemoryError("all full\nat length")

    assert gpu.told(CPU, fail) == {"not_run": "OutOfMemoryError: all full"}
    assert gpu.told(CPU, lambda device: {"flops": 1.0}) == {"flops": 1.0}


def test_counted_are_the_products_that_a_step_asks_for() -> None:
    """Of rows without padding, against a counter of what blocks multiply; the start of every row is left out of the count."""
    setup = gpu.set_up(TINY)
    lesson = max(setup.data.epoch(np.random.default_rng(0)), key=lambda lesson: len(lesson.batch.item))
    batch, settings, network = lesson.batch, setup.settings, setup.loop(0).network
    B, L = batch.item.shape
    assert (batch.item < settings.items).all() and batch.asked.all()
    tensors = to_tensors(batch)
    scales = {"time_scales": settings.time_scales, "back_scales": settings.back_scales}
    bias = read_bias(tensors["days"], tensors["rank"], tensors["limit"], events=L, **scales)
    x = torch.randn(B, bias.shape[2], settings.width)
    with FlopCounterMode(display=False) as counter:
        for place, block in enumerate(network.blocks):
            x = block(x, bias, first=L * (place == settings.layers - 1))
    counts = counter.get_flop_counts()["Global"]
    weights = sum(count for name, count in counts.items() if str(name) in ("aten.mm", "aten.addmm"))
    starts = settings.layers * B * 4 * settings.width**2
    found = gpu.operations(lesson, setup)
    assert 3 * (weights - starts) == found["weights"]
    read = (bias[:, 0] > -torch.inf).sum(dim=2)  # [B, T]
    pairs = int(read.sum()) * (settings.layers - 1) + int(read[:, L:].sum())
    assert found["attention"] == 3 * 4 * settings.width * pairs
    assert found["scores"] == 3 * 2 * settings.width * int(batch.asked.sum()) * settings.items


@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_a_training_is_measured(monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    if loss == "sampled":
        monkeypatch.setattr("regard.training.sizing.FULL_ITEMS", 3)
        monkeypatch.setattr("regard.training.sizing.NEGATIVES", (4, 4))
    assert gpu.set_up(TINY).plan.loss == loss
    found = gpu.measure(TINY, CPU, steps=2, rate=1e12)
    assert found["peak_mb"] is None
    for how, speed in found["events_per_second"].items():
        assert speed > 0 and found["share"][how] == pytest.approx(
            speed * found["operations_per_event"] / 1e12, abs=2e-4
        )
    assert set(gpu.measure(TINY, CPU, steps=1, rate=None)["share"].values()) == {None}


def test_a_device_is_compared_with_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "LOOKS", 2)
    assert gpu.parity(CPU, TINY) == {"steps": 10, "largest_difference": 0.0, "same_batches": True}
    assert gpu.bf16_rate(CPU, 64) > 0


def test_every_row_of_the_results_was_measured_or_says_why_not() -> None:
    result = json.loads((readme.RESULTS / "gpu.json").read_text(encoding="utf-8"))
    assert set(result["rows"]) == ROWS
    assert (result["card"] is None) == all(row.get("not_run") == gpu.NO_CARD for row in result["rows"].values())
    parity = result["rows"]["parity"]
    assert "not_run" in parity or (parity["same_batches"] and parity["largest_difference"] < 0.05)


@needs_card
def test_a_card_is_measured() -> None:
    card = torch.device("cuda", 0)
    found = gpu.measure(TINY, card, steps=2, rate=gpu.bf16_rate(card, 1024))
    assert found["peak_mb"] > 0 and all(0 < share < 1 for share in found["share"].values())
