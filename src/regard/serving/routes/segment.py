"""Segment's six calls and their batch, so that its libraries can point here; see `adapters.segment` for what is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from regard.serving import event_docs as docs
from regard.serving.access import Caller, needs
from regard.serving.adapters import segment
from regard.serving.body import whole
from regard.serving.problems import Problem
from regard.serving.server import At
from regard.serving.taking import adapted, take, too_many

router = APIRouter(tags=["events"])

JSON = ("application/json", "text/plain")
"""Segment's library for browsers sends JSON as text/plain, which other origins may send without a question beforehand."""

Handler = Callable[..., Coroutine[Any, Any, Response]]


async def _message(request: Request, at: At) -> Mapping[str, Any]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in JSON:
        raise Problem("wrong-type", detail=f"the body is {kind or 'of no type'}", hint="send application/json")
    document = await whole(request, limit=at.settings.body_bytes)
    if not isinstance(document, Mapping):
        raise Problem("invalid", detail="the body is not an object")
    return document


async def post_batch(request: Request, at: At, caller: Annotated[Caller, Depends(needs("ingest-public"))]) -> Response:
    """Take messages of all six calls; each names its own in `type`. The answer comes when they are on the disk."""
    document = await _message(request, at)
    messages = document.get("batch")
    if not isinstance(messages, list):
        raise Problem("invalid", detail="'batch' is not an array")
    if len(messages) > at.settings.rows:
        raise too_many(at.settings.rows)
    received_us, sent_at = time.time_ns() // 1_000, document.get("sentAt")
    return await take(at, caller, adapted(messages, partial(segment.records, received_us=received_us, sent_at=sent_at)))


def _call(call: str) -> Handler:
    async def post_call(
        request: Request, at: At, caller: Annotated[Caller, Depends(needs("ingest-public"))]
    ) -> Response:
        message = await _message(request, at)
        adapt = partial(segment.records, received_us=time.time_ns() // 1_000, call=call)
        return await take(at, caller, adapted([message], adapt))

    return post_call


def _add(name: str, handler: Handler, body: dict[str, Any]) -> None:
    """The call by its name, and by its first letter as Segment's library for browsers says it."""
    kept: dict[str, Any] = {"methods": ["POST"], "status_code": 202, "response_class": Response}
    router.add_api_route(
        f"/v1/{name}", handler, operation_id=f"post_{name}", summary=f"Segment's {name}", responses=docs.TAKEN,
        openapi_extra=body, **kept,
    )  # fmt: skip
    router.add_api_route(f"/v1/{name[0]}", handler, include_in_schema=False, **kept)


_add("batch", post_batch, docs.BATCH_BODY)
for _name in segment.CALLS:
    _add(_name, _call(_name), docs.segment_body(docs.CALL_EXAMPLES[_name]))
