"""Set-up: everything of a training that follows from a view alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from regard.model.counts import Counts
from regard.model.device import CPU
from regard.model.network import Network
from regard.model.settings import Settings
from regard.sequences.covisits import Neighbours, coordinates, covisits, neighbours
from regard.sequences.popularity import Popularity, popularity
from regard.sequences.view import View
from regard.training.data import Data
from regard.training.loop import Loop
from regard.training.sizing import Plan, plan_training, size_model


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A view, its counts, its questions, and the sizes that the rules choose for it; `coordinates` [V, D] are where items begin."""

    view: View
    settings: Settings
    plan: Plan
    popularity: Popularity | None
    neighbours: Neighbours
    coordinates: NDArray[np.float32]
    data: Data

    def loop(self, seed: int, device: torch.device = CPU) -> Loop:
        """A fresh network before its first step; it begins alike on every device."""
        torch.manual_seed(seed)
        network = Network(self.settings, self.view.content, self.coordinates).to(device)
        counts = Counts(self.popularity, len(self.view.log.items), device)
        return Loop(network, self.data, counts, self.neighbours, plan=self.plan, seed=seed, device=device)


def set_up(
    view: View, *, mask: str | None = None, alike: bool = False, hidden: NDArray[np.bool_] | None = None
) -> Setup:
    """Count, size and ask.

    Args:
        view: what may be seen. mask: as in splits; where what was seen is no candidate, nothing learns to repeat.
        alike, hidden: as in `Data`.
    """
    popular, together = popularity(view), covisits(view)
    settings, plan = size_model(view, popular, repeats=mask != "seen"), plan_training(view)
    near = neighbours(together, width=settings.neighbours)
    settings = replace(settings, neighbours=near.items.shape[1])
    return Setup(
        view=view, settings=settings, plan=plan, popularity=popular, neighbours=near,
        coordinates=coordinates(together, width=settings.width), data=Data(view, settings, plan, alike=alike, hidden=hidden),
    )  # fmt: skip
