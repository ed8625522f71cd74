"""Segments that stay who they are when the model is refitted, and a log of those that do not.

A refitted encoder turns and stretches its space, so cluster numbers and even centroids of two fits mean nothing to each
other. Here the new states are brought onto the former ones by the customers that both fits know, with the linear map
that fits them best, shrunk towards a mere turn (orthogonal Procrustes, Schönemann 1966) where they are few, and with
the spread they had (optimal transport between Gaussians). Everybody is then assigned to the former centroids.

Two trainings also place the same history a little differently, and whoever lies near a border would cross it for nothing.
Of a customer without a new event there are two measurements of one place, so they are assigned by the mean of both, whose
error has half the variance; whoever did something is where the new model sees them. No rule holds anybody in a segment.

Whether the segments are still there is asked as when they were found: other samples of the customers, clustered into as
many, find them again or not (bootstrap Jaccard). A fresh search would not tell, for it may choose another number of
clusters that says as much. Where most customers lie in segments that have dissolved or hold other customers than they
did, or the two spaces cannot be compared, clusters are searched for afresh and matched one to one by overlap (the
Hungarian method on Jaccard); what survives, splits, merges, ends and is new is told apart as in MONIC (Spiliopoulou et
al. 2006).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from regard.customers.segments.clusters import Clusters, Settings, cluster, jaccard, overlap, proven
from regard.customers.segments.moves import ABSENT, NOWHERE, Moves
from regard.customers.segments.people import People
from regard.customers.segments.space import Space, unit
from regard.insight.answer import Plain
from regard.sequences.vocabulary import Vocabulary

SAME = 0.5
"""Jaccard above which two clusters are the same, and share of a cluster that makes it come from another: no two can be
above. Hennig calls a cluster dissolved at or below it.
"""

ANCHORS = 2
"""Common customers per width of a state, below which two spaces cannot be told how they are turned."""

FORMER = 0.5
"""Weight of the former place of a customer without a new event: trainings err alike, and the mean of two foretold best
where a third one placed customers of Online Retail, in weeks before those that are reported.
"""

Kind = Literal["kept", "new", "ended", "split", "merged"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """The segments of one fit.

    Args:
        ids: S ids, 's1', 's2' ...; an id is never used twice.
        number: ids given so far.
        space, centroids: where the segments lie; centroids float32 [K, P], those of the S segments first, then those
            of clusters that are not offered.
        stability: float64 [S], mean bootstrap Jaccard when the segment was last looked for.
        customers: ids of N customers.
        states: float32 [N, D], of the latest model alone, brought into the space of the fit in which the clusters were
            found.
        label: int64 [N], segment of each customer, -1 for none.
    """

    ids: tuple[str, ...]
    number: int
    space: Space
    centroids: NDArray[np.float32]
    stability: NDArray[np.float64]
    customers: Vocabulary
    states: NDArray[np.float32]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, customers: list[str]) -> list[str | None]:
        """The segment of each customer, None for none."""
        place = np.append(self.label, NOWHERE)[self.customers.codes(customers)]
        return [self.ids[at] if at >= 0 else None for at in place.tolist()]


@dataclass(frozen=True, kw_only=True)
class Change(Plain):
    """What became of a segment.

    Args:
        kind: 'kept', 'new', 'ended', 'split' or 'merged'. before, after: the ids it concerns.
        jaccard: of a segment that is kept, with what it was, over the customers in both fits; None for the other kinds.
    """

    kind: Kind
    before: tuple[str, ...]
    after: tuple[str, ...]
    jaccard: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Refit:
    """What a refit did.

    Args:
        segments: those that hold from now on.
        renewed: whether fresh clusters took over from the former centroids.
        log: what became of each segment.
        moves: of this fit's customers, since the fit before.
        stayed: share of the customers without a new event that are where they were, NaN where there are none.
    """

    segments: Segments
    renewed: bool
    log: tuple[Change, ...]
    moves: Moves
    stayed: float


def found(people: People, settings: Settings | None = None, *, number: int = 0) -> Segments:
    """The first segments of a shop.

    Args: people: with states. settings: of `cluster`. number: ids given before, which are not given again.

    Raises:
        UsageError: as `cluster`.
    """
    clusters = cluster(people.states, settings)
    ids = tuple(f"s{number + place}" for place in range(1, clusters.offered + 1))
    return _segments(clusters, ids, number + len(ids), people.customers, unit(people.states))


def refit(
    former: Segments, people: People, *, unchanged: NDArray[np.bool_] | None = None, settings: Settings | None = None
) -> Refit:
    """The segments of a refitted model, with the ids of the former ones.

    Args:
        former: of the fit before. people: with states of the fit after.
        unchanged: bool [N], customers without an event since; they tell how the space was turned, are assigned by both
            places, and whether they stay is counted. None = unknown: everybody tells, and only the new place counts.
        settings: of `cluster`.

    Raises:
        UsageError: as `cluster`, where clusters are searched for afresh.
    """
    how = settings or Settings()
    same = np.ones(len(people), dtype=bool) if unchanged is None else unchanged
    before = former.customers.codes(people.customers.ids.to_pylist())
    known = same & (before >= 0)
    held = _held(former, people, np.where(known, before, -1), how, former_counts=unchanged is not None)
    if held is None or _lost(held, alike := _alike(former, held, before, known)):
        segments, log = _renewed(former, before, cluster(people.states, how), people)
    else:
        segments = held
        log = tuple(
            Change(kind="kept", before=(name,), after=(name,), jaccard=float(value))
            for name, value in zip(held.ids, alike, strict=True)
        )
    was = np.where(before >= 0, former.label[before], ABSENT)
    return Refit(
        segments=segments,
        renewed=segments is not held,
        log=log,
        moves=Moves.of(former.ids, segments.ids, was, segments.label),
        stayed=_stayed(former, segments, was[known], segments.label[known]),
    )


def _held(
    former: Segments, people: People, anchor: NDArray[np.int64], how: Settings, *, former_counts: bool
) -> Segments | None:
    """The former segments with the customers of today; None where the two spaces cannot be compared.

    Args:
        anchor: int64 [N], each customer's row of the former fit, -1 for who tells nothing of how the space turned.
        former_counts: whether those who tell are assigned by their former place as well.
    """
    width = former.states.shape[1]
    if people.states.shape[1] != width or (anchor >= 0).sum() < ANCHORS * width:
        return None
    states = brought(former, people.states, anchor)
    places = states.copy()
    if former_counts:
        quiet = anchor >= 0
        places[quiet] += FORMER * (former.states[anchor[quiet]] - states[quiet])
    label, stability = proven(former.space, former.centroids, places, how, np.random.default_rng(how.seed))
    return replace(
        former, customers=people.customers, states=states, stability=stability[: len(former)],
        label=np.where(label < len(former), label, NOWHERE),
    )  # fmt: skip


def _alike(
    former: Segments, held: Segments, before: NDArray[np.int64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Jaccard of each held segment with what it was, over the customers who tell (bool [N]), float64 [S]."""
    return np.diag(jaccard(former.label[before[known]], held.label[known], len(former), len(held)))


