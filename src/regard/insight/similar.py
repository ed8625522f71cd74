"""Similar: what goes with an item, from three witnesses: the model, shared customers and content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.insight.answer import Plain
from regard.insight.ranker import top
from regard.insight.recommend import at_least_one
from regard.insight.shop import Shop

FUSION = 60
"""Reciprocal rank fusion's constant (Cormack, Clarke and Buettcher 2009): how little the very first ranks stand out."""

DEEP = 200
"""Places of each witness's list that count."""


@dataclass(frozen=True, kw_only=True)
class SimilarItem:
    """One item like another.

    Args:
        item: its id. name: its title, '' where unknown.
        score: sum over the witnesses of (FUSION + 1) / (FUSION + rank), divided by the number of witnesses; 1 = first
            with all.
        witnesses: which of 'model', 'customers' and 'content' say so, loudest first.
    """

    item: str
    name: str
    score: float
    witnesses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SimilarItems(Plain):
    """The items most like one item."""

    item: str
    name: str
    items: tuple[SimilarItem, ...]


def similar(
    shop: Shop, items: Sequence[str], *, n: int = 10, allowed: NDArray[np.bool_] | None = None
) -> list[SimilarItems]:
    """The n items most like each of the given ones.

    Args:
        shop: the data. items: ids that must be in the catalogue. n: items per answer.
        allowed: bool [V] candidates; None = all merchandise.

    Raises:
        UsageError: an item is unknown, or n is not a positive whole number.
    """
    n = at_least_one(n)
    codes = shop.codes(list(items))
    allowed = shop.log.merchandise if allowed is None else allowed
    answers = []
    for item, code in zip(items, codes, strict=True):
        voices = _voices(shop, int(code))
        open_row = allowed.copy()
        open_row[code] = False
        answers.append(SimilarItems(item=item, name=shop.name(item), items=_fused(shop, voices, open_row, n)))
    return answers


def _voices(shop: Shop, code: int) -> dict[str, NDArray[np.float32]]:
    """Each witness's similarities, float32 [V]; at most 0 = says nothing."""
    row = np.array([code])
    voices = {"customers": shop.covisit(row)[0], "content": shop.likeness(row)[0]}
    if shop.model is not None and shop.ranker is not None:
        columns = shop.ranker.columns(shop.log.items)
        if columns[code] >= 0:
            vectors = shop.model.item_vectors
            norms = np.linalg.norm(vectors, axis=1) + 1e-9
            cosine = vectors @ vectors[columns[code]] / (norms * norms[columns[code]])
            voices["model"] = np.append(cosine, 0.0)[columns].astype(np.float32)
    return {name: voice for name, voice in voices.items() if (voice > 0).any()}


def _fused(
    shop: Shop, voices: dict[str, NDArray[np.float32]], allowed: NDArray[np.bool_], n: int
) -> tuple[SimilarItem, ...]:
    scores = np.zeros(len(allowed), dtype=np.float32)
    said: dict[int, list[tuple[int, str]]] = {}
    for name, voice in voices.items():
        best = top(np.where(allowed & (voice > 0), voice, -np.inf), DEEP)
        scores[best] += (FUSION + 1) / (FUSION + 1 + np.arange(len(best)))
        for rank, code in enumerate(best):
            said.setdefault(int(code), []).append((rank, name))
    scores /= max(len(voices), 1)
    return tuple(
        SimilarItem(
            item=shop.log.items.id(int(code)),
            name=shop.name(shop.log.items.id(int(code))),
            score=float(scores[code]),
            witnesses=tuple(name for _, name in sorted(said[int(code)])),
        )
        for code in top(np.where(scores > 0, scores, -np.inf), n)
    )
