"""What the API's description says of events: the body's schema, made from the fields, examples, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, Field

from regard.events.schema import BEHAVIOURS, FIELDS
from regard.serving.problems import MEDIA_TYPE

SCOPE = "x-regard-scope"
"""Extension of an operation: the scope that its callers need; an operation without it is open to all."""


class Taken(BaseModel):
    """Every record is on the disk."""

    accepted: int = Field(description="Records kept now.")
    repeated: int = Field(description="Records of an event_id that is kept already; they count once.")
    event_ids: list[str] = Field(description="Ids in the order of the records, also those that were made here.")


class One(BaseModel):
    """What became of one record."""

    index: int = Field(description="Place in the post, from 0; an order of several products is several records.")
    status: str = Field(description="accepted, repeated or refused.")
    event_id: str | None = Field(default=None, description="Of a record that is kept.")
    reason: str | None = Field(default=None, description="Of one that is not.")


class Seen(BaseModel):
    """One event of the tail."""

    customer: str
    behaviour: str
    item: str | None
    time: datetime = Field(description="When it happened.")
    received_at: datetime = Field(description="When it arrived.")
    event_id: str
    fields: dict[str, Any] = Field(description="The other fields that have a value; `extra` in it is JSON.")


class Newest(BaseModel):
    """Events that are in no part of the store yet, the latest first."""

    events: list[Seen]
    next_cursor: str | None


class Partly(BaseModel):
    """Some records are on the disk, the others were refused and can be looked at in /v1/rejected."""

    accepted: int
    repeated: int
    refused: int
    results: list[One] = Field(description="One per record.")


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "hint": {"type": "string"},
    },
}  # fmt: skip


def problem(about: str) -> dict[str, Any]:
    """A refusal in the description.

    >>> problem("Too much at once.")["description"]
    'Too much at once.'
    """
    return {"description": about, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


TAKEN: dict[int | str, dict[str, Any]] = {
    202: {"model": Taken, "description": "Every record is committed."},
    207: {"model": Partly, "description": "Some records were refused; the others are committed."},
    400: problem("The body is not what its media type says."),
    401: problem("A key is needed."),
    403: problem("The key does not allow it, or not from this origin."),
    408: problem("The body took too long."),
    413: problem("More bytes or records than one post may have."),
    415: problem("A media type or packing that is not read here."),
    422: problem("Every record was refused; `results` says why."),
    429: problem("Too many requests; Retry-After says when to come again."),
    503: problem("Too much waits, or the disk is full: nothing was taken. Retry-After says when to come again."),
}
"""Answers to a post of events."""

LISTED: dict[int | str, dict[str, Any]] = {
    401: problem("A key is needed."),
    403: problem("The key does not allow it."),
    422: problem("The page that is asked for cannot be."),
    503: problem("The store cannot be used now, or too much waits."),
    504: problem("The answer took too long."),
}
"""Refusals of a list."""

_TYPES: dict[pa.DataType, dict[str, Any]] = {
    pa.string(): {"type": ["string", "number", "null"]},
    pa.float64(): {"type": ["number", "string", "null"]},
    pa.int64(): {"type": ["integer", "null"]},
    pa.timestamp("us", tz="UTC"): {"type": ["string", "number", "null"]},
}


def _field(name: str, type_: pa.DataType, about: str) -> dict[str, Any]:
    if name in ("customer", "behaviour"):
        return {"type": ["string", "number"], "minLength": 1, "description": about}
    if name == "extra":
        return {"type": ["object", "null"], "description": about}
    if name == "time":
        about = "when: RFC 3339 with a zone, or seconds or milliseconds since 1970; missing: now"
    return {**_TYPES[type_], "description": about}


EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["customer", "behaviour"],
    "properties": {field.name: _field(field.name, field.type, field.about) for field in FIELDS},
    "additionalProperties": True,
    "description": f"Behaviours: {', '.join(BEHAVIOURS)}, or the shop's own word. Unknown fields are kept in `extra`.",
}
"""An event in Regard's own names."""

