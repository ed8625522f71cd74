"""Jobs: what takes longer than an answer, asked for, watched and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, Response

from regard.errors import UsageError
from regard.serving.access import Caller, needs
from regard.serving.cursors import LAST, after, cursor
from regard.serving.documents import Body
from regard.serving.event_docs import problem
from regard.serving.jobs import KINDS, Job, Jobs
from regard.serving.jobs.book import KeyReusedError, number_of
from regard.serving.problems import Problem
from regard.serving.server import At, Server

router = APIRouter(tags=["jobs"])

Read = Annotated[Caller, Depends(needs("read"))]
Manage = Annotated[Caller, Depends(needs("manage"))]
Key = Annotated[
    str, Header(alias="Idempotency-Key", max_length=200, description="the same key asks for the same job once")
]

LOOK = 0.5
"""Seconds between two looks at a job that somebody watches."""

WATCHED = 3_600.0
"""Seconds after which a watcher has to come again; a browser does by itself."""

_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: problem("A key is needed."), 403: problem("The key does not allow it."), 404: problem("There is no such job."),
    422: problem("The request cannot be read."), 429: problem("Too many requests."), 503: problem("There are no jobs now."),
    504: problem("The answer took too long."),
}  # fmt: skip
_ENDED: dict[int | str, dict[str, Any]] = {**_REFUSALS, 409: problem("It has ended already, or wrote no file.")}


class NewJob(Body):
    """A job to do."""

    kind: Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(KINDS)})]
    arguments: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="; ".join(
                f"{name}: {', '.join(kind.arguments.model_fields) or 'none'}" for name, kind in KINDS.items()
            ),
        ),
    ]


class Progress(BaseModel):
    """How far a job is."""

    step: str = ""
    done: float = 0.0
    total: float | None = None
    note: str = ""


class JobDocument(BaseModel):
    """One job."""

    id: str
    kind: str
    arguments: dict[str, Any]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    asked_by: str
    asked_at: str
    started_at: str | None
    ended_at: str | None
    attempt: int
    progress: Progress
    result: dict[str, Any] | None
    error: str
    hint: str


class JobList(BaseModel):
    """Some jobs, the latest first."""

    jobs: list[JobDocument]
    next_cursor: str | None


def told(job: Job) -> JobDocument:
    """A job as the API says it."""
    return JobDocument.model_validate(job.to_json())


def running(at: Server) -> Jobs:
    """The jobs of a server.

    Raises:
        Problem: another process runs them.
    """
    if at.jobs is None:
        raise Problem("store", detail="another process runs the jobs of this workspace", retry_after=60)
    return at.jobs


async def _known(at: At, caller: Read, id: Annotated[str, Path(max_length=40)]) -> Job:
    """The job of a path."""
    try:
        return await at.ask(running(at).get, id)
    except UsageError:
        raise Problem("not-found", detail="there is no job of this id") from None


Known = Annotated[Job, Depends(_known)]


@router.post("/v1/jobs", status_code=202, responses={**_REFUSALS, 409: problem("Too many wait.")})
async def post_job(new: NewJob, at: At, caller: Manage, response: Response, key: Key = "") -> JobDocument:
    """Ask for a job; `Location` says where it can be watched."""
    jobs = running(at)
    try:
        job = await at.ask(partial(jobs.submit, new.kind, new.arguments, by=caller.name, key=key or None))
    except KeyReusedError as error:
        raise Problem("key-reused", detail=error.message, hint=error.hint) from None
    await at.ask(partial(at.audit.write, caller.name, "job.ask", job.id, kind=job.kind))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return told(job)


@router.get("/v1/jobs", responses=_REFUSALS)
async def get_jobs(
    at: At,
    caller: Read,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor_: Annotated[str, Query(alias="cursor", max_length=80)] = "",
) -> JobList:
    """The latest jobs, the latest first."""
    before = after(cursor_)
    found = await at.ask(partial(running(at).all, limit, before=None if before == LAST else f"j{before}"))
    more = cursor(number_of(found[-1].id)) if len(found) == limit else None
    return JobList(jobs=[told(job) for job in found], next_cursor=more)


@router.get("/v1/jobs/{id}", responses=_REFUSALS)
async def get_job(job: Known) -> JobDocument:
    """One job as it stands."""
    return told(job)


@router.post("/v1/jobs/{id}/cancel", responses=_ENDED)
async def post_cancel(caller: Manage, job: Known, at: At) -> JobDocument:
    """Stop a job; one that runs is asked to end, and made to a few seconds later."""
    try:
        found = await at.ask(running(at).cancel, job.id)
    except UsageError as error:
        raise Problem("conflict", detail=error.message, hint=error.hint) from None
    await at.ask(partial(at.audit.write, caller.name, "job.cancel", job.id))
    return told(found)


@router.get("/v1/jobs/{id}/file", response_class=FileResponse, responses=_ENDED)
async def get_file(job: Known, at: At) -> FileResponse:
    """The file that a job wrote; it is kept for a week."""
    path = running(at).file(job)
    if job.state != "done" or not KINDS[job.kind].file or not await at.ask(path.is_file):
        raise Problem("conflict", detail="there is no file of this job", hint="ask for the job again")
    return FileResponse(path, filename=f"{job.kind}-{path.name}", media_type="application/vnd.apache.parquet")


@router.get("/v1/jobs/{id}/events", response_class=EventSourceResponse, responses=_REFUSALS)
async def get_events(job: Known, at: At) -> AsyncIterator[ServerSentEvent]:
    """The job as it changes, as server-sent events: `progress` while it is open, in the end `ended`."""
    jobs, said = running(at), ""
    for number in range(int(WATCHED / LOOK)):
        now = told(job).model_dump_json()
        if now != said:
            said = now
            yield ServerSentEvent(raw_data=now, event="progress" if job.open else "ended", id=str(number), retry=2_000)
        if not job.open or jobs.closing:
            return
        await asyncio.sleep(LOOK)
        job = await asyncio.to_thread(jobs.now, job)
