"""Deletion: what an answer loses when events of a history are taken away and the same customer is asked again.

Deleting means asking from a log without the events: positions, baskets, gaps, own counts, aggregates and the repeat pointer are
recomputed, the shop's counts and the parameters stay. Whatever gives one number a history can be explained so.

For people, events are deleted in groups: all of one behaviour on one item together. Of three purchases of the same
lamp, deleting one leaves two and would hide the reason. What takes a deed back goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.edit import asof_of, without
from regard.insight.history import deeds
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged, spans

LATEST = 200
"""Events looked at, from the newest back: older ones move little, and each costs one scoring."""

TAKEN_BACK = {"refund": "purchase", "remove_from_cart": "add_to_cart"}
"""What undoes a deed -> the deed; on one item they are one group."""

BLOCK_EVENTS = 400_000
"""Events of edited histories held at a time: some 50 MB."""

MOST_DELETED = 20
"""Groups that may go before an answer counts as one that no few events carry."""

Asking = Callable[[Log, NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""(n histories, int64 [n] seconds, int64 [n] which asked customer each is an edition of, rising) -> float32 [n, K], what is explained."""


DELETION = "deletion"
"""Method: every group of events was deleted and the answer asked again."""


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


def delete_each(
    ask: Asking, queries: Log, asof: NDArray[np.int64], *, grouped: bool = True, latest: int = LATEST
) -> Effects:
    """Delete customers' events, one group at a time, and see what the answers lose.

    Args:
        ask: gives K numbers a history. queries: the histories of Q customers. asof: int64 [Q] seconds.
        grouped: all events of one behaviour on one item together; False = one event at a time.
        latest: events looked at, per customer.
    """
    groups, offsets = together(queries, grouped=grouped, latest=latest)
    return delete_groups(ask, queries, asof, groups, offsets)


def delete_groups(
    ask: Asking, queries: Log, asof: NDArray[np.int64], groups: Ragged, offsets: NDArray[np.int64]
) -> Effects:
    """Delete any groups of customers' events, one group at a time, and see what the answers lose.

    Args:
        ask, queries, asof: as in `delete_each`. groups: G rows of event rows, customer by customer; one event may be in several.
        offsets: int64 [Q + 1], the groups of customer q are offsets[q]:offsets[q + 1].
    """
    count = np.diff(offsets)
    # Each customer's history as it is, then as it is without each of the groups.
    owner = np.repeat(np.arange(len(queries)), 1 + count)
    whole = offsets[:-1] + np.arange(len(queries))
    gone = np.full(len(owner), -1, dtype=np.int64)
    deleted = np.ones(len(owner), dtype=bool)
    deleted[whole] = False
    gone[deleted] = np.arange(len(groups))
    told = _asked(ask, queries, asof, owner, groups, gone)
    with np.errstate(invalid="ignore"):
        effect = np.repeat(told[whole], count, axis=0) - told[deleted]
    effect[np.isnan(effect)] = 0  # answered neither with the events nor without
    return Effects(groups=groups, effect=effect, offsets=offsets)


def fewest(
    ask: Asking,
    query: Log,
    asof: NDArray[np.int64],
    groups: Ragged,
    effect: NDArray[np.float32],
    changed: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
) -> tuple[NDArray[np.int64], float] | None:
    """The fewest groups of one customer's events without which the answer is another, and that answer: a counterfactual.

    Groups go in the order of their effect until the answer changes, at most MOST_DELETED of them; then whichever can come back without
    changing it again does. Greedy: a smaller set may exist where events work together.

    Args:
        ask, query, asof: as in `delete_each`, of one customer and one number. groups, effect: G groups as found there, float32 [G].
        changed: float32 [n] answers -> bool [n], whether they are another answer than the present one.

    Returns:
        int64 [g] groups, the strongest first, and the answer without them; None where even MOST_DELETED do not change it.
    """
    order = np.argsort(-effect, kind="stable")[:MOST_DELETED]
    order = order[effect[order] > 0]
    gone = _first(ask, query, asof, groups, [order[: 1 + n] for n in range(len(order))], changed)
    if gone is None:
        return None
    while len(gone[0]) > 1:
        fewer = [np.delete(gone[0], n) for n in range(len(gone[0]) - 1, -1, -1)]
        found = _first(ask, query, asof, groups, fewer, changed)
        if found is None:
            break
        gone = found
    return gone


def _first(
    ask: Asking,
    query: Log,
    asof: NDArray[np.int64],
    groups: Ragged,
    sets: Sequence[NDArray[np.int64]],
    changed: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
) -> tuple[NDArray[np.int64], float] | None:
    """The first of some sets of groups without which the answer is another, and that answer."""
    if not sets:
        return None
    together = Ragged.of([groups.take(each).values for each in sets])
    told = _asked(ask, query, asof, np.zeros(len(sets), dtype=np.int64), together, np.arange(len(sets)))[:, 0]
    hits = np.flatnonzero(changed(told))
    return (sets[hits[0]], float(told[hits[0]])) if len(hits) else None


def _asked(
    ask: Asking,
    queries: Log,
    asof: NDArray[np.int64],
    owner: NDArray[np.int64],
    groups: Ragged,
    gone: NDArray[np.int64],
) -> NDArray[np.float32]:
    """float32 [n, K], answers for the histories of customers `owner` without the events of groups `gone`, -1 = with all."""
    told: list[NDArray[np.float32]] = []
    block = np.cumsum(queries.lengths[owner]) // BLOCK_EVENTS
    for part in np.split(np.arange(len(owner)), np.flatnonzero(np.diff(block)) + 1):
        variants = _edited(queries, owner[part], groups, gone[part])
        told.append(ask(variants, asof_of(variants, asof[owner[part]]), owner[part]))
    return np.concatenate(told)


def together(queries: Log, *, grouped: bool = True, latest: int = LATEST) -> tuple[Ragged, NDArray[np.int64]]:
    """Rows of event rows that go together, customer by customer, newest first, and the offsets of each customer's groups.

    Args: queries: histories of Q customers. grouped, latest: as in `delete_each`.
    """
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
