"""Segments: the customers in groups, and who is in one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from regard.serving.access import Caller, needs
from regard.serving.cursors import LAST, after, cursor
from regard.serving.documents import answers, document
from regard.serving.server import At

router = APIRouter(tags=["segments"])

Read = Annotated[Caller, Depends(needs("read"))]
MOST = 1_000
"""Members of one page."""


@router.get("/v1/segments", response_class=Response, responses=answers("segments", "The customers in groups."))
async def get_segments(
    at: At,
    caller: Read,
    rule: Annotated[str, Query(max_length=4_096)] = "",
    language: Literal["en", "zh"] | None = None,
) -> Response:
    """Clusters, RFM cells and saved rules as cards; or who meets one rule, and what they have more of than others."""
    return document((await at.study(at.shop.segments, rule or None, language=language)).to_json())


@router.get(
    "/v1/segments/members", response_class=Response, responses=answers("segment_members", "Who is in a segment.")
)
async def get_members(
    at: At,
    caller: Read,
    segment: Annotated[
        str, Query(min_length=1, max_length=80, description="id of a cluster or a cell, name of a rule")
    ],
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    cursor_: Annotated[str, Query(alias="cursor", description="`next_cursor` of the page before.")] = "",
    language: Literal["en", "zh"] | None = None,
) -> Response:
    """Members of a segment, each with the reasons."""
    first = LAST - after(cursor_)  # cursors count down, members up
    page = await at.study(at.shop.members_page, segment, first, limit, language=language)
    following = first + len(page.members)
    more = cursor(LAST - following) if following < page.size else None
    return document({**page.to_json(), "next_cursor": more})
