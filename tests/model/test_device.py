"""Devices: nothing is copied that need not be, and bf16 is used where the hardware multiplies it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from regard.model.device import CPU, carry, carry_all, has_fast_bf16

CARD = torch.device("cuda", 0)
needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card to carry anything to")


@dataclass(frozen=True, kw_only=True, eq=False)
class Two:
    """Two tensors."""

    one: Tensor
    other: Tensor


def test_on_the_cpu_nothing_moves() -> None:
    two = Two(one=torch.arange(3), other=torch.empty(0, 2))
    carried = carry_all(two, CPU)
    assert carry(two.one, CPU) is two.one
    assert carried.one is two.one and carried.other is two.other


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True), ((10, 0), True)])
def test_cards_multiply_bf16_from_ampere_on(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], fast: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert has_fast_bf16(CARD) is fast


@pytest.mark.parametrize("flag", [True, False])
def test_a_cpu_is_asked_for_its_flags(monkeypatch: pytest.MonkeyPatch, flag: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: flag, raising=False)
    assert has_fast_bf16() is flag
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert has_fast_bf16() is False


@needs_card
def test_to_a_card_and_back_nothing_is_lost() -> None:
    shapes = (torch.arange(6).view(2, 3).T, torch.tensor([True, False]), torch.empty(0, 4), torch.tensor(1.5))
    for tensor in shapes:
        there = carry(tensor, CARD)
        assert there.device == CARD and there.dtype == tensor.dtype
        assert torch.equal(there.cpu(), tensor)
