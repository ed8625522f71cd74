"""Going on: a training that begins at the weights of an earlier model instead of at random ones.

Items, behaviours, contexts and features are found by their names; what the earlier model did not know begins as always. No
slice is held back: the earlier model has learned from whatever could be, so its own choices (weight of the co-visits,
calibration) are taken over, and whether it was worth it is found out by `workspace.refresh`, on events neither has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.model.artefact import Artefact, load
from regard.model.network import Network
from regard.model.settings import Settings
from regard.sequences.batches import CONTEXTS
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.training.calibrate import Calibration
from regard.training.loop import Loop
from regard.training.trial import COVISITS, Trial

SHARE = 0.25
"""Steps beside those of the first training: what is new is a small part of the log, and the rest is known already."""

_SHAPE = ("width", "layers", "time_scales", "back_scales", "pointer_heads", "half_lives", "seasonal")
"""Settings that must be the same for the weights to mean the same."""

FEATURES = "features"
"""Name of the features' vectors among a model's weights: nothing but a training that goes on reads them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """An earlier model.

    Args:
        name: its id. model: its parts.
    """

    name: str
    model: Artefact

    @classmethod
    def of(cls, folder: Path) -> Start:
        """Read a model's folder.

        Raises:
            ModelError: it is no complete, undamaged model.
        """
        return cls(name=folder.name, model=load(folder))

    def fits(self, settings: Settings) -> bool:
        """Whether a network of these settings can begin here."""
        return all(getattr(self.model.settings, name) == getattr(settings, name) for name in _SHAPE)

    def trial(self, most: int) -> Trial:
        """What a trial would have found, as the earlier one did; `most` steps at most."""
        card = self.model.metrics
        cold = int(card.get("cold_steps") or card["steps"])
        calibration = Calibration(**{name: float(value) for name, value in self.model.calibration.items()})
        return Trial(
            steps=max(1, min(most, round(SHARE * cold))),
            covisits=float(card.get("covisits", COVISITS)),
            calibration=calibration,
        )

    def facts(self) -> dict[str, object]:
        """What the card says of it."""
        card = self.model.metrics
        return {
            "went_on_from": self.name,
            "went_on": int(card.get("went_on", 0)) + 1,
            "cold_steps": int(card.get("cold_steps") or card["steps"]),
        }


@torch.no_grad()
def begin(loop: Loop, start: Start, view: View) -> None:
    """Put the weights of an earlier model into a fresh loop over a view.

    Args:
        loop: before its first step; its settings fit (see `Start.fits`). start: the earlier model. view: of the loop.
    """
    network, old = loop.network, start.model
    state = network.state_dict()
    for name, value in old.weights.items():
        mine = state.get(name)
        if mine is None or name in ("bias", "items"):
            continue
        rows = _rows(name, old, view)
        if rows is not None:
            if mine.shape[1:] == value.shape[1:]:
                _put(mine, value, *rows)
        elif mine.shape == value.shape:
            mine.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    network.load_state_dict(state)
    _items(network, old, view)
    loop.average = {name: value.detach().clone() for name, value in network.state_dict().items()}


def _rows(name: str, old: Artefact, view: View) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """(rows here, rows there) of a table that has one a word; None for what has no words."""
    if name in ("behaviour.weight", "pointer.behaviour.weight"):
        then, now = tuple(old.words["behaviours"]), view.log.behaviours
        here, there = _shared(now, then)
        return np.append(here, len(now)), np.append(there, len(then))  # the last row is nobody's
    if name.startswith("context.") and name.endswith(".weight"):
        place = int(name.split(".")[1])
        if place < len(CONTEXTS):
            field = CONTEXTS[place]
            now = view.log.context[field][0] if field in view.log.context else ()
            here, there = _shared(now, old.words["contexts"].get(field, ()))
            return np.append(here + 1, 0), np.append(there + 1, 0)  # 0 is unknown
    return None


def _items(network: Network, old: Artefact, view: View) -> None:
    """Items begin where they were: their own vector is what their features do not say of it any more."""
    known = old.items.codes(view.log.items.ids.to_pylist())
    here = np.flatnonzero(known >= 0)
    there = known[here]
    _put(network.bias.data, old.weights["bias"], here, there)
    table = network.items
    if table.features is not None and FEATURES in old.weights:
        _put(table.features.weight.data, old.weights[FEATURES], *_shared(view.content.names, old.features))
    mode, table.training = table.training, False
    said = table() - table.id.weight
    table.training = mode
    rows = torch.from_numpy(here).to(said.device)
    wanted = torch.from_numpy(np.ascontiguousarray(old.weights["items"][there])).to(said.device)
    table.id.weight.data[rows] = wanted - said[rows]


def _put(mine: Tensor, value: NDArray[np.generic], here: NDArray[np.int64], there: NDArray[np.int64]) -> None:
    mine[torch.from_numpy(here).to(mine.device)] = torch.from_numpy(np.ascontiguousarray(value[there])).to(mine.device)


def _shared(now: Sequence[str], then: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the words that both have."""
    if not len(now) or not len(then):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    there = Vocabulary(list(then)).codes(list(now))
    here = np.flatnonzero(there >= 0)
    return here, there[here]
