"""Interests: the categories, brands and words of the items that customers act on, over the long run and lately.

A word counts by how much more of a customer's attention it has than of the shop's, so that what everybody looks at is nobody's interest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from regard.customers.profile.given import Column, Floats, Given
from regard.sequences.ragged import spans

LONG_DAYS, SHORT_DAYS = 180.0, 14.0
"""Half-lives of attention, days: two seasons, and the search for one thing."""

SEARCH = 2
"""Half-lives after which attention is not late any more: a quarter of it is left."""

MOST, TRIED = 5, 12
"""Interests told, of all kinds together, and those among which the ones that say the same as a stronger one are passed over."""

CLEAR = {"category": 1.02, "brand": 1.01, "word": 1.0}
"""What an excess counts more by kind: of two that say the same, a category says it best."""

LEAST_EVENTS = 2
"""Events that an interest rests on at least: one look is none."""

RISES, FADES = 1.5, 0.5
"""Lately by long-run share from which an interest rises, and up to which it fades."""

LATELY = 3.0
"""Events of the last SHORT_DAYS, faded, from which lately is compared at all: fewer are chance."""

TRENDS = ("steady", "rising", "fading")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Attention:
    """Attention of Q customers in M cells, sorted by customer.

    Args:
        owner, feature: int64 [M]. count: float64 [M] events. long, short: float64 [M] shares of the customer's attention.
        lately: float64 [Q], faded events by which `short` is known.
    """

    owner: NDArray[np.int64]
    feature: NDArray[np.int64]
    count: Floats
    long: Floats
    short: Floats
    lately: Floats


def interests(given: Given) -> Iterator[Column]:
    """Long-term and short-term interests, each with its share, whether it rises or fades, and how many events it rests on."""
    has, kinds, words = given.base.features
    if not words or not given.log.events:
        return
    seen = _attention(given, has)
    base = given.base.feature_share[seen.feature] + 1e-9
    for name, share in (("interests_long", seen.long), ("interests_short", seen.short)):
        if name == "interests_short" and not given.timed:
            continue
        excess = share * np.log(np.maximum(share, 1e-9) / base)
        if name == "interests_short":
            late = given.per_customer(given.age <= SEARCH * SHORT_DAYS)
            excess[late[seen.owner] < LEAST_EVENTS] = 0  # who was not here lately has no interest lately
        clear = np.array([CLEAR[kind] for kind in kinds])
        rows = _best(seen, excess * clear[seen.feature], given.base.alike, len(words))
        listed = _listed(given, seen, rows, kinds, words)
        shown = _of_interest(given, has, seen.owner[rows], seen.feature[rows])
        if name == "interests_short":
            shown &= given.age <= SEARCH * SHORT_DAYS
        yield given.column(name, listed, shown)


def _attention(given: Given, has: sparse.csr_array) -> _Attention:
    log = given.log
    met = np.flatnonzero(log.item >= 0)
    shape = (len(given), len(log.items))
    place = (given.owner[met], log.item[met])
    age = given.age[met]
    weights = (np.ones(len(met)), 0.5 ** (age / LONG_DAYS), 0.5 ** (age / SHORT_DAYS))
    count, long, short = (sparse.csr_array((weight, place), shape=shape) for weight in weights)
    whole, lately = (
        np.bincount(place[0], weights=weight, minlength=len(given)).astype(np.float64) for weight in weights[1:]
    )
    cells = [sparse.csr_array(part @ has) for part in (count, long, short)]
    for part in cells:
        part.sort_indices()
    owner = np.repeat(np.arange(len(given)), np.diff(cells[0].indptr))
    return _Attention(
        owner=owner, feature=cells[0].indices.astype(np.int64), count=cells[0].data,
        long=cells[1].data / np.maximum(whole[owner], 1e-12), short=cells[2].data / np.maximum(lately[owner], 1e-12),
        lately=lately,
    )  # fmt: skip


def _best(seen: _Attention, excess: Floats, alike: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """int64, cells of the MOST interests of each customer, the strongest first, customer by customer.

    Args: seen: attention. excess: float64 [M]. alike: pairs of features of which the stronger is enough. width: F.
    """
    some = np.flatnonzero((excess > 0) & (seen.count >= LEAST_EVENTS))
    order = some[np.lexsort((-excess[some], seen.owner[some]))]
    if not len(order):
        return order
    owner = seen.owner[order]
    rank = np.arange(len(order)) - np.searchsorted(owner, owner, side="left")
    order, owner, rank = order[rank < TRIED], owner[rank < TRIED], rank[rank < TRIED]
    cell = np.full((len(seen.lately), TRIED), -1)
    cell[owner, rank] = order
    feature, kept = seen.feature[cell], cell >= 0
    for later in range(1, TRIED):
        for earlier in range(later):
            told = _among(feature[:, earlier] * width + feature[:, later], alike)
            kept[:, later] &= ~(kept[:, earlier] & told)
    kept &= np.cumsum(kept, axis=1) <= MOST
    return np.asarray(cell[kept])


def _among(keys: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool, which keys are among some, sorted."""
    if not len(some):
        return np.zeros(len(keys), dtype=bool)
    return np.asarray(some[np.minimum(np.searchsorted(some, keys), len(some) - 1)] == keys)


def _listed(
    given: Given, seen: _Attention, rows: NDArray[np.int64], kinds: tuple[str, ...], words: tuple[str, ...]
) -> pa.Array:
    long, short, owner = seen.long[rows], seen.short[rows], seen.owner[rows]
    told = (seen.lately[owner] >= LATELY) & given.timed
    trend = np.select([told & (short > RISES * long), told & (short < FADES * long)], [1, 2], default=0)
    feature = pa.array(seen.feature[rows])
    parts = {
        "kind": pa.array(kinds, pa.string()).take(feature),
        "word": pa.array(words, pa.string()).take(feature),
        "share": pa.array(long),
        "lately": pa.array(short) if given.timed else pa.nulls(len(rows), pa.float64()),
        "trend": pa.array(TRENDS).take(pa.array(trend)),
        "events": pa.array(seen.count[rows].astype(np.int64)),
    }
    offsets = np.searchsorted(owner, np.arange(len(given) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays(list(parts.values()), names=list(parts))
    )


def _of_interest(
    given: Given, has: sparse.csr_array, owner: NDArray[np.int64], feature: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """bool [N], events on items that have one of their customer's features, given as pairs."""
    log, width = given.log, has.shape[1]
    wanted = np.sort(owner * width + feature)
    shown = np.zeros(log.events, dtype=bool)
    if not len(wanted):
        return shown
    met = np.flatnonzero(log.item >= 0)
    pairs, place = np.unique(given.owner[met] * len(log.items) + log.item[met], return_inverse=True)
    who, item = np.divmod(pairs, len(log.items))
    lengths = np.diff(has.indptr)[item]
    features = has.indices[spans(has.indptr[:-1][item], lengths)]
    key = np.repeat(who, lengths) * width + features.astype(np.int64)
    found = _among(key, wanted)
    hit = np.bincount(np.repeat(np.arange(len(pairs)), lengths)[found], minlength=len(pairs)) > 0
    shown[met] = hit[place]
    return shown
