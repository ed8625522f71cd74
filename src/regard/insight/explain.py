"""Explain: which of a customer's own events moved a recommendation, found by deleting them and asking again.

Deleting means scoring the same customer from a log without the event: positions, baskets, gaps, own counts and the
repeat pointer are recomputed, the shop's counts and the parameters stay. An effect is the difference of the item's
logit, with the event minus without.

For people, events are deleted in groups: all of one behaviour on one item together. Of three purchases of the same
lamp, deleting one leaves two and would hide the reason. What takes a deed back goes with it, and the group is named as
the deed: a return without its purchase is no reason, and only tells that there was a purchase.

`effects(..., grouped=False)` deletes one event at a time, as faithfulness is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.evaluation.edit import asof_of, without
from regard.insight import words
from regard.insight.answer import Plain, Reason
from regard.insight.candidates import own_items
from regard.insight.history import BASKET_BEHAVIOUR, deeds
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged, spans

LATEST = 200
"""Events looked at, from the newest back: older ones move little, and each costs one scoring."""

TAKEN_BACK = {"refund": "purchase", "remove_from_cart": "add_to_cart"}
"""What undoes a deed -> the deed; on one item they are one group."""

TRIFLE = 1e-4
"""An effect below this is rounding, not a reason; logits are in the single digits."""

BLOCK_EVENTS = 400_000
"""Events of edited histories held at a time: some 50 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """What each deletion did.

    Args:
        groups: G rows of event rows (of the asked log) that were deleted together, customer by customer, newest group
            first.
        effect: float32 [G, K], logit with the events minus logit without, for each of the customer's K items.
        offsets: int64 [Q + 1], the groups of customer q are offsets[q]:offsets[q + 1].
    """

    groups: Ragged
    effect: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def of(self, customer: int) -> tuple[Ragged, NDArray[np.float32]]:
        """The groups and the effects of one customer."""
        rows = np.arange(self.offsets[customer], self.offsets[customer + 1])
        return self.groups.take(rows), self.effect[rows]


def effects(
    ranker: Ranker,
    queries: Log,
    asof: int | NDArray[np.int64],
    items: NDArray[np.int64],
    *,
    grouped: bool = True,
    latest: int = LATEST,
) -> Effects:
    """Delete customers' events, one group at a time, and see what the items lose.

    Args:
        ranker: who scores. queries: the histories of Q customers, or of one.
        asof: int64 [Q] seconds. items: int64 [Q, K] codes of the queries' catalogue, -1 for none.
        grouped: all events of one behaviour on one item together; False = one event at a time.
        latest: events looked at, per customer.
    """
    asof, items = np.atleast_1d(np.asarray(asof, dtype=np.int64)), np.atleast_2d(items)
    groups, offsets = _groups(queries, grouped, latest)
    count = np.diff(offsets)
    # Each customer's history as it is, then as it is without each of the groups.
    owner = np.repeat(np.arange(len(queries)), 1 + count)
    whole = offsets[:-1] + np.arange(len(queries))
    gone = np.full(len(owner), -1, dtype=np.int64)
    deleted = np.ones(len(owner), dtype=bool)
    deleted[whole] = False
    gone[deleted] = np.arange(len(groups))
    scores = np.empty((len(owner), items.shape[1]), dtype=np.float32)
    block = np.cumsum(queries.lengths[owner]) // BLOCK_EVENTS
    for part in np.split(np.arange(len(owner)), np.flatnonzero(np.diff(block)) + 1):
        variants = _edited(queries, owner[part], groups, gone[part])
        _, first, customer = np.unique(owner[part], return_index=True, return_inverse=True)
        moment = asof_of(variants, asof[owner[part]])
        scores[part] = ranker.score_of(variants, moment, items[owner[part]], edition_of=first[customer])
    with np.errstate(invalid="ignore"):
        effect = np.repeat(scores[whole], count, axis=0) - scores[deleted]
    effect[np.isnan(effect)] = 0  # scored neither with the events nor without
    return Effects(groups=groups, effect=effect, offsets=offsets)


