"""Intent: how likely customers are to buy soon, and how far their decision is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regard.customers.profile.fields import INTENT_DAYS
from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.quality import chosen
from regard.insight.intent import base_rate

DECISION = ("browses", "compares", "decides")

LIVE_DAYS = 3.0
"""Days in which events count as one decision: most baskets are filled within them."""

LOOKED_AGAIN = 3
"""Looks at one item that compare it with others."""

DECIDING = frozenset({"add_to_cart", "begin_checkout", "add_payment_info", "add_shipping_info", "view_cart"})
"""Behaviours a step away from buying."""


def intent(given: Given) -> Iterator[Column]:
    """The chance of buying within each of INTENT_DAYS, and the stage of the decision."""
    if not given.timed:
        return
    chances, coverage = _chances(given)
    if given.shop.model is None and given.at < given.shop.now:
        chances = chances[:, :0]  # the rate of everybody is that of the end of the log
    for place, days in enumerate(INTENT_DAYS[: chances.shape[1]]):
        chance = chances[:, place]
        yield given.column(f"intent_{days}d", chance, coverage=coverage, probability=chance)
    yield _decision(given)


def _chances(given: Given) -> tuple[Floats, Floats | float]:
    """float64 [Q, K], never falling, and the share of the history that they rest on: none where only everybody's rate is known."""
    shop, days = given.shop, np.array(INTENT_DAYS, dtype=np.float64)
    told, coverage = given.chances(INTENT_DAYS), np.ones(len(given))
    if told is None and (shop.model is None or shop.ranker is None):
        told = np.tile([base_rate(shop, ahead) for ahead in INTENT_DAYS], (len(given), 1))
        return np.maximum.accumulate(told, axis=1), 0.0
    if told is None:
        assert shop.model is not None and shop.ranker is not None
        told = np.asarray(shop.ranker.propensity(given.log, given.asof, days), dtype=np.float64)
        most = shop.model.card.get("settings", {}).get(
            "length", np.inf
        )  # events that the encoder reads, the latest ones
        coverage = np.minimum(most / np.maximum(given.log.lengths, 1), 1.0)
    told[given.log.lengths == 0] = np.nan
    return np.maximum.accumulate(told, axis=1), coverage


def _decision(given: Given) -> Column:
    """Of the events since the last order and within LIVE_DAYS: a cart or a checkout decides, looking again compares, a look browses."""
    log, N = given.log, given.log.events
    last = np.full(len(given), -1)
    bought = np.flatnonzero(given.bought)
    last[given.owner[bought]] = bought
    live = (given.age <= LIVE_DAYS) & (np.arange(N) > last[given.owner])
    acts = live & log.is_behaviour(DECIDING)
    met = np.flatnonzero(live & (log.item >= 0))
    pairs, times = np.unique(given.owner[met] * len(log.items) + log.item[met], return_counts=True)
    again = np.zeros(len(given), dtype=bool)
    again[pairs[times >= LOOKED_AGAIN] // max(len(log.items), 1)] = True
    place = np.select([given.per_customer(acts) > 0, again, given.per_customer(live) > 0], [2, 1, 0], default=-1)
    return given.column("decision", chosen(DECISION, place), live)
