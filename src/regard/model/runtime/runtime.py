"""Runtime: a model folder that answers. Exact scores over the whole catalogue, blocked so that memory stays bounded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.model.artefact import Artefact
from regard.model.artefact import load as load_artefact
from regard.model.runtime import forward
from regard.model.runtime.engine import Engine, engine_of, feed
from regard.model.runtime.facts import Beside
from regard.model.runtime.horizon import HorizonModel
from regard.model.runtime.picture import Picture, pictures, within
from regard.model.runtime.search import OUT, Array, Catalogue, Questions, best, log_total
from regard.model.runtime.session import SessionModel
from regard.sequences.batches import Batch, assemble, latest
from regard.sequences.covisits import BACK_DECAY
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.remembered import Remembered
from regard.sequences.vocabulary import Vocabulary

BLOCK_TOKENS = 4_000
"""Padded tokens encoded at once; memory only, no result depends on it."""

BLOCK_PAIRS = 600_000
"""Pairs of events whose attention is held at once, likewise."""

EDITION_TOKENS = 16_000
"""The same for editions of histories: the originals in every block must not weigh much."""

BLOCK_CELLS = 2_000_000
"""Scores computed at once (questions x items), likewise."""

ROOM_CELLS, ROOM_ROWS = 4_000_000, 8
"""Estimates held at a time by one thread, and questions they are of; more questions no longer read the items in less time."""

FEW = 100
"""Questions after which ONNX Runtime is loaded: before, that takes longer than it saves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Best:
    """The best items of Q questions.

    Args:
        items: int64 [Q, n] codes, best first, -1 where there are fewer candidates. scores: float32 [Q, n], -inf there.
        total: float32 [Q], log of the sum of exp(score) over all merchandise, candidate or not: a chance is exp(score - total).
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    total: NDArray[np.float32]


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
        self.about: Beside | None = None
        """What is known of customers beside their events, where somebody says so before `horizon` is asked."""
        self._asked, self._remembered = 0, Remembered()

    @property
    def parts(self) -> Artefact:
        """What it was read from."""
        return self._artefact

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
        engine = self._engine_for(len(queries))
        for rows, batch in self._blocks(queries, asof):
            for some, asked in self._questions(batch, engine, self._catalogue.estimate):
                out[rows[some]] = asked.estimate[:, : out.shape[1]]
        np.copyto(out, -np.inf, where=~self._artefact.merchandise)
        return out

    def best(
        self,
        queries: Log,
        asof: NDArray[np.int64],
        n: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        barred: Ragged | None = None,
        shift: Array | None = None,
    ) -> Best:
        """The n best items of every query: those of a sort of `score`, found without scoring everything, on all cores.

        Args:
            queries: Q histories. asof: int64 [Q] seconds. n: items wanted, at least 1.
            allowed: bool [V] candidates; None = all merchandise.
            barred: Q rows of codes that are no candidates for this query, -1 for none.
            shift: float32 [V], added to the scores before they are compared, not to `total`; None = nothing.
        """
        Q, engine = len(queries), self._engine_for(len(queries))
        found = Best(
            items=np.full((Q, n), -1), scores=np.full((Q, n), -np.inf, np.float32), total=np.empty(Q, np.float32)
        )
        moved = None if shift is None else self._remembered(self._wide, shift)
        gate = self._remembered(self._gate, allowed, moved)
        gather = self._gatherer(queries, asof)

        estimate = self._catalogue.estimate if engine is None else engine.estimate

        def answer(rows: NDArray[np.int64]) -> None:
            for some, asked in self._questions(gather(rows), engine, estimate):
                here = rows[some]
                if some.start == 0:
                    room = np.empty_like(asked.estimate)
                found.total[here] = log_total(self._catalogue, asked, room[: len(here)])
                asked = replace(asked, shift=moved)
                asked.estimate[:] += gate
                if barred is not None:
                    own = barred.take(here)
                    asked.estimate[np.repeat(np.arange(len(here)), own.lengths), own.values] = (
                        OUT  # the last place is no item's
                    )
                found.items[here], found.scores[here] = best(
                    self._catalogue, asked, n, engine.rounded if engine else None
                )

        length = np.minimum(queries.lengths, self._settings.length)
        order = np.argsort(length, kind="stable")
        parts = [order[part] for part in self._cut(length[order], -(-Q // cores()))]
        if engine is None or len(parts) == 1:  # NumPy's products use the cores by themselves
            for part in parts:
                answer(part)
        else:
            with ThreadPoolExecutor(cores()) as pool:
                list(pool.map(answer, parts))
        return found

    def _wide(self, shift: Array) -> Array:
        """[W], what is added to the score of each place."""
        wide = np.zeros(self._catalogue.places, dtype=np.float32)
        wide[: len(shift)] = shift
        return wide

    def _gate(self, allowed: NDArray[np.bool_] | None, moved: Array | None) -> Array:
        """[W], what is added to the estimate of each place: OUT to that of no candidate."""
        gate = np.zeros(self._catalogue.places, dtype=np.float32) if moved is None else moved.copy()
        if allowed is not None:
            gate[: len(allowed)][~allowed] = OUT
        return gate

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
            state, own = self._read(batch, None, leader)
            some, share = np.maximum(items[rows], 0), self._share(state)
            z = np.einsum("bd,bkd->bk", state, self._weights["items"][some])
            z += np.einsum("bc,cbk->bk", share, self._catalogue.counts[:, some])
            for part, extra in self._extras(batch, own):
                z[part] += np.take_along_axis(extra, some[part], axis=1)
            out[rows] = z
        out[(items < 0) | ~self._artefact.merchandise[items]] = -np.inf
        return out

    def states(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """The encoder's state after each history, float32 [Q, D]."""
        out = np.empty((len(queries), self._settings.width), dtype=np.float32)
        engine = self._engine_for(len(queries))
        for rows, batch in self._blocks(queries, asof):
            out[rows] = self._read(batch, engine)[0]
        return out

    @cached_property
    def horizon(self) -> HorizonModel | None:
        """Orders, churn and spend over any horizon; None where the model was trained without."""
        told, arrays = self._artefact.horizon, self._artefact.horizon_weights
        return HorizonModel.restore(told, arrays, states=self.states, about=self.about) if told else None

    @cached_property
    def session(self) -> SessionModel | None:
        """The chance that a running session still brings an order; None where the model was trained without."""
        return SessionModel.restore(self._artefact.session) if self._artefact.session else None

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

    def pictures(self, queries: Log, asof: NDArray[np.int64]) -> list[Picture]:
        """Where all layers looked, over each history's latest events (see `picture`)."""
        found: list[Picture | None] = [None] * len(queries)
        lengths = np.minimum(queries.lengths, self._settings.length)
        for rows, batch in self._blocks(queries, asof):
            for row, one in zip(rows.tolist(), pictures(batch, self._weights, self._settings), strict=True):
                found[row] = within(one, int(lengths[row]))
        return [one for one in found if one is not None]

    def batch(self, queries: Log, asof: NDArray[np.int64]) -> Batch:
        """The histories as the encoder reads them, one question each. asof: int64 [Q] seconds."""
        return self._gatherer(queries, asof)(np.arange(len(queries)))

    def _blocks(self, queries: Log, asof: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Rows of like length, and their batch."""
        length = np.minimum(queries.lengths, self._settings.length)
        order = np.argsort(length, kind="stable")
        gather = self._gatherer(queries, asof)
        for part in self._cut(length[order], self._most):
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
        for part in self._cut(longest[leader_of[order]], self._most, editions=True):
            leaders, leader = np.unique(leader_of[order[part]], return_inverse=True)
            rows = np.concatenate([leaders, order[part]])
            yield rows, gather(rows), np.concatenate([np.arange(len(leaders)), leader])

    @property
    def _most(self) -> int:
        """Rows of which all scores may be held."""
        return max(1, min(256, BLOCK_CELLS // max(1, len(self.view_items))))

    @staticmethod
    def _cut(length: NDArray[np.int64], most: int, *, editions: bool = False) -> Iterator[slice]:
        """Slices of rows, sorted by length, that are not too many to be answered at once."""
        at = 0
        while at < len(length):
            longest = length[min(at + most, len(length)) - 1] + 1
            fit = EDITION_TOKENS // longest if editions else min(BLOCK_TOKENS // longest, BLOCK_PAIRS // longest**2)
            part = slice(at, at + int(np.clip(fit, 1, most)))
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

    def warm(self) -> None:
        """Load ONNX Runtime now rather than after the first FEW questions: for whoever will ask often and wants no late answer."""
        self._asked = max(self._asked, FEW + 1)
        _ = self._engine

    def _engine_for(self, count: int) -> Engine | None:
        """What answers `count` more questions; None = NumPy."""
        self._asked += count
        return self._engine if self._asked > FEW else None

    @cached_property
    def _engine(self) -> Engine | None:
        return engine_of(self._artefact, self._catalogue)

    @cached_property
    def _catalogue(self) -> Catalogue:
        counts = np.column_stack([self._artefact.counts["popularity"], self._weights["bias"]])
        return Catalogue(self._weights["items"], counts, self._artefact.merchandise)

    def _read(
        self, batch: Batch, engine: Engine | None, leader: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """States [B, D] and what the pointer adds to the rows' own items [B, U], None without one."""
        weights, settings, popularity = self._weights, self._settings, self._artefact.counts["popularity"]
        if engine is not None:
            return engine.encode(feed(batch, weights["items"], popularity, pointer=settings.pointer_heads > 0))
        state, token, _ = forward.encode(batch, weights, settings, leader)
        own = forward.pointer(batch, state, token, popularity, weights, settings) if settings.pointer_heads else None
        return state[:, 0], None if own is None else own[:, 0]

    def _questions(
        self, batch: Batch, engine: Engine | None, estimate: Callable[[Array, Array, Array], None]
    ) -> Iterator[tuple[slice, Questions]]:
        """Some rows of the batch and their questions with estimates, again and again in the same arrays."""
        state, own = self._read(batch, engine)
        share = self._share(state)
        for some, extra in self._extras(batch, own):
            if some.start == 0:
                room = np.empty_like(extra)
            asked = Questions(state=state[some], share=share[some], extra=extra, estimate=room[: len(extra)])
            estimate(asked.state, asked.share, asked.estimate)
            np.add(asked.estimate, extra, out=asked.estimate)
            yield some, asked

    def _extras(self, batch: Batch, own: Array | None) -> Iterator[tuple[slice, Array]]:
        """Some rows and [rows, W], what their own events add to every item: co-visits and the pointer. Again and again the same array."""
        near, weight, recent = self._artefact.counts["near"], self._artefact.counts["near_weight"], batch.recent[:, 0]
        fade = np.float32(BACK_DECAY) ** batch.recent_back[:, 0] * (recent < len(near))
        fade /= np.maximum(fade.sum(axis=1, keepdims=True), 1e-6)
        recent, speaks, places = np.minimum(recent, len(near) - 1), self._weights["covisits"][0], self._catalogue.places
        size = min(len(recent), ROOM_ROWS, max(1, ROOM_CELLS // places))
        extra = np.zeros((size, places), dtype=np.float32)
        for start in range(0, len(recent), size):
            some = slice(start, start + size)
            row = np.arange(len(recent[some]))
            told = (near[recent[some]] + row[:, None, None] * places).ravel()
            flat = extra.reshape(-1)
            if speaks:
                np.add.at(flat, told, (weight[recent[some]] * fade[some, :, None]).ravel())
                flat[told] = speaks * np.log1p(flat[told])  # a place that occurs twice is told the same twice
            if own is not None:
                extra[row[:, None], batch.slot_item[some]] += own[some]
            yield some, extra[: len(row)]
            flat[told] = 0
            extra[row[:, None], batch.slot_item[some]] = 0

    def _share(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """[B, C], what the channels of popularity weigh, and the bias 1."""
        told = np.ones((len(state), self._settings.channels + 1), dtype=np.float32)
        if self._settings.channels:
            told[:, :-1] = state @ self._weights["popularity.weight"].T + self._weights["popularity.bias"]
        return told


def cores() -> int:
    """Threads to use: OMP_NUM_THREADS, as for every product, or the cores that this process may run on."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
