"""The audit log over HTTP: who changed what, and whether the log is as it was written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from regard.serving.cursors import after, cursor
from regard.serving.routes.keys import DENIED, Admin
from regard.serving.server import At

router = APIRouter(tags=["administration"])

MOST = 500
"""Entries of one page."""


class Entry(BaseModel):
    """One change."""

    number: int
    at: datetime
    who: str = Field(
        description="A key's prefix, a person's name, `local` for this machine, `cli` for the command line."
    )
    what: str = Field(examples=["key.create"])
    about: str = Field(description="The id of what was changed.")
    detail: dict[str, Any]
    hash: str = Field(description="SHA-256 over this entry and the hash before it.")


class Page(BaseModel):
    """Entries, the latest first."""

    entries: list[Entry]
    next_cursor: str | None


class Verified(BaseModel):
    """Every entry is as it was written."""

    entries: int
    hash: str = Field(description="Of the latest entry; note it elsewhere to find entries cut off later.")


@router.get("/v1/audit", summary="See who changed what", responses=DENIED)
async def list_entries(
    at: At,
    caller: Admin,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor_: Annotated[str, Query(alias="cursor", max_length=40, description="`next_cursor` of the page before.")] = "",
) -> Page:
    """Page by page, the latest first."""
    found = await at.ask(at.audit.newest, limit, before=after(cursor_))
    entries = [
        Entry(
            number=one.number,
            at=datetime.fromtimestamp(one.at_us / 1e6, UTC),
            who=one.who,
            what=one.what,
            about=one.about,
            detail=one.detail,
            hash=one.hash,
        )
        for one in found
    ]
    return Page(entries=entries, next_cursor=cursor(found[-1].number if len(found) == limit else None))


@router.get("/v1/audit/verification", summary="Check the log", responses=DENIED)
async def verify(at: At, caller: Admin) -> Verified:
    """503 where an entry was changed or taken out."""
    count = await at.ask(at.audit.verify)
    last = await at.ask(at.audit.newest, 1)
    return Verified(entries=count, hash=last[0].hash if last else "")
