"""A training to be killed: `python killed.py FOLDER`; the test beside it runs the same one undisturbed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from regard.progress import Progress
from regard.sequences.log import Log
from regard.sequences.split import view_until
from regard.sequences.vocabulary import Vocabulary
from regard.training import fit


def train(folder: Path, *, resume: bool = False, progress: Progress | None = None) -> None:
    """A hundred steps on a hundred and twenty customers, enough for a trial, who walk along twenty items."""
    rng, customers, length = np.random.default_rng(0), 120, 40
    N = customers * length
    place = np.tile(np.arange(length), customers)
    log = Log(
        customers=Vocabulary([f"c{n}" for n in range(customers)]),
        items=Vocabulary([f"i{n}" for n in range(20)]),
        behaviours=("purchase",),
        offsets=np.arange(customers + 1, dtype=np.int64) * length,
        item=((place + rng.integers(0, 3, size=N)) % 20).astype(np.int32),
        behaviour=np.zeros(N, dtype=np.int16),
        time=place.astype(np.int64),
        basket=place.astype(np.int32),
        quantity=np.ones(N, dtype=np.float32),
        value=np.ones(N, dtype=np.float32),
        merchandise=np.ones(20, dtype=bool),
        clock="order",
    )
    torch.set_num_threads(1)
    fit(view_until(log, None, target=("purchase",)), folder=folder, steps=100, resume=resume, progress=progress)


if __name__ == "__main__":
    train(Path(sys.argv[1]))
