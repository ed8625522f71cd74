"""Attributes: what is known of customers beside what they do, as columns that stand beside the aggregates.

Three sources, told apart by their names and never mixed: what customers declared ('declared:'), scores from outside
('score:'), and what those do with whom they share a household or know each other ('linked:'). Nothing here is guessed
from behaviour.

Legend: `C` customers, `Q` queries, `F` columns, `E` edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.events.store import Store
from regard.sequences.aggregates import DECLARED, LINKED, SCORED, Aggregates, aggregate
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged, spans
from regard.sequences.vocabulary import Vocabulary

LEVELS = 20
"""Values of a text column that get a column of their own, the commonest first: more are ids, not attributes."""

RARE = 0.01
"""Share of the customers who say anything below which a value gets no column: too few to learn from."""

NEIGHBOURS = 50
"""Customers of whom one is linked with the most that are read, the heaviest edges first: a hub's mean needs no more."""

MEANT = ("days_since_last_order", "order_days", "orders_90d", "spend_all")
"""Aggregates of the linked of which the mean is told: recency, frequency, what is new, and money."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attributes:
    """What is known of C customers beside their events. Called with histories it gives the columns of their customers.

    Args:
        customers: ids of the C customers.
        names: of their columns; values: float32 [C, F], NaN where nothing is known.
        links: C rows of places in `customers`, those linked; weights: float32, one for each of `links.values`. None = no
            edges were given.
        log: events of the linked, read up to the moment that is asked about; None where nobody is linked.
        target: behaviours that count as buying.
    """

    customers: Vocabulary
    names: tuple[str, ...]
    values: NDArray[np.float32]
    links: Ragged | None
    weights: NDArray[np.float32]
    log: Log | None = None
    target: tuple[str, ...] = ()

    def __call__(self, queries: Log, asof: NDArray[np.int64]) -> Aggregates:
        """The columns of Q customers, NaN for whoever nothing is known of.

        Args:
            queries: their histories; only the ids are read. asof: int64 [Q] seconds; of the linked nothing later is read.
        """
        rows = self.customers.codes(queries.customers.ids.to_pylist())
        told = np.append(self.values, np.full((1, len(self.names)), np.nan, dtype=np.float32), axis=0)[rows]
        if self.links is None or self.log is None:
            return Aggregates(names=self.names, values=told)
        names = tuple(f"{LINKED}{name}" for name in ("customers", *MEANT))
        linked = self._linked(self.links, self.log, rows, np.asarray(asof, dtype=np.int64))
        return Aggregates(names=(*self.names, *names), values=np.concatenate([told, linked], axis=1))

    def _linked(self, links: Ragged, log: Log, rows: NDArray[np.int64], asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, 1 + len(MEANT)]: how many are linked, and the weighted means of their aggregates as of the moment."""
        known = np.flatnonzero(rows >= 0)
        count = np.zeros(len(rows), dtype=np.int64)
        count[known] = links.lengths[rows[known]]
        owner = np.repeat(np.arange(len(rows)), count)
        cells = spans(links.offsets[:-1][rows[known]], count[known])
        pairs = np.stack([links.values[cells], asof[owner]])
        each, place = np.unique(pairs, axis=1, return_inverse=True)
        found = self._aggregates(log, each[0], each[1])[place.ravel()]
        weight, there = self.weights[cells][:, None], ~np.isnan(found)
        sums, whole = np.zeros((2, len(rows), len(MEANT)))
        np.add.at(sums, owner, np.where(there, found * weight, 0))
        np.add.at(whole, owner, there * weight)
        means = np.divide(sums, whole, out=np.full_like(sums, np.nan), where=whole > 0)
        return np.concatenate([count[:, None], means], axis=1).astype(np.float32)

    def _aggregates(self, log: Log, customers: NDArray[np.int64], asof: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 [n, len(MEANT)], NaN for whoever has no events by then."""
        codes = log.customers.codes(self.customers.names(customers))
        table = np.full((len(codes), len(MEANT)), np.nan)
        some = np.flatnonzero(codes >= 0)
        if len(some):
            found = aggregate(log.take(codes[some]), asof[some], target=self.target)
            table[some] = np.stack([found.column(name) for name in MEANT], axis=1)
            table[some[found.column("events_all") == 0]] = np.nan
        return table


def read_attributes(store: Store, log: Log, target: tuple[str, ...]) -> Attributes | None:
    """What the tables of a store say of its customers; None where they say nothing.

    Sensitive columns are not among them unless regard.toml switches them on (see `events.sensitive`), and nobody is who
    has not consented.

    Args:
        store: the workspace's store. log: events of the linked. target: behaviours that count as buying.
    """
    tables = {"declared": store.customers(), "scores": store.scores(), "edges": store.edges()}
    found = attributes_of(**tables, log=log, target=target)
    return found if found.names or found.links is not None else None


def attributes_of(
    *,
    declared: pa.Table | None = None,
    scores: pa.Table | None = None,
    edges: pa.Table | None = None,
    log: Log | None = None,
    target: tuple[str, ...] = (),
) -> Attributes:
    """Attributes from plain tables.

    Numbers and truth values are columns as they are. Of a text, each of the commonest values becomes a column of 0 and 1.
    Dates are left out: what they say depends on the moment, and they have none of their own.

    Args:
        declared: column `customer` and others. scores: likewise. edges: columns `customer`, `other` and, for what an edge
            counts, `weight`; an edge holds both ways.
        log: events of the linked, where there are edges. target: behaviours that count as buying.

    >>> people = pa.table({"customer": ["ann", "bob"], "city": ["Ulm", "Bonn"], "children": [2, None]})
    >>> found = attributes_of(declared=people)
    >>> found.names, found.values.tolist()
    (('declared:city=Bonn', 'declared:city=Ulm', 'declared:children'), [[0.0, 1.0, 2.0], [1.0, 0.0, nan]])
    """
    given = [(DECLARED, declared), (SCORED, scores)]
    ids = [table.column("customer").to_pylist() for _, table in given if table is not None]
    linked = edges is not None and edges.num_rows > 0
    ids += [edges.column(name).to_pylist() for name in ("customer", "other")] if edges is not None and linked else []
    customers = Vocabulary(list(dict.fromkeys(name for part in ids for name in part)))
    columns: dict[str, NDArray[np.float32]] = {}
    for source, table in given:
        if table is None:
            continue
        rows = customers.codes(table.column("customer").to_pylist())
        for name, column in zip(table.column_names, table.columns, strict=True):
            if name != "customer":
                columns |= _spread(f"{source}{name}", column, rows, len(customers))
    empty = np.empty((len(customers), 0), dtype=np.float32)
    links, weights = _links(edges, customers) if edges is not None and linked else (None, np.empty(0, np.float32))
    return Attributes(
        customers=customers,
        names=tuple(columns),
        values=np.stack(list(columns.values()), axis=1) if columns else empty,
        links=links,
        weights=weights,
        log=log,
        target=target,
    )


def _spread(name: str, column: pa.ChunkedArray, rows: NDArray[np.int64], count: int) -> dict[str, NDArray[np.float32]]:
    """The columns that one column of a table becomes, float32 [C] each."""

    def placed(values: NDArray[Any]) -> NDArray[np.float32]:
        whole = np.full(count, np.nan, dtype=np.float32)
        whole[rows] = values
        return whole

    kind = column.type
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        number = (
            column.cast(pa.float64()) if not pa.types.is_boolean(kind) else column.cast(pa.int8()).cast(pa.float64())
        )
        found = number.to_numpy(zero_copy_only=False).astype(np.float64)
        return {name: placed(np.where(np.isfinite(found), found, np.nan))}
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return {}
    texts = np.array(
        [None if text is None or not text.strip() else text.strip() for text in column.to_pylist()], object
    )
    known = np.array([text is not None for text in texts], dtype=bool)
    levels, many = np.unique(texts[known].astype(str), return_counts=True)
    common = np.argsort(-many, kind="stable")[:LEVELS]
    kept = np.sort(common[(many[common] >= RARE * known.sum()) & (many[common] < max(known.sum(), 2))])
    return {f"{name}={levels[code]}": placed(np.where(known, texts == levels[code], np.nan)) for code in kept}


def _links(edges: pa.Table, customers: Vocabulary) -> tuple[Ragged, NDArray[np.float32]]:
    """C rows of those linked, the heaviest first, and the weights; parallel edges are one of their sum."""
    one, other = (customers.codes(edges.column(name).to_pylist()) for name in ("customer", "other"))
    weight = np.ones(len(one))
    if "weight" in edges.column_names:
        weight = pc.fill_null(edges.column("weight").cast(pa.float64()), 1.0).to_numpy(zero_copy_only=False)
    kept = (one != other) & np.isfinite(weight) & (weight > 0)
    one, other, weight = one[kept], other[kept], weight[kept]
    keys = np.concatenate([one, other]) * len(customers) + np.concatenate([other, one])
    pairs, place = np.unique(keys, return_inverse=True)
    sums = np.bincount(place, weights=np.concatenate([weight, weight]), minlength=len(pairs))
    owner, to = pairs // max(len(customers), 1), pairs % max(len(customers), 1)
    order = np.lexsort((to, -sums, owner))
    owner, to, sums = owner[order], to[order], sums[order]
    begin = np.searchsorted(owner, np.arange(len(customers) + 1))
    near = np.arange(len(owner)) - begin[owner] < NEIGHBOURS
    owner, to, sums = owner[near], to[near], sums[near]
    offsets = np.searchsorted(owner, np.arange(len(customers) + 1)).astype(np.int64)
    return Ragged(offsets, to.astype(np.int64)), sums.astype(np.float32)
