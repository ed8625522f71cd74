"""Peers without a network: EASE of RecTools and ALS of implicit, one setting a round."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.versus.interactions import dataset, matrix
from benchmarks.versus.problem import Problem, Rows
from benchmarks.versus.recipes import Recipe

FACTORS = 128
"""Width of ALS."""

Score = Callable[[Any], NDArray[np.float32]]
"""Sparse histories [n, V] -> [n, V]."""


class Shallow:
    """A peer that is fitted at once.

    Args:
        problem: what to learn from. recipe: which one. seed: of ALS. length: of no use here, all is read.
    """

    def __init__(self, problem: Problem, recipe: Recipe, *, seed: int, length: int) -> None:
        self.train, self.items, self.choices, self.seed = problem.train, len(problem.catalogue), recipe.choices, seed
        self.fit = self._als() if recipe.package == "implicit" else self._ease()
        self.targets = len(problem.train.values)
        self.fitted: Score | None = None
        self.kept: Score | None = None

    def round(self, number: int) -> float:
        """Fit with the setting of that number; its seconds."""
        self.fitted = None  # a table of items by items is large enough once
        began = time.perf_counter()
        self.fitted = self.fit(**dict(self.choices[number]))
        return time.perf_counter() - began

    def keep(self) -> None:
        """Remember what was fitted."""
        self.kept = self.fitted

    def restore(self) -> None:
        """Go back to what was kept."""
        self.fitted = self.kept

    def score(self, histories: list[NDArray[Any]]) -> NDArray[np.float32]:
        """float32 [n, V]."""
        assert self.fitted is not None
        offsets = np.append(0, np.cumsum([len(codes) for codes in histories]))
        return self.fitted(matrix(Rows(offsets, np.concatenate(histories)), self.items))

    def _ease(self) -> Callable[..., Score]:
        from rectools.models import EASEModel  # type: ignore[import-not-found]

        learned = dataset(self.train)
        items = learned.item_id_map.external_ids.astype(np.int64)

        def fit(*, regularization: float) -> Score:
            weight = EASEModel(regularization=regularization).fit(learned).weight

            def score(histories: Any) -> NDArray[np.float32]:
                scores = np.full(histories.shape, -np.inf, dtype=np.float32)
                scores[:, items] = histories[:, items] @ weight
                return scores

            return score

        return fit

    def _als(self) -> Callable[..., Score]:
        from implicit.als import AlternatingLeastSquares  # type: ignore[import-not-found]
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        learned = matrix(self.train, self.items)

        def fit(*, alpha: float, regularization: float) -> Score:
            model = AlternatingLeastSquares(
                factors=FACTORS, alpha=alpha, regularization=regularization, random_state=self.seed, use_gpu=False
            )
            with threadpool_limits(1, "blas"):  # its own threads are faster alone, as its documentation says
                model.fit(learned, show_progress=False)

            def score(histories: Any) -> NDArray[np.float32]:
                people = model.recalculate_user(np.arange(histories.shape[0]), histories)
                return np.asarray(people @ model.item_factors.T)

            return score

        return fit
