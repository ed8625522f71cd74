"""Exports whose form is fixed and whose names alone would mislead."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from regard.events.names import behaviour_of, plain
from regard.events.read_source import Source


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One well-known form.

    Args:
        needs: names that must all be there (plain words); empty for a form known by its cells.
        cells: patterns of the columns of a file without a header, in order; 'behaviour' asks for a behaviour word.
        columns: field -> names, the first that is not missing counts.
        behaviours: word -> behaviour, where the export has codes of its own.
        without: fields that must not be guessed.
        note: what to tell.
    """

    needs: frozenset[str] = frozenset()
    cells: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    note: str = ""

    def fits(self, source: Source) -> bool:
        """True when `source` has this form."""
        if self.cells:
            return (
                not source.named
                and len(source.columns) == len(self.cells)
                and all(map(self._holds, self.cells, zip(*source.sample, strict=True)))
            )
        return source.named and self.needs <= {plain(column) for column in source.columns}

    @staticmethod
    def _holds(pattern: str, values: tuple[str | None, ...]) -> bool:
        known = [value for value in values if value]
        good = sum(
            behaviour_of(v) is not None if pattern == "behaviour" else bool(re.fullmatch(pattern, v)) for v in known
        )
        return bool(known) and good >= 0.9 * len(known)


SHAPES: tuple[Shape, ...] = (
    Shape(
        needs=frozenset({"lineitemname", "lineitemquantity", "name"}),
        columns={
            "customer": ("Customer ID", "Email", "Phone", "Billing Name"),
            "order": ("Name",),
            "item": ("Lineitem sku", "Lineitem name"),
            "item_name": ("Lineitem name",),
            "quantity": ("Lineitem quantity",),
            "price": ("Lineitem price",),
            "behaviour": ("Financial Status",),
            "time": ("Created at", "Paid at"),
            "brand": ("Vendor",),
        },
        without=frozenset({"value", "category", "text"}),
        note="Shopify orders: one line per item, what stands on an order's first line counts for all of them",
    ),
    Shape(
        needs=frozenset({"type", "messageid", "timestamp"}),
        columns={
            "customer": ("userId", "user_id", "anonymousId", "anonymous_id"),
            "behaviour": ("event", "type"),
            "time": ("timestamp",),
            "event_id": ("messageId", "message_id"),
            "item_name": ("properties.products[].name", "properties.name"),
        },
        note="Segment records: identified users by userId, others by anonymousId",
    ),
    Shape(
        needs=frozenset({"eventname", "eventtimestamp"}),
        columns={
            "customer": ("user_id", "user_pseudo_id"),
            "behaviour": ("event_name",),
            "time": ("event_timestamp",),
            "order": ("ecommerce.transaction_id", "event_params.transaction_id"),
        },
        note="GA4 export: signed-in users by user_id, others by user_pseudo_id",
    ),
    Shape(
        needs=frozenset({"behaviortype", "usergeohash", "itemcategory"}),
        behaviours={"1": "view_item", "2": "favourite", "3": "add_to_cart", "4": "purchase"},
        note="Tianchi's codes: 1 view, 2 favourite, 3 cart, 4 purchase",
    ),
    Shape(
        cells=(r"\S+", r"\S+", r"\S+", "behaviour", r"\d{9,10}"),
        columns={"customer": ("#1",), "item": ("#2",), "category": ("#3",), "behaviour": ("#4",), "time": ("#5",)},
        note="no header: user, item, category, behaviour, seconds, as in Taobao's UserBehavior",
    ),
    Shape(
        cells=(r"\S+", r"\S+", r"[0-5](\.[05])?", r"\d{9,10}"),
        columns={"customer": ("#1",), "item": ("#2",), "rating": ("#3",), "time": ("#4",)},
        note="no header: user, item, rating, seconds, as in MovieLens and Amazon's ratings",
    ),
)  # fmt: skip
