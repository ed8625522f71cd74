"""Search: the exact best n of the whole catalogue without scoring all of it exactly.

Every item's score is estimated, fastest by int8 products, and it is known how far an estimate may be out. The best n by estimate, scored
exactly, tell what an item needs at least; whatever may reach that is scored exactly too. So the answer is that of a plain sort of exact
scores, the lower code first among equals.

Legend: `V` items, `W` places, more than V and a multiple of STRIPE; `S` = W / STRIPE stripes; `D` width; `C` columns of counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

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

    def exact(self, places: NDArray[np.int64], state: Array, share: Array, extra: Array) -> NDArray[np.float64]:
        """float64 [K], scores of some items for one question. extra: [W], what its own events add."""
        scores = share.astype(np.float64) @ self.counts[:, places] + extra[places]
        for start in range(0, len(places), SOME):
            some = slice(start, start + SOME)
            scores[some] += (self.items[places[some]] * state.astype(np.float64)).sum(axis=1)
        return scores

    def rounding(self, state: Array, share: Array) -> float:
        """What an estimate's sums in float32 may be out by, for one question."""
        size = self._longest * np.sqrt(state @ state) + np.abs(share) @ self._largest
        return float(EPSILON * (len(state) + len(share) + 8) * size)


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
        """[2], with which `far` bounds the error of int8 products with a state [D], by Cauchy and Schwarz."""
        scale = max(np.abs(state).max(), np.float32(1e-30)) / np.float32(QUERY_CODES)
        return _lengths(np.stack([state, state - np.rint(state / scale) * scale]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What one question asks of the items.

    Args:
        state: [D]. share: [C], what the counts weigh. extra: [W], what own events add.
        estimate: [W], the sum of the three as estimated, OUT for what is no candidate.
    """

    state: Array
    share: Array
    extra: Array
    estimate: Array


def places_of(items: int) -> int:
    """W: a place for each of V items, one at least for none, and whole stripes.

    >>> places_of(63), places_of(64)
    (64, 128)
    """
    return STRIPE * (items // STRIPE + 1)


def best(
    catalogue: Catalogue, question: Question, n: int, rounded: Rounded | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Codes and exact scores of the best n, fewer where there are fewer.

    Args:
        catalogue: the items. question: with estimates. n: at least 1.
        rounded: the int8 items whose products the estimates are; None where they are float32 products.
    """
    grid = question.estimate.reshape(STRIPE, -1)
    largest = grid.max(axis=0)
    scores = _exact(catalogue, question, _likeliest(grid, largest, n))
    needed = _nth(scores, n) if len(scores) >= n else float(OUT)
    floor = needed - catalogue.rounding(question.state, question.share) - 4 * EPSILON * abs(needed)
    error = None if rounded is None else (rounded, rounded.out_by(question.state))
    places = _reaching(grid, largest, floor, error)
    scores = _exact(catalogue, question, places)
    order = np.lexsort((places, -scores))[:n]
    return places[order], scores[order]


def log_total(catalogue: Catalogue, question: Question) -> float:
    """Log of the sum of exp(score): of the likeliest items exactly, of the many others by estimates, whose errors even out."""
    grid = question.estimate.reshape(STRIPE, -1)
    largest = grid.max(axis=0)
    most = largest.max()
    raised = question.estimate - most
    np.exp(raised, out=raised)
    head = _likeliest(grid, largest, HEAD)
    exact = np.exp(_exact(catalogue, question, head) - most)
    rest = max(float(raised.sum()) - float(raised[head].sum()), 0.0)
    return float(most + np.log(rest + exact.sum()))


def _likeliest(grid: Array, largest: Array, n: int) -> NDArray[np.int64]:
    """The n candidates of the largest estimates and maybe more, fewer where there are fewer: as many reach the n-th largest of a part."""
    return _reaching(grid, largest, _nth(largest if 2 * n <= len(largest) else grid.ravel(), n))


def _reaching(
    grid: Array, largest: Array, floor: float, error: tuple[Rounded, Array] | None = None
) -> NDArray[np.int64]:
    """Places of candidates whose estimate, or what it may be out by more, reaches the floor."""
    floor = max(floor, float(OUT) / 2)
    if error is None:
        stripes = np.flatnonzero(largest >= floor)
        near = grid[:, stripes]
    else:
        rounded, by = error
        stripes = np.flatnonzero(largest + by @ rounded.farthest >= floor)
        near = grid[:, stripes] + np.tensordot(by, rounded.far[:, :, stripes], axes=1)
    row, column = np.nonzero(near >= floor)
    return np.asarray(row * grid.shape[1] + stripes[column], dtype=np.int64)


def _exact(catalogue: Catalogue, question: Question, places: NDArray[np.int64]) -> NDArray[np.float64]:
    return catalogue.exact(places, question.state, question.share, question.extra)


def _nth(values: NDArray[np.floating], n: int) -> float:
    """The n-th largest value, or the smallest where there are fewer."""
    place = max(len(values) - n, 0)
    return float(np.partition(values, place)[place])


def _lengths(rows: Array) -> Array:
    """Euclidean lengths of rows."""
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", rows, rows)), dtype=np.float32)
