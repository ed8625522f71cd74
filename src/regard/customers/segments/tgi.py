"""TGI: what a group of customers has more of than everybody. 100 times its share in the group by its share in the base.

The target group index of market research; 100 is like everybody, 200 twice as common.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from regard.customers.segments.people import CONSENT, People
from regard.insight.answer import Plain

SURE = 1.96
"""Standard errors between a share and the bounds that it is judged by: 95 %."""

LEAST = 5
"""Customers of a group who must have a trait: fewer is an anecdote."""

ALIKE = 0.8
"""Jaccard of their members above which two traits are one told twice, such as 'watering' and 'can'."""

LEVELS = 200
"""Different values of a text column above which it is an id or free text, not a trait."""

BANDS = 5
"""Bands of equal numbers of customers that a column of numbers is cut into: quintiles."""

WORD_KINDS = ("category", "brand", "word", "tag", "price")
"""What stands before the colon of a content feature."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Traits:
    """What customers have, as a matrix of yes and no.

    Args:
        fields: T names, of a profile column or of a kind of word such as 'category'. levels: T values.
        has: sparse 0/1 float32 [N, T].
    """

    fields: tuple[str, ...]
    levels: tuple[str, ...]
    has: sparse.csr_array

    @classmethod
    def of(cls, people: People) -> Traits:
        """Words, and the profile's columns of text, of true and false, and of numbers (in bands).

        >>> from regard.sequences.ragged import Ragged
        >>> people = People.of(["a", "b"], words=Ragged.of([[0], [0, 0]]), word_names=["category:lights"],
        ...                    profile=pa.table({"customer": ["a", "b"], "city": ["Ulm", "Ulm"]}))
        >>> traits = Traits.of(people)
        >>> traits.fields, traits.levels, traits.has.toarray().tolist()
        (('category', 'city'), ('lights', 'Ulm'), [[1.0, 1.0], [1.0, 1.0]])
        """
        fields, levels = [], []
        for name in people.word_names:
            kind, found, level = name.partition(":")
            fields.append(kind if found and kind in WORD_KINDS else "word")
            levels.append(level if found and kind in WORD_KINDS else name)
        shape = (len(people), len(people.word_names))
        ones = np.ones(len(people.words.values), dtype=np.float32)
        words = sparse.csr_array((ones, people.words.values, people.words.offsets), shape=shape)
        words.sum_duplicates()
        words.data[:] = 1
        blocks = [words]
        for name in people.profile.column_names:
            if name.casefold() in (CONSENT, "customer"):
                continue
            codes, names = _levels(people.profile.column(name))
            rows = np.flatnonzero(codes >= 0)
            cells = (np.ones(len(rows), np.float32), (rows, codes[rows]))
            blocks.append(sparse.csr_array(cells, shape=(len(people), len(names))))
            fields += [name] * len(names)
            levels += names
        has = sparse.csr_array(sparse.hstack(blocks, format="csr"))
        return cls(fields=tuple(fields), levels=tuple(levels), has=has)

    @cached_property
    def place(self) -> dict[tuple[str, str], int]:
        """(field, level) -> column."""
        return {pair: at for at, pair in enumerate(zip(self.fields, self.levels, strict=True))}

    def counts(self, label: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
        """float64 [K, T], customers of each group that have each trait. label: int64 [N], -1 for no group."""
        rows = np.flatnonzero(label >= 0)
        shape = (groups, len(label))
        member = sparse.csr_array((np.ones(len(rows), np.float32), (label[rows], rows)), shape=shape)
        return np.asarray((member @ self.has).toarray(), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Index(Plain):
    """One trait of a group beside everybody.

    Args:
        field: profile column or kind of word. level: its value. customers: of the group that have it.
        share: of the group. base: share of everybody. tgi: 100 x share / base.
        at_least: the TGI is this or more with 97.5 % confidence (Wilson's bound of the share); tables are in this order.
    """

    field: str
    level: str
    customers: int
    share: float
    base: float
    tgi: float
    at_least: float


def table(
    traits: Traits, label: NDArray[np.int64], groups: int, *, most: int = 12, but: Collection[str] = ()
) -> list[tuple[Index, ...]]:
    """What over-indexes in each group, surest first; only what surely does.

    Args:
        traits: of N customers. label: int64 [N], 0..groups-1, -1 for customers of none, who still count in the base.
        groups: K. most: rows a group. but: fields of which nothing is told, such as those that define the groups.
    """
    told = ~np.isin(np.array(traits.fields, dtype=object), list(but))
    has, size = traits.counts(label, groups), np.bincount(label[label >= 0], minlength=groups)
    base = np.asarray(traits.has.sum(axis=0), dtype=np.float64).ravel() / max(len(label), 1)
    tables = []
    for group in range(groups):
        low = lower(has[group], size[group]) / np.maximum(base, 1e-12)
        sure = np.flatnonzero((low > 1) & (has[group] >= LEAST) & told)
        best = sure[np.argsort(-low[sure], kind="stable")]
        best = best[_telling(traits, np.flatnonzero(label == group), best[: 4 * most])][:most]
        tables.append(tuple(_index(traits, int(t), has[group, t], size[group], base[t], low[t]) for t in best))
    return tables


def _telling(traits: Traits, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the columns that do not say of nearly the same members what an earlier one says already."""
    if not len(columns):
        return columns
    has = traits.has[rows][:, columns]
    both = np.asarray((has.T @ has).toarray(), dtype=np.float64)
    size = np.diag(both)
    alike = both / np.maximum(size[:, None] + size - both, 1)
    kept: list[int] = []
    for place in range(len(columns)):
        if not kept or alike[place, kept].max() <= ALIKE:
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def lower(count: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Wilson's lower bounds of count / size, zeros where there is nobody (Wilson 1927)."""
    n = max(float(size), 1.0)
    share, z = count / n, SURE**2 / n
    spread = np.sqrt(share * (1 - share) * z + z * z / 4)
    return np.maximum((share + z / 2 - spread) / (1 + z), 0)


def _index(traits: Traits, trait: int, count: float, size: float, base: float, low: float) -> Index:
    share = float(count / size)
    return Index(
        field=traits.fields[trait], level=traits.levels[trait], customers=int(count), share=share, base=float(base),
        tgi=100 * share / float(base), at_least=100 * float(low),
    )  # fmt: skip


def _levels(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Codes int64 [N], -1 for missing, and the names of the levels; none for a column that holds no traits."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    nothing: tuple[NDArray[np.int64], list[str]] = (np.full(len(column), -1), [])
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _bands(column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64))
    if not any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean)):
        return nothing
    encoded = pc.dictionary_encode(column.cast(kind)).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pc.dictionary_encode(pa.array([], kind))
    if len(encoded.dictionary) > LEVELS:
        return nothing
    codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
    return codes, [_written(value) for value in encoded.dictionary.to_pylist()]


def _bands(numbers: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    known = np.isfinite(numbers)
    if not known.any():
        return np.full(len(numbers), -1), []
    edges = np.unique(np.quantile(numbers[known], np.arange(1, BANDS) / BANDS))
    codes = np.where(known, np.searchsorted(edges, numbers, side="left"), -1)
    return codes, list(_ranges(edges.tolist()))


def _ranges(edges: list[float]) -> Iterator[str]:
    yield f"<= {edges[0]:.6g}"
    for low, high in pairwise(edges):
        yield f"{low:.6g} - {high:.6g}"
    yield f"> {edges[-1]:.6g}"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
