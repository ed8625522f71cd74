"""The canary: a few customers whom a model answers before anybody else is let near it.

That its files are what was written is checked by loading it. Here it must answer the same customers in every check: with
finite scores that differ from item to item, quickly, and not wholly unlike the model whose place it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard import insight
from regard.errors import ModelError
from regard.insight.history import Ask
from regard.insight.ranker import Ranker
from regard.insight.shop import Shop

CUSTOMERS = 32
"""Customers who are asked about, spread evenly over the ids: enough to meet every length of history, done in a second."""

TOP = 10
"""Items per answer that are compared."""

LEAST_OVERLAP = 0.02
"""Share of the top items that two models must have in common, averaged over the customers. Two trainings on the same shop
share a third and more; a model whose ids have slipped shares what chance gives.
"""

LARGE = 20 * TOP
"""Items in the catalogue from which the overlap is asked for: below, chance alone gives LEAST_OVERLAP."""

MOST_SECONDS = 0.5
"""Seconds for which one customer may wait for an answer once the model is warm; fifty times what a hundred thousand items
take.
"""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """What was seen.

    Args:
        model: id. customers: how many were asked about.
        overlap: share of the top items in common with the model in service; None where there was none to compare with.
        seconds: of one answer, the median.
    """

    model: str
    customers: int
    overlap: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "model": self.model, "customers": self.customers, "overlap": self.overlap,
            "seconds": round(self.seconds, 4),
        }  # fmt: skip


def check(shop: Shop, beside: Shop | None = None) -> Canary:
    """Ask a model about a few customers.

    Args:
        shop: with the model as its ranker. beside: the same with the model in service.

    Raises:
        ModelError: it fails, in whatever way.
    """
    ranker = shop.ranker
    if ranker is None or ranker.version is None:
        raise ModelError("there is no model to check", hint="regard train makes one")
    asks = _asks(shop)
    try:
        warm = getattr(ranker.scorer, "warm", None)
        if warm is not None:
            warm()
        _finite(shop, ranker, asks)
        insight.recommend(shop, asks[:1], n=TOP)
        shown, seconds = _answers(shop, asks)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{ranker.version} fails when it is asked: {type(error).__name__}: {error}", hint=_KEPT
        ) from error
    if seconds > MOST_SECONDS:
        raise ModelError(f"{ranker.version} takes {seconds:.2f} s for an answer", hint=_KEPT)
    overlap = None
    if beside is not None and len(shop.log.items) >= LARGE and asks:
        overlap = _overlap(shown, _answers(beside, asks)[0])
        if overlap < LEAST_OVERLAP:
            raise ModelError(
                f"{ranker.version} shares {overlap:.1%} of its top {TOP} with the model in service", hint=_KEPT
            )
    return Canary(model=ranker.version, customers=len(asks), overlap=overlap, seconds=seconds)


_KEPT = "the model in service stays; train again"


def _asks(shop: Shop) -> list[Ask]:
    known = np.flatnonzero(shop.log.lengths > 0)
    chosen = known[np.unique(np.linspace(0, len(known) - 1, min(CUSTOMERS, len(known))).astype(np.int64))]
    return [Ask(customer=name) for name in shop.log.customers.names(chosen)]


def _finite(shop: Shop, ranker: Ranker, asks: list[Ask]) -> None:
    """Every item that the model knows and that may be recommended has a score, and not all have the same."""
    if not asks:
        return
    queries = shop.histories(asks)
    scores = ranker.score(queries, shop.asof(queries))
    known: NDArray[np.bool_] = (ranker.columns(queries.items) >= 0) & shop.log.merchandise
    told = scores[:, known]
    # What was no merchandise when it learned is -inf to the model, whatever the shop says now.
    broken = np.isnan(told).any() or np.isposinf(told).any() or not np.isfinite(told).any(axis=1).all()
    if broken:
        raise ModelError(f"{ranker.version} gives scores that are no numbers", hint=_KEPT)
    spread = np.where(np.isfinite(told), told, np.nan)
    if known.sum() > 1 and (np.nanmax(spread, axis=1) == np.nanmin(spread, axis=1)).all():
        raise ModelError(f"{ranker.version} scores all items alike", hint=_KEPT)


def _answers(shop: Shop, asks: list[Ask]) -> tuple[list[set[str]], float]:
    """The top items of each customer, and the median seconds of an answer."""
    shown, seconds = [], []
    for ask in asks:
        began = perf_counter()
        answer = insight.recommend(shop, [ask], n=TOP)[0]
        seconds.append(perf_counter() - began)
        shown.append({one.item for one in answer.items})
    return shown, float(np.median(seconds)) if seconds else 0.0


def _overlap(ours: list[set[str]], theirs: list[set[str]]) -> float:
    both = [len(one & other) / max(len(other), 1) for one, other in zip(ours, theirs, strict=True)]
    return float(np.mean(both))
