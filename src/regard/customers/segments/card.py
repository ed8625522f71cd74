"""Cards: what a segment is, how it moves, who is in it and what it suits, for clusters, rules and RFM cells alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments import words
from regard.customers.segments.identity import Refit
from regard.customers.segments.naming import Name, names
from regard.customers.segments.people import People
from regard.customers.segments.tgi import Index, Traits, table
from regard.errors import UsageError
from regard.insight.answer import Plain

FEW = 30
"""Customers below which a segment's shares and means carry a warning: 95 % bounds of a share are then 18 points wide."""

EXAMPLES = 3
"""Members shown on a card, and reasons each."""


@dataclass(frozen=True, kw_only=True)
class Member(Plain):
    """Args: customer: id. reasons: what this one has that the segment has more of than everybody, strongest first."""

    customer: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Flow(Plain):
    """Args: segment: id, None for no segment; 'new' for customers who were not there. customers: how many moved."""

    segment: str | None
    customers: int


@dataclass(frozen=True, kw_only=True)
class Card(Plain):
    """One segment.

    Args:
        id: stable. name: in the language asked for.
        size: customers. share: of all that may be looked at.
        value: their money. value_share: of everybody's. value_each: money a customer; None where unknown.
        growth: size beside the fit before, .1 = a tenth more; None where there is no fit before.
        flows_in, flows_out: since the fit before, largest first.
        stability: bootstrap Jaccard, None for what is no cluster.
        over_indexes: the TGI table. examples: members. use: what it suits. warnings: one line each.
    """

    id: str
    name: str
    size: int
    share: float
    value: float | None
    value_share: float | None
    value_each: float | None
    growth: float | None
    flows_in: tuple[Flow, ...]
    flows_out: tuple[Flow, ...]
    stability: float | None
    over_indexes: tuple[Index, ...]
    examples: tuple[Member, ...]
    use: str
    warnings: tuple[str, ...]


def cards(
    people: People,
    label: NDArray[np.int64],
    ids: Sequence[str],
    *,
    traits: Traits | None = None,
    called: Sequence[Name] | None = None,
    stability: NDArray[np.float64] | None = None,
    bar: float = 0.85,
    refit: Refit | None = None,
    language: str = "en",
) -> tuple[Card, ...]:
    """A card for each segment, in the order of the ids.

    Args:
        people: N customers. label: int64 [N], place in `ids`, -1 for none. ids: S of them.
        traits: of the same people; None = made here. called: S names, such as those a segment had before; None = new.
        stability: float64 [S]. bar: stability below which a card warns.
        refit: since the fit before, of the same ids. language: 'en' or 'zh'.

    Raises:
        UsageError: the labels are not of these customers.
    """
    if len(label) != len(people):
        raise UsageError(f"there are {len(label)} labels, but {len(people)} customers")
    traits = traits or Traits.of(people)
    tables = table(traits, label, len(ids))
    spending = spent(people.value, label, len(ids))
    called = called or names(traits, label, len(ids), spending=spending)
    made = []
    for place, name in enumerate(ids):
        rows = np.flatnonzero(label == place)
        money = people.value[rows]
        known, whole = np.isfinite(money).any(), float(np.nansum(people.value))
        growth, flows_in, flows_out = _moved(refit, name, len(rows))
        steady = None if stability is None else float(stability[place])
        made.append(
            Card(
                id=name, name=called[place].in_(language), size=len(rows), share=len(rows) / max(len(people), 1),
                value=float(np.nansum(money)) if known else None,
                value_share=float(np.nansum(money)) / whole if known and whole else None,
                value_each=float(np.nanmean(money)) if known else None,
                growth=growth, flows_in=flows_in, flows_out=flows_out, stability=steady,
                over_indexes=tables[place], examples=members(people, traits, rows, tables[place], language=language),
                use=words.use(
                    float(spending[place]), float("nan") if growth is None else growth,
                    tables[place][0].level if tables[place] else "", language,
                ),
                warnings=(
                    *((words.few(len(rows), FEW, language),) if len(rows) < FEW else ()),
                    *((words.unstable(steady, bar, language),) if steady is not None and steady < bar else ()),
                ),
            )
        )  # fmt: skip
    return tuple(made)


