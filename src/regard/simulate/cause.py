"""Why something is bought: each earlier event calls for items, with a weight; a purchase answers one of these calls.

An event on item a calls for a itself (interest), for one of a's substitutes, for a's complement, and, if a is used
up, for a again (repurchase). The weight of a call is

    what was done  x  how many events ago  x  how long ago  x  still wanted

(`BASE`, `order_matters`, `time_matters`, and whether the item was bought already). Beside the calls stand a
constant for impulse, which follows the shop's popularity, and one for the season. A purchase is drawn in proportion
to the weights, so the event that caused it is known exactly. Nothing latent enters: tastes and price sensitivity
act through what a customer looks at, and only through that.

Weights are whole numbers: their running sums are then exact, and a customer's draws do not depend on who else is in
the chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.simulate.catalogue import Catalogue
from regard.simulate.settings import Settings

BEHAVIOURS: tuple[str, ...] = (
    "search", "select_item", "view_item", "favourite", "add_to_cart", "purchase", "refund", "review",
)  # fmt: skip
SEARCH, SELECT, VIEW, FAVOURITE, CART, PURCHASE, REFUND, REVIEW = range(len(BEHAVIOURS))

KINDS: tuple[str, ...] = ("interest", "substitute", "complement", "repurchase", "season", "impulse")
"""Why an item was bought. The first four have a causing event."""
INTEREST, SUBSTITUTE, COMPLEMENT, REPURCHASE, SEASON, IMPULSE = range(len(KINDS))

BASE = np.array(
    #  interest, substitute, complement, repurchase
    [
        [0.00, 0.00, 0.00, 0.0],  # search
        [0.00, 0.00, 0.00, 0.0],  # select_item
        [0.08, 0.03, 0.02, 0.0],  # view_item
        [1.20, 0.10, 0.05, 0.0],  # favourite
        [5.00, 0.20, 0.10, 0.0],  # add_to_cart
        [0.00, 0.00, 4.00, 6.0],  # purchase
        [0.00, 0.00, 0.00, 0.0],  # refund
        [0.00, 0.00, 0.00, 0.0],  # review
    ]
)
"""Weight of each call by what was done. A view calls softly, but there are many."""

_EQUAL = np.array([0.5, 0.1, 0.4, 0.3])
"""Weights of every event where behaviours do not matter."""

_IMPULSE, _SEASON = 0.4, 0.8
"""Weight of buying without a cause; and of a department at the height of its season."""

_RANKS = np.array([10.0, 10.0, 25.0, np.inf])
"""Events after which a call is 1/e as loud, where order matters; a consumable's call does not fade behind others."""

_FADES = np.array([10.0, 10.0, 15.0])
"""Days after which a want is 1/e as loud, where time matters."""

_ONE = 1 << 20
"""Weight 1.0 as a whole number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Earlier events of the customers who are about to buy, one row for each pair of an occasion and an event before
    it.

    Args:
        item: int [P] item, -1 for none. behaviour: int [P] code in BEHAVIOURS.
        rank: int [P] events between this one and the occasion.
        elapsed: float [P] days since the event.
        pause: float [P] days since the last visit before the occasion's.
        owned: bool [P] the item was bought before. complement_owned: bool [P] so was its complement.
        latest: bool [P] nothing later happened that would restart the item's cycle.
    """

    item: NDArray[np.int64]
    behaviour: NDArray[np.int64]
    rank: NDArray[np.int64]
    elapsed: NDArray[np.float64]
    pause: NDArray[np.float64]
    owned: NDArray[np.bool_]
    complement_owned: NDArray[np.bool_]
    latest: NDArray[np.bool_]


def calls(history: History, catalogue: Catalogue, settings: Settings) -> NDArray[np.int64]:
    """int [P, 4], weight of each event's call for interest, substitute, complement and repurchase, times _ONE."""
    base = BASE if settings.behaviours_matter else np.broadcast_to(_EQUAL, BASE.shape)
    weight = np.where(history.item[:, None] >= 0, base[history.behaviour], 0.0)
    if settings.order_matters:
        weight = weight * np.exp(-history.rank[:, None] / _RANKS)
        weight[:, REPURCHASE] *= history.latest
    cycle = catalogue.cycle[history.item].astype(np.float64)
    if settings.time_matters:
        since = history.elapsed if settings.order_matters else history.pause
        weight[:, :REPURCHASE] *= np.exp(-since[:, None] / _FADES)
        turns = since / np.maximum(cycle, 1.0)
        weight[:, REPURCHASE] *= np.exp(-0.5 * np.maximum(turns - 1.2, 0.0)) / (1.0 + np.exp(-(turns - 0.85) / 0.06))
    if settings.behaviours_matter:
        weight[:, [INTEREST, SUBSTITUTE]] *= ~history.owned[:, None]
        weight[:, COMPLEMENT] *= ~history.complement_owned
    weight[:, COMPLEMENT] *= catalogue.complement[history.item] >= 0
    weight[:, REPURCHASE] *= cycle > 0
    return np.asarray(np.rint(weight * _ONE), dtype=np.int64)


