"""Runtime: a model folder that answers. Exact scores over the whole catalogue, blocked so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.model.artefact import Artefact
from regard.model.artefact import load as load_artefact
from regard.model.runtime import forward
from regard.sequences.batches import Batch, assemble, latest
from regard.sequences.covisits import Neighbours, lift
from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary

BLOCK_TOKENS = 4_000
"""Padded tokens encoded at once; memory only, no result depends on it."""

EDITION_TOKENS = 16_000
"""The same for editions of histories: the originals in every block must not weigh much."""

BLOCK_CELLS = 2_000_000
"""Scores computed at once (questions x items), likewise."""


def load(folder: str | Path) -> Runtime:
    """Read a model folder.

    Raises:
        ModelError: it is no complete, undamaged model of a version that this one reads.
    """
    return Runtime(load_artefact(Path(folder)), name=Path(folder).name)


class Runtime:
    """A trained model, without torch. `queries` are always over its items and behaviours (`view_items`, `behaviours`).

    Args:
        artefact: the model's parts. name: id of the model.
    """

    def __init__(self, artefact: Artefact, *, name: str) -> None:
        self.name = name
        self.card: Mapping[str, Any] = artefact.metrics
        self._artefact, self._weights, self._settings = artefact, artefact.weights, artefact.settings

    @property
    def view_items(self) -> Vocabulary:
        """The catalogue, in the order of the scores."""
        return self._artefact.items

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The behaviours, in the order of their codes."""
        return tuple(self._artefact.words["behaviours"])

    @property
    def target(self) -> tuple[str, ...]:
        """The behaviours that count as wanting."""
        return tuple(self._artefact.words["target"])

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """float32 [V, D]."""
        return self._weights["items"]

    @cached_property
    def _asked_behaviour(self) -> int:
        known = [self.behaviours.index(name) for name in self.target if name in self.behaviours]
        return known[0] if known else 0

    def score(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits float32 [Q, V], -inf for what is not merchandise. asof: int64 [Q] seconds.

        Whatever the moment, counts are those of everything the model has learned from. A question about an earlier moment is no look
        back in time: for that, a model is fitted on what was known then.
        """
        out = np.empty((len(queries), len(self.view_items)), dtype=np.float32)
        for rows, batch in self._blocks(queries, asof):
            state, token, _ = forward.encode(batch, self._weights, self._settings)
            out[rows] = self._logits(batch, state, token)
        out[:, ~self._artefact.merchandise] = -np.inf
        return out

    def score_of(
        self,
        queries: Log,
        asof: NDArray[np.int64],
        items: NDArray[np.integer[Any]],
        edition_of: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """The scores of some items only, without a product with the whole catalogue: float32 [Q, K].

        Args:
            queries: Q histories. asof: int64 [Q] seconds. items: int [Q, K] codes, -1 for none, which scores -inf.
            edition_of: int64 [Q] row of the history of which each is an edited copy (its own for an original): what copies begin with
                alike is read once, and nothing else depends on it.
        """
        out = np.empty(items.shape, dtype=np.float32)
        for rows, batch, leader in self._editions(queries, asof, edition_of):
            state, token, _ = forward.encode(batch, self._weights, self._settings, leader)
            out[rows] = self._logits_of(batch, state, token, np.maximum(items[rows], 0))
        out[(items < 0) | ~self._artefact.merchandise[items]] = -np.inf
        return out

    def states(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """The encoder's state after each history, float32 [Q, D]."""
        out = np.empty((len(queries), self._settings.width), dtype=np.float32)
        for rows, batch in self._blocks(queries, asof):
            out[rows] = forward.encode(batch, self._weights, self._settings)[0][:, 0]
        return out

    def propensity(
        self, queries: Log, asof: NDArray[np.int64], horizons_days: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Calibrated probability that a target behaviour follows within each horizon, float32 [Q, K], K horizons in days."""
        states = self.states(queries, asof)
        told = forward.wanted_within(states, np.asarray(horizons_days, dtype=np.float64), self._weights)
        calibration = self._artefact.calibration
        return forward.sigmoid((calibration["slope"] * told + calibration["intercept"]).astype(np.float32))

    def attention(self, queries: Log, asof: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """What each question's last layer looked at: per query float32 [H, L] over its latest L events. A picture, not a reason."""
        out: list[NDArray[np.float32]] = [np.empty((0, 0), dtype=np.float32)] * len(queries)
        lengths = np.minimum(queries.lengths, self._settings.length)
        for rows, batch in self._blocks(queries, asof):
            seen = forward.encode(batch, self._weights, self._settings)[2]
            for place, row in enumerate(rows.tolist()):
                out[row] = seen[place, :, 0, 1 : 1 + lengths[row]]
        return out

    def _blocks(self, queries: Log, asof: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Rows of like length, and their batch."""
        length = np.minimum(queries.lengths, self._settings.length)
        order = np.argsort(length, kind="stable")
        gather = self._gatherer(queries, asof)
        for part in self._cut(length[order], BLOCK_TOKENS):
            yield order[part], gather(order[part])

    def _editions(
        self, queries: Log, asof: NDArray[np.int64], edition_of: NDArray[np.int64] | None
    ) -> Iterator[tuple[NDArray[np.int64], Batch, NDArray[np.int64] | None]]:
        """The same with the editions of a history together, and for each row of a block the one that it begins like."""
        if edition_of is None:
            yield from ((rows, batch, None) for rows, batch in self._blocks(queries, asof))
            return
        size = np.minimum(queries.lengths, self._settings.length)
        start = queries.lengths - size  # an edition that is read from another event on begins like none but its likes
        _, first, alike = np.unique(
            edition_of * (1 + start.max(initial=0)) + start, return_index=True, return_inverse=True
        )
        leader_of = first[alike]
        longest = np.zeros(len(queries), dtype=np.int64)
        np.maximum.at(longest, leader_of, size)
        order = np.lexsort((leader_of, longest[leader_of]))
        gather = self._gatherer(queries, asof)
        for part in self._cut(longest[leader_of[order]], EDITION_TOKENS):
            leaders, leader = np.unique(leader_of[order[part]], return_inverse=True)
            rows = np.concatenate([leaders, order[part]])
            yield rows, gather(rows), np.concatenate([np.arange(len(leaders)), leader])

    def _cut(self, length: NDArray[np.int64], tokens: int) -> Iterator[slice]:
        """Slices of rows, sorted by length, that are not too many to be answered at once."""
        at, most = 0, max(1, min(256, BLOCK_CELLS // max(1, len(self.view_items))))
        while at < len(length):
            longest = length[min(at + most, len(length)) - 1] + 1
            part = slice(at, at + int(np.clip(tokens // longest, 1, most)))
            yield part
            at = part.stop

    def _gatherer(self, queries: Log, asof: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Batch]:
        """What makes a batch of some of the rows."""
        queries = self._in_own_words(queries)
        every = latest(queries, length=self._settings.length)
        behaviour, offset = np.full(len(queries), self._asked_behaviour), int(self._artefact.words["offset"])
        return lambda rows: assemble(queries, every.take(rows), moment=asof, behaviour=behaviour, offset=offset)

    def _in_own_words(self, queries: Log) -> Log:
        """Context codes of the log as the codes the model learned; a word it never met is unknown."""
        learned: Mapping[str, list[str]] = self._artefact.words["contexts"]
        context = {}
        for name, (names, codes) in queries.context.items():
            place = {word: code for code, word in enumerate(learned.get(name, []))}
            table = np.array([place.get(word, -1) for word in names] + [-1], dtype=np.int16)
            context[name] = (tuple(learned.get(name, ())), table[codes])
        return replace(queries, context=context)

    def _logits(self, batch: Batch, state: NDArray[np.float32], token: NDArray[np.float32]) -> NDArray[np.float32]:
        """[B, V] for one question a row."""
        weights, popularity, V = self._weights, self._artefact.counts["popularity"], len(self.view_items)
        z = np.zeros((len(state), V + 1), dtype=np.float32)  # column V takes what belongs to no item
        if weights["covisits"]:
            near = self._covisits(batch)
            z[np.repeat(np.arange(len(z)), np.diff(near.indptr)), near.indices] = near.data
        z[:, :V] += state[:, 0] @ weights["items"].T
        z[:, :V] += weights["bias"]
        if popularity.shape[1]:
            z[:, :V] += self._share(state) @ popularity.T
        if self._settings.pointer_heads:
            own = forward.pointer(batch, state, token, popularity, weights, self._settings)[:, 0]  # [B, U]
            z[np.arange(len(z))[:, None], batch.slot_item] += own
        return z[:, :V]

    def _logits_of(
        self, batch: Batch, state: NDArray[np.float32], token: NDArray[np.float32], items: NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """The columns `items` [B, K] of `_logits`."""
        weights, popularity = self._weights, self._artefact.counts["popularity"]
        z: NDArray[np.float32] = np.einsum("bd,bkd->bk", state[:, 0], weights["items"][items]) + weights["bias"][items]
        if weights["covisits"]:
            z += np.take_along_axis(self._covisits(batch).toarray(), items, axis=1)
        if popularity.shape[1]:
            z += np.einsum("bc,bkc->bk", self._share(state), popularity[items])
        if self._settings.pointer_heads:
            own = forward.pointer(batch, state, token, popularity, weights, self._settings)[:, 0]  # [B, U]
            z += np.einsum("bu,bku->bk", own, batch.slot_item[:, None] == items[:, :, None])
        return z

    def _share(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """[B, C], what the channels of popularity weigh."""
        told: NDArray[np.float32] = state[:, 0] @ self._weights["popularity.weight"].T
        told += self._weights["popularity.bias"]
        return told

    @cached_property
    def _near(self) -> Neighbours:
        return Neighbours(items=self._artefact.counts["near"], weights=self._artefact.counts["near_weight"])

    def _covisits(self, batch: Batch) -> Any:
        """Sparse float32 [B, V + 1], what co-visits add to the logits."""
        return lift(self._near, batch.recent[:, 0], batch.recent_back[:, 0]) * self._weights["covisits"][0]
