"""Baselines: the simplest methods that answer the same question, each a Method of one small file.

`standard` lists those that fit a view, `choose` picks a method's few weights on the validation cut.
"""

from __future__ import annotations

from regard.evaluation.baselines.choose import Baseline, choose, fit_all, standard
from regard.evaluation.baselines.covisit import LastItem
from regard.evaluation.baselines.ease import Ease
from regard.evaluation.baselines.nearest import NearestCustomers
from regard.evaluation.baselines.own import OwnDecayed, OwnFrequency
from regard.evaluation.baselines.popularity import Popularity
from regard.evaluation.baselines.recent import RecentPopularity
from regard.evaluation.baselines.sequential import SequentialNeighbours

__all__ = [
    "Baseline",
    "Ease",
    "LastItem",
    "NearestCustomers",
    "OwnDecayed",
    "OwnFrequency",
    "Popularity",
    "RecentPopularity",
    "SequentialNeighbours",
    "choose",
    "fit_all",
    "standard",
]
