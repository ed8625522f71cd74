"""Nearest customers: what you buy, mixed with what customers who buy like you do.

Source: TIFU-kNN, Hu et al., SIGIR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.evaluation.baselines.history import has_several_behaviours, past
from regard.sequences.log import Log
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary

POOL = 50_000
"""Most customers searched for neighbours, those with the newest events: bounds the time per question."""


@dataclass(frozen=True, kw_only=True)
class NearestCustomers:
    """A customer is the decayed mean of their baskets; the answer mixes own taste with that of the nearest by cosine.

    Args:
        neighbours: customers mixed in. own: weight of the own taste, the neighbours have the rest.
        group: baskets in a group. within: decay per basket in a group. between: decay per group.
        every: whether every behaviour counts, or the target ones only.
    """

    neighbours: int = 300
    own: float = 0.7
    group: int = 7
    within: float = 0.9
    between: float = 0.7
    every: bool = False
    name: str = "nearest_customers"

    def grid(self, view: View) -> tuple[NearestCustomers, ...]:
        """How many neighbours, how much own taste, and which behaviours count."""
        kinds = (False, True) if has_several_behaviours(view.log, view.target) else (False,)
        return tuple(
            replace(self, neighbours=count, own=own, every=every)
            for every in kinds
            for count in (100, 300)
            for own in (0.5, 0.7, 0.9)
        )

    def fit(self, view: View) -> Neighbourhood:
        """Keep everyone's taste."""
        behaviours = None if self.every else view.target
        log = view.log
        if len(log) > POOL:
            newest = np.full(len(log), np.iinfo(np.int64).min)
            newest[log.lengths > 0] = log.time[log.offsets[1:][log.lengths > 0] - 1]
            log = log.take(np.sort(np.argsort(newest, kind="stable")[-POOL:]))
        tastes = self.tastes(log, behaviours)
        return Neighbourhood(method=self, behaviours=behaviours, customers=log.customers, tastes=tastes)

    def tastes(self, log: Log, behaviours: tuple[str, ...] | None) -> sparse.csr_array:
        """float32 [B, V], the decayed mean of everyone's baskets, newest groups and newest baskets first."""
        seen = past(log, behaviours)
        weight = self.between ** (seen.back // self.group) * self.within ** (seen.back % self.group)
        count = np.zeros(len(log), dtype=np.int64)
        np.maximum.at(count, seen.owner, seen.back + 1)
        return seen.matrix(weight / count[seen.owner])


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhood:
    """A Scorer over everyone's taste.

    Args:
        method: its settings. behaviours: those that count, None = all.
        customers: ids of the B customers searched. tastes: float32 [B, V].
    """

    method: NearestCustomers
    behaviours: tuple[str, ...] | None
    customers: Vocabulary
    tastes: sparse.csr_array

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        own = self.method.tastes(queries, self.behaviours)
        like = (own @ _unit_rows(self.tastes).T).toarray()  # cosine up to a factor per row, which changes no order
        me = self.customers.codes(queries.customers.ids.to_pylist())
        like[np.flatnonzero(me >= 0), me[me >= 0]] = 0
        count = min(self.method.neighbours, like.shape[1])
        near = np.argpartition(-like, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(like, near, 1) > 0
        rows = np.repeat(np.arange(len(near)), found.sum(axis=1))
        share = (1 / np.maximum(found.sum(axis=1), 1)).astype(np.float32)[rows]
        mean = sparse.csr_array((share, (rows, near[found])), shape=like.shape) @ self.tastes
        scores: NDArray[np.float32] = (self.method.own * own + (1 - self.method.own) * mean).toarray()
        return scores.astype(np.float32, copy=False)


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-12), dtype=np.float32) @ matrix)
