"""Segment's six calls -> records: track, identify, page, screen, group and alias, with the names of its e-commerce spec.

Covered: `messageId`, `userId | anonymousId`, `timestamp`, `sentAt` and `receivedAt`; the properties of the e-commerce spec,
version 2, with one record per entry of `products`; of `context`: device, campaign, location, locale, session and the page's
path. Every other property is kept in `extra`. Of `context` nothing else is: addresses, user agents and advertising ids are
personal and no help to anybody here; nor the anonymous id of a known customer: `identify` and `alias` join the two.
`integrations` and `context.consent` are about other receivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regard.events.names import behaviour_of
from regard.serving.adapters.lines import (
    Names,
    Record,
    first,
    line_per_product,
    micros,
    refused,
    renamed,
    seconds,
    with_extra,
)

CALLS: tuple[str, ...] = ("track", "identify", "page", "screen", "group", "alias")
"""Segment's calls; a message names its own in `type`."""

PROPERTIES: Names = {
    "item": ("product_id", "productId", "sku", "id"),
    "item_name": ("name", "title"),
    "category": ("category",),
    "brand": ("brand",),
    "price": ("price",),
    "quantity": ("quantity",),
    "value": ("revenue", "value", "total"),
    "order": ("order_id", "orderId"),
    "query": ("query",),
    "rating": ("rating",),
    "text": ("review_body",),
    "session": ("session_id", "sessionId"),
    "campaign": ("campaign",),
}
"""Properties of an event, and of each of its products."""

_OF_OTHERS: Names = {**PROPERTIES, "item": ("product_id", "productId", "sku")}
"""Properties of an event that is not in the spec: its `id` may be anything's."""

_OF_PAGES: Names = {"session": ("session_id", "sessionId"), "query": ("query", "search_query")}


def records(message: object, *, received_us: int, sent_at: object = None, call: str | None = None) -> list[Record]:
    """What one message says, as records.

    Args:
        message: one message of a batch, or the body of a call.
        received_us: when it arrived, microseconds since 1970 UTC.
        sent_at: the batch's `sentAt`, for messages without one of their own.
        call: the call it came by; None for messages that name it in `type`.

    >>> viewed = {"type": "track", "event": "Product Viewed", "userId": "C42", "messageId": "m1",
    ...           "properties": {"product_id": "pen", "price": 2.5}}
    >>> records(viewed, received_us=1_700_000_000_000_000)
    [{'customer': 'C42', 'event_id': 'm1', 'item': 'pen', 'price': 2.5, 'behaviour': 'Product Viewed'}]
    """
    if not isinstance(message, Mapping):
        return refused("not an object", message)
    kind = call or message.get("type")
    if kind not in CALLS:
        return refused("not a call of Segment's", message)
    for box in ("properties", "traits", "context"):
        if not isinstance(message.get(box) or {}, Mapping):
            return refused(f"{box} is not an object", message)
    time = _time(message, received_us, sent_at)
    if kind == "identify":
        return [_identification(message, time)]
    if kind == "alias":
        return [_alias(message, time)]
    common = _common(message, time)
    if kind == "track":
        return _track(message, common)
    if kind == "group":
        rest = {"group_id": first(message, "groupId"), "traits": message.get("traits")}
        return [_event({**common, "behaviour": "group"}, {name: value for name, value in rest.items() if value})]
    fields, rest = renamed(message.get("properties") or {}, _OF_PAGES, strict=False)
    rest |= {name: message[name] for name in ("name", "category") if message.get(name)}
    return [_event({**common, **fields, "behaviour": "page_view"}, rest)]


def _track(message: Mapping[str, Any], common: dict[str, Any]) -> list[Record]:
    properties = message.get("properties") or {}
    products = properties.get("products")
    if products is not None and not isinstance(products, list):
        return refused("products is not a list", message)
    if not products:
        event = first(message, "event")
        known = isinstance(event, str) and behaviour_of(event) is not None
        fields, rest = renamed(properties, PROPERTIES if known else _OF_OTHERS, strict=known)
        rest.pop("products", None)
        return [_event({**common, **fields, "behaviour": event}, rest)]
    whole = {name: value for name, value in properties.items() if name != "products"}
    # An order has an id, and no product of its own: `id`, `name` or `category` beside the products mean something else.
    names = {field: theirs for field, theirs in PROPERTIES.items() if field not in _OF_PRODUCTS}
    fields, rest = renamed(whole, names)
    whole = _event({**common, **fields, "behaviour": first(message, "event")}, rest)
    return line_per_product(whole, products, PROPERTIES)


def _event(fields: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    about = fields.pop("extra", {})
    return with_extra(fields, {**about, **rest})


def _common(message: Mapping[str, Any], time: object) -> dict[str, Any]:
    """What every event has, whatever the call."""
    context = message.get("context") or {}
    fields = {
        "customer": first(message, "userId", "anonymousId"),
        "event_id": first(message, "messageId"),
        "time": time,
        "channel": first(message, "channel"),
        "device": first(_box(context, "device"), "type"),
        "campaign": first(_box(context, "campaign"), "name", "source"),
        "place": first(_box(context, "location"), "country", "city", "region"),
        "session": first(context, "sessionId"),
    }
    about = {
        "locale": first(context, "locale"),
        "path": first(_box(context, "page"), "path"),
    }
    if about := {name: value for name, value in about.items() if value is not None}:
        fields["extra"] = about
    return {name: value for name, value in fields.items() if value is not None}


def _identification(message: Mapping[str, Any], time: object) -> dict[str, Any]:
    customer, anonymous = first(message, "userId"), first(message, "anonymousId")
    return _present(
        kind="identify", customer=customer if customer is not None else anonymous,
        anonymous=anonymous if customer is not None else None, traits=dict(message.get("traits") or {}),
        event_id=first(message, "messageId"), time=time,
    )  # fmt: skip


def _alias(message: Mapping[str, Any], time: object) -> dict[str, Any]:
    return _present(
        kind="alias", customer=first(message, "userId"), anonymous=first(message, "previousId", "anonymousId"),
        event_id=first(message, "messageId"), time=time,
    )  # fmt: skip


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _time(message: Mapping[str, Any], received_us: int, sent_at: object) -> Any:
    """When it happened by this machine's clock: a sender's clock is off by as much as its `sentAt` is.

    A message that somebody else has received already (`receivedAt`) has been set right there.
    """
    given = first(message, "timestamp", "originalTimestamp")
    sent = first(message, "sentAt")
    happened, left = micros(given), micros(sent if sent is not None else sent_at)
    if happened is None or left is None or first(message, "receivedAt") is not None:
        return given  # also one that nobody can read: the check says so
    return seconds(happened + received_us - left)


def _box(context: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = context.get(name)
    return found if isinstance(found, Mapping) else {}


_OF_PRODUCTS = frozenset({"item", "item_name", "category", "brand", "price"})
