"""What the page is made of: results in the JSON shapes that the verbs print, and four small shapes that no verb prints.

Who fills it (`workspace.reporting`) reads, of a store, its models and its answers:

- `totals` and `doctor`: as of now. What an ingest reported then no longer holds after an undo, so that all counts are
  read here.
- `ingests`: `entry.report` of every entry of `history()` that was not undone: its files and what they share.
- `evaluation`: what the model registry keeps of the last `evaluate()`; the page writes the words anew in its own
  language, so the stored language does not matter.
- `model`, `card`, `curve`: of the model that answers; a curve's point is {"step", "seconds", "loss", "ndcg"}, the last
  two None where they were not taken.
- `customers`: three or so, told apart by how long their histories are; `recommend(..., why=True, language=...)` and
  `intent(...)` as JSON.
- `attention`: of one of these customers, from the plain reference path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The shop in figures.

    Args:
        events, customers, items: distinct, in the store. orders: baskets of a target behaviour.
        revenue: money in the workspace's currency, of purchases, also of those returned later; None where no event
            carries a value.
        behaviours: behaviour -> events, the commonest first.
        clock: 'clock', 'order' or 'none'. first, last: times of events, None without a clock.
        future: events more than a day ahead of now. far: events far from the bulk of the times.
    """

    events: int = 0
    customers: int = 0
    items: int = 0
    orders: int = 0
    revenue: float | None = None
    behaviours: Mapping[str, int] = field(default_factory=dict)
    clock: str = "clock"
    first: datetime | None = None
    last: datetime | None = None
    future: int = 0
    far: int = 0


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One event as a timeline shows it.

    Args:
        behaviour: what was done. item: id, None for a search. name: of the item, '' where unknown.
        time: on the shop's wall clock; None where the log has no clock.
    """

    behaviour: str
    item: str | None = None
    name: str = ""
    time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One real customer.

    Args:
        id: the customer. events: the latest ones (200 are plenty), oldest first.
        earlier: events before those.
        answer: the shape of schemas/recommend.json, with reasons in the page's language.
        intent: one answer of schemas/intent.json; None where the log has no clock.
    """

    id: str
    events: Sequence[Deed]
    earlier: int = 0
    answer: Json | None = None
    intent: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Attention:
    """How the question 'now' looks back at a customer's events.

    Args:
        customer: id. events: L events, oldest first.
        weights: H rows (one per attention head) of L shares from 0 to 1.
    """

    customer: str
    events: Sequence[Deed]
    weights: Sequence[Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All that the page shows; every part but the first three may be empty.

    Args:
        shop: its name, such as the workspace folder's. made_at: when the page was made, with a zone.
        version: of Regard. time_zone: IANA name of the zone in which times are shown.
        currency: three letters, '' where unknown.
        totals: the shop in figures. ingests: reports, the first first. doctor: the shape of schemas/doctor.json, or None.
        model: id of the model that answers, None for counting. card: its figures. curve: of its training.
        evaluation: the shape of schemas/evaluate.json, or None.
        customers: a few. attention: a picture, or None.
    """

    shop: str
    made_at: datetime
    version: str
    time_zone: str = "UTC"
    currency: str = ""
    totals: Totals = field(default_factory=Totals)
    ingests: Sequence[Json] = ()
    doctor: Json | None = None
    model: str | None = None
    card: Json = field(default_factory=dict)
    curve: Sequence[Json] = ()
    evaluation: Json | None = None
    customers: Sequence[Customer] = ()
    attention: Attention | None = None
