"""Service: the part of a workspace that says which model answers, and refreshes it; loaded when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import ModelError
from regard.insight.ranker import Model
from regard.progress import Progress, Silent
from regard.workspace.answering import Answering
from regard.workspace.data import Data
from regard.workspace.models import Models, Registered

if TYPE_CHECKING:
    from regard.workspace.refresh import Refreshed, Refreshing


class Promoting:
    """The verbs about models in service."""

    folder: Path
    models: Models
    _data: Data
    _answering: Answering
    _load: Callable[[Path], Model]

    @property
    def _refreshing(self) -> Refreshing:
        from regard.workspace.refresh import Refreshing

        cache = self.folder / "cache" / "refresh"
        return Refreshing(self._data, self.models, self._answering, self._load, cache)

    def retrain(
        self, *, budget: str | float = 300, seed: int = 0, warm: bool = True, progress: Progress | None = None
    ) -> Refreshed:
        """Train on from the model in service, compare the two on events neither has seen, and switch if nothing is lost.

        The rule of the comparison stands in `workspace.gate`. Whatever fails leaves the model in service as it is.

        Args:
            budget: wall time of all training, seconds or text such as '5m'. seed: of every draw.
            warm: begin at the weights of the model in service; False = from scratch.

        Raises:
            MissingExtraError: PyTorch is not installed.
            InputError: too little has come since the last training to compare on, or events have no times.
            WorkspaceError: another training is under way.
        """
        return self._refreshing.run(budget=budget, seed=seed, warm=warm, progress=progress or Silent())

    def card(self, model: str) -> Mapping[str, Any]:
        """What is known of a model's training.

        Raises:
            ModelError: there is none of that id, or it cannot be read.
        """
        ours, _ = self._answering.shop(model=model)
        return ours.model.card if ours.model is not None else {}

    def promote(self, model: str, *, why: str = "by hand") -> Registered:
        """Put a model in service once it has answered a few customers as it should (see `workspace.canary`).

        Args:
            model: its id. why: one line, for whoever reads the list later.

        Raises:
            ModelError: there is none of that id, or it fails the canary check; what serves stays.
        """
        self.models.get(model)
        seen = self._refreshing.check(model)
        self.models.promote(model, why=why, gate={"canary": seen.to_json()})
        taken_back = self._answering.refresh()
        if taken_back is not None:
            raise ModelError(taken_back, hint="the model in service stays")
        return self.models.get(model)

    def roll_back(self, *, why: str = "by hand") -> Registered:
        """Put the model back in service that served before; the one that serves now is refused from then on.

        Raises:
            ModelError: there is no previous one.
        """
        back = self.models.roll_back(why=why)
        self._answering.refresh()
        return back
