"""Explain: which of a customer's own events moved a recommendation, found by deleting them and asking again.

An effect is the difference of the item's logit, with the events minus without (see `insight.deletion`). A group of events is named as
the deed: a return without its purchase is no reason, and only tells that there was a purchase.

`effects(..., grouped=False)` deletes one event at a time, as faithfulness is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.insight import words
from regard.insight.answer import Plain, Reason
from regard.insight.candidates import own_items
from regard.insight.deletion import DELETION, LATEST, TAKEN_BACK, Asking, Effects, delete_each, delete_groups, fewest
from regard.insight.gradients import INTEGRATED, strongest
from regard.insight.history import BASKET_BEHAVIOUR, Ask, deeds
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

TRIFLE = 1e-4
"""An effect below this is rounding, not a reason; logits are in the single digits."""


TOP = 10
"""Places of a list that people look at."""


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
        grouped, latest: as in `delete_each`.
    """
    asof, items = np.atleast_1d(np.asarray(asof, dtype=np.int64)), np.atleast_2d(items)
    return delete_each(scores_of(ranker, items), queries, asof, grouped=grouped, latest=latest)


def scores_of(ranker: Ranker, items: NDArray[np.int64]) -> Asking:
    """Asks for the scores of each customer's items, int64 [Q, K] codes, -1 for none."""

    def ask(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        _, first, customer = np.unique(of, return_index=True, return_inverse=True)
        return ranker.score_of(histories, asof, items[of], edition_of=first[customer])

    return ask


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
    named = [deed(shop, queries, asof, groups[g], float(effect[g]), item) for g in best if effect[g] >= floor]
    return tuple(replace(one, text=words.because(one.text, shop.language)) for one in named)


def deed(
    shop: Shop, query: Log, asof: int, rows: NDArray[np.int64], effect: float, itself: int | None = None
) -> Reason:
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
        fewest: events without which it is no longer the first, or no longer among the first TOP where it is not the first: the fewest
            that were found; None where no few events carry it, or it is not among the first TOP.
        rank_without: its place without these.
        exclude: the rule used. method: how the events were found. model_version: id of the model, None for counting.
    """

    customer: str
    item: str
    name: str
    rank: int | None
    score: float
    reasons: tuple[Reason, ...]
    fewest: tuple[Reason, ...] | None
    rank_without: int | None
    exclude: str
    method: str
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
    query, asof = history_of(shop, customer)
    assert shop.ranker is not None
    if not item:
        raise UsageError(
            f"nothing is left to recommend to customer '{customer}'", hint="name an item, or ask with exclude none"
        )
    column = shop.codes([item])
    if not shop.log.merchandise[column[0]]:
        raise UsageError(f"'{item}' is not merchandise and never recommended", hint="regard doctor says why")
    scores = shop.ranker.score(query, asof)[0]
    if not np.isfinite(scores[column[0]]):
        raise UsageError(f"the model has never seen item '{item}'", hint="regard train learns from the newest events")
    rule = shop.exclude(exclude)
    allowed = shop.log.merchandise.copy()
    allowed[own_items(query, shop.target, rule)[1]] = False
    known = int(shop.ranker.columns(query.items)[column[0]])
    chosen = strongest(shop, query, asof, lambda gradients: gradients.item(known))
    if chosen is None:
        found = effects(shop.ranker, query, int(asof[0]), column)
    else:
        ask_score = scores_of(shop.ranker, column[None])
        found = delete_groups(ask_score, query, asof, chosen, np.array([0, len(chosen)]))
    effect = found.effect[:, 0]
    rank = _rank(scores, allowed, column[0]) if allowed[column[0]] else None
    few = None
    if rank is not None and rank <= TOP:
        ask, last = _ranks_of(shop.ranker, allowed, column[0]), 1 if rank == 1 else TOP
        few = fewest(ask, query, asof, found.groups, effect, lambda ranks: ranks > last)
    best = [group for group in np.argsort(-np.abs(effect), kind="stable")[:n] if abs(effect[group]) > TRIFLE]

    def named(groups: Sequence[int] | NDArray[np.int64]) -> tuple[Reason, ...]:
        rows = ((found.groups[g], float(effect[g])) for g in groups)
        return tuple(deed(shop, query, int(asof[0]), *one, int(column[0])) for one in rows)

    return Explanation(
        customer=customer,
        item=item,
        name=shop.name(item),
        rank=rank,
        score=float(scores[column[0]]),
        reasons=named(best),
        fewest=None if few is None else named(few[0]),
        rank_without=None if few is None else int(few[1]),
        exclude=rule,
        method=DELETION if chosen is None else INTEGRATED,
        model_version=shop.ranker.version,
    )


def _rank(scores: NDArray[np.float32], allowed: NDArray[np.bool_], item: int) -> int:
    return 1 + int((scores[allowed] > scores[item]).sum())


def _ranks_of(ranker: Ranker, allowed: NDArray[np.bool_], item: int) -> Asking:
    """Asks for the item's place among what is allowed, bool [V]."""

    def ask(histories: Log, asof: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = ranker.score(histories, asof)
        return np.array([[_rank(row, allowed, item)] for row in scores], dtype=np.float32)

    return ask


def history_of(shop: Shop, customer: str) -> tuple[Log, NDArray[np.int64]]:
    """The history of one known customer, and int64 [1] when it is asked.

    Raises:
        UsageError: nothing is known of the customer, or nothing can be said.
    """
    query = shop.histories([Ask(customer=customer)])
    if shop.ranker is None or query.events == 0:
        raise UsageError(
            f"nothing is known of customer '{customer}'", hint="regard recommend answers with what is popular"
        )
    return query, shop.asof(query)