def members(
    people: People,
    traits: Traits,
    rows: NDArray[np.int64],
    over_indexes: Sequence[Index],
    *,
    most: int = EXAMPLES,
    language: str = "en",
) -> tuple[Member, ...]:
    """Members with reasons, those who have most of what the segment over-indexes in first.

    Args:
        people, traits: of N customers. rows: int64 [M], who may be shown. over_indexes: of the segment.
        most: members. language: 'en' or 'zh'.
    """
    if not len(rows):
        return ()
    has, tgi = _held(traits, rows, over_indexes)
    order = np.argsort(-(has @ np.log(np.maximum(tgi, 1) / 100)), kind="stable")[:most]
    told = reasons(traits, rows[order], over_indexes, language=language)
    return tuple(
        Member(customer=people.customers.id(int(row)), reasons=said)
        for row, said in zip(rows[order], told, strict=True)
    )


def reasons(
    traits: Traits, rows: NDArray[np.int64], over_indexes: Sequence[Index], *, language: str = "en"
) -> list[tuple[str, ...]]:
    """What each of some customers has of what a segment over-indexes in, strongest first.

    Args: traits: of N customers. rows: int64 [M]. over_indexes: of the segment. language: 'en' or 'zh'.
    """
    has, tgi = _held(traits, rows, over_indexes)
    order = np.argsort(-tgi, kind="stable").tolist()
    lines = [words.trait(index.field, index.level, index.tgi, language) for index in over_indexes]
    return [tuple([lines[at] for at in order if held[at]][:EXAMPLES]) for held in has]


def _held(
    traits: Traits, rows: NDArray[np.int64], over_indexes: Sequence[Index]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Which of R over-indexing traits each customer has, float32 [M, R], and their TGI, float64 [R]."""
    columns = np.array([traits.place[index.field, index.level] for index in over_indexes], dtype=np.int64)
    tgi = np.array([index.tgi for index in over_indexes], dtype=np.float64)
    return np.asarray(traits.has[rows][:, columns].toarray(), dtype=np.float32), tgi


def spent(value: NDArray[np.float64], label: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Money a customer of each group beside everybody's mean, float64 [S]; NaN where unknown.

    >>> spent(np.array([30.0, 10, np.nan, 20]), np.array([0, 1, 1, -1]), 2).tolist()
    [1.5, 0.5]
    """
    known = np.isfinite(value)
    rows = np.flatnonzero(known & (label >= 0))
    total = np.bincount(label[rows], weights=value[rows], minlength=groups)
    count = np.bincount(label[rows], minlength=groups)
    mean = float(value[known].mean()) if known.any() else 0.0
    out = np.full(groups, np.nan)
    np.divide(total, count * mean, out=out, where=(count > 0) & (mean > 0))
    return out


def _moved(refit: Refit | None, name: str, size: int) -> tuple[float | None, tuple[Flow, ...], tuple[Flow, ...]]:
    """Growth, flows in and flows out of the segment `name`."""
    if refit is None or name not in refit.segments.ids:
        return None, (), ()
    rows: list[str | None] = [*refit.former, None, "new"]
    columns: list[str | None] = [*refit.segments.ids, None]
    into = _flows(rows, refit.flows[:, columns.index(name)], name)
    if name not in rows:
        return None, into, ()
    leaving = refit.flows[rows.index(name)]
    before = int(leaving.sum())
    return (size / before - 1 if before else None), into, _flows(columns, leaving, name)


def _flows(ends: Sequence[str | None], customers: NDArray[np.int64], name: str) -> tuple[Flow, ...]:
    order = np.argsort(-customers, kind="stable").tolist()
    return tuple(
        Flow(segment=ends[at], customers=int(customers[at])) for at in order if customers[at] and ends[at] != name
    )
