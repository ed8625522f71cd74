"""Profiled: the part of a workspace that says who its customers are; what it needs is read when it is first asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from regard.events.names import id_of
from regard.insight.ranker import Model
from regard.progress import Progress, Silent
from regard.workspace.answering import Answering
from regard.workspace.data import Data
from regard.workspace.models import Models

if TYPE_CHECKING:
    from regard.customers.profile import Profile, Written
    from regard.events.store import Store
    from regard.workspace.profiling import Profiling


class Profiled:
    """The verbs of a workspace that give profiles."""

    store: Store
    models: Models
    _data: Data
    _answering: Answering
    _load: Callable[[Path], Model]

    @cached_property
    def _profiling(self) -> Profiling:
        from regard.workspace.profiling import Profiling

        return Profiling(self.store, self._data, self.models, self._answering, self._load)

    def profile(self, customer: str | int, *, model: str | None = None, language: str | None = None) -> Profile:
        """Who a customer is, field by field, each with what shows it, and what changed in the last week.

        Args:
            customer: id. model: id of a model; None = the newest good one. language: 'en' or 'zh'; None = the workspace's.

        Raises:
            InputError: nobody has that id; the hint names the nearest.
            ConsentError: the customer has not consented.
            ModelError: the named model is missing or damaged.
        """
        return self._profiling.one(id_of(customer), model=model, language=language)

    def profile_all(self, path: str | Path, *, model: str | None = None, progress: Progress | None = None) -> Written:
        """Everybody's profile into one Parquet file: a row a customer, a column a field.

        Args:
            path: of the file. model: as in `profile`.

        Raises:
            UsageError: the file's name does not end in .parquet.
            WorkspaceError: the file cannot be written.
        """
        return self._profiling.everybody(Path(path), model=model, progress=progress or Silent())