def _groups(queries: Log, grouped: bool, latest: int) -> tuple[Ragged, NDArray[np.int64]]:
    """Rows of event rows that go together, and the offsets of each customer's groups."""
    rows = spans(queries.offsets[:-1], queries.lengths)[::-1]
    age = queries.offsets[1:][queries.owner[rows]] - 1 - rows
    rows = rows[age < latest]
    rows = rows[np.argsort(queries.owner[rows], kind="stable")]  # by customer, newest first
    group = np.arange(len(rows))
    if grouped:
        names, deed, _ = deeds(queries, rows)
        same = np.array([_place(names, TAKEN_BACK.get(name, name), code) for code, name in enumerate(names)])
        key = queries.owner[rows] * len(names) + same[deed]
        key = key * (len(queries.items) + 1) + queries.item[rows] + 1
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        group = place[group]
    groups = Ragged.from_groups(group, rows, int(group.max(initial=-1)) + 1)
    owner = queries.owner[groups.values[groups.offsets[:-1]]]
    return groups, np.searchsorted(owner, np.arange(len(queries) + 1))


def _place(names: tuple[str, ...], name: str, otherwise: int) -> int:
    return names.index(name) if name in names else otherwise


def _edited(queries: Log, owner: NDArray[np.int64], groups: Ragged, gone: NDArray[np.int64]) -> Log:
    """A history per variant: that of customer `owner` without the events of group `gone`, or with all of them where it is -1."""
    variants = queries.take(owner)
    some = np.flatnonzero(gone >= 0)
    part = groups.take(gone[some])
    moved = np.repeat(variants.offsets[some] - queries.offsets[owner[some]], part.lengths)
    lost = np.zeros(variants.events, dtype=bool)
    lost[part.values + moved] = True
    return without(variants, lost)


@dataclass(frozen=True, kw_only=True, eq=False)
class Deletion:
    """An `evaluation.faithfulness.Explainer`: names events in the order in which people are told of them.

    Args:
        ranker: who scores. grouped: as in `effects`; a group's events stand together, the newest first.
    """

    ranker: Ranker
    grouped: bool = True

    def explain(self, queries: Log, asof: NDArray[np.int64], item: NDArray[np.int64]) -> Ragged:
        """Q rows of places in each history (0 = oldest event), the most important first.

        Args:
            queries: histories of Q customers. asof: int64 [Q] seconds. item: int64 [Q] code of the item to explain.
        """
        found = effects(self.ranker, queries, asof, item[:, None], grouped=self.grouped)
        named = []
        for customer in range(len(queries)):
            groups, effect = found.of(customer)
            rows = groups.take(np.argsort(-effect[:, 0], kind="stable")).values
            named.append(rows - queries.offsets[customer])
        return Ragged.of(named)


def why(
    shop: Shop,
    queries: Log,
    asof: NDArray[np.int64],
    items: Sequence[NDArray[np.int64]],
    *,
    most: int = 3,
    share: float = 0.1,
) -> list[list[tuple[Reason, ...]]]:
    """The events that speak most for each item of each customer, in words.

    Args:
        shop: names, language and ranker. queries: the histories of Q customers. asof: int64 [Q] seconds.
        items: Q arrays of codes. most: reasons per item.
        share: a reason must move the item at least this share of what the first one does: a list of trifles explains
            nothing.

    Returns:
        For each customer one tuple per item, strongest first; empty where no event of the customer's speaks for it.
    """
    if shop.ranker is None:
        return [[()] * len(own) for own in items]
    wide = np.full((len(queries), max((len(own) for own in items), default=0)), -1, dtype=np.int64)
    for row, own in enumerate(items):
        wide[row, : len(own)] = own
    found = effects(shop.ranker, queries, asof, wide)
    told = []
    for customer, own in enumerate(items):
        groups, effect = found.of(customer)
        told.append(
            [
                _spoken(shop, queries, int(asof[customer]), groups, effect[:, column], int(item), most, share)
                for column, item in enumerate(own)
            ]
        )
    return told


def _spoken(
    shop: Shop, queries: Log, asof: int, groups: Ragged, effect: NDArray[np.float32], item: int, most: int, share: float
) -> tuple[Reason, ...]:
    best = np.argsort(-effect, kind="stable")[:most]
    floor = max(TRIFLE, share * float(effect.max(initial=0.0)))
    named = [_deed(shop, queries, asof, groups[g], float(effect[g]), item) for g in best if effect[g] >= floor]
    return tuple(replace(deed, text=words.because(deed.text, shop.language)) for deed in named)


