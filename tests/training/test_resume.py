"""Killed without warning in the middle of its last pass, a training that is resumed gives the weights of one that was left alone."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from regard.errors import ModelError
from regard.model.runtime import load

SCRIPT = Path(__file__).with_name("killed.py")


class Steps:
    """A Progress that remembers where the final pass began."""

    def __init__(self) -> None:
        self.what, self.told = "", list[float]()

    def start(self, what: str, total: float | None = None) -> None:
        self.what = what

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        if self.what == "training":
            self.told.append(amount)

    def finish(self, note: str = "") -> None:
        self.what = ""


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    train: Any = runpy.run_path(str(SCRIPT), run_name="killed")["train"]
    train(tmp_path / "whole")
    folder, process = tmp_path / "killed", None
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (folder / "checkpoint" / "last").exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(ModelError, match="not a complete model"):
        load(folder)
    progress = Steps()
    train(folder, resume=True, progress=progress)
    assert 0 < progress.told[0] < 100 and sum(progress.told) == 100
    for name in ("weights.safetensors", "counts/counts.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (folder / "checkpoint").exists()
