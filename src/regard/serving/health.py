"""Health: whether the process lives, and whether it can take events and answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from regard.events.live import Counts
from regard.serving.access import Caller, asking, needs
from regard.serving.event_docs import SCOPE, problem
from regard.serving.server import At
from regard.workspace import Workspace
from regard.workspace.living import Live
from regard.workspace.models import Registered

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


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Answers as long as the process does; restart it when this does not answer."""
    return Alive()


@router.get("/readyz", summary="Can it take events and answer?", response_model_exclude_none=True)
async def readyz(at: At, who: Annotated[Caller, Depends(asking)]) -> Ready:
    """503 when the store cannot be used. With the scope `read` it also tells how fresh events and model are."""
    counts, models = await at.ask(_looked, at.shop, at.live)
    if "read" not in who.scopes:
        return Ready()
    return Ready(
        model=models[0].id if models else None,
        model_age_seconds=_age(models),
        waiting_events=at.live.waiting,
        tail_events=counts.tail,
        newest_event_at=datetime.fromtimestamp(counts.newest_us / 1e6, UTC) if counts.newest_us is not None else None,
    )


@router.get(
    "/metrics",
    summary="What the server has counted",
    response_class=PlainTextResponse,
    responses={401: problem("A key is needed."), 403: problem("The key does not allow it.")},
    openapi_extra={SCOPE: "read"},
)
async def metrics(at: At, who: Annotated[Caller, Depends(asking)], request: Request) -> Response:
    """Prometheus' text format, in base units; needs the scope `read`, or to be asked from this machine."""
    if not request.scope["regard.direct"]:
        await needs("read")(request)
    return Response(await at.ask(at.measures.text), media_type=CONTENT_TYPE_LATEST)


def measured(shop: Workspace, live: Live) -> dict[str, float | None]:
    """How fresh everything is, as gauges."""
    counts, models = _looked(shop, live)
    return {
        "waiting_events": live.waiting,
        "tail_events": counts.tail,
        "refused_records": counts.refused,
        "waiting_impressions": shop.impressions.waiting,
        "lost_impressions": shop.impressions.lost,
        "newest_event_seconds": counts.newest_us / 1e6 if counts.newest_us is not None else None,
        "model_age_seconds": _age(models),
    }


def _looked(shop: Workspace, live: Live) -> tuple[Counts, list[Registered]]:
    return live.counts(), shop.models.all()


def _age(models: list[Registered]) -> float | None:
    """Seconds since the newest model was registered."""
    return (datetime.now(UTC) - datetime.fromisoformat(models[0].at)).total_seconds() if models else None
