"""People over HTTP: who may log in to the console, for administrators; a password is reset on the machine itself only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from regard.errors import InputError
from regard.serving.documents import Body
from regard.serving.once import Key, once
from regard.serving.people import Person, drawn
from regard.serving.problems import Problem
from regard.serving.routes.keys import DENIED, MADE, MISSING, Admin, moment
from regard.serving.server import At

router = APIRouter(tags=["administration"])

Role = Literal["viewer", "editor", "admin"]


class Shown(BaseModel):
    """Somebody who may log in."""

    name: str = Field(examples=["ann"])
    role: Role
    created_at: datetime


class Made(Shown):
    """Somebody who may log in from now on."""

    password: str = Field(description="Drawn at random: told now, kept nowhere.")


class Listed(BaseModel):
    """Everybody, by name."""

    people: list[Shown]


class New(Body):
    """Somebody to let in."""

    name: str = Field(min_length=1, max_length=64, examples=["ann"])
    role: Role


class Change(Body):
    """What shall be another."""

    role: Role


@router.get("/v1/people", summary="List people", responses=DENIED)
async def list_people(at: At, caller: Admin) -> Listed:
    """Who may log in to the console, and as what."""
    return Listed(people=[Shown(**_told(person)) for person in await at.ask(at.people.all)])


@router.post("/v1/people", summary="Let somebody in", status_code=201, response_model=Made, responses=MADE)
async def add_person(new: New, request: Request, at: At, caller: Admin, idempotency_key: Key = "") -> Response:
    """The password is drawn, and is in this answer and nowhere else; `regard admin people reset` sets another."""

    def make() -> dict[str, Any]:
        password = drawn()
        person = at.people.add(new.name, new.role, password, by=caller.name)
        return Made(**_told(person), password=password).model_dump(mode="json")

    return await once(at, request, caller, idempotency_key, make, told_once=True)


@router.patch("/v1/people/{name}", summary="Change a role", status_code=204, responses=MISSING)
async def change_person(name: str, change: Change, at: At, caller: Admin) -> None:
    """The role holds from the next request on, also in open sessions."""
    try:
        await at.ask(at.people.change, name, change.role, by=caller.name)
    except InputError:
        raise Problem("not-found", detail="nobody has that name") from None


@router.delete("/v1/people/{name}", summary="Let somebody in no more", status_code=204, responses=MISSING)
async def remove_person(name: str, at: At, caller: Admin) -> None:
    """Open sessions end."""
    try:
        await at.ask(at.people.remove, name, by=caller.name)
    except InputError:
        raise Problem("not-found", detail="nobody has that name") from None


def _told(person: Person) -> dict[str, Any]:
    return {"name": person.name, "role": person.role, "created_at": moment(person.made_us)}
