"""Models: which there are, which one answers, and how that is changed."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from regard.errors import ModelError
from regard.serving.access import Caller, needs
from regard.serving.documents import Body
from regard.serving.event_docs import problem
from regard.serving.problems import Problem
from regard.serving.server import At, Server
from regard.workspace.models import Registered

router = APIRouter(tags=["models"])

Read = Annotated[Caller, Depends(needs("read"))]
Manage = Annotated[Caller, Depends(needs("manage"))]
Name = Annotated[str, Path(max_length=40)]

_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: problem("A key is needed."), 403: problem("The key does not allow it."), 404: problem("There is no such model."),
    409: problem("It failed its check, or there is none to go back to; what serves stays."),
    422: problem("The request cannot be read."), 429: problem("Too many requests."),
    503: problem("The store cannot be used now."), 504: problem("The answer took too long."),
}  # fmt: skip


class ModelDocument(BaseModel):
    """One model."""

    id: str
    trained_at: str
    store_version: int
    state: Literal["candidate", "serving", "previous", "refused"]
    answers: bool = Field(description="Whether it answers: the one in service, or the newest where none was promoted.")
    why: str
    gate: dict[str, Any] | None
    verdict: str | None = Field(description="Of the last evaluation: better, worse, open, small, nobody or alone.")


class ModelList(BaseModel):
    """All models, the newest first."""

    models: list[ModelDocument]


class SwitchDocument(BaseModel):
    """One line of what happened in service."""

    number: int
    at: str
    what: str
    model: str
    why: str


class SwitchList(BaseModel):
    """What happened in service, the latest first."""

    switches: list[SwitchDocument]


class Card(ModelDocument):
    """One model with all that is known of it."""

    card: dict[str, Any] | None
    evaluation: dict[str, Any] | None


class Why(Body):
    """Why somebody switches."""

    why: Annotated[str, Field(min_length=1, max_length=200)] = "by hand"


@router.get("/v1/models", responses=_REFUSALS)
async def get_models(at: At, caller: Read) -> ModelList:
    """All models, the newest first."""
    return ModelList(models=await at.ask(_all, at))


@router.get("/v1/models/switches", responses=_REFUSALS)
async def get_switches(at: At, caller: Read) -> SwitchList:
    """What was promoted, kept, refused and rolled back, the latest first."""
    found = await at.ask(at.shop.models.switches)
    return SwitchList(switches=[SwitchDocument(**vars(one)) for one in found[:200]])


@router.post("/v1/models/rollback", responses=_REFUSALS)
async def post_rollback(why: Why, at: At, caller: Manage) -> ModelDocument:
    """Put the model back in service that served before; the one that serves now is refused from then on."""
    try:
        back = await at.ask(partial(at.shop.roll_back, why=why.why))
    except ModelError as error:
        raise Problem("conflict", detail=error.message, hint=error.hint) from None
    await at.ask(partial(at.audit.write, caller.name, "model.roll_back", back.id))
    return await at.ask(_one, at, back.id)


@router.get("/v1/models/{id}", responses=_REFUSALS)
async def get_model(id: Name, at: At, caller: Read) -> Card:
    """One model with its card and its last evaluation."""
    return await at.ask(_card, at, id)


@router.post("/v1/models/{id}/promote", responses=_REFUSALS)
async def post_promote(id: Name, why: Why, at: At, caller: Manage) -> ModelDocument:
    """Put a model in service once it has answered a few customers as it should."""
    _ = await at.ask(_one, at, id)
    try:
        await at.ask(partial(at.shop.promote, id, why=why.why))
    except ModelError as error:
        raise Problem("conflict", detail=error.message, hint=error.hint) from None
    await at.ask(partial(at.audit.write, caller.name, "model.promote", id))
    return await at.ask(_one, at, id)


def _all(at: Server) -> list[ModelDocument]:
    current = at.shop.models.current()
    return [_told(entry, current) for entry in at.shop.models.all()]


def _one(at: Server, name: str) -> ModelDocument:
    found = next((model for model in _all(at) if model.id == name), None)
    if found is None:
        raise Problem("not-found", detail="there is no model of this id")
    return found


def _card(at: Server, name: str) -> Card:
    told = _one(at, name)
    entry = at.shop.models.get(name)
    try:
        card = dict(at.shop.card(name))
    except ModelError:
        card = None  # it is listed, and cannot be read
    return Card(**told.model_dump(), card=card, evaluation=entry.evaluation)


def _told(entry: Registered, current: Registered | None) -> ModelDocument:
    return ModelDocument(
        id=entry.id, trained_at=entry.at, store_version=entry.version, state=entry.state,
        answers=current is not None and current.id == entry.id, why=entry.why, gate=entry.gate,
        verdict=((entry.evaluation or {}).get("verdict") or {}).get("outcome"),
    )  # fmt: skip