_VIEW = {"customer": "C42", "behaviour": "view_item", "item": "pen", "price": 2.5, "event_id": "8b1c"}
_BUY = {"customer": "C42", "behaviour": "purchase", "item": "pen", "order": "O7", "quantity": 2, "event_id": "8b1d"}
_JOIN = {"kind": "identify", "customer": "C42", "anonymous": "a-1", "traits": {"consent": True}}
_CLOUD = {
    "specversion": "1.0", "id": "1", "source": "/shop", "type": "view_item", "subject": "C42",
    "time": "2026-11-22T09:30:00Z", "data": {"item": "pen"},
}  # fmt: skip
_GA4 = {
    "client_id": "123.456",
    "timestamp_micros": 1_763_803_800_000_000,
    "events": [{"name": "view_item", "params": {"items": [{"item_id": "pen", "price": 2.5}]}}],
}


def _examples(**named: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in named.items()}


_LIST = {"type": "array", "items": EVENT}
_ENVELOPE = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": _LIST,
        "sent_at": {"type": ["string", "number"], "description": "the sender's clock; one that is off is set right"},
    },
}
_ANY_OF = {"anyOf": [_LIST, _ENVELOPE, EVENT]}

_SHAPE = {
    "name": "shape",
    "in": "query",
    "required": False,
    "description": "Whose names application/json has: Regard's, or a body of GA4's Measurement Protocol.",
    "schema": {"type": "string", "enum": ["regard", "ga4"], "default": "regard"},
}

EVENTS_BODY: dict[str, Any] = {
    SCOPE: "ingest-public",
    "parameters": [_SHAPE],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _ANY_OF,
                "examples": _examples(events=[_VIEW, _BUY], one=_VIEW, identify=[_JOIN], ga4=_GA4),
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
            "application/cloudevents+json": {"schema": {"type": "object"}, "examples": _examples(event=_CLOUD)},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "items": {"type": "object"}}, "examples": _examples(events=[_CLOUD])
            },
            "text/plain": {"schema": {"type": "string", "description": "JSON, as sendBeacon sends it"}},
        },
    }
}  # fmt: skip
"""What a post of events says."""

_TRACK = {
    "type": "track", "event": "Product Viewed", "userId": "C42", "messageId": "m1",
    "properties": {"product_id": "pen", "price": 2.5},
}  # fmt: skip
_MESSAGE = {"type": "object", "properties": {"userId": {}, "anonymousId": {}, "messageId": {}, "timestamp": {}}}


def segment_body(example: dict[str, Any], schema: dict[str, Any] = _MESSAGE) -> dict[str, Any]:
    """The body of one of Segment's calls.

    >>> list(segment_body({"userId": "C42"})["requestBody"]["content"])
    ['application/json', 'text/plain']
    """
    content = {"schema": schema, "examples": _examples(message=example)}
    text = {"schema": {"type": "string", "description": "the same JSON, as Segment's browser library sends it"}}
    return {"requestBody": {"required": True, "content": {"application/json": content, "text/plain": text}}}


BATCH_BODY = segment_body(
    {"batch": [_TRACK], "sentAt": "2026-11-22T09:30:00Z"},
    {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": _MESSAGE}}},
)
"""The body of /v1/batch."""

CALL_EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {name: value for name, value in _TRACK.items() if name != "type"},
    "identify": {"userId": "C42", "anonymousId": "a-1", "traits": {"consent": True}},
    "page": {"anonymousId": "a-1", "name": "Home", "properties": {"path": "/"}},
    "screen": {"anonymousId": "a-1", "name": "Home"},
    "group": {"userId": "C42", "groupId": "G1"},
    "alias": {"userId": "C42", "previousId": "a-1"},
}
"""Call -> a message of it."""
