"""Devices: how what Python made in main memory gets to the CPU or the card that a network lives on, and what that can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

CPU = torch.device("cpu")

BF16_CARDS = (8, 0)
"""Compute capability (Ampere) from which cards multiply bf16 in hardware; older ones imitate it, slower than fp32."""

_Tensors = TypeVar("_Tensors", bound=Any)


def carry(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor from main memory on the device, itself on the CPU; to a card from pinned memory, so that Python need not wait."""
    held = tensor.pin_memory() if device.type == "cuda" else tensor
    return held.to(device, non_blocking=True)


def carry_all(tensors: _Tensors, device: torch.device) -> _Tensors:
    """A dataclass of tensors on the device."""
    return replace(tensors, **{name: carry(tensor, device) for name, tensor in vars(tensors).items()})


def has_fast_bf16(device: torch.device = CPU) -> bool:
    """Whether bf16 is multiplied in hardware: by the CPU (AVX512-BF16 or AMX) or the card; elsewhere bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= BF16_CARDS
    flags = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(flags and flags())
