"""The device of a training: chosen by name or by what there is, told plainly, and of no influence on what is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regard.errors import UsageError
from regard.model.device import CPU
from regard.sequences.view import View
from regard.training import checkpoint, fit
from regard.training.data import Data
from regard.training.device import choose, describe, quick_products
from regard.training.loop import Loop
from regard.training.setup import set_up

CARD = torch.device("cuda", 0)
needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card to train on")
LIKE_CPU = 0.02
"""Share by which a loss may differ from the CPU's: products in bf16 keep two to three digits."""

ViewOf = Callable[..., View]


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card 9000")


@pytest.mark.usefixtures("no_card")
def test_the_cpu_needs_no_card() -> None:
    assert choose("cpu") == CPU


@pytest.mark.usefixtures("card")
def test_a_card_is_taken_where_it_is_asked_for() -> None:
    assert choose("cuda") == CARD
    assert choose() == choose("cpu") == CPU


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(("built", "hint"), [(None, "knows the CPU only"), ("12.8", "nvidia-smi")])
def test_a_card_that_is_missing_is_told_of_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, built: str | None, hint: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(UsageError, match="sees no CUDA card") as told:
        choose("cuda")
    assert hint in (told.value.hint or "")


@pytest.mark.parametrize("name", ["gpu", "cuda:1", ""])
def test_an_unknown_name_is_told_of_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown device '{name}'") as told:
        choose(name)
    assert "cpu or cuda" in (told.value.hint or "")


@pytest.mark.usefixtures("card")
def test_the_hardware_is_named() -> None:
    assert describe(CARD) == f"Card 9000, {describe(CPU)}" and "cores" in describe(CPU)


def test_tf32_lasts_as_long_as_a_training_on_a_card() -> None:
    before = torch.get_float32_matmul_precision()
    with quick_products(CPU):
        assert torch.get_float32_matmul_precision() == before
    with pytest.raises(KeyError), quick_products(CARD):
        assert torch.get_float32_matmul_precision() == "high"
        raise KeyError
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.usefixtures("no_card")
def test_a_fit_says_where_it_ran(view_of: ViewOf, tmp_path: Path) -> None:
    view = view_of(customers=20)
    facts = fit(view, folder=tmp_path / "model", steps=2, device="cpu").facts
    assert facts["device"] == "cpu" and facts["hardware"] == describe(CPU)
    assert facts["hardware"] in (tmp_path / "model" / "card.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="no CUDA card"):
        fit(view, folder=tmp_path / "other", steps=2, device="cuda")
    assert not (tmp_path / "other").exists()


def loop_of(view: View, device: torch.device, **plan: Any) -> Loop:
    """A fresh loop in which nothing is dropped, as a card draws other numbers."""
    setup = set_up(view)
    settings = replace(setup.settings, width=64, dropout=0.0, id_dropout=0.0)
    how = replace(setup.plan, tokens=200, **plan)
    coordinates = np.zeros((len(view.log.items), 64), np.float32)
    data = Data(view, settings, how)
    return replace(setup, settings=settings, plan=how, data=data, coordinates=coordinates).loop(0, device)


@needs_card
@pytest.mark.parametrize("clock", ["clock", "order"])
@pytest.mark.parametrize("loss", ["full", "sampled", "gbce"])
def test_a_card_learns_what_the_cpu_learns(view_of: ViewOf, tmp_path: Path, clock: str, loss: str) -> None:
    view = view_of(clock=clock, items=60)
    plan: dict[str, Any] = {"loss": loss, "negatives": 20 * (loss != "full")}
    loops = [loop_of(view, device, **plan) for device in (CPU, CARD)]
    for _ in range(6):
        torch.manual_seed(1)  # of the items that are drawn
        one = loops[0].run(10)
        torch.manual_seed(1)
        two = loops[1].run(10)
        assert two.events == one.events
        assert two.loss == pytest.approx(one.loss, rel=LIKE_CPU)
    log = view.log.take(np.arange(5))
    told = [list(loop.answer(log, log.time.max().repeat(5), horizon=7.0)) for loop in loops]
    for one_block, two_block in zip(*told, strict=True):
        np.testing.assert_array_equal(one_block.rows, two_block.rows)
        np.testing.assert_allclose(one_block.told, two_block.told, atol=0.2)
    checkpoint.keep(loops[1], {}, tmp_path)
    saved = checkpoint.read(tmp_path)
    assert saved is not None
    back = loop_of(view, CPU, **plan)
    checkpoint.restore(back, saved)
    for name, value in loops[1].network.state_dict().items():
        assert torch.equal(value.cpu(), back.network.state_dict()[name])
    assert back.run(5).loss == pytest.approx(loops[1].run(5).loss, rel=0.1)


@needs_card
def test_a_model_is_fitted_on_a_card(view_of: ViewOf, tmp_path: Path) -> None:
    facts = fit(view_of(), folder=tmp_path, steps=12, device="cuda").facts
    assert facts["device"] == "cuda" and torch.cuda.get_device_name(0) in facts["hardware"]
