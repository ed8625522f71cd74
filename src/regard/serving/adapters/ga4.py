"""GA4's Measurement Protocol -> records: its e-commerce events with `items[]`, one record per item.

Covered: `client_id | app_instance_id`, `user_id`, `timestamp_micros` of the body and of each event, `events[].name`, the
parameters of the e-commerce events, search and login, `user_properties`, `device.category` and `user_location`. Every
other parameter is kept in `extra`. `consent` speaks of Google's advertisements and is not read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from regard.serving.adapters.lines import Names, Record, first, line_per_product, refused, renamed, seconds, with_extra

ITEM: Names = {
    "item": ("item_id", "item_name"),
    "item_name": ("item_name",),
    "category": ("category",),
    "brand": ("item_brand",),
    "price": ("price",),
    "quantity": ("quantity",),
}
"""An entry of `items`; its categories are joined before."""

PARAMS: Names = {
    "value": ("value",),
    "order": ("transaction_id",),
    "query": ("search_term",),
    "session": ("session_id", "ga_session_id"),
    "campaign": ("campaign", "campaign_id"),
    "channel": ("medium",),
    "event_id": ("event_id",),
}
"""Parameters of an event."""

_ALONE: Names = {**PARAMS, "item": ("item_id", "content_id")}
_JOINING = ("login", "sign_up")
_LEVELS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")


def records(body: Mapping[str, Any], event: object) -> list[Record]:
    """What one event of a body says, as records.

    A repeat of a body is told by its `timestamp_micros`, and a purchase by its `transaction_id`, as GA4 does; an event with
    neither and without an `event_id` of its own is another each time it is sent.

    Args:
        body: what the events have in common.
        event: one of `events`.

    >>> bought = {"name": "purchase", "params": {"transaction_id": "T1", "items": [{"item_id": "pen", "price": 2.5}]}}
    >>> records({"client_id": "1.2"}, bought)[0]["item"]
    'pen'
    """
    if not isinstance(event, Mapping):
        return refused("not an object", event)
    params = event.get("params")
    if params is None:
        params = {}
    if not isinstance(params, Mapping):
        return refused("params is not an object", event)
    items = params.get("items")
    if items is not None and not isinstance(items, list):
        return refused("items is not a list", event)
    fields, rest = renamed(params, PARAMS if items else _ALONE)
    rest.pop("items", None)
    made = {**_common(body, event), **fields}
    if made.get("event_id") is None:
        made["event_id"] = _id(body, event, params)
    made = {name: value for name, value in made.items() if value is not None}
    found = line_per_product(with_extra(made, rest), map(_flat, items), ITEM) if items else [with_extra(made, rest)]
    return [*found, *_identification(body, event)]


def _common(body: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "customer": _customer(body),
        "behaviour": first(event, "name"),
        "time": _time(body, event),
        "device": first(_box(body, "device"), "category"),
        "place": first(_box(body, "user_location"), "country_id", "city"),
    }


def _customer(body: Mapping[str, Any]) -> Any:
    return first(body, "user_id", "client_id", "app_instance_id")


def _time(body: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    given = first(event, "timestamp_micros")
    given = first(body, "timestamp_micros") if given is None else given
    if isinstance(given, str) and given.isdecimal() and len(given) < _LONGEST:
        given = int(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool) and abs(given) < _ABSURD:
        return seconds(round(given))
    return given  # what nobody can read: the check says so


def _id(body: Mapping[str, Any], event: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    """An id that a repeat would have, too; None where two would be one by chance."""
    order = first(params, "transaction_id")
    if event.get("name") == "purchase" and isinstance(order, (str, int)):
        return f"ga4/purchase/{order}"
    if first(event, "timestamp_micros") is None and first(body, "timestamp_micros") is None:
        return None
    who = [first(body, name) for name in ("user_id", "client_id", "app_instance_id", "timestamp_micros")]
    try:
        text = json.dumps([who, event], sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return None
    return f"ga4/{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _identification(body: Mapping[str, Any], event: Mapping[str, Any]) -> list[Record]:
    """Who logs in was the anonymous client until now; what is known of a user is a trait."""
    customer, anonymous = first(body, "user_id"), first(body, "client_id", "app_instance_id")
    if customer is None or anonymous is None or event.get("name") not in _JOINING:
        return []
    said = _box(body, "user_properties").items()
    traits = {name: box.get("value") for name, box in said if isinstance(box, Mapping) and box.get("value") is not None}
    made = {
        "kind": "identify",
        "customer": customer,
        "anonymous": anonymous,
        "traits": traits,
        "time": _time(body, event),
    }
    return [{name: value for name, value in made.items() if value is not None}]


def _flat(item: object) -> object:
    """The item with its levels of category as one text."""
    if not isinstance(item, Mapping):
        return item
    levels = [text for name in _LEVELS if (text := item.get(name)) not in (None, "")]
    rest = {name: value for name, value in item.items() if name not in _LEVELS}
    return {**rest, "category": " > ".join(map(str, levels))} if levels else rest


def _box(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


_LONGEST = 32
_ABSURD = 1e20
