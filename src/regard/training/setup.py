"""Set-up: everything of a training that follows from a view alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from regard.model.counts import Channels
from regard.model.network import Network
from regard.model.settings import Settings
from regard.sequences.counts import Neighbours, Popularity, neighbours, popularity
from regard.sequences.view import View
from regard.training.data import Data
from regard.training.loop import Loop
from regard.training.sizing import Plan, plan_training, size_model


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A view, its counts, its questions, and the sizes that the rules choose for it."""

    view: View
    settings: Settings
    plan: Plan
    popularity: Popularity | None
    neighbours: Neighbours
    data: Data

    def loop(self, seed: int) -> Loop:
        """A fresh network before its first step."""
        torch.manual_seed(seed)
        network = Network(self.settings, self.view.content)
        channels = Channels(self.popularity, self.neighbours, len(self.view.log.items))
        return Loop(network, self.data, channels, plan=self.plan, seed=seed)


def set_up(view: View) -> Setup:
    """Count, size and ask."""
    popular = popularity(view)
    settings, plan = size_model(view, popular), plan_training(view)
    near = neighbours(view, width=settings.neighbours)
    settings = replace(settings, neighbours=near.items.shape[2])
    data = Data(view, settings, plan, near)
    return Setup(view=view, settings=settings, plan=plan, popularity=popular, neighbours=near, data=data)
