"""Explain: which of a customer's own events moved a recommendation, found by deleting them and asking again.

Deleting means scoring the same customer from a log without the event: positions, baskets, gaps, own counts and the
repeat pointer are
recomputed, the shop's counts and the parameters stay. An effect is the difference of the item's logit, with the event
minus without.

For people, events are deleted in groups: all of one behaviour on one item together. Of three purchases of the same
lamp, deleting one
leaves two and would hide the reason. `effects(..., grouped=False)` deletes one event at a time, as faithfulness is
measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.evaluation.edit import asof_of, without
from regard.insight import words
from regard.insight.answer import Reason, plain
from regard.insight.candidates import own_items
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

LATEST = 200
"""Events looked at, from the newest back: older ones move little, and each costs one scoring."""

TRIFLE = 1e-4
"""An effect below this is rounding, not a reason; logits are in the single digits."""

BLOCK_CELLS = 8_000_000
"""Scores held at a time (variants x items): 32 MB of float32."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """What each deletion did.

    Args:
        groups: G rows of event rows (of the asked log) that were deleted together, newest group first.
        effect: float32 [G, K], logit with the events minus logit without, for each of the K items.
    """

    groups: Ragged
    effect: NDArray[np.float32]


def effects(
    ranker: Ranker, query: Log, asof: int, items: NDArray[np.int64], *, grouped: bool = True, latest: int = LATEST
) -> Effects:
    """Delete one customer's events, one group at a time, and see what the items lose.

    Args:
        ranker: who scores. query: the log of one customer. asof: seconds.
        items: int64 [K] codes of the query's catalogue.
        grouped: all events of one behaviour on one item together; False = one event at a time.
        latest: events looked at.
    """
    rows = np.arange(query.events)[::-1][:latest]
    if grouped:
        key = query.behaviour[rows].astype(np.int64) * (len(query.items) + 1) + query.item[rows] + 1
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        groups = Ragged.from_groups(place[group], rows, len(first))
    else:
        groups = Ragged.from_groups(np.arange(len(rows)), rows, len(rows))
    return Effects(groups=groups, effect=_scored(ranker, query, asof, items, groups))


def _scored(ranker: Ranker, query: Log, asof: int, items: NDArray[np.int64], groups: Ragged) -> NDArray[np.float32]:
    base = ranker.score(query, np.array([asof], dtype=np.int64))[0, items]
    drop = np.empty((len(groups), len(items)), dtype=np.float32)
    size = max(1, min(256, BLOCK_CELLS // max(len(query.items), 1)))
    for start in range(0, len(groups), size):
        part = groups.take(np.arange(start, min(start + size, len(groups))))
        keep = np.ones((len(part), query.events), dtype=bool)
        keep[np.repeat(np.arange(len(part)), part.lengths), part.values] = False
        variants = without(query.take(np.zeros(len(part), dtype=np.int64)), ~keep.ravel())
        asofs = asof_of(variants, np.full(len(part), asof, dtype=np.int64))
        drop[start : start + len(part)] = base - ranker.score(variants, asofs)[:, items]
    return drop


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
        named = []
        for row in range(len(queries)):
            found = effects(
                self.ranker, queries.take(np.array([row])), int(asof[row]), item[row : row + 1], grouped=self.grouped
            )
            named.append(found.groups.take(np.argsort(-found.effect[:, 0], kind="stable")).values)
        return Ragged.of(named)


def why(
    shop: Shop, query: Log, asof: int, items: NDArray[np.int64], *, most: int = 3, share: float = 0.1
) -> list[tuple[Reason, ...]]:
    """The events that speak most for each item, in words.

    Args:
        shop: names, language and ranker. query: the log of one customer. asof: seconds.
        items: int64 [K] codes. most: reasons per item.
        share: a reason must move the item at least this share of what the first one does: a list of trifles explains
            nothing.

    Returns:
        K tuples, strongest first; empty where no event of the customer's speaks for the item.
    """
    if shop.ranker is None or query.events == 0:
        return [()] * len(items)
    found = effects(shop.ranker, query, asof, items)
    reasons = []
    for column in range(len(items)):
        effect = found.effect[:, column]
        best = np.argsort(-effect, kind="stable")[:most]
        floor = max(TRIFLE, share * float(effect.max(initial=0.0)))
        item = int(items[column])
        named = [_deed(shop, query, asof, found.groups[g], float(effect[g]), item) for g in best if effect[g] >= floor]
        reasons.append(tuple(replace(deed, text=words.because(deed.text, shop.language)) for deed in named))
    return reasons


def _deed(shop: Shop, query: Log, asof: int, rows: NDArray[np.int64], effect: float, itself: int) -> Reason:
    """What was done, in words; the item asked about is only 'it'."""
    last = int(rows.max())
    behaviour = query.behaviours[query.behaviour[last]]
    item = query.items.id(int(query.item[last])) if query.item[last] >= 0 else None
    when = words.local(int(query.time[last]), query.time_zone) if query.clock == "clock" else None
    said = words.day(when, words.local(asof, query.time_zone), shop.language) if when else ""
    name = shop.name(item) if item else ""
    label = words.it(shop.language) if query.item[last] == itself else name or item or ""
    times = len(np.unique(query.basket[rows]))
    return Reason(
        text=words.event(behaviour, label, times, said, shop.language),
        kind="event",
        effect=effect,
        behaviour=behaviour,
        item=item,
        name=name or None,
        time=when.isoformat() if when else None,
        times=times,
    )


@dataclass(frozen=True, kw_only=True)
class Explanation:
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

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return plain(self)


def explain(shop: Shop, customer: str, item: str, *, n: int = 10, exclude: str = "") -> Explanation:
    """The events that move one item most for one known customer, also those that speak against it.

    Args:
        shop: the data and the ranker. customer: id. item: id. n: events (groups, see above) named.
        exclude: as in `recommend`.

    Raises:
        UsageError: the customer has no events, the item is unknown, or the model has never seen it.
    """
    code = shop.log.customers.code(customer)
    if code < 0 or shop.ranker is None or shop.log.lengths[code] == 0:
        raise UsageError(
            f"nothing is known of customer '{customer}'", hint="regard recommend answers with what is popular"
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
