"""Scenarios: named rules over lists, kept with every edit, looked at before they hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NoReturn

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from starlette.responses import Response

from regard.insight.scenario import Scenario
from regard.serving.access import Caller, needs
from regard.serving.documents import Body, Id, answers, document, schema
from regard.serving.problems import Problem
from regard.serving.server import At, Server
from regard.workspace.scenarios import NAME_MOST, ChangedError, Kept

router = APIRouter(tags=["scenarios"])

Read = Annotated[Caller, Depends(needs("read"))]
Manage = Annotated[Caller, Depends(needs("manage"))]
Name = Annotated[str, Path(min_length=1, max_length=NAME_MOST, description="of any characters, a slash among them")]
Match = Annotated[
    str, Header(alias="If-Match", max_length=80, description="ETag of the edit that this one is built on")
]
Fresh = Annotated[
    str, Header(alias="If-None-Match", max_length=80, description="* for a scenario that is not there yet")
]
Rules = Annotated[dict[str, Any], Field(json_schema_extra=schema("scenario")["properties"]["scenario"])]
CUSTOMERS = 20
"""Customers of one preview."""


class New(Body):
    """A scenario that is not there yet."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MOST, examples=["home"])]
    scenario: Rules


class Edit(Body):
    """The rules of a scenario."""

    scenario: Rules


def _nobody() -> list[str | None]:
    return [None]


class Look(Body):
    """A scenario to look at."""

    scenario: Rules
    customers: list[Id | None] = Field(
        default_factory=_nobody, min_length=1, max_length=CUSTOMERS, description="null: somebody unknown"
    )
    n: Annotated[int, Field(ge=1, le=50)] = 10
    language: Literal["en", "zh"] | None = None


@router.get("/v1/scenarios", response_class=Response, responses=answers("scenarios", "Scenarios."))
async def get_scenarios(
    at: At,
    caller: Read,
    history: Annotated[str, Query(max_length=NAME_MOST, description="every edit of this one")] = "",
) -> Response:
    """All scenarios by name, or with `history` every edit of one, the newest first."""
    found = await at.ask(at.shop.scenarios.history, history) if history else await at.ask(at.shop.scenarios.all)
    return document({"scenarios": [kept.to_json() for kept in found]})


@router.post(
    "/v1/scenarios",
    status_code=201,
    response_class=Response,
    responses=answers("scenario", "It is kept.", 409, 413, status=201),
)
async def post_scenario(new: New, at: At, caller: Manage) -> Response:
    """Keep a new scenario; to send the same again is answered with 409 and changes nothing."""
    try:
        kept = await at.ask(_save, at, caller, new.name, new.scenario, 0)
    except ChangedError as error:
        raise Problem("conflict", detail=error.message, hint="PUT edits it") from None
    return _kept(kept, status=201)


@router.post("/v1/scenarios/preview", response_class=Response, responses=answers("preview", "The lists.", 413))
async def post_preview(look: Look, at: At, caller: Read) -> Response:
    """What a scenario would change for some customers, as if it held now; nothing is kept, and nothing noted as shown."""
    scenario = Scenario.of(look.scenario)
    found = await at.study(at.shop.preview, scenario, look.customers, look.n, language=look.language or "")
    return document({"previews": [one.to_json() for one in found]})


@router.get("/v1/scenarios/{name:path}", response_class=Response, responses=answers("scenario", "What holds.", 404))
async def get_scenario(name: Name, at: At, caller: Read) -> Response:
    """The edit that holds; its number is the ETag."""
    kept = await at.ask(at.shop.scenarios.find, name)
    if kept is None:
        raise Problem("not-found", detail="no scenario has that name")
    return _kept(kept)


@router.put(
    "/v1/scenarios/{name:path}", response_class=Response, responses=answers("scenario", "It is kept.", 412, 413, 428)
)
async def put_scenario(
    name: Name, edit: Edit, at: At, caller: Manage, match: Match = "", fresh: Fresh = ""
) -> Response:
    """Keep an edit of a scenario that nobody has changed since it was read, or a new one with `If-None-Match: *`."""
    on = 0 if fresh.strip() == "*" else _number(match)
    try:
        return _kept(await at.ask(_save, at, caller, name, edit.scenario, on))
    except ChangedError as error:
        _changed(error)


@router.delete(
    "/v1/scenarios/{name:path}", response_class=Response, responses=answers("scenario", "It is gone.", 404, 412, 428)
)
async def delete_scenario(name: Name, at: At, caller: Manage, match: Match = "") -> Response:
    """Take a scenario away; its edits are kept."""
    on = _number(match)
    if await at.ask(at.shop.scenarios.find, name) is None:
        raise Problem("not-found", detail="no scenario has that name")
    try:
        return _kept(await at.ask(_remove, at, caller, name, on))
    except ChangedError as error:
        _changed(error)


def _save(at: Server, caller: Caller, name: str, rules: dict[str, Any], on: int | None) -> Kept:
    kept = at.shop.save_scenario(name, Scenario.of(rules), by=caller.name, on=on)
    at.audit.write(caller.name, "scenario.save", kept.name, number=kept.number)
    return kept


def _remove(at: Server, caller: Caller, name: str, on: int | None) -> Kept:
    kept = at.shop.scenarios.remove(name, by=caller.name, on=on)
    at.audit.write(caller.name, "scenario.remove", kept.name, number=kept.number)
    return kept


def _kept(kept: Kept, *, status: int = 200) -> Response:
    return document(kept.to_json(), status=status, ETag=f'"{kept.number}"')


def _number(match: str) -> int | None:
    """The number of the edit that a header names; None for any."""
    if not match.strip():
        raise Problem("unconditional", hint='send If-Match with the ETag that was read, such as "17", or *')
    told = match.strip().strip('"')
    if told == "*":
        return None
    if not (told.isascii() and told.isdecimal() and len(told) < 19):
        raise Problem("changed", detail="the ETag is none of a scenario's")
    return int(told)


def _changed(error: ChangedError) -> NoReturn:
    raise Problem("changed", detail=error.message, hint=error.hint) from None
