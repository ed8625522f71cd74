"""Recommend: the top n for one customer or many, scored exactly over the whole catalogue, level by level."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
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
from regard.insight.picking import Picking, Rules
from regard.insight.shop import Shop
from regard.insight.sources import Found, Limits, by_ranker, by_scores, general
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

BLOCK_CELLS = 16_000_000
"""Scores held at a time (customers x items): 64 MB of float32, whatever the catalogue's size."""

DEEPER = 4
"""Items looked at for each that is wanted where rules may pass over some: most lists are then full at the first look."""


def blocks(rows: int, width: int, most: int = 1024) -> Iterator[slice]:
    """Slices of `rows` such that no block holds more than BLOCK_CELLS scores; never more than `most` rows.

    >>> [s.stop - s.start for s in blocks(5, 8_000_000)]
    [2, 2, 1]
    """
    size = max(1, min(most, BLOCK_CELLS // max(width, 1)))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Questions that are answered together.

    Args:
        asks: Q questions. queries: their histories. asof: int64 [Q] seconds. levels: the most personal that can read each.
        n: items per answer. allowed: bool [V] candidates. barred: Q rows of codes that are none. rules: of the scenario.
    """

    asks: Sequence[Ask]
    queries: Log
    asof: NDArray[np.int64]
    levels: Sequence[Level]
    n: int
    allowed: NDArray[np.bool_]
    barred: Ragged
    rules: Rules

    def limits(self, row: int) -> Limits:
        """What may stand in the list of one question."""
        return Limits(allowed=self.allowed, barred=self.barred[row], factor=self.rules.factor)

    @property
    def deep(self) -> int:
        """Items to look at first."""
        return (self.n + len(self.rules.pins)) * (DEEPER if self.rules.limits else 1)


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
    rules: Rules | None = None,
    why: bool = False,
    at: int | None = None,
) -> list[Answer]:
    """The top n for each question.

    Args:
        shop: the data and the ranker. asks: Q questions. n: items per answer.
        exclude: 'none', 'target' or 'seen': which of a customer's own items are no candidates; '' = by the data (see
            `Shop.exclude`).
        allowed: bool [V] candidates (see `candidates.candidates`); None = all merchandise.
        rules: of a scenario, see `scenario`; None = no rules.
        why: find the reasons too, by deletion (see `explain`); some hundred scorings per customer.
        at: seconds, when the questions are asked; None = at the shop's latest event.

    Raises:
        UsageError: n is not a positive whole number, or exclude is not a rule.
    """
    n, rule, rules = at_least_one(n), shop.exclude(exclude), rules or Rules()
    free = shop.log.merchandise
    for more in (allowed, rules.allowed):
        free = free if more is None or more is free else shop.remembered(np.logical_and, free, more)
    answers: list[Answer] = []
    for part in blocks(len(asks), len(shop.log.items)):
        block = _block(shop, asks[part], n, rule, free, rules, at)
        answers.extend(_answers(shop, block, rule, why))
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


def _block(
    shop: Shop, asks: Sequence[Ask], n: int, rule: str, allowed: NDArray[np.bool_], rules: Rules, at: int | None
) -> Block:
    queries = shop.histories(asks, at)
    own = Ragged.from_groups(*own_items(queries, shop.target, rule), len(asks))
    return Block(
        asks=asks,
        queries=queries,
        asof=shop.asof(queries, at),
        levels=[_level(shop, queries, row, ask) for row, ask in enumerate(asks)],
        n=n,
        allowed=allowed,
        barred=Ragged.of([np.append(own[row], _in_basket(shop, ask)) for row, ask in enumerate(asks)]),
        rules=rules,
    )


def _answers(shop: Shop, block: Block, rule: str, why: bool) -> list[Answer]:
    ranked = _ranked_rows(shop, block)
    drafts = [_draft(shop, block, row, ranked.get(row)) for row in range(len(block.asks))]
    reasons = _reasons(shop, block, drafts) if why else _none(drafts)
    return [
        Answer(
            customer=ask.customer,
            items=_written(shop, draft.found, told),
            fallback_level=draft.level,
            exclude=rule,
            model_version=shop.ranker.version if shop.ranker and _ranked(shop, draft.level) else None,
            notes=draft.notes,
        )
        for ask, draft, told in zip(block.asks, drafts, reasons, strict=True)
    ]


def _ranked_rows(shop: Shop, block: Block) -> dict[int, Iterator[Found]]:
    """What the ranker finds for the rows that it can read, looked up for all of them together."""
    rows = np.array([row for row, level in enumerate(block.levels) if _ranked(shop, level)], dtype=np.int64)
    if shop.ranker is None or not len(rows):
        return {}
    some = block.queries if len(rows) == len(block.asks) else block.queries.take(rows)
    deep, barred = block.deep, block.barred.take(rows)
    best = shop.ranker.best(some, block.asof[rows], deep, block.allowed, barred, block.rules.factor)
    return {
        row: by_ranker(shop, block.levels[row], block.queries, block.asof, row, block.limits(row), best, place)
        for place, row in enumerate(rows.tolist())
    }


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


def _draft(shop: Shop, block: Block, row: int, ranked: Iterator[Found] | None) -> Draft:
    ask, level, limits = block.asks[row], block.levels[row], block.limits(row)
    notes, first = _unknown(shop, ask, int(block.queries.lengths[row])), ranked
    sources: list[str | None] = []
    if first is None and level in ("history", "similar"):
        alike = fallback.by_content(shop, block.queries, row)
        if alike is None:
            level = "interests" if ask.interests else fallback.general_level(shop)
        else:
            first = by_scores(level, alike[0], limits, block.deep)
            sources = [shop.log.items.id(int(code)) for code in alike[1]]
    if ask.interests and level != "interests":
        notes.append(words.interests_unused(shop.language))
    if level == "interests":
        wished = fallback.by_interests(shop, ask)
        if wished is None:
            level = fallback.general_level(shop)
            notes.append(words.nothing_matches(list(ask.interests), shop.language))
        else:
            first, sources = by_scores(level, wished[0], limits, block.deep), wished[1]
            if wished[2]:
                notes.append(words.nothing_matches(wished[2], shop.language))
    found = _picked(shop, block, row, level, first)
    if len(found.items) < block.n:
        notes.append(words.fewer(len(found.items), block.n, shop.language))
    return Draft(level=level, found=found, sources=sources, notes=tuple(notes))


def _picked(shop: Shop, block: Block, row: int, level: Level, first: Iterator[Found] | None) -> Found:
    """The best of the answer's own level, completed to n by the general levels where it has fewer, around the pins."""
    limits = block.limits(row)
    picking = Picking(block.n, block.rules, lambda code: bool(limits.open(np.array([code]))[0]))
    levels = fallback.GENERAL if first is not None else fallback.GENERAL[fallback.GENERAL.index(level) :]
    others = [general(shop, name, limits, block.deep) for name in levels]
    parts: list[Found] = []
    for source in others if first is None else [first, *others]:
        while picking.missing and (found := next(source, None)) is not None:
            parts.append(found.take(picking.offer(found.items)))
    found = Found.joined(parts)
    if not picking.pins:
        return found
    codes = np.array([code for _, code in picking.pins])
    pins = Found.of("pinned", codes, _scores(shop, block, row, level, codes))
    return Found.joined([found, pins]).take(picking.places(len(found.items)))


def _scores(shop: Shop, block: Block, row: int, level: Level, codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """What pinned items would have scored: by the ranker where it answers, else by the first general level that knows them."""
    scores = np.full(len(codes), -np.inf, dtype=np.float32)
    if _ranked(shop, level) and shop.ranker is not None:
        query = block.queries.take(np.array([row]))
        scores = shop.ranker.score_of(query, block.asof[[row]], codes[None], np.array([0]))[0]
        if block.rules.factor is not None:
            scores = shop.ranker.weighed(scores, block.rules.factor[codes])
    for name in fallback.GENERAL:
        told = fallback.general(shop, name)[codes]
        scores = np.where(scores > -np.inf, scores, told)
    return scores


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


def _reasons(shop: Shop, block: Block, drafts: Sequence[Draft]) -> list[list[tuple[Reason, ...]]]:
    """Per answer one tuple of reasons per item; the deletions of all answers are scored together."""
    own = [[name == draft.level for name in draft.found.levels] for draft in drafts]
    read = [row for row, draft in enumerate(drafts) if _ranked(shop, draft.level) and any(own[row])]
    deep: dict[int, list[tuple[Reason, ...]]] = {}
    if read:
        rows, items = np.array(read), [drafts[row].found.items[own[row]] for row in read]
        deep = dict(zip(read, explained(shop, block.queries.take(rows), block.asof[rows], items), strict=True))
    return [_told(shop, draft, deep.get(row, [])) for row, draft in enumerate(drafts)]


def _none(drafts: Sequence[Draft]) -> list[list[tuple[Reason, ...]]]:
    return [[()] * len(draft.found.items) for draft in drafts]


def _told(shop: Shop, draft: Draft, deep: list[tuple[Reason, ...]]) -> list[tuple[Reason, ...]]:
    """The reasons of each item of one answer; `deep`: those found by deletion, of the items from the answer's own level."""
    reasons: list[tuple[Reason, ...]] = []
    by_deletion = iter(deep)
    for code, name in zip(draft.found.items, draft.found.levels, strict=True):
        if name == draft.level and _ranked(shop, name):
            reasons.append(next(by_deletion) or (_popular(shop, int(code)),))
        elif name == "pinned":
            reasons.append((Reason(kind="pinned", text=words.pinned(shop.language)),))
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
