"""Cards: what a segment is, how it moves, who is in it and what it suits, for clusters, rules and RFM cells alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.customers.segments import words
from regard.customers.segments.moves import Flow, Moves
from regard.customers.segments.naming import SPOKEN, Name, names
from regard.customers.segments.people import People
from regard.customers.segments.tgi import Index, Traits, table
from regard.customers.segments.timelines import Occasion, Told
from regard.errors import UsageError
from regard.insight.answer import Plain

FEW = 30
"""Customers below which a segment's shares and means carry a warning: 95 % bounds of a share are then 18 points wide."""

EXAMPLES = 3
"""Members shown on a card, and reasons each."""


@dataclass(frozen=True, kw_only=True)
class Member(Plain):
    """Somebody of a segment.

    Args:
        customer: id. reasons: what this one has that the segment has more of than everybody, surest first.
        timeline: what she did lately, newest first; empty where nobody tells.
    """

    customer: str
    reasons: tuple[str, ...]
    timeline: tuple[Occasion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Card(Plain):
    """One segment.

    Args:
        id: stable. name: in the language asked for. rule: by which it is defined; None for clusters.
        size: customers. share: of all that may be looked at.
        value: their money. value_share: of everybody's. value_each: money a customer; None where unknown.
        growth: size beside the fit before, .1 = a tenth more; None where there is no fit before.
        flows_in, flows_out: since the fit before, largest first.
        stability: bootstrap Jaccard, None for what is no cluster.
        over_indexes: the TGI table. examples: members. use: what it suits. warnings: one line each.
    """

    id: str
    name: str
    rule: str | None
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
    rules: Sequence[str] | None = None,
    but: Collection[str] = (),
    stability: NDArray[np.float64] | None = None,
    bar: float = 0.85,
    moves: Moves | None = None,
    told: Told | None = None,
    language: str = "en",
) -> tuple[Card, ...]:
    """A card for each segment, in the order of the ids.

    Args:
        people: N customers. label: int64 [N], place in `ids`, -1 for none. ids: S of them.
        traits: of the same people; None = made here. called: S names, such as those a segment had before; None = new.
        rules: S texts, of what is defined by rules. but: fields of which nothing is told, such as those.
        stability: float64 [S]. bar: stability below which a card warns.
        moves: since the segments were last looked at, to the same ids. told: tells what an example did lately.
        language: 'en' or 'zh'.

    Raises:
        UsageError: the labels are not of these customers.
    """
    if len(label) != len(people):
        raise UsageError(f"there are {len(label)} labels, but {len(people)} customers")
    traits = traits or Traits.of(people)
    tables = table(traits, label, len(ids), but=but)
    spending = spent(people.value, label, len(ids))
    called = called or names(traits, label, len(ids), spending=spending)
    whole = float(np.nansum(people.value))
    made = []
    for place, name in enumerate(ids):
        rows = np.flatnonzero(label == place)
        money = people.value[rows][np.isfinite(people.value[rows])]
        growth = moves.growth(name) if moves else None
        steady = None if stability is None else float(stability[place])
        made.append(
            Card(
                id=name, name=called[place].in_(language), rule=rules[place] if rules else None,
                size=len(rows), share=len(rows) / max(len(people), 1),
                value=float(money.sum()) if len(money) else None,
                value_share=float(money.sum()) / whole if len(money) and whole else None,
                value_each=float(money.mean()) if len(money) else None,
                growth=growth, flows_in=moves.into(name) if moves else (), flows_out=moves.out_of(name) if moves else (),
                stability=steady, over_indexes=tables[place],
                examples=members(people, traits, rows, tables[place], told=told, language=language),
                use=words.use(
                    float(spending[place]), float("nan") if growth is None else growth,
                    _liked(tables[place]), language,
                ),
                warnings=(
                    *((words.few(len(rows), FEW, language),) if len(rows) < FEW else ()),
                    *((words.unstable(steady, bar, language),) if steady is not None and steady < bar else ()),
                ),
            )
        )  # fmt: skip
    return tuple(made)


def _liked(over_indexes: Sequence[Index]) -> str:
    """What can be shown to a segment: the surest word of items that it has more of; '' for none."""
    told = (index.level.rsplit(" > ", 1)[-1] for index in over_indexes if index.field in SPOKEN)
    return next(told, "")


def members(
    people: People,
    traits: Traits,
    rows: NDArray[np.int64],
    over_indexes: Sequence[Index],
    *,
    most: int = EXAMPLES,
    told: Told | None = None,
    language: str = "en",
) -> tuple[Member, ...]:
    """Members with reasons, those who have most of what the segment over-indexes in first.

    Args:
        people, traits: of N customers. rows: int64 [M], who may be shown. over_indexes: of the segment.
        most: members. told: tells what each did lately. language: 'en' or 'zh'.
    """
    has = _held(traits, rows, over_indexes)
    tgi = np.array([index.tgi for index in over_indexes], dtype=np.float64)
    order = np.argsort(-(has @ np.log(np.maximum(tgi, 1) / 100)), kind="stable")[:most]
    said = reasons(traits, rows[order], over_indexes, language=language)
    return tuple(
        Member(customer=name, reasons=why, timeline=told(name) if told else ())
        for name, why in zip(people.customers.names(rows[order]), said, strict=True)
    )


def reasons(
    traits: Traits, rows: NDArray[np.int64], over_indexes: Sequence[Index], *, language: str = "en"
) -> list[tuple[str, ...]]:
    """What each of some customers has of what a segment over-indexes in, surest first.

    Args: traits: of N customers. rows: int64 [M]. over_indexes: of the segment, surest first. language: 'en' or 'zh'.
    """
    lines = [words.reason(index.field, index.level, index.tgi, language) for index in over_indexes]
    has = _held(traits, rows, over_indexes)
    return [tuple([lines[at] for at in np.flatnonzero(held)[:EXAMPLES]]) for held in has]


def _held(traits: Traits, rows: NDArray[np.int64], over_indexes: Sequence[Index]) -> NDArray[np.float32]:
    """Which of R over-indexing traits each customer has, float32 [M, R]."""
    columns = np.array([traits.place[index.field, index.level] for index in over_indexes], dtype=np.int64)
    return np.asarray(traits.has[rows][:, columns].toarray(), dtype=np.float32)


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
