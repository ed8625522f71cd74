"""Recommend: the top n for one customer or many, scored exactly over the whole catalogue, level by level."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.insight import fallback, words
from regard.insight.answer import Answer, Level, Reason, Recommended
from regard.insight.candidates import own_items
from regard.insight.explain import why as explained
from regard.insight.history import BASKET_BEHAVIOUR, Ask
from regard.insight.shop import Shop
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

BLOCK_CELLS = 16_000_000
"""Scores held at a time (customers x items): 64 MB of float32, whatever the catalogue's size."""


def blocks(rows: int, width: int, most: int = 1024) -> Iterator[slice]:
    """Slices of `rows` such that no block holds more than BLOCK_CELLS scores; never more than `most` rows.

    >>> [s.stop - s.start for s in blocks(5, 8_000_000)]
    [2, 2, 1]
    """
    size = max(1, min(most, BLOCK_CELLS // max(width, 1)))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The items of one answer before they are written out.

    Args:
        items: int64 [k] catalogue codes, best first. scores: float32 [k].
        levels: where each comes from. probabilities: float32 [k], NaN where there is none.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    levels: list[Level]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """An answer before its reasons are known.

    Args:
        level: where it comes from. found: its items. notes: what the reader should know.
        sources: for each of the V items the own item or the interest that speaks for it; empty where none does.
    """

    level: Level
    found: Found
    sources: list[str | None]
    notes: tuple[str, ...]


def recommend(
    shop: Shop,
    asks: Sequence[Ask],
    *,
    n: int = 10,
    exclude: str = "",
    allowed: NDArray[np.bool_] | None = None,
    why: bool = False,
    at: int | None = None,
) -> list[Answer]:
    """The top n for each question.

    Args:
        shop: the data and the ranker. asks: Q questions. n: items per answer.
        exclude: 'none', 'target' or 'seen': which of a customer's own items are no candidates; '' = by the data (see
            `Shop.exclude`).
        allowed: bool [V] candidates (see `candidates.candidates`); None = all merchandise.
        why: find the reasons too, by deletion (see `explain`); some hundred scorings per customer.
        at: seconds, when the questions are asked; None = at the shop's latest event.

    Raises:
        UsageError: n is not a positive whole number, or exclude is not a rule.
    """
    n = at_least_one(n)
    rule = shop.exclude(exclude)
    allowed = shop.log.merchandise if allowed is None else allowed & shop.log.merchandise
    answers: list[Answer] = []
    for block in blocks(len(asks), len(shop.log.items)):
        answers.extend(_answer_block(shop, asks[block], n, rule, allowed, why, at))
    return answers


def at_least_one(n: int) -> int:
    """`n` where it can be a number of items.

    Raises:
        UsageError: it cannot.
    """
    try:
        if operator.index(n) >= 1:
            return n
    except TypeError:
        pass
    raise UsageError(f"n is {n!r}", hint="ask for at least one item, a whole number")


def _answer_block(
    shop: Shop, asks: Sequence[Ask], n: int, rule: str, allowed: NDArray[np.bool_], why: bool, at: int | None
) -> list[Answer]:
    queries = shop.histories(asks, at)
    asof = shop.asof(queries, at)
    levels = [_level(shop, queries, row, ask) for row, ask in enumerate(asks)]
    personal = {row: level for row, level in enumerate(levels) if _ranked(shop, level)}
    own = Ragged.from_groups(*own_items(queries, shop.target, rule), len(asks))
    barred = Ragged.of([np.append(own[row], _in_basket(shop, ask)) for row, ask in enumerate(asks)])
    ranked = _best(shop, queries, asof, personal, n, allowed, barred)
    drafts = []
    for row, ask in enumerate(asks):
        open_row = allowed.copy()
        open_row[barred[row]] = False
        drafts.append(_draft(shop, ask, queries, row, levels[row], ranked.get(row), open_row, n))
    reasons = _reasons(shop, queries, asof, drafts) if why else _none(drafts)
    return [
        Answer(
            customer=ask.customer,
            items=_written(shop, draft.found, told),
            fallback_level=draft.level,
            exclude=rule,
            model_version=shop.ranker.version if shop.ranker and _ranked(shop, draft.level) else None,
            notes=draft.notes,
        )
        for ask, draft, told in zip(asks, drafts, reasons, strict=True)
    ]


def _best(
    shop: Shop, queries: Log, asof: NDArray[np.int64], personal: Mapping[int, Level], n: int,
    allowed: NDArray[np.bool_], barred: Ragged,
) -> dict[int, Found]:  # fmt: skip
    """What the ranker finds for the rows that it can read. personal: row -> level."""
    if shop.ranker is None or not personal:
        return {}
    rows = np.array(list(personal))
    best = shop.ranker.best(queries.take(rows), asof[rows], n, allowed, barred.take(rows))
    found = {}
    for place, (row, level) in enumerate(personal.items()):
        some = best.scores[place] > (0 if level == "counting" else -np.inf)  # a count of nothing recommends nothing
        scores = best.scores[place][some]
        likely = np.exp(scores - best.total[place]) if shop.model is not None else np.full_like(scores, np.nan)
        found[row] = Found(
            items=best.items[place][some], scores=scores, levels=[level] * len(scores), probabilities=likely
        )
    return found


def _level(shop: Shop, queries: Log, row: int, ask: Ask) -> Level:
    """The most personal level that can read this question."""
    items = queries.item[queries.offsets[row] : queries.offsets[row + 1]]
    if len(items):
        columns = shop.ranker.columns(shop.log.items) if shop.ranker else None
        stored = ask.customer is not None and ask.customer in shop.log.customers
        if columns is not None and (columns[items[items >= 0]] >= 0).any():
            return cast(Level, shop.ranker.level if stored and shop.ranker else "history")
        if (items >= 0).any():
            return "similar"
    return "interests" if ask.interests else fallback.general_level(shop)


def _ranked(shop: Shop, level: Level) -> bool:
    """Whether the ranker answers; counting knows nothing of a stranger's basket, whose likes are looked up."""
    return shop.ranker is not None and (
        level in ("model", "counting") or (level == "history" and shop.model is not None)
    )


def _in_basket(shop: Shop, ask: Ask) -> NDArray[np.int64]:
    """Codes of items that lie in the open basket: nobody needs to be told of them."""
    codes = shop.log.items.codes(event.item for event in ask.events if event.behaviour == BASKET_BEHAVIOUR)
    return codes[codes >= 0]


def _draft(
    shop: Shop, ask: Ask, queries: Log, row: int, level: Level,
    first: Found | None, allowed: NDArray[np.bool_], n: int,
) -> Draft:  # fmt: skip
    notes = _unknown(shop, ask, int(queries.lengths[row]))
    sources: list[str | None] = []
    if first is None and level in ("history", "similar"):
        alike = fallback.by_content(shop, queries, row)
        if alike is None:
            level = "interests" if ask.interests else fallback.general_level(shop)
        else:
            first, sources = _found(level, alike[0], allowed, n), [shop.log.items.id(int(code)) for code in alike[1]]
    if ask.interests and level != "interests":
        notes.append(words.interests_unused(shop.language))
    if level == "interests":
        wished = fallback.by_interests(shop, ask)
        if wished is None:
            level = fallback.general_level(shop)
            notes.append(words.nothing_matches(list(ask.interests), shop.language))
        else:
            first, sources = _found(level, wished[0], allowed, n), wished[1]
            if wished[2]:
                notes.append(words.nothing_matches(wished[2], shop.language))
    found = _fill(shop, level, first, allowed, n)
    if len(found.items) < n:
        notes.append(words.fewer(len(found.items), n, shop.language))
    return Draft(level=level, found=found, sources=sources, notes=tuple(notes))


def stranger(shop: Shop, ask: Ask, events: int) -> list[str]:
    """A note where the question names a customer of whom nothing is known.

    Args:
        shop: any. ask: the question. events: of the history that was found, those told with the question among them.
    """
    if ask.customer is None or not shop.log.events or events > len(ask.events):
        return []
    return [words.stranger(ask.customer, shop.language)]


def _unknown(shop: Shop, ask: Ask, events: int) -> list[str]:
    """Notes about what the question names and the shop does not know; an empty shop knows nobody, and need not say so."""
    notes = stranger(shop, ask, events)
    strange = [event.item for event in ask.events if shop.log.items.code(event.item) < 0]
    if strange:
        notes.append(words.not_in_catalogue(list(dict.fromkeys(strange)), shop.language))
    return notes


def _found(level: Level, scores: NDArray[np.floating], allowed: NDArray[np.bool_], n: int) -> Found:
    """The best n of what is allowed."""
    items = top(np.where(allowed, scores, -np.inf), n)
    unknown = np.full(len(items), np.nan, dtype=np.float32)
    return Found(
        items=items, scores=scores[items].astype(np.float32), levels=[level] * len(items), probabilities=unknown
    )


def _fill(shop: Shop, level: Level, first: Found | None, allowed: NDArray[np.bool_], n: int) -> Found:
    """The best of the answer's own level, completed to n by the general levels where it has fewer."""
    parts = [] if first is None else [first]
    left, missing = allowed.copy(), n - sum(len(part.items) for part in parts)
    for general in fallback.GENERAL if first is not None else fallback.GENERAL[fallback.GENERAL.index(level) :]:
        if missing == 0:
            break
        for part in parts:
            left[part.items] = False
        parts.append(_found(general, fallback.general(shop, general), left, missing))
        missing -= len(parts[-1].items)
    return Found(
        items=np.concatenate([part.items for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        levels=[name for part in parts for name in part.levels],
        probabilities=np.concatenate([part.probabilities for part in parts]),
    )


def top(scores: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Codes of the n largest scores, best first, ties by code; -inf never wins a place.

    >>> top(np.array([1.0, 3.0, -np.inf, 3.0]), 3).tolist()
    [1, 3, 0]
    """
    count = min(n, int((scores > -np.inf).sum()))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    near = np.flatnonzero(scores >= threshold)
    return near[np.argsort(-scores[near], kind="stable")][:count].astype(np.int64)


def _reasons(
    shop: Shop, queries: Log, asof: NDArray[np.int64], drafts: Sequence[Draft]
) -> list[list[tuple[Reason, ...]]]:
    """Per answer one tuple of reasons per item; the deletions of all answers are scored together."""
    own = [[name == draft.level for name in draft.found.levels] for draft in drafts]
    read = [row for row, draft in enumerate(drafts) if _ranked(shop, draft.level) and any(own[row])]
    deep: dict[int, list[tuple[Reason, ...]]] = {}
    if read:
        rows, items = np.array(read), [drafts[row].found.items[own[row]] for row in read]
        deep = dict(zip(read, explained(shop, queries.take(rows), asof[rows], items), strict=True))
    return [_told(shop, draft, deep.get(row, [])) for row, draft in enumerate(drafts)]


def _none(drafts: Sequence[Draft]) -> list[list[tuple[Reason, ...]]]:
    return [[()] * len(draft.found.items) for draft in drafts]


def _told(shop: Shop, draft: Draft, deep: list[tuple[Reason, ...]]) -> list[tuple[Reason, ...]]:
    """The reasons of each item of one answer; `deep`: those found by deletion, of the items from the answer's own level."""
    reasons: list[tuple[Reason, ...]] = []
    for code, name in zip(draft.found.items, draft.found.levels, strict=True):
        if name == draft.level and _ranked(shop, name):
            reasons.append(deep[len(reasons)] or (_popular(shop, int(code)),))
        elif name == draft.level and draft.sources:
            reasons.append((_by_source(shop, name, draft.sources[int(code)] or ""),))
        else:
            reasons.append((fallback.general_reason(shop, name, int(code)),))
    return reasons


def _by_source(shop: Shop, level: Level, source: str) -> Reason:
    label = shop.name(source) or source
    if level != "interests":
        return Reason(kind="similar", text=words.similar(label, shop.language), item=source, name=shop.name(source))
    return Reason(kind="interest", text=words.interest(label, shop.language))


def _popular(shop: Shop, item: int) -> Reason:
    """What is left to say of an item that no event of the customer's speaks for."""
    recent = shop.recent_popularity[item] > 0
    level: Level = "recent popularity" if recent else "popularity" if shop.popularity[item] > 0 else "new"
    return fallback.general_reason(shop, level, item)


def _written(shop: Shop, found: Found, reasons: Sequence[tuple[Reason, ...]]) -> tuple[Recommended, ...]:
    ids = shop.log.items.names(found.items) if len(found.items) else []
    return tuple(
        Recommended(
            item=item,
            name=shop.name(item),
            score=float(score),
            level=level,
            probability=None if np.isnan(chance) else float(chance),
            reasons=tuple(why),
        )
        for item, score, level, chance, why in zip(
            ids, found.scores, found.levels, found.probabilities, reasons, strict=True
        )
    )
