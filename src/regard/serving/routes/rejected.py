"""Refused records: looked at, mended and sent again, until each is dealt with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from regard.errors import UsageError
from regard.events.live import Refused, Result
from regard.serving import event_docs as docs
from regard.serving.access import Caller, needs
from regard.serving.body import whole
from regard.serving.cursors import LAST, after, cursor
from regard.serving.problems import Problem
from regard.serving.public import REASON
from regard.serving.routes.events import at_utc
from regard.serving.server import At
from regard.serving.taking import answer

router = APIRouter(tags=["events"])

MOST = 500
"""Refusals of one page of the list."""
READ = 1_000
"""Refusals that a replay of all looks through, the latest; more are sent by their numbers or by asking again."""

_MADE: dict[int | str, dict[str, Any]] = {**docs.TAKEN, 404: docs.problem("No refused record has this number.")}


class Rejected(BaseModel):
    """One refused record."""

    number: int = Field(description="By which it can be sent again.")
    received_at: datetime
    reason: str
    record: Any = Field(description="As it was sent; a text where it was no JSON or was cut.")
    replayed_at: datetime | None = Field(description="When it was taken after all; null while it waits.")


class Page(BaseModel):
    """Refused records, the latest first."""

    rejected: list[Rejected]
    next_cursor: str | None


class Replay(BaseModel):
    """Which to send again."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[Annotated[int, Field(ge=1, le=LAST)]] | None = Field(
        default=None, max_length=READ, description="Of refusals; without them all that wait are sent."
    )


@router.get("/v1/rejected", summary="See what was refused", responses=docs.LISTED)
async def get_rejected(
    at: At,
    caller: Annotated[Caller, Depends(needs("read"))],
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor_: Annotated[str, Query(alias="cursor", description="`next_cursor` of the page before.")] = "",
    state: Annotated[Literal["waiting", "all"], Query(description="Also those that were taken since?")] = "waiting",
) -> Page:
    """Refused records with their reasons, the latest first."""
    found = await at.ask(partial(at.live.refused, limit, before=after(cursor_)))
    last = found[-1].number if len(found) == limit else None
    shown = [one for one in found if state == "all" or one.replayed is None]
    return Page(rejected=[_shown(one) for one in shown], next_cursor=cursor(last))


@router.post(
    "/v1/rejected/replay",
    summary="Send refused records again",
    status_code=202,
    response_class=Response,
    responses=_MADE,
)
async def post_replay(at: At, caller: Annotated[Caller, Depends(needs("manage"))], wanted: Replay) -> Response:
    """Send records again as they were, after the shop's behaviours were named or a clock was set right.

    Records in which a public key said who somebody is are sent again only by their numbers: whoever does so vouches for them.
    """
    numbers = wanted.numbers
    if numbers is None:
        found = await at.ask(partial(at.live.refused, READ))
        numbers = [one.number for one in found if one.replayed is None and one.reason != REASON]
    results = await _sent(at, list(dict.fromkeys(numbers)), {})
    return answer(results, list(range(len(results))))


@router.post(
    "/v1/rejected/{number}",
    summary="Mend a refused record",
    status_code=202,
    response_class=Response,
    responses=_MADE,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": docs.EVENT}}}},
)
async def post_mended(
    request: Request,
    at: At,
    caller: Annotated[Caller, Depends(needs("manage"))],
    number: Annotated[int, Path(ge=1, le=LAST)],
) -> Response:
    """Take a record in Regard's names in the place of a refused one; one that is refused again keeps its number."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Problem("wrong-type", detail="a record is JSON", hint="send application/json")
    record = await whole(request, limit=at.settings.body_bytes)
    return answer(await _sent(at, [number], {number: record}), [0])


async def _sent(at: At, numbers: Sequence[int], mended: dict[int, object]) -> list[Result]:
    try:
        sent = await at.ask(partial(at.live.replay, numbers, mended))
    except UsageError as error:
        raise Problem("not-found", detail=error.message, hint=error.hint) from None
    return await asyncio.wrap_future(sent)


def _shown(one: Refused) -> Rejected:
    try:
        record = json.loads(one.raw)
    except (ValueError, RecursionError):
        record = one.raw
    return Rejected(
        number=one.number, received_at=at_utc(one.received_us), reason=one.reason, record=record,
        replayed_at=None if one.replayed is None else at_utc(one.replayed),
    )  # fmt: skip
