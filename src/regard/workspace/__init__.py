"""Workspace: the one façade. `regard.open("shop")` gives a Workspace; its few verbs are all that most people need.

Below it the rooms are a library that works on plain arrays, without a folder.
"""

from __future__ import annotations

from regard.workspace.learning import TrainReport
from regard.workspace.oddities import AnomalyReport
from regard.workspace.workspace import Workspace, init, open

__all__ = ["AnomalyReport", "TrainReport", "Workspace", "init", "open"]
