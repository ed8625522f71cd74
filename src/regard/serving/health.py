"""Health: whether the process lives, and whether it can take events and answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from regard.serving.access import Caller
from regard.serving.server import At, Server

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What the server could do at this moment."""

    status: str = "ready"
    model: str | None = Field(default=None, description="Id of the newest model; null before the first training.")
    model_age_seconds: float | None = Field(default=None, description="Since that model was registered.")
    waiting_events: int | None = Field(default=None, description="Events taken and not yet committed.")
    tail_events: int | None = Field(default=None, description="Committed events that are in no part of the store yet.")
    newest_event_at: datetime | None = Field(default=None, description="When the latest of them arrived.")


async def caller(request: Request) -> Caller:
    """Whoever it is."""
    found: Caller = request.scope["regard.caller"]
    return found


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Answers as long as the process does; restart it when this does not answer."""
    return Alive()


@router.get("/readyz", summary="Can it take events and answer?", response_model_exclude_none=True)
async def readyz(at: At, who: Annotated[Caller, Depends(caller)]) -> Ready:
    """503 when the store cannot be used. With the scope `read` it also tells how fresh events and model are."""
    state = await at.ask(state_of, at)
    return Ready(**state) if "read" in who.scopes else Ready()


def state_of(at: Server) -> dict[str, Any]:
    """How fresh everything is.

    Raises:
        WorkspaceError: the store cannot be used.
    """
    counts = at.live.counts()
    newest = counts.newest_us
    models = at.shop.models.all()
    age = (datetime.now(UTC) - datetime.fromisoformat(models[0].at)).total_seconds() if models else None
    return {
        "model": models[0].id if models else None,
        "model_age_seconds": age,
        "waiting_events": at.live.waiting,
        "tail_events": counts.tail,
        "newest_event_at": datetime.fromtimestamp(newest / 1e6, UTC) if newest is not None else None,
    }
