"""Ranker: a scorer put before a shop that has moved on since it learned: new items, customers, behaviours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.baselines import OwnDecayed
from regard.evaluation.scorer import Scorer
from regard.metrics import masked
from regard.model.runtime import Best
from regard.model.runtime.horizon import HorizonModel
from regard.model.runtime.session import SessionModel
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.remembered import Remembered, frozen
from regard.sequences.split import view_until
from regard.sequences.vocabulary import Vocabulary

BLOCK_CELLS = 8_000_000
"""Scores held at a time (questions x items): 32 MB of float32."""


@runtime_checkable
class Model(Protocol):
    """What a trained model can do beside scoring; `regard.model.runtime.Runtime` is one."""

    name: str
    card: Mapping[str, Any]

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The behaviours it learned, in the order of their codes."""

    @property
    def view_items(self) -> Vocabulary:
        """The items it learned, in the order of its scores."""

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """float32 [V, D]."""

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V] logits."""

    def propensity(
        self, queries: Log, asof: NDArray[np.int64], horizons_days: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """float32 [Q, K] probability of a target event within each horizon."""


@runtime_checkable
class Forecasting(Protocol):
    """A model that may say what customers will order and spend."""

    @property
    def horizon(self) -> HorizonModel | None:
        """None where it was trained without."""


@runtime_checkable
class Attending(Protocol):
    """A model that may say what a session that runs still brings."""

    @property
    def session(self) -> SessionModel | None:
        """None where it was trained without."""


@runtime_checkable
class Selective(Protocol):
    """A scorer that can score a few items without the rest of the catalogue."""

    def score_of(
        self, queries: Log, asof: NDArray[np.int64], items: NDArray[np.int64], edition_of: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """float32 [Q, K], the scores of items (int64 [Q, K], -1 for none); -inf for none.

        `edition_of`: int64 [Q] row of the history of which each is an edited copy; a hint that may save work.
        """


@runtime_checkable
class Searching(Protocol):
    """A scorer that finds the best items without handing out all scores."""

    def best(
        self,
        queries: Log,
        asof: NDArray[np.int64],
        n: int,
        *,
        allowed: NDArray[np.bool_],
        barred: Ragged,
        shift: NDArray[np.float32] | None,
    ) -> Best:
        """The n best (see `model.runtime.Best`).

        allowed: bool [V]. barred: Q rows of codes, -1 for none, no candidates for this query. shift: float32 [V], added to the
        scores before they are compared, not to `total`; None = nothing.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranker:
    """A scorer, and the words in which it must be asked.

    Args:
        scorer: gives the scores.
        items: the items it knows, in the order of its columns.
        behaviours: the behaviours it knows, in the order of its codes.
        version: id of the model; None for counting.
    """

    scorer: Scorer
    items: Vocabulary
    behaviours: tuple[str, ...]
    version: str | None = None
    _columns: list[tuple[Vocabulary, NDArray[np.int64]]] = field(default_factory=list, repr=False)
    _remembered: Remembered = field(default_factory=Remembered, repr=False)

    @classmethod
    def counting(cls, log: Log, target: tuple[str, ...]) -> Ranker | None:
        """Who ranks where no model can: own baskets, faded, and recent popularity; None where nothing was wanted."""
        view = view_until(log, None, target=target)
        if not view.targets.any():
            return None
        scorer = OwnDecayed(every=len(log.behaviours) > 1).fit(view)
        return cls(scorer=scorer, items=view.log.items, behaviours=log.behaviours)

    @cached_property
    def model(self) -> Model | None:
        """The scorer, where it is a trained model."""
        return self.scorer if isinstance(self.scorer, Model) else None

    @cached_property
    def _searching(self) -> Searching | None:
        return self.scorer if isinstance(self.scorer, Searching) else None

    @property
    def level(self) -> str:
        """'model' or 'counting'."""
        return "counting" if self.version is None else "model"

    def propensity(
        self,
        queries: Log,
        asof: NDArray[np.int64],
        horizons_days: NDArray[np.float64],
        share: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        """float32 [Q, K], the chance of a target event within each horizon: by the head of what lies ahead, which reads the
        whole history and items of any age, or by the encoder where the model has no such head.

        Args:
            queries: Q histories. asof: int64 [Q] seconds. horizons_days: [K].
            share: [Q], of the orders of each those that count; None = all.
        """
        if self.horizon is not None:
            return self.horizon.chances(self.horizon.facts(queries, asof), horizons_days, share).astype(np.float32)
        assert isinstance(self.scorer, Model)
        chance = self.scorer.propensity(self.aligned(queries), asof, horizons_days)
        return chance if share is None else (1 - (1 - chance) ** share[:, None]).astype(np.float32)

    @property
    def horizon(self) -> HorizonModel | None:
        """What says what lies ahead; None where nothing does."""
        return self.scorer.horizon if isinstance(self.scorer, Forecasting) else None

    def in_session(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 [Q], the chance that the session which runs at `asof` still brings an order; NaN where none runs or nobody
        knows.
        """
        session = self.scorer.session if isinstance(self.scorer, Attending) else None
        return np.full(len(queries), np.nan) if session is None else session.chances(queries, asof)

    def aligned(self, queries: Log) -> Log:
        """The same histories in the scorer's codes; events of a behaviour it never learned are left out."""
        if queries.items is self.items and queries.behaviours == self.behaviours:
            return queries
        known = queries.is_behaviour(self.behaviours)
        kept = queries if known.all() else queries.where(known)
        table = self._remembered(_table, self.columns(kept.items))
        words = {name: code for code, name in enumerate(self.behaviours)}
        speech = np.array([words.get(name, 0) for name in kept.behaviours] + [0], dtype=np.int16)
        return replace(
            kept,
            items=self.items,
            behaviours=self.behaviours,
            item=table[kept.item],
            behaviour=speech[kept.behaviour],
            merchandise=self._remembered(self._of_scorer, self.columns(kept.items), kept.merchandise),
        )

    def columns(self, items: Vocabulary) -> NDArray[np.int64]:
        """int64 [V of `items`], the scorer's column of each item, -1 where it does not know it."""
        if not self._columns or self._columns[0][0] is not items:
            self._columns[:] = [(items, frozen(self.items.places(items.ids)))]
        return self._columns[0][1]

    def _of_scorer(self, columns: NDArray[np.int64], marks: NDArray[Any]) -> NDArray[Any]:
        """One value per item of the catalogue as one per item of the scorer, 0 for those that the catalogue lacks."""
        known = np.flatnonzero(columns >= 0)
        own = np.zeros(len(self.items), dtype=marks.dtype)
        own[columns[known]] = marks[known]
        return own

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V of the queries]: -inf for the items that the scorer does not know."""
        scores = self.scorer.score(self.aligned(queries), asof)
        columns = self.columns(queries.items)
        if len(columns) == scores.shape[1] and np.array_equal(columns, np.arange(len(columns))):
            return scores
        wide = np.full((len(queries), len(columns)), -np.inf, dtype=np.float32)
        wide[:, columns >= 0] = scores[:, columns[columns >= 0]]
        return wide

    def best(
        self,
        queries: Log,
        asof: NDArray[np.int64],
        n: int,
        allowed: NDArray[np.bool_],
        barred: Ragged,
        factor: NDArray[np.float32] | None = None,
    ) -> Best:
        """The n best items of every query, in codes of its catalogue; arrays that nobody can change are worked through once.

        Args:
            queries: Q histories. asof: int64 [Q] seconds. n: at least 1.
            allowed: bool [V of the queries] candidates. barred: Q rows of codes that are none for this query.
            factor: float32 [V of the queries], above 0, by which the odds of each item are multiplied before they are
                compared, see `weighed`; None = by 1.
        """
        if self._searching is None:
            scores = self.score(queries, asof)
            return _sorted(scores, scores if factor is None else self.weighed(scores, factor), n, allowed, barred)
        columns = self.columns(queries.items)
        found = self._searching.best(
            self.aligned(queries),
            asof,
            n,
            allowed=self._remembered(self._of_scorer, columns, allowed),
            barred=Ragged(barred.offsets, columns[barred.values]),
            shift=None if factor is None else self._remembered(self._shift, columns, factor),
        )
        return replace(found, items=self._remembered(self._codes, columns)[found.items])

    def weighed(self, scores: NDArray[np.float32], factor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores after the odds of each item are multiplied: a model's logit grows by the factor's logarithm, a count is
        multiplied.
        """
        return scores * factor if self.model is None else scores + np.log(factor)

    def _shift(self, columns: NDArray[np.int64], factor: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a factor adds to the scorer's logits."""
        return self._of_scorer(columns, np.log(factor))

    def _codes(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 [items of the scorer + 1], the code of each in the catalogue; the last, and what it lacks, is -1."""
        known = np.flatnonzero(columns >= 0)
        codes = np.full(len(self.items) + 1, -1)
        codes[columns[known]] = known
        return codes

    def score_of(
        self, queries: Log, asof: NDArray[np.int64], items: NDArray[np.int64], edition_of: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """float32 [Q, K], what `score` says of some items: -inf for none and for those that the scorer does not know.

        Args:
            queries: Q histories. asof: int64 [Q] seconds. items: int64 [Q, K] codes of their catalogue, -1 for none.
            edition_of: int64 [Q] row of the history of which each is an edited copy, its own for an original.
        """
        columns = np.append(self.columns(queries.items), -1)[items]
        if isinstance(self.scorer, Selective):
            return self.scorer.score_of(self.aligned(queries), asof, columns, edition_of)
        found = np.empty(items.shape, dtype=np.float32)
        size = max(1, BLOCK_CELLS // max(len(self.items), 1))
        for start in range(0, len(queries), size):
            rows = np.arange(start, min(start + size, len(queries)))
            scores = self.scorer.score(self.aligned(queries.take(rows)), asof[rows])
            found[rows] = np.take_along_axis(scores, np.maximum(columns[rows], 0), axis=1)
        found[columns < 0] = -np.inf
        return found


def _table(columns: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.append(columns, -1).astype(np.int32)


def _sorted(
    scores: NDArray[np.float32], weighed: NDArray[np.float32], n: int, allowed: NDArray[np.bool_], barred: Ragged
) -> Best:
    """The best of scores that are all there, by what they are weighed at."""
    limits = np.finfo(np.float32)
    most = scores.max(axis=1, keepdims=True, initial=limits.min)
    total = most[:, 0] + np.log(np.maximum(np.exp(scores - most).sum(axis=1), limits.tiny))
    places = np.full((len(scores), n), -1)
    for row, free in enumerate(masked(weighed, catalogue=allowed, blocked=barred)):
        best = top(free, n)
        places[row, : len(best)] = best
    found = np.where(places < 0, -np.inf, np.take_along_axis(weighed, np.maximum(places, 0), 1))
    return Best(items=places, scores=found.astype(np.float32), total=total.astype(np.float32))


def top(scores: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Codes of the n largest scores, best first, ties by code; -inf never wins a place.

    >>> top(np.array([1.0, 3.0, -np.inf, 3.0]), 3).tolist()
    [1, 3, 0]
    """
    count = min(n, int((scores > -np.inf).sum()))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    near = np.flatnonzero(scores >= threshold)
    return near[np.argsort(-scores[near], kind="stable")][:count].astype(np.int64)
