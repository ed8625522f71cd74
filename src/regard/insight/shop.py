"""Shop: everything that answers are read off, put together once and asked many times."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from regard.errors import UsageError
from regard.events import filter as filters
from regard.events.schema import NEVER_TARGET
from regard.insight.history import Ask, histories
from regard.insight.ranker import Model, Ranker
from regard.sequences.arrivals import Arrived, nothing
from regard.sequences.log import DAY, Log
from regard.sequences.remembered import Remembered, frozen
from regard.sequences.split import ContentOf, default_mask, no_content
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary

RECENT_DAYS = 30
"""Days that 'recent' popularity looks back: a month evens out weekdays and still follows the season."""

EXCLUDE = ("none", "target", "seen")


@dataclass(frozen=True, kw_only=True, eq=False)
class Shop:
    """The log of a shop over its whole catalogue, what is known of the items, and who ranks them.

    Build it with `Shop.of`, which puts items that nobody touched yet into the catalogue.

    Args:
        log: every event; its items are the catalogue, V of them.
        target: behaviours that count as wanting an item.
        content_of: what is known of items; asked once, when an answer needs it.
        table: one row per item of the items table (column `item` and the others), in any order.
        ranker: who scores; None where even counting has nothing to count.
        language: 'en' or 'zh', of reasons and notes.
        arrived: gives the events that have come since the log was packed; the histories of questions hold them.
        remembered: what was worked out of conditions and of arrays that nobody can change.
    """

    log: Log
    target: tuple[str, ...]
    content_of: ContentOf
    table: pa.Table
    ranker: Ranker | None
    language: str = "en"
    arrived: Arrived = nothing
    remembered: Remembered = field(default_factory=Remembered, repr=False)

    @classmethod
    def of(
        cls,
        log: Log,
        *,
        target: tuple[str, ...],
        content_of: ContentOf = no_content,
        table: pa.Table | None = None,
        ranker: Ranker | None = None,
        language: str = "en",
        arrived: Arrived = nothing,
    ) -> Shop:
        """A shop from plain parts; no workspace is needed.

        Args:
            log: every event. target: behaviours that count as wanting. content_of: item content.
            table: the items table, with a column `item`. ranker: who scores. language: 'en' or 'zh'.
            arrived: gives what has come since the log was packed.
        """
        table = pa.table({"item": pa.array([], pa.string())}) if table is None else table
        listed = [str(item) for item in table.column("item").to_pylist() if item is not None]
        extra = [item for item in dict.fromkeys(listed) if item not in log.items]
        if extra:
            items = Vocabulary(pa.array([*log.items.ids.to_pylist(), *extra], pa.string()))
            log = replace(log, items=items, merchandise=np.append(log.merchandise, np.ones(len(extra), dtype=bool)))
        log = replace(log, merchandise=frozen(log.merchandise.copy()))
        return cls(
            log=log,
            target=target,
            content_of=content_of,
            table=table,
            ranker=ranker,
            language=language,
            arrived=arrived,
        )

    def exclude(self, rule: str) -> str:
        """The rule itself, or what the data say where it is '' (see `sequences.split.default_mask`)."""
        if rule and rule not in EXCLUDE:
            raise UsageError(f"exclude is '{rule}'", hint="none, target or seen")
        return rule or self._exclude

    @cached_property
    def _exclude(self) -> str:
        return default_mask(self._view)

    @property
    def _view(self) -> View:
        return View(log=self.log, target=self.target, cut=None, content=Content.empty(len(self.log.items)))

    @cached_property
    def content(self) -> Content:
        """What is known of each of the V items."""
        return self.content_of(self.log.items, None)

    @cached_property
    def now(self) -> int:
        """Seconds of the latest event: the time at which questions are asked unless another is given."""
        return int(self.log.time.max()) if self.log.events else 0

    @cached_property
    def wanted(self) -> NDArray[np.bool_]:
        """bool [N], events that are targets."""
        return self._view.targets

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """int64 [V], customers who ever wanted each item."""
        return frozen(self.customers_of(self.wanted))

    @cached_property
    def recent_popularity(self) -> NDArray[np.int64]:
        """int64 [V], customers who wanted each item in the last RECENT_DAYS days; zeros without a clock."""
        if self.log.clock != "clock":
            return frozen(np.zeros(len(self.log.items), dtype=np.int64))
        return frozen(self.customers_of(self.wanted & (self.log.time > self.now - RECENT_DAYS * DAY)))

    def customers_of(self, events: NDArray[np.bool_]) -> NDArray[np.int64]:
        """int64 [V], distinct customers of each item over the marked events (bool [N])."""
        width = len(self.log.items)
        rows = np.flatnonzero(events & (self.log.item >= 0))
        pairs = np.unique(self.log.owner[rows] * width + self.log.item[rows])
        return np.bincount(pairs % max(width, 1), minlength=width).astype(np.int64)

    @cached_property
    def first_seen(self) -> NDArray[np.int64]:
        """int64 [V], seconds of each item's first event; the largest integer where there is none."""
        first = np.full(len(self.log.items), np.iinfo(np.int64).max, dtype=np.int64)
        rows = np.flatnonzero(self.log.item >= 0)
        np.minimum.at(first, self.log.item[rows], self.log.time[rows])
        return frozen(first)

    @cached_property
    def _titles(self) -> pa.ChunkedArray | None:
        return self.table.column("item_name") if "item_name" in self.table.column_names else None

    def name(self, item: str) -> str:
        """The title of an item, '' where unknown."""
        code = self.log.items.code(item)
        row = int(self.table_row[code]) if code >= 0 else -1
        return str(self._titles[row].as_py() or "") if self._titles is not None and row >= 0 else ""

    def warm(self) -> Shop:
        """Work out now what most answers read, so that nobody waits for it; what follows from this shop has it too."""
        _ = self.table_row, self._exclude, self.popularity, self.recent_popularity, self.first_seen
        _ = self.log.items.code(""), self.log.customers.code("")  # the tables behind them
        return self

    @cached_property
    def table_row(self) -> NDArray[np.int64]:
        """int64 [V], the items table's row of each catalogue item, -1 where it has none."""
        rows = np.full(len(self.log.items), -1, dtype=np.int64)
        codes = self.log.items.places(self.table.column("item").combine_chunks())
        rows[codes[codes >= 0]] = np.flatnonzero(codes >= 0)
        return frozen(rows)

    def meets(self, condition: str) -> NDArray[np.bool_]:
        """bool [V], the items of whose row in the items table a condition is true; worked out once.

        Raises:
            UsageError: the condition cannot be read or names an unknown column.
        """
        met: NDArray[np.bool_] = self.remembered(_meets, condition, self.table, self.table_row)
        return met

    @cached_property
    def content_matrix(self) -> sparse.csr_array:
        """float32 [V, F], unit rows weighted by rarity (idf), so that rows multiply to cosine similarities."""
        features, width = self.content.features, max(len(self.content.names), 1)
        shape = (len(self.log.items), width)
        found = np.bincount(features.values, minlength=width)
        rarity = np.log1p(len(self.log.items) / np.maximum(found, 1)).astype(np.float32)
        matrix = sparse.csr_array((rarity[features.values], features.values, features.offsets), shape=shape)
        return _unit_rows(matrix)

    @cached_property
    def visits(self) -> sparse.csc_array:
        """float32 [B, V], who touched what (no refunds), customers weighted down by how much they touch."""
        log, width = self.log, len(self.log.items)
        rows = np.flatnonzero((log.item >= 0) & ~log.is_behaviour(NEVER_TARGET))
        pairs = np.unique(log.owner[rows] * width + log.item[rows])
        owner, item = np.divmod(pairs, max(width, 1))
        touched = np.bincount(owner, minlength=len(log))
        weight = (1 / np.sqrt(np.log2(1.0 + touched[owner]))).astype(np.float32)
        return sparse.csc_array((weight, (owner, item)), shape=(len(log), width))

    def covisit(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [len(items), V], damped cosine of the customers that two items share; an item with itself is 0.

        The damping adds COVISIT_DAMPING customers to each side, so that two items met once together do not outrank
        proof.
        """
        shared = (self.visits[:, items].T @ self.visits).toarray()
        norm = np.sqrt(np.asarray(self.visits.power(2).sum(axis=0)).ravel() + COVISIT_DAMPING)
        similar: NDArray[np.float32] = (shared / norm[items][:, None] / norm[None, :]).astype(np.float32)
        similar[np.arange(len(items)), items] = 0
        return similar

    def likeness(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [len(items), V], cosine of content; an item with itself is 0."""
        similar = np.asarray((self.content_matrix[items] @ self.content_matrix.T).toarray(), dtype=np.float32)
        similar[np.arange(len(items)), items] = 0
        return similar

    @property
    def model(self) -> Model | None:
        """The trained model, where the ranker is one."""
        return self.ranker.model if self.ranker else None

    def histories(self, asks: Sequence[Ask], at: int | None = None) -> Log:
        """One slice per question (see `history.histories`)."""
        known = self.ranker.behaviours if self.ranker else None
        return histories(self.log, asks, self.now if at is None else at, known, self.arrived)

    def asof(self, queries: Log, at: int | None = None) -> NDArray[np.int64]:
        """int64 [Q], when each question is asked: at `at`, or now; the last event's place where there is no clock."""
        if self.log.clock == "clock":
            asof = np.full(len(queries), self.now if at is None else at, dtype=np.int64)
        else:
            asof = np.zeros(len(queries), dtype=np.int64)
        some = queries.lengths > 0
        asof[some] = (
            np.maximum(asof[some], queries.time[queries.offsets[1:][some] - 1]) if self.log.events else asof[some]
        )
        return asof

    def codes(self, items: Sequence[str]) -> NDArray[np.int64]:
        """int64 codes of items that must exist.

        Raises:
            UsageError: an item is not in the catalogue; the hint names the nearest one.
        """
        codes = self.log.items.codes(items)
        if (codes < 0).any():
            strange = items[int(np.flatnonzero(codes < 0)[0])]
            near = difflib.get_close_matches(strange, self.log.items.ids.to_pylist()[:200_000], n=1)
            raise UsageError(f"no item '{strange}' in the catalogue", hint=f"did you mean '{near[0]}'?" if near else "")
        return codes


COVISIT_DAMPING = 2.0
"""Customers added to each item's count: a pair that one customer alone met comes to a third."""


def _meets(condition: str, table: pa.Table, row: NDArray[np.int64]) -> NDArray[np.bool_]:
    met = filters.mask(filters.parse(condition), table)
    return np.append(np.asarray(met, dtype=bool), False)[row]


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    norm = np.sqrt(np.asarray(matrix.power(2).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array((1 / np.maximum(norm, 1e-9)).astype(np.float32)) @ matrix)
