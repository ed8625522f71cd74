"""Intent: how likely each customer is to buy within a stated time: anything, or an item, or something of a category."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.insight import words
from regard.insight.answer import Plain
from regard.insight.history import Ask
from regard.insight.recommend import blocks, stranger
from regard.insight.shop import Shop
from regard.sequences.log import DAY, Log


@dataclass(frozen=True, kw_only=True)
class Propensity:
    """Args: days: the horizon. probability: that the customer does a target behaviour within it."""

    days: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Intent(Plain):
    """How likely one customer is to buy.

    Args:
        customer: id, None for an anonymous one. of: what is bought, such as 'category:cups'; None = anything.
        propensities: by horizon, never falling.
        session: that the session which runs right now still brings it; None where none runs, or nothing has learned it.
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
    of: str | None = None
    session: float | None = None


def intent(
    shop: Shop,
    asks: Sequence[Ask],
    *,
    horizons: Sequence[int] = (7, 30),
    at: int | None = None,
    unproven: Collection[int] = (),
    of: str | None = None,
) -> list[Intent]:
    """The probability of a target behaviour within each horizon.

    What an order holds is drawn from the ranker's probabilities of the next item, as many times as orders of this shop have
    items; so many of the orders that the head foretells are expected to have what is asked for.

    Args:
        shop: data and model. asks: Q questions. horizons: days, each positive. at: seconds; None = the shop's latest
            event.
        unproven: days for which the model was not found better than a simple rule; its answers carry a note.
        of: 'item:ID', 'category:NAME', 'brand:NAME' or 'word:NAME'; None = anything.

    Raises:
        UsageError: a horizon is not positive, the log has no clock, or nothing is called as `of` says.
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
    sought = None if of is None else wares(shop, of)
    base = np.array([base_rate(shop, horizon, sought) for horizon in days])
    answers: list[Intent] = []
    for block in blocks(len(asks), len(shop.log.items)):
        part = asks[block]
        queries = shop.histories(part, at)
        asof = shop.asof(queries, at)
        read = np.flatnonzero(queries.lengths > 0) if shop.model is not None else np.empty(0, dtype=np.int64)
        chances, now = _asked(shop, queries.take(read), asof[read], days, sought)
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
                    notes=(*stranger(shop, ask, int(queries.lengths[row])), *(doubt if known else ())),
                    of=of,
                    session=None if not known or np.isnan(now[place[row]]) else float(now[place[row]]),
                )
            )
    return answers


def _asked(
    shop: Shop, queries: Log, asof: NDArray[np.int64], days: list[int], sought: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Chances within days, [Q, K], and in the session that runs, [Q]."""
    if shop.model is None or shop.ranker is None or len(queries) == 0:
        return np.empty((0, len(days)), dtype=np.float32), np.empty(0)
    share = None if sought is None else share_of(shop, queries, asof, sought)
    chances = shop.ranker.propensity(queries, asof, np.array(days, dtype=np.float64), share)
    now = shop.ranker.in_session(queries, asof)
    return chances, now if share is None else now * share  # a session brings one order, if any


def share_of(shop: Shop, queries: Log, asof: NDArray[np.int64], sought: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64 [Q], the share of a customer's next orders that hold something of what is sought (bool [V])."""
    assert shop.ranker is not None
    scores = shop.ranker.score(queries, asof).astype(np.float64)  # [Q, V]
    scores[:, ~shop.log.merchandise] = -np.inf
    top = scores.max(axis=1, keepdims=True)
    odds = np.exp(scores - np.where(np.isfinite(top), top, 0))
    part = odds[:, sought].sum(axis=1) / np.maximum(odds.sum(axis=1), np.finfo(float).tiny)
    return np.asarray(1 - (1 - np.minimum(part, 1.0)) ** _items_per_order(shop))


def _items_per_order(shop: Shop) -> float:
    """Distinct items of an order, on average; 1 where there is none."""
    log, rows = shop.log, np.flatnonzero(shop.wanted)
    order = log.owner[rows] * (int(log.basket.max(initial=0)) + 1) + log.basket[rows]
    orders, items = len(np.unique(order)), len(np.unique(order * (len(log.items) + 1) + log.item[rows] + 1))
    return items / orders if orders else 1.0


def wares(shop: Shop, of: str) -> NDArray[np.bool_]:
    """bool [V], the items that 'item:ID' names, or that have a content feature such as 'category:cups'.

    Raises:
        UsageError: there is none.
    """
    found = np.zeros(len(shop.log.items), dtype=bool)
    kind, colon, name = of.partition(":")
    if kind == "item" and colon:
        found[shop.codes([name])] = True
        return found
    names = [told.casefold() for told in shop.content.names]
    features = shop.content.features
    called = np.array([name == of.casefold() for name in names], dtype=bool)  # ACME and Acme are two features
    rows = np.repeat(np.arange(len(found)), np.diff(features.offsets))
    found[rows[called[features.values]]] = True
    if not found.any():
        near = difflib.get_close_matches(of.casefold(), names, n=1)
        said = shop.content.names[names.index(near[0])] if near else ""
        hint = f"did you mean '{said}'?" if said else "item:ID, category:NAME, brand:NAME or word:NAME"
        raise UsageError(f"nothing in the catalogue is '{of}'", hint=hint)
    return found


def base_rate(shop: Shop, days: int, sought: NDArray[np.bool_] | None = None) -> float:
    """Share of the customers known `days` days before the end who wanted something since; 0 for a shorter log.

    Args:
        shop: any. days: positive. sought: bool [V] items that count; None = all.
    """
    log, cut = shop.log, shop.now - days * DAY
    owner, wanted = log.owner, shop.wanted
    if sought is not None:
        wanted = wanted & np.append(sought, False)[log.item]
    known = np.zeros(len(log), dtype=bool)
    known[owner[log.time <= cut]] = True
    came = np.zeros(len(log), dtype=bool)
    came[owner[wanted & (log.time > cut)]] = True
    return float((known & came).sum() / known.sum()) if known.any() else 0.0
