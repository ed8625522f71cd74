"""Intent: how likely each customer is to buy within a stated time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.insight import words
from regard.insight.answer import Plain
from regard.insight.history import Ask
from regard.insight.recommend import blocks, stranger
from regard.insight.shop import Shop
from regard.sequences.log import DAY


@dataclass(frozen=True, kw_only=True)
class Propensity:
    """Args: days: the horizon. probability: that the customer does a target behaviour within it."""

    days: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Intent(Plain):
    """How likely one customer is to buy.

    Args:
        customer: id, None for an anonymous one.
        propensities: by horizon, never falling.
        fallback_level: 'model', or 'base rate' where the model cannot read this one: the share of all customers who did,
            and for a horizon longer than the log at least that of the longest it covers.
        model_version: id of the model, None where none was used.
        notes: what the reader should know, one line each.
    """

    customer: str | None
    propensities: tuple[Propensity, ...]
    fallback_level: str
    model_version: str | None
    notes: tuple[str, ...] = ()


def intent(
    shop: Shop,
    asks: Sequence[Ask],
    *,
    horizons: Sequence[int] = (7, 30),
    at: int | None = None,
    unproven: Collection[int] = (),
) -> list[Intent]:
    """The probability of a target behaviour within each horizon.

    Args:
        shop: data and model. asks: Q questions. horizons: days, each positive. at: seconds; None = the shop's latest
            event.
        unproven: days for which the model was not found better than a simple rule; its answers carry a note.

    Raises:
        UsageError: a horizon is not positive, or the log has no clock.
    """
    days = sorted(set(horizons))
    if not days or days[0] <= 0:
        raise UsageError("horizons must be positive days", hint="--days 7 --days 30")
    if shop.log.clock != "clock":
        raise UsageError(
            "a probability within days needs events with times", hint="this log has only an order of events"
        )
    doubted = [day for day in days if day in unproven]
    doubt = [words.unproven(doubted, shop.language)] if doubted else []
    base = np.array([base_rate(shop, horizon) for horizon in days])
    answers: list[Intent] = []
    for block in blocks(len(asks), len(shop.log.items)):
        part = asks[block]
        queries = shop.histories(part, at)
        asof = shop.asof(queries, at)
        read = np.flatnonzero(queries.lengths > 0) if shop.model is not None else np.empty(0, dtype=np.int64)
        chances = _asked(shop, queries.take(read), asof[read], days)
        place = {int(row): number for number, row in enumerate(read)}
        for row, ask in enumerate(part):
            known = row in place
            values = np.maximum.accumulate(chances[place[row]] if known else base)
            answers.append(
                Intent(
                    customer=ask.customer,
                    propensities=tuple(
                        Propensity(days=d, probability=float(p)) for d, p in zip(days, values, strict=True)
                    ),
                    fallback_level="model" if known else "base rate",
                    model_version=shop.ranker.version if known and shop.ranker else None,
                    notes=(*stranger(shop, ask), *(doubt if known else ())),
                )
            )
    return answers


def _asked(shop: Shop, queries: Any, asof: NDArray[np.int64], days: list[int]) -> NDArray[np.float32]:
    if shop.model is None or shop.ranker is None or len(queries) == 0:
        return np.empty((0, len(days)), dtype=np.float32)
    return shop.ranker.propensity(queries, asof, np.array(days, dtype=np.float64))


def base_rate(shop: Shop, days: int) -> float:
    """Share of the customers known `days` days before the end who wanted something since; 0 for a shorter log."""
    log, cut = shop.log, shop.now - days * DAY
    owner = log.owner
    known = np.zeros(len(log), dtype=bool)
    known[owner[log.time <= cut]] = True
    came = np.zeros(len(log), dtype=bool)
    came[owner[shop.wanted & (log.time > cut)]] = True
    return float((known & came).sum() / known.sum()) if known.any() else 0.0
