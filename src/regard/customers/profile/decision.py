"""Decision: how far customers are from an order, by what they have done since the last one, in this session and just before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from regard.customers.profile.given import Column, Given
from regard.customers.profile.quality import chosen
from regard.sequences.sessions import session_starts

DECISION = ("browsing", "considering", "cart", "abandoned_cart", "just_bought")

LIVE_DAYS = 3.0
"""Days in which events count as one decision: most baskets are filled within them."""

LOOKED_AGAIN = 3
"""Looks at one item that compare it with others."""

ADDED, REMOVED = "add_to_cart", "remove_from_cart"

DECIDING = frozenset({ADDED, "begin_checkout", "add_payment_info", "add_shipping_info", "view_cart"})
"""Behaviours a step away from buying."""


def decision(given: Given) -> Iterator[Column]:
    """Of the last LIVE_DAYS, whichever holds first: a cart filled since the last order, in a session that still runs or in one that
    ended without an order; an order in the latest session; since the last order an item looked at again; any event.

    A session ends after the shop's silence; what was put into a cart and taken out again is in none.
    """
    if not given.timed:
        return
    live = _since_last_order(given) & (given.age <= LIVE_DAYS)
    latest, runs = latest_session(given)
    filled = live & given.log.is_behaviour(DECIDING) & ~_taken_out(given, live)
    ordered = latest & given.bought & (given.age <= LIVE_DAYS)
    again = _looked_again(given, live)
    here = filled & latest & runs[given.owner]
    events = np.stack([live, again, here, filled, ordered])
    counts = np.stack([given.per_customer(part) for part in events])
    place = np.select([counts[at] > 0 for at in _ORDER], _ORDER, default=-1)
    shown = events[np.maximum(place, 0)[given.owner], np.arange(given.log.events)] & (place >= 0)[given.owner]
    yield given.column("decision", chosen(DECISION, place), shown)


_ORDER = [2, 3, 4, 1, 0]
"""Places in DECISION, the first that holds is told."""


def _since_last_order(given: Given) -> NDArray[np.bool_]:
    """bool [N], events after the moment of the customer's last order; a cart of that very moment is the order's."""
    last = np.full(len(given), np.iinfo(np.int64).min)
    last[given.owner[given.bought]] = given.log.time[given.bought]
    return np.asarray(given.log.time > last[given.owner])


def latest_session(given: Given) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool [N], events of each customer's latest session, and bool [Q], whether it still runs."""
    log, silence = given.log, 60 * given.base.session_gap
    session, runs = np.cumsum(session_starts(log, silence)), np.zeros(len(log), dtype=bool)
    some, ends = log.lengths > 0, log.offsets[1:]
    runs[some] = given.at - log.time[ends[some] - 1] <= silence
    number = np.zeros(len(log), dtype=np.int64)
    number[some] = session[ends[some] - 1]
    return session == number[given.owner], runs


def _taken_out(given: Given, live: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [N], items put into a cart that were taken out afterwards."""
    log = given.log
    key = given.owner * len(log.items) + log.item
    out = np.flatnonzero(live & log.is_behaviour((REMOVED,)) & (log.item >= 0))
    keys, place = np.unique(key[out], return_inverse=True)
    if not len(keys):
        return np.zeros(log.events, dtype=bool)
    last = np.zeros(len(keys), dtype=np.int64)
    last[place] = out  # rows of one customer stand in time order
    near = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    gone = (keys[near] == key) & (np.arange(log.events) < last[near])
    return np.asarray(gone & log.is_behaviour((ADDED,)) & (log.item >= 0))


def _looked_again(given: Given, live: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [N], live events on an item of which the customer has LOOKED_AGAIN."""
    log, again = given.log, np.zeros(given.log.events, dtype=bool)
    met = np.flatnonzero(live & (log.item >= 0))
    _, pair, times = np.unique(
        given.owner[met] * len(log.items) + log.item[met], return_inverse=True, return_counts=True
    )
    again[met] = times[pair] >= LOOKED_AGAIN
    return again
