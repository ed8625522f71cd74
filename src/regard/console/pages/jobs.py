"""Jobs: long work as it goes: training, measuring, filing, files for everybody."""

from __future__ import annotations

from typing import Any

from fastapi.responses import FileResponse, HTMLResponse, Response

from regard.console.frame import Frame
from regard.console.visit import Managing, Reading, Visit, pages
from regard.serving.jobs import KINDS, Job
from regard.serving.problems import Problem
from regard.serving.routes.jobs import running
from regard.serving.server import Server

router = pages()

SHOWN = 50
"""Jobs on a page."""

OFFERED = ("train", "refresh", "evaluate", "segments", "seal", "recommend_all", "profiles")
"""Kinds that a person asks for, the commonest first."""


@router.get("/jobs")
async def jobs(visit: Reading) -> HTMLResponse:
    """The latest jobs, and what can be asked for."""
    parts = await visit.ask(listed, visit.server, visit.frame)
    return visit.show("parts/jobs.html" if visit.part else "jobs.html", **parts)


def listed(server: Server, f: Frame) -> dict[str, Any]:
    """One row a job."""
    found = running(server).all(SHOWN)
    return {
        "jobs": [_row(job, f) for job in found],
        "busy": any(job.open for job in found),
        "offered": [kind for kind in OFFERED if kind in KINDS],
        "models": [entry.id for entry in server.shop.models.all()],
    }


def _row(job: Job, f: Frame) -> dict[str, Any]:
    say, told = f.say, job.progress
    done, total = told.get("done"), told.get("total")
    result = job.result or {}
    return {
        "id": job.id,
        "kind": job.kind,
        "title": say(f"jobs.kind.{job.kind}") if say.has(f"jobs.kind.{job.kind}") else job.kind,
        "state": job.state,
        "by": job.asked_by,
        "at": say.moment(job.asked_at),
        "ago": say.ago(job.ended_at or job.started_at or job.asked_at),
        "share": done / total if done is not None and total else None,
        "percent": say.percent(round(done / total, 2)) if done is not None and total else "",
        "note": str(told.get("note") or told.get("step") or ""),
        "error": job.error,
        "hint": job.hint,
        "model": str(result.get("model") or ""),
        "file": bool(result) and job.kind in ("recommend_all", "profiles"),
        "open": job.open,
    }


@router.post("/jobs/ask", response_model=None)
async def ask(visit: Managing) -> Response:
    """Ask for a job."""
    sent = await visit.form()
    kind = sent.pop("kind", "")
    told: dict[str, Any] = {}
    if kind in ("train", "refresh") and sent.get("minutes"):
        told["budget"] = 60 * _number(sent["minutes"])
    if kind == "evaluate" and sent.get("days"):
        told["days"] = int(_number(sent["days"]))
    await visit.ask(asked, visit.server, visit, kind, told)
    return visit.go("/jobs")


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise Problem("usage", detail=f"'{text[:40]}' is no number") from None


def asked(server: Server, visit: Visit, kind: str, told: dict[str, Any]) -> None:
    """Raises UsageError where there is no such kind."""
    job = running(server).submit(kind, told, by=visit.caller.name)
    visit.note("job.ask", job.id, kind=kind)


@router.post("/jobs/cancel", response_model=None)
async def cancel(visit: Managing) -> Response:
    """Stop a job."""
    name = (await visit.form()).get("id", "")
    await visit.ask(running(visit.server).cancel, name)
    visit.note("job.cancel", name)
    return visit.go("/jobs")


@router.get("/jobs/file", response_model=None)
async def file(visit: Managing) -> Response:
    """The file that a job wrote."""
    work = running(visit.server)
    job = await visit.ask(work.get, visit.word("id"))
    path = work.file(job)
    if not path.is_file():
        raise Problem("not-found", detail="the file is gone")
    return FileResponse(path, filename=f"{job.kind}-{job.id}{path.suffix}")
