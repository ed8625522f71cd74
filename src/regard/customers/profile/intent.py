"""Intent: how likely customers are to buy soon."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regard.customers.profile.decision import latest_session
from regard.customers.profile.fields import INTENT_DAYS
from regard.customers.profile.given import Column, Floats, Given
from regard.insight.intent import base_rate


def intent(given: Given) -> Iterator[Column]:
    """The chance of buying in the session that runs, and within each of INTENT_DAYS."""
    if not given.timed:
        return
    if given.shop.ranker is not None:
        now = given.shop.ranker.in_session(given.log, given.asof)
        yield given.column("intent_session", now, latest_session(given)[0], probability=now)
    chances, coverage = _chances(given)
    if given.shop.model is None and given.at < given.shop.now:
        chances = chances[:, :0]  # the rate of everybody is that of the end of the log
    for place, days in enumerate(INTENT_DAYS[: chances.shape[1]]):
        chance = chances[:, place]
        yield given.column(f"intent_{days}d", chance, coverage=coverage, probability=chance)


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