def _deed(shop: Shop, query: Log, asof: int, rows: NDArray[np.int64], effect: float, itself: int) -> Reason:
    """What was done, in words; the item asked about is only 'it'. What was told with the question has no date."""
    names, deed, told = deeds(query, rows)
    kept = np.array([name not in TAKEN_BACK for name in names])[deed]
    if kept.any():
        rows, deed, told = rows[kept], deed[kept], told[kept]
    newest = int(rows.argmax())
    last = int(rows[newest])
    behaviour = names[deed[newest]]
    item = query.items.id(int(query.item[last])) if query.item[last] >= 0 else None
    dated = query.clock == "clock" and not told[newest]
    when = words.local(int(query.time[last]), query.time_zone) if dated else None
    said = words.day(when, words.local(asof, query.time_zone), shop.language) if when else ""
    name = shop.name(item) if item else ""
    label = words.it(shop.language) if query.item[last] == itself else name or item or ""
    times = len(np.unique(query.basket[rows]))
    in_basket = told[newest] and item is not None and behaviour == BASKET_BEHAVIOUR
    return Reason(
        text=words.lies_there(label, shop.language)
        if in_basket
        else words.event(behaviour, label, times, said, shop.language),
        kind="event",
        effect=effect,
        behaviour=behaviour,
        item=item,
        name=name or None,
        time=when.isoformat() if when else None,
        times=times,
    )


@dataclass(frozen=True, kw_only=True)
class Explanation(Plain):
    """Why one item stands where it does for one customer.

    Args:
        customer, item, name: what was asked about.
        rank: the item's place among all candidates, from 1; None where it is no candidate.
        score: its score. reasons: the events that move it most, for it or against it, largest effect first.
        exclude: the rule used. model_version: id of the model, None for counting.
    """

    customer: str
    item: str
    name: str
    rank: int | None
    score: float
    reasons: tuple[Reason, ...]
    exclude: str
    model_version: str | None


def explain(shop: Shop, customer: str, item: str, *, n: int = 10, exclude: str = "") -> Explanation:
    """The events that move one item most for one known customer, also those that speak against it.

    Args:
        shop: the data and the ranker. customer: id. item: id. n: events (groups, see above) named.
        exclude: as in `recommend`.

    Raises:
        UsageError: the customer has no events, the item is unknown, or the model has never seen it; or it is '', which
            stands for the first of an empty list of recommendations.
    """
    code = shop.log.customers.code(customer)
    if code < 0 or shop.ranker is None or shop.log.lengths[code] == 0:
        raise UsageError(
            f"nothing is known of customer '{customer}'", hint="regard recommend answers with what is popular"
        )
    if not item:
        raise UsageError(
            f"nothing is left to recommend to customer '{customer}'", hint="name an item, or ask with exclude none"
        )
    column = shop.codes([item])
    if not shop.log.merchandise[column[0]]:
        raise UsageError(f"'{item}' is not merchandise and never recommended", hint="regard doctor says why")
    query = shop.log.take(np.array([code]))
    asof = shop.asof(query)
    scores = shop.ranker.score(query, asof)[0]
    if not np.isfinite(scores[column[0]]):
        raise UsageError(f"the model has never seen item '{item}'", hint="regard train learns from the newest events")
    rule = shop.exclude(exclude)
    allowed = shop.log.merchandise.copy()
    allowed[own_items(query, shop.target, rule)[1]] = False
    found = effects(shop.ranker, query, int(asof[0]), column)
    size = np.abs(found.effect[:, 0])
    best = [group for group in np.argsort(-size, kind="stable")[:n] if size[group] > TRIFLE]
    return Explanation(
        customer=customer,
        item=item,
        name=shop.name(item),
        rank=1 + int((scores[allowed] > scores[column[0]]).sum()) if allowed[column[0]] else None,
        score=float(scores[column[0]]),
        reasons=tuple(
            _deed(shop, query, int(asof[0]), found.groups[g], float(found.effect[g, 0]), int(column[0])) for g in best
        ),
        exclude=rule,
        model_version=shop.ranker.version,
    )