def _lost(held: Segments, alike: NDArray[np.float64]) -> bool:
    """Whether most customers lie in segments that are dissolved or others than they were; so are those of nobody."""
    size = np.bincount(held.label[held.label >= 0], minlength=len(held))
    there = np.minimum(held.stability, alike) > SAME
    return bool(size[there].sum() <= SAME * size.sum())


def brought(former: Segments, states: NDArray[np.float32], anchor: NDArray[np.int64]) -> NDArray[np.float32]:
    """States of length one, float32 [N, D], brought onto those of the former fit.

    Args: former: the fit before. states: float32 [N, D], as wide. anchor: int64 [N], row of the former fit, -1 for none.
    """
    anchors = np.flatnonzero(anchor >= 0)
    whole = unit(states).astype(np.float64)
    new, old = whole[anchors], former.states[anchor[anchors]].astype(np.float64)
    centre, target = new.mean(axis=0), old.mean(axis=0)
    new, old = new - centre, old - target
    square = new.T @ new
    rotation, total = linalg.orthogonal_procrustes(new, old)
    turn = rotation * total / max(float(np.trace(square)), 1e-12)
    prior = max(float(np.trace(square)) / len(new), 1e-12) * np.eye(len(square))  # as much as D customers say
    bring = linalg.solve(square + prior, new.T @ old + prior @ turn, assume_a="pos")
    # A fit shrinks what it is unsure of, and week upon week that would add up: the spread of the former is given back.
    spread = bring.T @ square @ bring
    there, back, here = _root(spread, 0.5), _root(spread, -0.5), old.T @ old
    bring = bring @ back @ _root(there @ here @ there, 0.5) @ back
    return np.asarray((whole - centre) @ bring + target, dtype=np.float32)


