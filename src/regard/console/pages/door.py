"""The door: signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from regard.console.visit import Visit, pages
from regard.serving.problems import Problem
from regard.serving.server import At
from regard.serving.sessions import log_in, log_out

router = pages()


async def anybody(request: Request, at: At) -> Visit:
    """A visit of whoever it is."""
    return Visit(request, at, request.scope["regard.caller"])


Anybody = Annotated[Visit, Depends(anybody)]


@router.get("/login")
async def door(visit: Anybody) -> HTMLResponse:
    """Name and password."""
    return visit.show("login.html", next=visit.word("next"), name="", wrong=None)


@router.post("/login", response_model=None)
async def enter(visit: Anybody) -> Response:
    """Begin a session and go where one wanted to go."""
    sent = await visit.form()
    name, there = sent.get("name", ""), inside(sent.get("next", ""))
    response = RedirectResponse(visit.frame.link(there), status_code=303)
    try:
        await log_in(visit.request, response, name, sent.get("password", ""))
    except Problem as problem:
        page = visit.show("login.html", next=there, name=name, wrong=problem)
        page.status_code = problem.status
        page.headers.update(problem.headers)
        return page
    return response


@router.post("/logout", response_model=None)
async def leave(visit: Anybody) -> Response:
    """End the session."""
    response = visit.go("/login")
    await log_out(visit.request, response)
    return response


def inside(address: str) -> str:
    """A path of this very server; anything else is the first page.

    >>> inside("/customer?id=1"), inside("//evil.example"), inside("https://evil.example"), inside("/\\\\evil.example")
    ('/customer?id=1', '/', '/', '/')
    """
    return address if address.startswith("/") and address[1:2] not in ("/", "\\") else "/"
