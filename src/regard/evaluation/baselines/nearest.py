"""Nearest customers: what you buy, mixed with what customers like you buy now.

After TIFU-kNN, Hu et al., SIGIR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.evaluation.baselines.history import counted, has_several_behaviours, past
from regard.sequences.log import DAY, Log
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary

POOL = 50_000
"""Most customers searched for neighbours, those with the newest events: bounds the time per question."""


@dataclass(frozen=True, kw_only=True)
class NearestCustomers:
    """Own decayed baskets, mixed with what the customers nearest by cosine bought lately.

    Two steps away from the paper, both for the better on shops with a clock: everyone's taste has length one, so that
    large buyers do not drown the others, and neighbours pass on what they bought recently, not all they ever did.

    Args:
        neighbours: customers mixed in, each weighing by cosine.
        own: weight of the own taste, the neighbours have the rest.
        decay: weight of a basket of one's own against the one after it.
        half_life: days after which a neighbour's purchase counts half; without a clock their tastes are mixed in.
        every: whether every behaviour counts, or the target ones only.
    """

    neighbours: int = 300
    own: float = 0.6
    decay: float = 0.9
    half_life: float = 30.0
    every: bool = False
    name: str = "nearest_customers"

    def grid(self, view: View) -> tuple[NearestCustomers, ...]:
        """How much own taste; how fast news ages, or without a clock how many neighbours; which behaviours count."""
        kinds = (False, True) if has_several_behaviours(view.log, view.target) else (False,)
        if view.log.clock == "clock":
            tries = tuple(replace(self, half_life=days) for days in (30.0, 120.0))
        else:
            tries = tuple(replace(self, neighbours=count) for count in (100, 300))
        return tuple(replace(one, own=own, every=every) for every in kinds for one in tries for own in (0.4, 0.6, 0.8))

    def fit(self, view: View) -> Neighbourhood:
        """Keep everyone's taste and news."""
        behaviours = None if self.every else view.target
        log = view.log
        if len(log) > POOL:
            newest = np.full(len(log), np.iinfo(np.int64).min)
            newest[log.lengths > 0] = log.time[log.offsets[1:][log.lengths > 0] - 1]
            log = log.take(np.sort(np.argsort(newest, kind="stable")[-POOL:]))
        tastes = self.tastes(log, behaviours)
        news = tastes if log.clock != "clock" else _news(log, behaviours, view.cut, self.half_life)
        return Neighbourhood(method=self, behaviours=behaviours, customers=log.customers, tastes=tastes, news=news)

    def tastes(self, log: Log, behaviours: tuple[str, ...] | None) -> sparse.csr_array:
        """float32 [B, V], everyone's decayed baskets, scaled to length one."""
        seen = past(log, behaviours)
        matrix = seen.matrix(np.power(self.decay, seen.back))
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        return sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-12), dtype=np.float32) @ matrix)


def _news(log: Log, behaviours: tuple[str, ...] | None, cut: int | None, half_life: float) -> sparse.csr_array:
    """float32 [B, V], each event halved for every half-life between it and the cut (or the log's end)."""
    rows = counted(log, behaviours)
    end = cut if cut is not None else int(log.time.max(initial=0))
    weight = np.exp2((log.time[rows] - end) / (half_life * DAY)).astype(np.float32)
    return sparse.csr_array((weight, (log.owner[rows], log.item[rows])), shape=(len(log), len(log.items)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhood:
    """A Scorer over everyone's taste.

    Args:
        method: its settings. behaviours: those that count, None = all.
        customers: ids of the B customers searched. tastes: float32 [B, V] rows of length one.
        news: float32 [B, V] what a neighbour passes on.
    """

    method: NearestCustomers
    behaviours: tuple[str, ...] | None
    customers: Vocabulary
    tastes: sparse.csr_array
    news: sparse.csr_array

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, V]."""
        own = self.method.tastes(queries, self.behaviours)
        like = (own @ self.tastes.T).toarray()
        me = self.customers.codes(queries.customers.ids.to_pylist())
        like[np.flatnonzero(me >= 0), me[me >= 0]] = 0
        count = min(self.method.neighbours, like.shape[1])
        near = np.argpartition(-like, count - 1, axis=1)[:, :count] if count else np.empty((len(like), 0), np.int64)
        rows = np.repeat(np.arange(len(near)), count)
        share = np.take_along_axis(like, near, 1).ravel()
        scores: NDArray[np.float32] = (
            sparse.csr_array((share, (rows, near.ravel())), shape=like.shape) @ self.news
        ).toarray()
        scores *= (1 - self.method.own) / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-12)
        scores += (self.method.own * own).toarray()
        return scores
