"""Fallback: scores for whoever the model cannot read, level by level, and the one-line reason of each.

Every level gives scores over the whole catalogue, -inf where it has nothing to say, so that a list that one level
cannot fill is filled by the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.events.schema import NEVER_TARGET
from regard.insight import words
from regard.insight.answer import Level, Reason
from regard.insight.history import Ask
from regard.insight.shop import RECENT_DAYS, Shop
from regard.sequences.log import Log

GENERAL: tuple[Level, ...] = ("recent popularity", "popularity", "new")
"""The levels that need nothing of the customer, in the order in which they fill up."""


def general(shop: Shop, level: Level) -> NDArray[np.float32]:
    """float32 [V], the same for everybody."""
    if level == "new":
        scores: NDArray[np.float32] = shop.remembered(_newness, shop.first_seen)
    else:
        scores = shop.remembered(_counted, shop.recent_popularity if level == "recent popularity" else shop.popularity)
    return scores


def _newness(first_seen: NDArray[np.int64]) -> NDArray[np.float32]:
    rank = np.empty(len(first_seen), dtype=np.float32)
    rank[np.argsort(first_seen, kind="stable")] = np.arange(len(first_seen), dtype=np.float32)
    return rank


def _counted(count: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.where(count > 0, count, -np.inf).astype(np.float32)


def general_level(shop: Shop) -> Level:
    """The first general level that has something to say."""
    known = (level for level in GENERAL[:-1] if shop.remembered(_any, general(shop, level)))
    return next(known, "new")


def _any(scores: NDArray[np.float32]) -> bool:
    return bool((scores > -np.inf).any())


def general_reason(shop: Shop, level: Level, item: int) -> Reason:
    """Why an item stands where it does on a general level."""
    if level == "new":
        return Reason(kind="new", text=words.fresh(shop.language))
    recent = level == "recent popularity"
    count = int((shop.recent_popularity if recent else shop.popularity)[item])
    return Reason(kind="popularity", text=words.popular(count, RECENT_DAYS if recent else None, shop.language))


def tie_break(shop: Shop) -> NDArray[np.float32]:
    """float32 [V] in [0, 1): popularity on a log scale, to order items that are equal otherwise."""
    liking = np.log1p(shop.recent_popularity + 0.1 * shop.popularity)
    ordered: NDArray[np.float32] = (liking / (1.0 + liking.max(initial=0.0))).astype(np.float32)
    return ordered


def by_content(shop: Shop, queries: Log, row: int) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    """Likeness to the latest items of one history: float32 [V] scores and int64 [V], the own item behind each score.

    None where the history names no item of which anything is known.
    """
    span = slice(int(queries.offsets[row]), int(queries.offsets[row + 1]))
    positive = (queries.item[span] >= 0) & ~queries.is_behaviour(NEVER_TARGET)[span]
    own = np.array(list(dict.fromkeys(queries.item[span][positive][::-1].tolist()))[:20], dtype=np.int64)
    if len(own) == 0:
        return None
    alike = np.maximum(shop.likeness(own), shop.covisit(own))
    best = alike.argmax(axis=0)
    scores = alike[best, np.arange(alike.shape[1])]
    if scores.max(initial=0) <= 0:
        return None
    return np.where(scores > 0, scores + 1e-3 * tie_break(shop), -np.inf).astype(np.float32), own[best]


def by_interests(shop: Shop, ask: Ask) -> tuple[NDArray[np.float32], list[str | None], list[str]] | None:
    """Items that declared interests point to.

    An interest is an item id (its likes are meant), 'column=value', or a bare value or word that is looked for in the
    items table's text columns and among the words of the content.

    Returns:
        scores float32 [V]; for each interest that matched, itself, else None; and the interests that nothing matched.
        None where no interest matched.
    """
    matches = np.stack([_matching(shop, interest) for interest in ask.interests])
    found = matches.max(axis=1) > 0
    missed = [interest for interest, hit in zip(ask.interests, found, strict=True) if not hit]
    if not found.any():
        return None
    total = matches.sum(axis=0)
    scores = np.where(total > 0, total + 0.5 * tie_break(shop), -np.inf).astype(np.float32)
    best = matches.argmax(axis=0)
    return scores, [ask.interests[code] for code in best], missed


def _matching(shop: Shop, interest: str) -> NDArray[np.float32]:
    """float32 [V] in [0, 1]."""
    code = shop.log.items.code(interest)
    if code >= 0:
        own = np.array([code])
        return np.asarray(np.maximum(shop.likeness(own), shop.covisit(own))[0], dtype=np.float32)
    column, _, value = interest.partition("=")
    match = np.zeros(len(shop.log.items) + 1, dtype=bool)
    texts = [name for name in shop.table.column_names if name not in ("item", "item_name")]
    if value and column.strip() in texts:
        texts, interest = [column.strip()], value.strip()
    wish = interest.strip().casefold()
    rows = np.zeros(shop.table.num_rows + 1, dtype=bool)
    for name in texts:
        cells = shop.table.column(name).to_pylist()
        rows[:-1] |= np.fromiter((_says(cell, wish) for cell in cells), dtype=bool, count=len(cells))
    match[:-1] = rows[shop.table_row]
    known = [code for code, name in enumerate(shop.content.names) if name.partition(":")[2].casefold() == wish]
    if known:
        features = shop.content.features
        owner = np.repeat(np.arange(len(features)), features.lengths)
        match[owner[np.isin(features.values, known)]] = True
    return match[:-1].astype(np.float32)


def _says(cell: object, wish: str) -> bool:
    if not isinstance(cell, str):
        return False
    text = cell.casefold()
    return text == wish or wish in (level.strip() for level in text.split(">"))