def _root(square: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """A power of a symmetric matrix float64 [D, D] without negative eigenvalues; those near zero count as small."""
    size, axes = linalg.eigh(square)
    size = np.maximum(size, max(1e-6 * float(size[-1]), 1e-12))
    return np.asarray((axes * size**power) @ axes.T, dtype=np.float64)


def _segments(
    clusters: Clusters, ids: tuple[str, ...], number: int, customers: Vocabulary, states: NDArray[np.float32]
) -> Segments:
    return Segments(
        ids=ids, number=number, space=clusters.space, centroids=clusters.centroids,
        stability=clusters.stability[: clusters.offered], customers=customers, states=states, label=clusters.label,
    )  # fmt: skip


def _renewed(
    former: Segments, before: NDArray[np.int64], fresh: Clusters, people: People
) -> tuple[Segments, tuple[Change, ...]]:
    """The fresh clusters, each with the id of the former segment that it is most like, or a new one."""
    known = np.flatnonzero(before >= 0)
    was, now = former.label[before[known]], fresh.label[known]
    alike = jaccard(was, now, len(former), fresh.offered)
    pairs = np.stack(optimize.linear_sum_assignment(-alike), axis=1).tolist()
    heir = {new: old for old, new in pairs if alike[old, new] > SAME}
    number, ids = former.number, []
    for new in range(fresh.offered):
        number += new not in heir
        ids.append(former.ids[heir[new]] if new in heir else f"s{number}")
    segments = _segments(fresh, tuple(ids), number, people.customers, unit(people.states))
    return segments, tuple(_changes(former.ids, segments.ids, overlap(was, now, len(former), fresh.offered), alike))


def _changes(
    before: tuple[str, ...], after: tuple[str, ...], both: NDArray[np.int64], alike: NDArray[np.float64]
) -> list[Change]:
    """What became of each segment. both: int64 [S0, S1] common customers. alike: float64 [S0, S1] Jaccard."""
    comes = both > SAME * both.sum(axis=0, keepdims=True)
    goes = both > SAME * both.sum(axis=1, keepdims=True)
    log = [
        Change(kind="kept", before=(name,), after=(name,), jaccard=float(alike[before.index(name), after.index(name)]))
        for name in after
        if name in before
    ]
    log += [
        Change(kind="split", before=(before[old],), after=tuple(after[new] for new in np.flatnonzero(comes[old])))
        for old in np.flatnonzero(comes.sum(axis=1) > 1)
    ]
    log += [
        Change(kind="merged", before=tuple(before[old] for old in np.flatnonzero(goes[:, new])), after=(after[new],))
        for new in np.flatnonzero(goes.sum(axis=0) > 1)
    ]
    log += [Change(kind="ended", before=(name,), after=()) for name in before if name not in after]
    return log + [Change(kind="new", before=(), after=(name,)) for name in after if name not in before]


def _stayed(former: Segments, segments: Segments, was: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Share of the customers whose id is the same; to be in no segment is a place of its own."""
    if not len(was):
        return float("nan")
    place = {name: at for at, name in enumerate(segments.ids)}
    same = np.array([place.get(name, ABSENT) for name in former.ids] + [NOWHERE])
    return float((same[was] == now).mean())
