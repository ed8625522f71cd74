"""Visit: one request of a page: who looks, in which language, and how errors become pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, ParamSpec, TypeVar, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from regard.console.frame import Frame, frame, page
from regard.errors import RegardError
from regard.serving.access import Caller
from regard.serving.problems import Problem, of
from regard.serving.server import At, Server, server
from regard.serving.sessions import csrf_of

P = ParamSpec("P")
T = TypeVar("T")


class Visit:
    """One request.

    Args:
        request: it. server: that it has reached. caller: who asks.
    """

    def __init__(self, request: Request, server: Server, caller: Caller) -> None:
        self.request, self.server, self.caller = request, server, caller
        self.frame: Frame = frame(request, server, caller, csrf_of(request))
        self.say = self.frame.say

    @property
    def part(self) -> bool:
        """Whether only a part of the page is wanted, into a page that is there already."""
        return self.request.headers.get("hx-request") == "true"

    def word(self, name: str, otherwise: str = "") -> str:
        """A parameter of the address, without blanks around it."""
        return self.request.query_params.get(name, otherwise).strip()

    def number(self, name: str, otherwise: int, *, most: int) -> int:
        """A parameter that is a whole number from 0 on; anything else is `otherwise`."""
        told = self.word(name)
        return min(int(told), most) if told.isascii() and told.isdigit() and len(told) < 10 else otherwise

    async def ask(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """Run what may block on the server's bounded threads."""
        return await self.server.study(work, *args, **kw)

    async def form(self) -> dict[str, str]:
        """The fields of a form that was sent."""
        body = await self.request.body()
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100))

    def note(self, what: str, about: str, **detail: Any) -> None:
        """Write in the audit log what was done, and by whom."""
        self.server.audit.write(self.caller.name, what, about, **detail)

    def show(self, template: str, **parts: Any) -> HTMLResponse:
        """A page."""
        return page(self.frame, template, part=self.part, **parts)

    def go(self, path: str, **params: object) -> RedirectResponse:
        """Send the browser on, after something was done."""
        return RedirectResponse(self.frame.link(path, **params), status_code=303)


class Sees:
    """A dependency: the visit, if whoever asks may do `scope`; who is nobody yet is sent to the door."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request, at: At) -> Visit:
        """Raises Problem where it is not allowed."""
        caller: Caller = request.scope["regard.caller"]
        if self.scope in caller.scopes:
            return Visit(request, at, caller)
        raise Problem("no-key" if caller.kind == "nobody" else "not-allowed")


Reading = Annotated[Visit, Depends(Sees("read"))]
"""What a page declares that anybody may see who is let in."""

Managing = Annotated[Visit, Depends(Sees("manage"))]
"""What a page declares that changes scenarios, models or events."""

Ruling = Annotated[Visit, Depends(Sees("admin"))]
"""What a page declares that is about keys, people or erasure."""


class PageRoute(APIRoute):
    """A route whose refusals are pages as well."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler around the one that FastAPI makes."""
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await inner(request)
            except RegardError as error:
                return await refused(request, error)

        return handled


async def refused(request: Request, error: RegardError) -> Response:
    """The page that says what is wrong and what to do next; in place of a part, a part that says so."""
    problem, at = of(error), await server(request)
    if problem.type == "no-key" and request.method == "GET":
        there = frame(request, at, request.scope["regard.caller"])
        return RedirectResponse(there.link("/login", next=request.url.path), status_code=303)
    visit = Visit(request, at, request.scope["regard.caller"])
    template = "parts/refused.html" if visit.part else "refused.html"
    response = page(visit.frame, template, status=problem.status, problem=problem)
    response.headers.update(problem.headers)
    return response


def lost(app: FastAPI) -> None:
    """Answer with a page where an address leads nowhere; what is not a page's keeps its problem document."""
    plainly = app.exception_handlers[HTTPException]

    async def led_nowhere(request: Request, error: Exception) -> Response:
        asked = request.scope["path"]
        if getattr(error, "status_code", 0) != 404 or request.method != "GET" or asked.startswith("/v1/"):
            return await cast("Awaitable[Response]", plainly(request, error))
        caller: Caller = request.scope["regard.caller"]
        known = "read" in caller.scopes or caller.kind != "nobody"
        return await refused(request, Problem("not-found", detail=asked[:80]) if known else Problem("no-key"))

    app.add_exception_handler(HTTPException, led_nowhere)


def pages() -> APIRouter:
    """A router of pages."""
    return APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)
