"""Events come in, in Regard's own names, GA4's or as CloudEvents; what arrived last can be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from regard.events.live import Arrived
from regard.serving import event_docs as docs
from regard.serving.access import Caller, needs
from regard.serving.adapters import cloudevents, ga4
from regard.serving.adapters.lines import refused
from regard.serving.body import parsed, read, whole
from regard.serving.cursors import after, cursor
from regard.serving.problems import Problem
from regard.serving.server import At, server
from regard.serving.taking import Batch, adapted, native, take, too_many

router = APIRouter(tags=["events"])

JSON = ("application/json", "text/plain")
"""text/plain is what a page can send to another origin without a question beforehand, and all that sendBeacon can."""
LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
SHAPES = ("regard", "ga4")
"""Whose names application/json has."""
MOST = 500
"""Events or refusals of one page of a list."""


class _Direct(APIRoute):
    """Hands over the request as it is: at thousands of posts a second, looking up what a handler depends on is half the cost."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


async def post_events(request: Request) -> Response:
    """Take an array of events, an object with `events`, one event, lines of JSON, or CloudEvents; answer when they are on the disk.

    An `event_id` counts once for as long as the workspace lives, so a request without an answer may simply be sent again.
    Records of `kind` identify and alias say who an anonymous id is.
    """
    caller, at = await needs("ingest-public")(request), await server(request)
    shape = request.query_params.get("shape", SHAPES[0])
    if shape not in SHAPES:
        raise Problem("invalid", detail="an unknown shape", hint=f"one of {', '.join(SHAPES)}")
    received_us = time.time_ns() // 1_000
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in LINES:
        return await take(at, caller, _lines(await read(request, limit=at.settings.body_bytes), at.settings.rows))
    if kind not in (*JSON, cloudevents.STRUCTURED, cloudevents.BATCHED):
        raise Problem("wrong-type", detail=f"the body is {kind or 'of no type'}", hint="send application/json")
    document = await whole(request, limit=at.settings.body_bytes)
    if cloudevents.is_binary(request.headers):
        batch = adapted([cloudevents.from_headers(request.headers, document)], cloudevents.records)
    elif kind in (cloudevents.STRUCTURED, cloudevents.BATCHED):
        batch = adapted(
            _few(document if isinstance(document, list) else [document], at.settings.rows), cloudevents.records
        )
    elif shape == "ga4":
        batch = _ga4(document, at.settings.rows)
    else:
        batch = _native(document, received_us, at.settings.rows)
    return await take(at, caller, batch)


router.add_api_route(
    "/v1/events",
    post_events,
    methods=["POST"],
    summary="Send events",
    status_code=202,
    response_class=Response,
    responses=docs.TAKEN,
    openapi_extra=docs.EVENTS_BODY,
    route_class_override=_Direct,
)


@router.get("/v1/events/tail", summary="See what arrived last", responses=docs.LISTED)
async def get_tail(
    at: At,
    caller: Annotated[Caller, Depends(needs("read"))],
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor_: Annotated[str, Query(alias="cursor", description="`next_cursor` of the page before.")] = "",
) -> docs.Newest:
    """Events that are in no part of the store yet, the latest first."""
    found = await at.ask(partial(at.live.newest, limit, before=after(cursor_)))
    last = found[-1].seq if len(found) == limit else None
    return docs.Newest(events=[_shown(event) for event in found], next_cursor=cursor(last))


def _native(document: Any, received_us: int, rows: int) -> Batch:
    sent_at = None
    if isinstance(document, Mapping) and "events" in document:
        sent_at, document = document.get("sent_at"), document["events"]
        if not isinstance(document, list):
            raise Problem("invalid", detail="'events' is not an array")
    incoming = document if isinstance(document, list) else [document]
    return native(_few(incoming, rows), received_us=received_us, sent_at=sent_at)


def _ga4(document: Any, rows: int) -> Batch:
    if not isinstance(document, Mapping) or not isinstance(document.get("events"), list):
        raise Problem("invalid", detail="a body of GA4's has an array 'events'")
    return adapted(_few(document["events"], rows), partial(ga4.records, document))


def _lines(body: bytes, rows: int) -> Batch:
    """A record a line; a broken one is refused alone."""
    batch = Batch()
    for place, line in enumerate(_few([line for line in body.split(b"\n") if line.strip()], rows)):
        try:
            batch.records.append(parsed(line))
        except Problem:
            batch.records.extend(refused("not JSON", line.decode(errors="replace")))
        batch.of.append(place)
    return batch


def _few(incoming: list[Any], rows: int) -> list[Any]:
    if len(incoming) > rows:
        raise too_many(rows)
    return incoming


def _shown(event: Arrived) -> docs.Seen:
    return docs.Seen(
        customer=event.customer, behaviour=event.behaviour, item=event.item, time=at_utc(event.time_us),
        received_at=at_utc(event.received_us), event_id=event.event_id, fields=event.fields,
    )  # fmt: skip


def at_utc(time_us: int) -> datetime:
    """A time of the store, to the microsecond.

    >>> at_utc(1_700_000_000_000_001).isoformat()
    '2023-11-14T22:13:20.000001+00:00'
    """
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
