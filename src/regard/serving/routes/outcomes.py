"""Outcomes: did it work."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from regard.serving.access import Caller, needs
from regard.serving.documents import answers, document
from regard.serving.problems import Problem
from regard.serving.server import At
from regard.workspace.scenarios import NAME_MOST

router = APIRouter(tags=["outcomes"])

Read = Annotated[Caller, Depends(needs("read"))]
Time = Annotated[str, Query(max_length=40, description="RFC 3339", examples=["2026-03-01T00:00:00Z"])]
PERIOD = 28 * 86_400
"""Seconds that are read out where no beginning is said: four weeks, so that every weekday weighs the same."""


@router.get("/v1/outcomes", response_class=Response, responses=answers("outcomes", "What came of what was shown."))
async def get_outcomes(
    at: At,
    caller: Read,
    since: Time = "",
    until: Time = "",
    days: Annotated[int, Query(ge=1, le=60, description="for which an event counts after its item was shown")] = 7,
    scenario: Annotated[str | None, Query(max_length=NAME_MOST, description="empty: of lists without one")] = None,
    language: Literal["en", "zh"] | None = None,
) -> Response:
    """Views, carts, orders and revenue of what was shown, by scenario and model, with intervals; models that share customers compared."""
    end = _seconds(until) or int(time.time()) + 1
    begin = _seconds(since) or end - PERIOD
    found = await at.study(at.shop.outcomes, begin, end, days=days, scenario=scenario, language=language)
    return document(found.to_json())


def _seconds(text: str) -> int | None:
    if not text:
        return None
    try:
        told = datetime.fromisoformat(text)
        moment = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        return max(int(moment.timestamp()), 1)
    except (ValueError, OverflowError):
        raise Problem("invalid", detail="a time is RFC 3339, such as 2026-03-01T00:00:00Z") from None
