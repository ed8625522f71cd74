"""Checkpoints: where a training stood, as safetensors and JSON, so that a kill costs at most the steps since the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from regard.training.loop import Loop

_NAMES = ("a", "b")


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A loop's state and what the fit knew.

    Args:
        tensors: weights, running average, optimiser moments and random states by name.
        facts: step, phase and everything else as JSON.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def keep(loop: Loop, facts: dict[str, Any], folder: Path) -> None:
    """Write a checkpoint beside the last one; the pointer moves in one rename, so a kill leaves the old or the new."""
    folder.mkdir(parents=True, exist_ok=True)
    last = _pointer(folder)
    name = _NAMES[1] if last == _NAMES[0] else _NAMES[0]
    tensors: dict[str, Tensor] = {f"weight/{key}": value for key, value in loop.network.state_dict().items()}
    tensors |= {f"average/{key}": value for key, value in loop.average.items()}
    for place, state in loop.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{place}/{key}": torch.as_tensor(value) for key, value in state.items()}
    tensors["torch"] = torch.get_rng_state()
    if loop.device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(loop.device)
    save_file(
        {key: value.detach().clone().contiguous().cpu() for key, value in tensors.items()},
        folder / f"{name}.safetensors",
    )
    told = {**facts, "step": loop.step, "numpy": loop.epoch_state, "done": loop.epoch_done}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
    fresh = folder / "last.new"
    fresh.write_text(name, encoding="utf-8")
    fresh.replace(folder / "last")


def read(folder: Path) -> Checkpoint | None:
    """The last checkpoint, None where there is none that can be read."""
    name = _pointer(folder)
    if name is None:
        return None
    try:
        facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return Checkpoint(tensors=load_file(folder / f"{name}.safetensors"), facts=facts)
    except (OSError, ValueError, SafetensorError):
        return None


def restore(loop: Loop, checkpoint: Checkpoint) -> None:
    """Put a loop where the checkpoint stood: the next step is the one that would have come; on another device, but for its dropout."""
    tensors, facts = checkpoint.tensors, checkpoint.facts
    loop.network.load_state_dict(_under(tensors, "weight/"))
    average = _under(tensors, "average/")
    # In the network's order, which the file does not keep.
    loop.average = {name: average[name].to(loop.device) for name in loop.average}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "optimiser/").items():
        place, name = key.split("/", 1)
        state.setdefault(int(place), {})[name] = value
    loop.optimiser.load_state_dict({"state": state, "param_groups": loop.optimiser.state_dict()["param_groups"]})
    loop.step = int(facts["step"])
    loop.rewind(facts["numpy"], int(facts["done"]))
    torch.set_rng_state(tensors["torch"])
    if loop.device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], loop.device)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _pointer(folder: Path) -> str | None:
    path = folder / "last"
    name = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    return name if name in _NAMES else None
