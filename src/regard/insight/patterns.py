"""Patterns: which behaviours, gaps and categories drive an answer in a whole shop or in a group of its customers.

For a drawn sample, all of a customer's events of one kind are deleted together and the answer is asked again: of all views of lamps in
the last week, deleting one would leave the others to say the same. Beside what that moves stands how common the kind is, so that what
drives the answer is told apart from what merely happens often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.evaluation.intervals import estimate
from regard.insight.answer import Plain
from regard.insight.deletion import DELETION, LATEST, TAKEN_BACK, Effects, delete_groups
from regard.insight.explain_chance import Subject, answering
from regard.insight.shop import Shop
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged, spans

SAMPLE = 300
"""Customers drawn: with so many, a mean effect is known to about a seventeenth of its spread, and a shop of any size costs the same."""

LEAST = 10
"""Customers with such events below which a kind is not told: their mean says little."""

AGES = (1, 7, 30, 90, 365)
"""Days that part one age of an event from the next: a day, a week, a month, a quarter, a year."""

CATEGORY = "category:"
"""How the names of categories begin among the content features."""

PARTS = ("behaviour", "age", "category")
"""What kinds of events are told apart by."""


@dataclass(frozen=True, kw_only=True)
class Pattern(Plain):
    """What one kind of events does to the answer.

    Args:
        behaviour, category: of the events; None = any. days: how long ago they were, from and to, to None = longer; None = ever.
        effect: mean loss of the answer (log-odds, or the logarithm of money) without them, over the customers who have such events.
        interval: of the effect, 95 %, by bootstrap over customers. customers: who have such events.
        share: of the answer's whole movement among the kinds beside which it is told. events: share of the events.
        lift: share / events; above 1 it matters beyond being common.
    """

    behaviour: str | None
    days: tuple[int, int | None] | None
    category: str | None
    effect: float
    interval: tuple[float, float] | None
    customers: int
    share: float
    events: float
    lift: float


@dataclass(frozen=True, kw_only=True)
class Patterns(Plain):
    """What drives an answer in a group of customers.

    Args:
        of: what was asked about. segment: id; None = the whole shop.
        customers: drawn at random. among: of how many. events: of theirs that were looked at, the newest of each.
        behaviours, ages, categories: kinds of events by one of the three. together: by all three at once. Each the largest share first;
            ages are empty without a clock, categories where items have none.
        method: how effects were found. seed: of the draw and the intervals. model_version: id of the model.
    """

    of: str
    segment: str | None
    customers: int
    among: int
    events: int
    behaviours: tuple[Pattern, ...]
    ages: tuple[Pattern, ...]
    categories: tuple[Pattern, ...]
    together: tuple[Pattern, ...]
    method: str
    seed: int
    model_version: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kinds:
    """E events and what tells them apart.

    Args:
        rows: int64 [E] event rows. owner: int64 [E] customer. code: part -> int64 [E], -1 for none. names: part -> what codes are called.
    """

    rows: NDArray[np.int64]
    owner: NDArray[np.int64]
    code: dict[str, NDArray[np.int64]]
    names: dict[str, tuple[Any, ...]]


def patterns(
    shop: Shop, of: str, *, rows: NDArray[np.int64] | None = None, segment: str | None = None, seed: int = 0
) -> Patterns:
    """Which behaviours, gaps and categories drive an answer.

    Args:
        shop: the data and the model. of: such as 'intent_7d', 'churn_30d', 'value_90d'.
        rows: int64 [n] codes of the customers of `shop.log` who may be drawn; None = all. segment: what they are called.
        seed: of the draw and the intervals.

    Raises:
        UsageError: nothing like that is explained, or nobody can be asked about. ModelError: no model answers this.

    Source: occlusion of groups of features (Covert et al., Explaining by Removing, 2021).
    """
    subject = Subject.parse(of)
    answer = answering(shop, subject)
    among = _asked(shop, subject, rows)
    if not len(among):
        raise UsageError(f"there is no customer whose {of} could be explained", hint="ask for intent_7d")
    drawn = np.sort(np.random.default_rng(seed).permutation(among)[:SAMPLE])
    queries = shop.log.take(drawn)
    asof = shop.asof(queries)

    def ask(histories: Log, moments: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        return answer(histories, moments).astype(np.float32)[:, None]

    kinds = _kinds(shop, queries, asof)
    parts = [part for part in PARTS if len(kinds.names[part])]
    ways: list[tuple[str, ...]] = [*((part,) for part in parts), tuple(parts)]
    groups, offsets, cells = _cells(kinds, ways, len(queries))
    found = delete_groups(ask, queries, asof, groups, offsets)
    told = {way: _told(kinds, way, cells[way], found, seed) for way in ways}
    return Patterns(
        of=of,
        segment=segment,
        customers=len(drawn),
        among=len(among),
        events=len(kinds.rows),
        behaviours=told[("behaviour",)],
        ages=told.get(("age",), ()),
        categories=told.get(("category",), ()),
        together=told[ways[-1]],
        method=DELETION,
        seed=seed,
        model_version=shop.ranker.version if shop.ranker else None,
    )


def _asked(shop: Shop, subject: Subject, rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """int64 [n] codes of who can be asked about: with events, and for churn and value with a purchase."""
    there = shop.log.lengths > 0
    if subject.kind != "intent":
        there = np.zeros(len(shop.log), dtype=bool)
        there[shop.log.owner[shop.wanted]] = True
    every = np.arange(len(shop.log)) if rows is None else np.unique(rows[rows >= 0])
    return every[there[every]]


def _kinds(shop: Shop, queries: Log, asof: NDArray[np.int64]) -> _Kinds:
    size = np.minimum(queries.lengths, LATEST)
    rows = spans(queries.offsets[1:] - size, size)
    owner = queries.owner[rows]
    behaviours = queries.behaviours
    # What takes a deed back goes with it, as everywhere where events are deleted.
    deed = [TAKEN_BACK.get(name, name) for name in behaviours]
    same = np.array([behaviours.index(name) if name in behaviours else at for at, name in enumerate(deed)])
    ago = (asof[owner] - queries.time[rows]) / DAY
    clock = queries.clock == "clock"
    category, categories = _categories(shop)
    return _Kinds(
        rows=rows,
        owner=owner,
        code={
            "behaviour": same[queries.behaviour[rows]].astype(np.int64),
            "age": np.searchsorted(AGES, ago, side="left").astype(np.int64),
            "category": category[queries.item[rows]],
        },
        names={
            "behaviour": behaviours,
            "age": tuple(zip((0, *AGES), (*AGES, None), strict=True)) if clock else (),
            "category": categories,
        },
    )


def _categories(shop: Shop) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """int64 [V + 1], the first category of each item, -1 for none (and for no item at all, the last), and their names."""
    content = shop.content
    kept = [code for code, name in enumerate(content.names) if name.startswith(CATEGORY)]
    place = np.full(len(content.names) + 1, -1)
    place[kept] = np.arange(len(kept))
    features = content.features
    owner = np.repeat(np.arange(len(features)), features.lengths)
    told = place[features.values]
    first = np.full(len(features) + 1, -1)
    some = np.flatnonzero(told >= 0)[::-1]  # the first of an item is written last
    first[owner[some]] = told[some]
    return first, tuple(content.names[code].removeprefix(CATEGORY) for code in kept)


_Cells = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""int64 [C, P] codes of the kinds; and of every pair of customer and kind: int64 [n] kind, int64 [n] group that was deleted."""