def uncaused(in_season: NDArray[np.float64], settings: Settings) -> NDArray[np.int64]:
    """int [G, 2], weight of season and of impulse, for `in_season` float [G, departments]."""
    if settings.time_matters:
        season = np.rint(_SEASON * _ONE * in_season.max(axis=1)).astype(np.int64)
    else:
        season = np.zeros(len(in_season), dtype=np.int64)
    return np.stack([season, np.full(len(in_season), int(_IMPULSE * _ONE), dtype=np.int64)], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What was drawn for K draws.

    Args:
        item: int [K]. kind: int [K] code in KINDS. pair: int [K] row of History that called, -1 for none.
    """

    item: NDArray[np.int64]
    kind: NDArray[np.int64]
    pair: NDArray[np.int64]


def answer(
    weights: NDArray[np.int64],
    bounds: NDArray[np.int64],
    beside: NDArray[np.int64],
    in_season: NDArray[np.float64],
    history: History,
    catalogue: Catalogue,
    occasion: NDArray[np.int64],
    chance: NDArray[np.float64],
) -> Answer:
    """Draw items in proportion to the weights.

    Args:
        weights: int [P, 4] of `calls`. bounds: int [G + 1], occasion g has pairs bounds[g]:bounds[g + 1].
        beside: int [G, 2] of `uncaused`. in_season: float [G, departments].
        occasion: int [K] the occasion of each draw. chance: float [K, 2] uniform numbers.
    """
    running = np.concatenate([[0], np.cumsum(weights.ravel())])
    called = running[4 * bounds[1:]] - running[4 * bounds[:-1]]
    total = called + beside.sum(axis=1)
    mark = (chance[:, 0] * total[occasion]).astype(np.int64)
    over = mark - called[occasion]
    kind = np.where(over < beside[occasion, 0], SEASON, IMPULSE)
    pair = np.full(len(mark), -1, dtype=np.int64)
    caused = over < 0
    place = np.searchsorted(running, running[4 * bounds[:-1]][occasion[caused]] + mark[caused], side="right") - 1
    pair[caused], kind[caused] = place // 4, place % 4

    item = np.searchsorted(np.cumsum(catalogue.popularity), chance[:, 1]).clip(max=len(catalogue) - 1)
    item = np.where(kind == SEASON, _seasonal(in_season[occasion], chance[:, 1], catalogue), item)
    source = np.append(history.item, -1)[pair]
    start, stop = (
        catalogue.group_bounds[:-1][catalogue.group[source]],
        catalogue.group_bounds[1:][catalogue.group[source]],
    )
    other = start + (chance[:, 1] * np.maximum(stop - start - 1, 1)).astype(np.int64)
    other = np.where(stop - start > 1, other + (other >= source), source)
    item = np.where((kind == INTEREST) | (kind == REPURCHASE), source, item)
    item = np.where(kind == SUBSTITUTE, other, item)
    item = np.where(kind == COMPLEMENT, catalogue.complement[source], item)
    return Answer(item=item, kind=kind, pair=pair)


def _seasonal(in_season: NDArray[np.float64], chance: NDArray[np.float64], catalogue: Catalogue) -> NDArray[np.int64]:
    """int [K], items of a department in season, by popularity; departments of no items are never in season."""
    department = np.argmax(in_season, axis=1)
    running = np.concatenate([[0.0], np.cumsum(catalogue.popularity)])
    low, high = catalogue.bounds[department], catalogue.bounds[department + 1]
    found = np.searchsorted(running, running[low] + chance * (running[high] - running[low]), side="right") - 1
    return np.asarray(np.clip(found, low, np.maximum(high - 1, low)), dtype=np.int64)
