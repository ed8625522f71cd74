"""Gradients: what events of a long history add to an answer, where deleting them one by one would take too long.

Integrated gradients on the way from other customers' histories to this one (see `model.gradients`). Needs PyTorch, as training does;
without it, and for whatever is not read off the encoder alone, events are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from regard.insight.deletion import LATEST, together
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop
from regard.model.artefact import Artefact
from regard.sequences.batches import Batch
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

if TYPE_CHECKING:
    from regard.model.gradients import Answer, Sight, Way

INTEGRATED = "integrated gradients"
"""Method: events were weighed by integrated gradients; the strongest were then deleted, which gives their effects."""

LONG = LATEST
"""Events, of those that the model reads, above which gradients choose what is deleted: deleting looks no further back, and to delete
each of all takes longer the more there are and the longer each scoring is.
"""

BASELINES = 2
"""Other customers' histories that the way begins at, whose mean is what the answer is compared with; more order events no better."""

POINTS = 8
"""Places of each way: the sum of what events add then meets the difference to about one part in a hundred, enough to order them."""

STRONGEST = 100
"""Groups of events that are deleted after gradients have chosen them: as many as anybody is ever told of, and more."""


@runtime_checkable
class Open(Protocol):
    """A scorer whose parts can be looked into; `model.runtime.Runtime` is one."""

    @property
    def parts(self) -> Artefact:
        """What it was read from."""

    def batch(self, queries: Log, asof: NDArray[np.int64]) -> Batch:
        """The histories as the encoder reads them, one question each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradients:
    """Integrated gradients of one model, from the histories of customers drawn at random. Build it with `Gradients.of`.

    Args: scorer, ranker: the model. way: it as a function of gates. baselines: S histories that the way begins at.
    """

    scorer: Open
    ranker: Ranker
    way: Way
    baselines: tuple[Sight, ...]

    @classmethod
    def of(cls, shop: Shop, *, baselines: int = BASELINES, seed: int = 0) -> Gradients | None:
        """None where PyTorch is not installed, or the model cannot be looked into.

        Args: shop: the model, and whose customers are drawn. baselines: how many. seed: of the draw.
        """
        ranker = shop.ranker
        if ranker is None or not isinstance(ranker.scorer, Open) or find_spec("torch") is None:
            return None
        from regard.model.gradients import Way

        there = np.flatnonzero(shop.log.lengths > 0)
        drawn = np.random.default_rng(seed).permutation(there)[:baselines]
        some = shop.log.take(drawn)
        asof, way = shop.asof(some), Way(ranker.scorer.parts)
        told = ranker.aligned(some)
        read = np.flatnonzero(told.lengths > 0)
        sights = (way.sight(ranker.scorer.batch(told.take(row), asof[row])) for row in read[:, None])
        return cls(scorer=ranker.scorer, ranker=ranker, way=way, baselines=tuple(sights))

    def item(self, code: int) -> Answer:
        """The answer 'the score of an item'. code: in the ranker's words (see `Ranker.columns`)."""
        return self.way.score_of(code)

    def attributions(self, query: Log, asof: NDArray[np.int64], answer: Answer) -> NDArray[np.float64]:
        """float64 [L], what each event of one customer adds; 0 for what the model does not read.

        Their sum is the answer less the mean answer of the baselines.

        Args: query: one history. asof: int64 [1] seconds. answer: what is asked.
        """
        known = query.is_behaviour(self.ranker.behaviours)
        told = np.zeros(query.events)
        own = self.ranker.aligned(query)
        if own.events == 0 or not self.baselines:
            return told
        sight = self.way.sight(self.scorer.batch(own, asof))
        found = sum(self.way.attributions(sight, other, answer, points=POINTS) for other in self.baselines)
        rows = np.flatnonzero(known)[-sight.token.shape[0] :]
        told[rows] = np.asarray(found) / len(self.baselines)
        return told


def strongest(
    shop: Shop, query: Log, asof: NDArray[np.int64], answer: Callable[[Gradients], Answer] | None
) -> Ragged | None:
    """The groups of a long history's events that move an answer most, to be deleted; None where each is deleted.

    Args:
        shop: with the model that answers. query: one history. asof: int64 [1] seconds.
        answer: the same answer as a function of the encoder's state; None where it is not read off the encoder alone.
    """
    if answer is None or shop.ranker is None or reads(shop.ranker, query) <= LONG:
        return None
    gradients = Gradients.of(shop)
    if gradients is None:
        return None
    told = gradients.attributions(query, asof, answer(gradients))
    groups, _ = together(query, latest=query.events)
    moved = np.abs(np.add.reduceat(told[groups.values], groups.offsets[:-1]))
    return groups.take(np.sort(np.argsort(-moved, kind="stable")[:STRONGEST]))


def reads(ranker: Ranker, query: Log) -> int:
    """Events of one history that the model reads; 0 where it cannot be looked into."""
    return min(query.events, ranker.scorer.parts.settings.length) if isinstance(ranker.scorer, Open) else 0
