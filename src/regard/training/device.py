"""The device a training runs on: the CPU, or where asked for the first CUDA card."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from regard.errors import UsageError
from regard.model.device import CPU

NAMES = ("cpu", "cuda")


def choose(name: str = "cpu") -> torch.device:
    """The device of this name; 'cuda' is the first card.

    Raises:
        UsageError: no such name, or a card is asked for and there is none.

    >>> choose("cpu")
    device(type='cpu')
    """
    if name not in NAMES:
        raise UsageError(f"unknown device '{name}'", hint="cpu or cuda")
    if name == "cpu":
        return CPU
    if not torch.cuda.is_available():
        raise UsageError("PyTorch sees no CUDA card", hint=_what_helps())
    return torch.device("cuda", 0)


def _what_helps() -> str:
    if torch.version.cuda is None:
        return (
            "this PyTorch knows the CPU only: install a CUDA build (pytorch.org/get-started), or leave the device out"
        )
    return "nvidia-smi tells whether the driver sees one; leave the device out to train on the CPU"


def describe(device: torch.device) -> str:
    """The hardware, as a model card names it."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    return machine if device.type == "cpu" else f"{torch.cuda.get_device_name(device)}, {machine}"


@contextmanager
def quick_products(device: torch.device) -> Iterator[None]:
    """On a card, fp32 products in TF32 (ten bits of mantissa) while this lasts; attention and loss multiply in bf16, which has seven."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
