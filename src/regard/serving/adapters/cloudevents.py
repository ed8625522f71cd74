"""CloudEvents 1.0 over HTTP -> records: structured and batched (JSON), and binary (headers).

An event's `data` is an event of Regard's own names. What it does not say comes from the attributes: `source` and `id`
together are the event's id, `type` its behaviour, `subject` its customer, `time` its time; extension attributes go to
`extra`. Of a `type` the longest end that is a known word counts: `com.shop.order.completed.v1` is a purchase.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from regard.events.names import behaviour_of
from regard.serving.adapters.lines import Record, first, refused

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}
)
"""The specification's own; others are extensions."""


def records(event: object) -> list[Record]:
    """What one event in structured form says, as records.

    >>> records({"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.shop.cart.add", "subject": "C42",
    ...          "data": {"item": "pen"}})
    [{'item': 'pen', 'behaviour': 'add_to_cart', 'event_id': '/shop 1', 'customer': 'C42'}]
    """
    if not isinstance(event, Mapping):
        return refused("not an object", event)
    if event.get("specversion") != "1.0":
        return refused("not CloudEvents 1.0", event)
    if not all(isinstance(event.get(name), str) and event[name] for name in ("id", "source", "type")):
        return refused("a CloudEvent without id, source or type", event)
    data = _data(event)
    if not isinstance(data, Mapping):
        return refused("data is not an object", event)
    made = dict(data)
    if "kind" not in made:
        made.setdefault("behaviour", behaviour(event["type"]))
    made.setdefault("event_id", f"{event['source']} {event['id']}")
    for field, attribute in (("customer", "subject"), ("time", "time")):
        if made.get(field) is None and (value := first(event, attribute)) is not None:
            made[field] = value
    more = {name: value for name, value in event.items() if name not in ATTRIBUTES and value is not None}
    if more and isinstance(made.get("extra", {}), Mapping):
        made["extra"] = {**more, **made.get("extra", {})}
    return [{name: value for name, value in made.items() if value is not None}]


def from_headers(headers: Mapping[str, str], data: object) -> dict[str, Any]:
    """An event in binary form as `records` reads it.

    Args:
        headers: names in lower case.
        data: the body, read as JSON.

    >>> from_headers({"ce-id": "1", "ce-specversion": "1.0", "content-type": "application/json"}, {"item": "pen"})
    {'id': '1', 'specversion': '1.0', 'data': {'item': 'pen'}}
    """
    said = {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    return {**said, "data": data}


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request's headers are an event's."""
    return "ce-specversion" in headers


def behaviour(type_: str) -> str:
    """The behaviour that a type names.

    >>> behaviour("com.shop.order.completed.v1"), behaviour("shop.wheel.spin"), behaviour("purchase")
    ('purchase', 'spin', 'purchase')
    """
    parts = [part for part in type_.split(".") if part and not _VERSION.fullmatch(part)] or [type_]
    for start in range(max(len(parts) - _WORDS, 0), len(parts)):
        if known := behaviour_of(".".join(parts[start:])):
            return known
    return parts[-1]


def _data(event: Mapping[str, Any]) -> object:
    coded = event.get("data_base64")
    if coded is None:
        return {} if event.get("data") is None else event["data"]
    try:
        return json.loads(base64.b64decode(coded, validate=True))
    except (TypeError, ValueError, binascii.Error, RecursionError):
        return None


_VERSION = re.compile(r"v\d+", re.ASCII)
_WORDS = 3
"""Words that a behaviour's name has at most."""
