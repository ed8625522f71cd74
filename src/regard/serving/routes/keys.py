"""Keys over HTTP: who is let in, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from regard.errors import InputError
from regard.serving.access import Caller, needs
from regard.serving.documents import Body
from regard.serving.event_docs import problem
from regard.serving.keys import Key as Kept
from regard.serving.once import Key, once
from regard.serving.problems import Problem
from regard.serving.server import At

router = APIRouter(tags=["administration"])

Admin = Annotated[Caller, Depends(needs("admin"))]
Scope = Literal["ingest-public", "ingest", "serve", "read", "manage", "admin"]

DENIED: dict[int | str, dict[str, Any]] = {
    401: problem("A key is needed."), 403: problem("The key does not allow it."),
}  # fmt: skip
MADE = {**DENIED, 409: problem("The same request was answered before, with a secret that is told once.")}
MISSING = {**DENIED, 404: problem("There is no such thing.")}


class Shown(BaseModel):
    """What is known of a key: everything but its text."""

    prefix: str = Field(examples=["rgd_1a2b3c4d"])
    name: str
    scopes: list[Scope]
    origins: list[str] = Field(description="Pages that may use a public key.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="To about a minute.")
    revoked_at: datetime | None


class Made(Shown):
    """A new key."""

    key: str = Field(description="Its text: told now, kept nowhere.")


class Listed(BaseModel):
    """Every key, the oldest first."""

    keys: list[Shown]


class New(Body):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=80, examples=["till"])
    scopes: list[Scope] = Field(min_length=1, max_length=6)
    origins: list[str] = Field(default=[], max_length=50, examples=[["https://shop.example"]])


@router.get("/v1/keys", summary="List keys", responses=DENIED)
async def list_keys(at: At, caller: Admin) -> Listed:
    """What each may do, and when it was last used."""
    return Listed(keys=[Shown(**told(key)) for key in at.keys.all()])


@router.post("/v1/keys", summary="Make a key", status_code=201, response_model=Made, responses=MADE)
async def create_key(new: New, request: Request, at: At, caller: Admin, idempotency_key: Key = "") -> Response:
    """Its text is in this answer and nowhere else; who loses it makes another."""

    def make() -> dict[str, Any]:
        key, text = at.keys.create(new.name, new.scopes, new.origins, by=caller.name)
        return Made(**told(key), key=text).model_dump(mode="json")

    return await once(at, request, caller, idempotency_key, make, told_once=True)


@router.delete("/v1/keys/{prefix}", summary="Revoke a key", status_code=204, responses=MISSING)
async def revoke_key(prefix: str, at: At, caller: Admin) -> None:
    """It lets in no more, from the next request on; it stays in the list."""
    try:
        await at.ask(at.keys.revoke, prefix, by=caller.name)
    except InputError as error:
        raise Problem("not-found", detail="no key has that prefix", hint=error.hint) from None


def told(key: Kept) -> dict[str, Any]:
    """A key as the API shows it."""
    return {
        "prefix": key.prefix, "name": key.name, "scopes": key.scopes, "origins": key.origins, "created_at": moment(key.made_us),
        "last_used_at": moment(key.used_us), "revoked_at": moment(key.revoked_us),
    }  # fmt: skip


def moment(us: int | None) -> datetime | None:
    """A time of the vault.

    >>> moment(1_700_000_000_000_000)
    datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)
    """
    return None if us is None else datetime.fromtimestamp(us // 1_000_000, UTC)