def _cells(
    kinds: _Kinds, ways: list[tuple[str, ...]], customers: int
) -> tuple[Ragged, NDArray[np.int64], dict[tuple[str, ...], _Cells]]:
    """The groups of events to delete, customer by customer, their offsets, and which group stands for which kind.

    Kinds that are the same events of a customer are one group: it is asked once.
    """
    own: list[dict[bytes, int]] = [{} for _ in range(customers)]
    events: list[NDArray[np.int64]] = []
    owner_of: list[int] = []
    found: dict[tuple[str, ...], _Cells] = {}
    for way in ways:
        codes = np.stack([kinds.code[part] for part in way], axis=1)
        names, kind = np.unique(codes, axis=0, return_inverse=True)
        pairs, pair = np.unique(kinds.owner * len(names) + kind.ravel(), return_inverse=True)
        group = np.empty(len(pairs), dtype=np.int64)
        for at, (rows, customer) in enumerate(
            zip(Ragged.from_groups(pair, kinds.rows, len(pairs)), pairs // len(names), strict=True)
        ):
            known = own[customer]
            group[at] = known.setdefault(rows.tobytes(), len(events))
            if group[at] == len(events):
                events.append(rows)
                owner_of.append(int(customer))
        found[way] = (names, pairs % len(names), group)
    order = np.argsort(owner_of, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    groups = Ragged.of([events[at] for at in order])
    offsets = np.searchsorted(np.array(owner_of)[order], np.arange(customers + 1))
    return groups, offsets, {way: (names, kind, place[group]) for way, (names, kind, group) in found.items()}


def _told(kinds: _Kinds, way: tuple[str, ...], cells: _Cells, found: Effects, seed: int) -> tuple[Pattern, ...]:
    names, kind, group = cells
    effect = found.effect[group, 0].astype(np.float64)
    sums = np.abs(np.bincount(kind, effect, minlength=len(names)))
    events = np.bincount(kind, found.groups.lengths[group], minlength=len(names)) / len(kinds.rows)
    share = sums / max(float(sums.sum()), 1e-12)
    told = []
    for cell in np.argsort(-share, kind="stable"):
        own = effect[kind == cell]
        if len(own) < LEAST:
            continue
        called: dict[str, Any] = {
            part: kinds.names[part][code] if code >= 0 else ""
            for part, code in zip(way, names[cell].tolist(), strict=True)
        }
        mean = estimate(own, seed=seed)
        told.append(
            Pattern(
                behaviour=called.get("behaviour"),
                days=called.get("age"),
                category=called.get("category"),
                effect=mean.mean,
                interval=mean.interval,
                customers=len(own),
                share=float(share[cell]),
                events=float(events[cell]),
                lift=float(share[cell] / events[cell]),
            )
        )
    return tuple(told)
