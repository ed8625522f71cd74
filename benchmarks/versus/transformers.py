"""RecTools' transformers as peers: an epoch a round, timed inside the trainer, without the preparation that lies around it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, Trainer, seed_everything  # type: ignore[import-not-found]
from rectools.models import BERT4RecModel, SASRecModel  # type: ignore[import-not-found]

from benchmarks.versus.interactions import dataset
from benchmarks.versus.problem import Problem
from benchmarks.versus.recipes import BATCH, BLOCKS, GBCE_T, HEADS, WIDTH, Recipe

AT_ONCE = 256
"""Histories encoded at once, RecTools' own default; memory only."""


class Clock(Callback):  # type: ignore[misc]
    """Seconds between the beginning and the end of the last epoch."""

    def __init__(self) -> None:
        self.began = self.seconds = 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        self.began = time.perf_counter()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seconds = time.perf_counter() - self.began


def trainer() -> Any:
    """The trainer that RecTools makes by itself, on the CPU and with a clock."""
    return Trainer(
        accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[Clock()],
    )  # fmt: skip


class Transformer:
    """A network of RecTools.

    Args:
        problem: what to learn from. recipe: which one. seed: of everything random. length: events it reads.
    """

    def __init__(self, problem: Problem, recipe: Recipe, *, seed: int, length: int) -> None:
        seed_everything(seed)
        self.dataset, self.items = dataset(problem.train), len(problem.catalogue)
        kind = BERT4RecModel if recipe.name == "rectools_bert4rec" else SASRecModel
        self.model = kind(
            n_factors=WIDTH, n_blocks=BLOCKS, n_heads=HEADS, session_max_len=length, batch_size=BATCH,
            loss=recipe.loss, n_negatives=recipe.negatives, gbce_t=GBCE_T, get_trainer_func=trainer,
        )  # fmt: skip
        self.kept: dict[str, torch.Tensor] = {}
        self.targets = int(np.clip(np.diff(problem.train.offsets) - 1, 0, length).sum())

    def round(self, number: int) -> float:
        """One epoch more; its seconds, without preparing the data, which RecTools does anew each time."""
        self.model.fit_partial(self.dataset, min_epochs=1, max_epochs=1)
        return float(next(one for one in self.model.fit_trainer.callbacks if isinstance(one, Clock)).seconds)

    def keep(self) -> None:
        """Remember the weights as they are."""
        self.kept = {name: value.clone() for name, value in self.model.lightning_model.state_dict().items()}

    def restore(self) -> None:
        """Go back to the weights that were kept."""
        self.model.lightning_model.load_state_dict(self.kept)

    @torch.no_grad()
    def score(self, histories: list[NDArray[Any]]) -> NDArray[np.float32]:
        """float32 [n, V], the figures by which `recommend` orders; -inf where it knows nothing of item or customer."""
        prepared, network = self.model.data_preparator, self.model.torch_model
        network.eval()
        items = prepared.get_known_item_ids().astype(np.int64)
        inner = np.full(self.items, -1, dtype=np.int64)
        inner[items] = prepared.get_known_items_sorted_internal_ids()
        table = network.item_model.get_all_embeddings()
        scores = np.full((len(histories), self.items), -np.inf, dtype=np.float32)
        known = [(row, codes[codes >= 0]) for row, codes in enumerate(inner[codes] for codes in histories)]
        known = [(row, codes) for row, codes in known if len(codes)]
        for at in range(0, len(known), AT_ONCE):
            some = known[at : at + AT_ONCE]
            batch = prepared._collate_fn_recommend([(codes.tolist(), [], {}) for _, codes in some])
            state = network.encode_sessions(batch, table)[:, -1]
            scores[np.array([row for row, _ in some])[:, None], items] = (state @ table.T).numpy()[:, inner[items]]
        return scores
