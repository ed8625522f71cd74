"""Places: where histories, also such as never were, lie among the clusters of encoder states that a workspace keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments.keeping import Fit
from regard.customers.segments.space import unit
from regard.evaluation.faithfulness import Answering
from regard.insight.ranker import Ranker
from regard.sequences.log import Log
from regard.workspace.crowd import Crowd, Encoder, moments

if TYPE_CHECKING:
    from torch import Tensor

    from regard.model.gradients import Answer, Gated

ANCHORS = 400
"""Customers from whose states the way into the clusters' space is read: an affine map of a state's width needs no more."""

NOBODY = -1.0
"""Margin of a history of which nothing is left: as far out as another centre, for it is in no cluster."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The clusters as a customer's states meet them.

    Args:
        fit: of the clusters. ranker: the model whose states they are of.
        way: float64 [D + 1, D], from states of length one and a 1 to those that the clusters were found in.
    """

    fit: Fit
    ranker: Ranker
    way: NDArray[np.float64]

    @classmethod
    def of(cls, fit: Fit, seen: Crowd) -> Places:
        """Read the way off the customers whose places are kept: a refit has turned the states of its model onto the former ones."""
        assert seen.ranker is not None
        every = np.random.default_rng(0).permutation(len(seen.log))
        rows = np.sort(every[:ANCHORS])
        some = seen.log.take(rows)
        raw = _unit_states(seen.ranker, some, moments(some))
        there = fit.segments.states[fit.segments.customers.codes(some.customers.ids.to_pylist())]
        if raw.shape[1] == there.shape[1] and np.allclose(raw, there, atol=1e-4):
            way: NDArray[np.float64] = np.eye(raw.shape[1] + 1, raw.shape[1])
        else:
            way = np.linalg.lstsq(_with_one(raw), there.astype(np.float64), rcond=None)[0].astype(np.float64)
        return cls(fit=fit, ranker=seen.ranker, way=way)

    def margins(self, histories: Log, asof: NDArray[np.int64], cluster: int) -> NDArray[np.float64]:
        """float64 [Q, K], how far each history is on this cluster's side of each other one (offered or not; the offered come first).

        (squared distance to the other centre - squared distance to this one) / squared distance between the two: 1 at this centre,
        0 half way, -1 at the other; infinite for the cluster itself. Whoever is above 0 for all others is a member.
        """
        segments = self.fit.segments
        there = (_with_one(_unit_states(self.ranker, histories, asof)) @ self.way).astype(np.float32)
        points, centres = segments.space.points(there).astype(np.float64), segments.centroids.astype(np.float64)
        away = ((points[:, None] - centres) ** 2).sum(axis=2)
        apart = ((centres - centres[cluster]) ** 2).sum(axis=1)
        found = (away - away[:, [cluster]]) / np.maximum(apart, 1e-12)
        found[:, cluster] = np.inf
        return np.asarray(found)

    def margin(self, cluster: int) -> Answering:
        """What gives each history's least margin for one cluster."""

        def answer(histories: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
            found = np.full(len(histories), NOBODY)
            some = np.flatnonzero(histories.lengths > 0)
            if len(some):
                found[some] = self.margins(histories.take(some), asof[some], cluster).min(axis=1)
            return found

        return answer

    def slope(self, cluster: int) -> Answer:
        """The same margin as a function of the encoder's state."""
        space, others = self.fit.segments.space, np.delete(np.arange(len(self.fit.segments.centroids)), cluster)
        centres = self.fit.segments.centroids.astype(np.float64)
        apart = ((centres[others] - centres[cluster]) ** 2).sum(axis=1)

        def answer(state: Tensor, own: Gated, other: Gated) -> Tensor:
            there = _one_long(state) @ state.new_tensor(self.way[:-1]) + state.new_tensor(self.way[-1])
            points = _one_long(there) @ state.new_tensor(space.axes) - state.new_tensor(space.mean @ space.axes)
            away = ((points[:, None] - state.new_tensor(centres)) ** 2).sum(dim=2)
            least: Tensor = ((away[:, others] - away[:, [cluster]]) / state.new_tensor(apart)).min(dim=1).values
            return least

        return answer


def _unit_states(ranker: Ranker, histories: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
    assert isinstance(ranker.scorer, Encoder)
    return unit(ranker.scorer.states(ranker.aligned(histories), asof)).astype(np.float64)


def _one_long(states: Tensor) -> Tensor:
    whole: Tensor = states / states.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return whole


def _with_one(states: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(states, np.ones((len(states), 1)), axis=1)
