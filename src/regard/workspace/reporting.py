"""Reporting: gathers what the report page shows, from the same answers that anybody can ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard import __version__, insight
from regard.insight import words
from regard.insight.history import Ask
from regard.insight.shop import Shop
from regard.progress import Progress
from regard.report import Attention, Customer, Deed, ReportData, Totals
from regard.report import write as write_page
from regard.sequences.log import DAY, Log
from regard.workspace import leaving
from regard.workspace.models import Models

if TYPE_CHECKING:
    from regard.events.store import Store

LATEST = 200
"""Events of a customer's timeline; more would be a smear of ink."""

PLACES = (0.5, 0.8, 0.97)
"""Where among the buyers, ordered by length of history, the customers shown stand: few events, many, very many."""

LEAST = 5
"""Events that a shown customer has at least: shorter histories explain themselves."""


def write(store: Store, models: Models, shop: Shop, notes: tuple[str, ...], progress: Progress) -> Path:
    """Write reports/report.html (report.zh.html in Chinese) and return its path.

    Args:
        store: asked for its history and its doctor. models: the registry.
        shop: its events, who ranks them, and the page's language. notes: what a reader of its answers should know.
    """
    folder = store.folder / "reports"
    folder.mkdir(exist_ok=True)
    path = folder / ("report.html" if shop.language == "en" else f"report.{shop.language}.html")
    progress.start("report")
    write_page(gather(store, models, shop, notes), path, language=shop.language)
    progress.finish(str(path))
    return path


def gather(store: Store, models: Models, shop: Shop, notes: tuple[str, ...]) -> ReportData:
    """All that the page shows; arguments as in `write`."""
    version = shop.ranker.version if shop.ranker else None
    entry = models.get(version) if version else models.current()
    card = dict(shop.model.card) if shop.model else {}
    if entry and version and (left_out := leaving.kept(entry.folder)):
        card |= leaving.told_briefly(left_out)
    chosen, now = shown_customers(shop), datetime.now(UTC)
    return ReportData(
        shop=store.folder.resolve().name,
        made_at=now,
        version=__version__,
        time_zone=store.config.time_zone,
        currency=store.config.currency,
        totals=totals(shop, now),
        ingests=[ingest.report for ingest in store.history() if not ingest.undone],
        doctor=store.doctor().to_json() if shop.log.events else None,
        model=version,
        card=card,
        curve=card.get("curve", []),
        evaluation=entry.evaluation if entry else None,
        customers=[_customer(shop, code, store.config.horizons, notes) for code in chosen],
        attention=_attention(shop, chosen[0]) if chosen else None,
    )


def totals(shop: Shop, now: datetime) -> Totals:
    """The shop in figures, seen at `now`."""
    log = shop.log
    baskets = np.unique(np.stack([log.owner[shop.wanted], log.basket[shop.wanted].astype(np.int64)]), axis=1)
    value = log.value[log.is_behaviour(("purchase",))]
    known = value[np.isfinite(value)]
    acts = np.bincount(log.behaviour, minlength=len(log.behaviours)).tolist()
    timed = log.clock == "clock" and log.events > 0
    return Totals(
        events=log.events,
        customers=int((log.lengths > 0).sum()),
        items=len(np.unique(log.item[log.item >= 0])),
        orders=baskets.shape[1],
        revenue=float(known.sum(dtype=np.float64)) if len(known) else None,
        behaviours=dict(sorted(zip(log.behaviours, acts, strict=True), key=lambda act: -act[1])),
        clock=log.clock,
        first=words.local(int(log.time.min()), log.time_zone) if timed else None,
        last=words.local(int(log.time.max()), log.time_zone) if timed else None,
        future=int((log.time > now.timestamp() + DAY).sum()) if timed else 0,
        far=_far(log.time) if timed else 0,
    )


def _far(time: NDArray[np.int64]) -> int:
    """Events further from the middle 98 % than ten times their span, as the quality gate sees it."""
    low, high = np.quantile(time, (0.01, 0.99))
    reach = 10 * max(high - low, DAY)
    return int(((time < low - reach) | (time > high + reach)).sum())


def shown_customers(shop: Shop) -> list[int]:
    """Codes of three buyers whose histories differ in length."""
    log = shop.log
    bought = np.bincount(log.owner[shop.wanted], minlength=len(log)) > 0
    buyers = np.flatnonzero(bought & (log.lengths >= LEAST))
    if len(buyers) == 0:
        buyers = np.flatnonzero(log.lengths > 0)
    ranked = buyers[np.argsort(log.lengths[buyers], kind="stable")]
    places = [int(place * (len(ranked) - 1)) for place in PLACES] if len(ranked) else []
    return [int(ranked[place]) for place in dict.fromkeys(places)]


def _customer(shop: Shop, code: int, horizons: Sequence[int], notes: tuple[str, ...]) -> Customer:
    name = shop.log.customers.id(code)
    history, asks = shop.log.take(np.array([code])), [Ask(customer=name)]
    (answer,) = insight.recommend(shop, asks, n=5, why=True)
    return Customer(
        id=name,
        events=_deeds(shop, history, LATEST),
        earlier=max(0, history.events - LATEST),
        answer=answer.noting(notes).to_json(),
        intent=insight.intent(shop, asks, horizons=horizons)[0].to_json() if shop.log.clock == "clock" else None,
    )


def _deeds(shop: Shop, history: Log, latest: int) -> Sequence[Deed]:
    deeds = []
    for row in range(max(0, history.events - latest), history.events):
        item = history.items.id(int(history.item[row])) if history.item[row] >= 0 else None
        deeds.append(
            Deed(
                behaviour=history.behaviours[history.behaviour[row]],
                item=item,
                name=shop.name(item) if item else "",
                time=words.local(int(history.time[row]), history.time_zone) if history.clock == "clock" else None,
            )
        )
    return deeds


def _attention(shop: Shop, code: int) -> Attention | None:
    """A picture of what the model looked at, where it can draw one."""
    model: Any = shop.model
    if model is None or shop.ranker is None or not hasattr(model, "attention"):
        return None
    history = shop.log.take(np.array([code]))
    asked = shop.ranker.aligned(history)
    weights = model.attention(asked, shop.asof(history))[0]
    if asked.events != history.events or weights.size == 0:
        return None
    return Attention(
        customer=shop.log.customers.id(code),
        events=_deeds(shop, history, weights.shape[1]),
        weights=[[float(share) for share in head] for head in weights],
    )
