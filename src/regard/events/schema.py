"""What an event is: the fields, the behaviours and the Arrow shape in which the store keeps them.

Definitions: an event is one thing a customer did. `customer` and `behaviour` are always there; `time` wherever the log has a
clock; everything else may be missing. Lines of one order are events that share `order`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

Clock = Literal["clock", "order", "none"]
"""Whether times are timestamps, mere positions, or absent (a set)."""

CLOCKS: tuple[Clock, ...] = get_args(Clock)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of an event.

    Args:
        name: the field's name, everywhere in Regard.
        type: its Arrow type in the store.
        about: what it holds, one line, with the unit.
        of_item: True when the value describes the item, not the act (it also feeds the items table).
    """

    name: str
    type: pa.DataType
    about: str
    of_item: bool = False


_TEXT, _NUMBER = pa.string(), pa.float64()

FIELDS: tuple[Field, ...] = (
    Field(name="customer", type=_TEXT, about="who did it; any text"),
    Field(name="behaviour", type=_TEXT, about="what was done, one of BEHAVIOURS or the shop's own word"),
    Field(name="item", type=_TEXT, about="what it was done to; missing for searches and page views"),
    Field(name="time", type=pa.timestamp("us", tz="UTC"), about="when; missing where the log has no clock"),
    Field(name="position", type=pa.int64(), about="place in the customer's order of events, where there is no clock"),
    Field(name="event_id", type=_TEXT, about="message id; two rows with different ids are different events"),
    Field(name="order", type=_TEXT, about="invoice, basket or order id"),
    Field(name="quantity", type=_NUMBER, about="units; negative for a return"),
    Field(name="price", type=_NUMBER, about="money per unit"),
    Field(name="value", type=_NUMBER, about="money; quantity x price unless given"),
    Field(name="session", type=_TEXT, about="session id"),
    Field(name="query", type=_TEXT, about="words searched for"),
    Field(name="dwell", type=_NUMBER, about="seconds spent"),
    Field(name="channel", type=_TEXT, about="web, app, shop, mail ..."),
    Field(name="device", type=_TEXT, about="phone, desktop ..."),
    Field(name="place", type=_TEXT, about="country, city or shop"),
    Field(name="campaign", type=_TEXT, about="campaign or source the act is credited to"),
    Field(name="rating", type=_NUMBER, about="stars or score given"),
    Field(name="text", type=_TEXT, about="review or message"),
    Field(name="item_name", type=_TEXT, about="the item's title or description", of_item=True),
    Field(name="category", type=_TEXT, about="the item's category, levels joined by ' > '", of_item=True),
    Field(name="brand", type=_TEXT, about="the item's brand or maker", of_item=True),
    Field(name="extra", type=_TEXT, about="every other column, as one JSON object"),
)
FIELD_NAMES: tuple[str, ...] = tuple(field.name for field in FIELDS)
PROVENANCE: tuple[str, ...] = ("ingest", "file", "line")
"""Where a stored row came from: number of the ingest, number of the file in it, line in the file (first data row = 1)."""

SCHEMA: pa.Schema = pa.schema(
    [pa.field(field.name, field.type, nullable=field.name not in ("customer", "behaviour")) for field in FIELDS]
    + [pa.field("ingest", pa.int32()), pa.field("file", pa.int32()), pa.field("line", pa.int64())]
)

BEHAVIOURS: tuple[str, ...] = (
    "view_item_list", "select_item", "view_item", "add_to_wishlist", "add_to_cart", "remove_from_cart", "view_cart",
    "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund", "view_promotion", "select_promotion",
    "impression", "favourite", "search", "review", "rating", "message_sent", "message_open", "message_click",
    "play", "like", "share", "follow", "page_view", "session_start", "sign_up", "login",
)  # fmt: skip
"""GA4 e-commerce names and Regard's own additions; any other word is kept as it is."""

NEVER_TARGET: frozenset[str] = frozenset({"refund", "remove_from_cart", "impression", "message_sent"})
"""Behaviours that are read as history and never predicted as somebody's next wish."""

BASKET_BEHAVIOURS: frozenset[str] = frozenset({"purchase", "refund"})
"""Behaviours whose events are grouped into baskets: same order, or the same calendar day where there is none."""
