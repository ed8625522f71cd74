"""Search: the exact best n of the whole catalogue without scoring all of it exactly.

Every item's score is estimated, fastest by int8 products, and it is known how far an estimate may be out. The best n by estimate, scored
exactly, tell what an item needs at least; whatever may reach that is scored exactly too. So the answer is that of a plain sort of exact
scores, the lower code first among equals.

Legend: `B` questions, `V` items, `W` places, more than V and a multiple of STRIPE; `S` = W / STRIPE stripes; `D` width; `C` columns of
counts. What is found of several questions is one list of pairs (row, place), so that many cost hardly more calls than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Places = NDArray[np.int64]

STRIPE = 64
"""Places whose largest estimate tells whether any of them need be looked at."""

OUT = np.float32(-1e30)
"""Estimate of what is no candidate; finite, so that sums stay numbers."""

CODES = 63
"""Largest int8 code: a processor that adds two products in 16 bits cannot overflow."""

QUERY_CODES = 127
"""Largest code of a number of a state."""

HEAD = 32
"""Items at least whose part in the sum of all is exact."""

SOME = 1 << 14
"""Items handled at a time where each takes a row of numbers; memory only."""

EPSILON = float(np.finfo(np.float32).eps)


class Catalogue:
    """What the scores of the items are made of, apart from what a customer's own events add.

    Args:
        items: float32 [V, D]. counts: float32 [V, C], popularity and, last, the bias. merchandise: bool [V].
    """

    def __init__(self, items: Array, counts: Array, merchandise: NDArray[np.bool_]) -> None:
        V, C = counts.shape
        self.items, self.places = items, places_of(V)
        self.counts = np.zeros((C, self.places), dtype=np.float32)
        self.counts[:, :V] = counts.T
        self.counts[-1, V:] = self.counts[-1, :V][~merchandise] = OUT
        self._largest = np.abs(counts).max(axis=0, initial=0)
        self._longest = _lengths(items).max(initial=0)

    def estimate(self, state: Array, share: Array, out: Array) -> None:
        """Scores by float32 products, into [B, W]. state: [B, D]. share: [B, C], what the counts weigh."""
        np.matmul(share, self.counts, out=out)
        out[:, : len(self.items)] += state @ self.items.T

    def exact(self, asked: Questions, row: Places, place: Places) -> NDArray[np.float64]:
        """float64 [K], scores of some pairs."""
        state, share = asked.state.astype(np.float64), asked.share.astype(np.float64)
        scores: NDArray[np.float64] = (share.T[:, row] * self.counts[:, place]).sum(axis=0) + asked.extra[row, place]
        for start in range(0, len(row), SOME):
            some = slice(start, start + SOME)
            scores[some] += (self.items[place[some]] * state[row[some]]).sum(axis=1)
        return scores if asked.shift is None else scores + asked.shift[place]

    def rounding(self, asked: Questions) -> NDArray[np.float64]:
        """[B], what sums in float32 may be out by."""
        size = self._longest * _lengths(asked.state) + np.abs(asked.share) @ self._largest
        if asked.shift is not None:
            size = size + np.abs(asked.shift).max(initial=0)
        return np.asarray(EPSILON * (asked.state.shape[1] + asked.share.shape[1] + 8) * size, dtype=np.float64)


class Rounded:
    """The items in int8: codes x scale is near the item, and how near is known.

    Args:
        items: float32 [V, D]. places: W.
    """

    def __init__(self, items: Array, places: int) -> None:
        self.codes = np.zeros((items.shape[1], places), dtype=np.int8)
        self.scale = np.zeros(places, dtype=np.float32)
        self.far = np.zeros(
            (2, STRIPE, places // STRIPE), dtype=np.float32
        )  # lengths of what rounding lost and of what it kept
        for start in range(0, len(items), SOME):
            some = items[start : start + SOME]
            where = slice(start, start + len(some))
            scale = np.maximum(np.abs(some).max(axis=1, keepdims=True) / np.float32(CODES), np.float32(1e-30))
            codes = np.rint(some / scale)
            self.codes[:, where], self.scale[where] = codes.T, scale[:, 0]
            self.far.reshape(2, -1)[:, where] = _lengths(some - codes * scale), _lengths(codes * scale)
        self.farthest = self.far.max(axis=1)  # [2, S]

    def out_by(self, state: Array) -> Array:
        """[B, 2], with which `far` bounds the error of int8 products with states [B, D], by Cauchy and Schwarz."""
        scale = np.maximum(np.abs(state).max(axis=1, keepdims=True), np.float32(1e-30)) / np.float32(QUERY_CODES)
        return np.stack([_lengths(state), _lengths(state - np.rint(state / scale) * scale)], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """What some questions ask of the items.

    Args:
        state: [B, D]. share: [B, C], what the counts weigh. extra: [B, W], what own events add.
        estimate: [B, W], the sum of the three as estimated, OUT for what is no candidate.
        shift: [W], what whoever asks adds to every score, in the estimates already; None = nothing.
    """

    state: Array
    share: Array
    extra: Array
    estimate: Array
    shift: Array | None = None


def places_of(items: int) -> int:
    """W: a place for each of V items, one at least for none, and whole stripes.

    >>> places_of(63), places_of(64)
    (64, 128)
    """
    return STRIPE * (items // STRIPE + 1)


def best(
    catalogue: Catalogue, asked: Questions, n: int, rounded: Rounded | None = None
) -> tuple[Places, NDArray[np.float64]]:
    """Codes [B, n] of the best, -1 where there are fewer candidates, and their exact scores, -inf there.

    Args:
        catalogue: the items. asked: questions with estimates. n: at least 1.
        rounded: the int8 items whose products the estimates are; None where they are float32 products.
    """
    largest = asked.estimate.reshape(len(asked.state), STRIPE, -1).max(axis=1)
    row, place = _likeliest(asked, largest, n)
    needed = _ranked(len(largest), n, row, place, catalogue.exact(asked, row, place))[1][:, -1]
    floor = needed - catalogue.rounding(asked) - 4 * EPSILON * np.abs(needed)
    row, place = _reaching(asked, largest, floor, rounded)
    return _ranked(len(largest), n, row, place, catalogue.exact(asked, row, place))


def log_total(catalogue: Catalogue, asked: Questions, room: Array) -> NDArray[np.float64]:
    """[B], log of the sum of exp(score): of the likeliest items exactly, of the many others by estimates, whose errors even out.

    Args:
        catalogue: the items. asked: questions with estimates. room: [B, W], overwritten.
    """
    largest = asked.estimate.reshape(len(asked.state), STRIPE, -1).max(axis=1)
    most = largest.max(axis=1)
    np.subtract(asked.estimate, most[:, None], out=room)
    np.exp(room, out=room)
    row, place = _likeliest(asked, largest, HEAD)
    exact = np.exp(catalogue.exact(asked, row, place) - most[row])
    rest = room.sum(axis=1) - np.bincount(row, room[row, place], len(most))
    return np.asarray(most + np.log(np.maximum(rest, 0) + np.bincount(row, exact, len(most))))


def _likeliest(asked: Questions, largest: Array, n: int) -> tuple[Places, Places]:
    """The n candidates of the largest estimates and maybe more, fewer where there are fewer: as many reach the n-th largest of a part."""
    values = largest if 2 * n <= largest.shape[1] else asked.estimate
    nth = max(values.shape[1] - n, 0)
    return _reaching(asked, largest, np.partition(values, nth, axis=1)[:, nth])


def _reaching(
    asked: Questions, largest: Array, floor: NDArray[np.floating], rounded: Rounded | None = None
) -> tuple[Places, Places]:
    """Candidates whose estimate, or what it may be by the error of rounding, reaches the row's floor [B]."""
    floor, grid = np.maximum(floor, OUT / 2), asked.estimate.reshape(len(floor), STRIPE, -1)
    if rounded is None:
        row, stripe = np.nonzero(largest >= floor[:, None])
        near = grid[row, :, stripe]  # [pairs, STRIPE]
    else:
        by = rounded.out_by(asked.state)
        row, stripe = np.nonzero(largest + by @ rounded.farthest >= floor[:, None])
        near = grid[row, :, stripe] + np.einsum("pk,kqp->pq", by[row], rounded.far[:, :, stripe])
    pair, within = np.nonzero(near >= floor[row, None])
    return row[pair], within * largest.shape[1] + stripe[pair]


def _ranked(
    rows: int, n: int, row: Places, place: Places, score: NDArray[np.float64]
) -> tuple[Places, NDArray[np.float64]]:
    """The best n of every row: [rows, n] places, -1 for none, and scores, -inf for none."""
    order = np.lexsort((place, -score, row))
    row, place, score = row[order], place[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < n
    places, scores = np.full((rows, n), -1), np.full((rows, n), -np.inf)
    places[row[kept], rank[kept]], scores[row[kept], rank[kept]] = place[kept], score[kept]
    return places, scores


def _lengths(rows: Array) -> Array:
    """Euclidean lengths of rows."""
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", rows, rows)), dtype=np.float32)
