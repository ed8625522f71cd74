"""Problems: every refusal of the server, as RFC 9457 says it, with a type that stays the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from regard.errors import (
    ConfigError,
    ConsentError,
    InputError,
    MissingExtraError,
    ModelError,
    RegardError,
    UnknownModelError,
    UsageError,
    WorkspaceError,
)
from regard.events.live import QueueFullError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

PREFIX = "urn:regard:problem:"
MEDIA_TYPE = "application/problem+json"

TYPES: dict[str, tuple[int, str]] = {
    "malformed": (400, "The body cannot be read"),
    "no-key": (401, "A key is needed"),
    "wrong-password": (401, "The name or the password is wrong"),
    "not-allowed": (403, "This caller may not do that"),
    "cross-origin": (403, "Asked from another site"),
    "no-token": (403, "The session's token is missing"),
    "no-consent": (403, "The customer has not consented"),
    "not-found": (404, "There is no such thing"),
    "wrong-method": (405, "The address does not take this method"),
    "slow-body": (408, "The body took too long to arrive"),
    "conflict": (409, "It cannot be done as things are"),
    "changed": (412, "It has changed since it was read"),
    "too-large": (413, "The body is too large"),
    "wrong-type": (415, "The body has a media type that is not read here"),
    "wrong-host": (421, "This server is not called that"),
    "invalid": (422, "The request does not have the form that is read here"),
    "refused": (422, "Every record was refused"),
    "usage": (422, "The question cannot be answered as it is put"),
    "key-reused": (422, "The idempotency key was used for another request"),
    "unconditional": (428, "The edit must say which version it edits"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "Something went wrong here"),
    "not-installed": (501, "A part of Regard is not installed here"),
    "queue-full": (503, "Too many events are waiting"),
    "busy": (503, "Too many answers are waiting"),
    "store": (503, "The store cannot be used now"),
    "no-model": (503, "There is no model that can answer"),
    "too-slow": (504, "The answer took too long"),
}
"""Type -> status and title. A type is never renamed and never means another thing: programs switch on it."""

_OF_ERRORS: tuple[tuple[type[RegardError], str, int | None], ...] = (
    (QueueFullError, "queue-full", 1),
    (UnknownModelError, "not-found", None),
    (UsageError, "usage", None),
    (InputError, "usage", None),
    (ConsentError, "no-consent", None),
    (ModelError, "no-model", None),
    (MissingExtraError, "not-installed", None),
    (WorkspaceError, "store", 5),
    (ConfigError, "store", 5),
)
"""Error -> type, and seconds after which it is worth asking again; the first that fits."""

_OF_STATUS = {
    400: "malformed", 401: "no-key", 403: "not-allowed", 404: "not-found", 405: "wrong-method", 408: "slow-body",
    409: "conflict", 412: "changed", 413: "too-large", 415: "wrong-type", 421: "wrong-host", 422: "invalid",
    429: "too-many", 503: "busy", 504: "too-slow",
}  # fmt: skip

_SECRET = frozenset({"store", "internal"})
"""Types whose cause is for the log: it may name folders of the machine."""

_MANY = 20
"""Faults of one request that are listed; a body of a thousand wrong rows needs no thousand lines."""


class Problem(RegardError):  # noqa: N818  # the RFC's own word
    """A refusal with a type of its own.

    Args:
        type: a name of TYPES. status, title: other than its own there.
        detail: what is wrong in this case, one line; never a value that was sent.
        hint: what to do next.
        retry_after: seconds after which it is worth asking again.
        headers: of the response. more: members of the problem's own.

    >>> problem = Problem("queue-full", detail="20,000 events are waiting", retry_after=1)
    >>> problem.status, problem.document()["type"], problem.headers
    (503, 'urn:regard:problem:queue-full', {'Retry-After': '1'})
    """

    def __init__(
        self,
        type: str,
        *,
        status: int | None = None,
        title: str = "",
        detail: str = "",
        hint: str = "",
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        own_status, own_title = TYPES[type]
        super().__init__(detail or title or own_title, hint=hint)
        self.type, self.status, self.title = type, status or own_status, title or own_title
        self.detail, self.more = " ".join(detail.split()), more
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def document(self) -> dict[str, Any]:
        """The problem as JSON-able values."""
        said = {"type": PREFIX + self.type, "title": self.title, "status": self.status}
        said |= {name: text for name, text in (("detail", self.detail), ("hint", self.hint)) if text}
        return said | self.more

    def response(self, scope: Scope) -> Response:
        """The problem as a response to a request."""
        request = scope.get("regard.request", "")
        document = self.document() | ({"instance": f"urn:regard:request:{request}"} if request else {})
        body = json.dumps(document, ensure_ascii=False).encode()
        return Response(body, status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers)


def of(error: RegardError) -> Problem:
    """The problem that an error of a room below is.

    >>> of(UsageError("n is -1", hint="n must be at least 1")).document()["detail"]
    'n is -1'
    >>> of(WorkspaceError("/srv/shop/catalog.sqlite is in use")).document().get("detail")
    """
    if isinstance(error, Problem):
        return error
    for kind, type, again in _OF_ERRORS:
        if isinstance(error, kind):
            if type in _SECRET:
                return Problem(type, retry_after=again)
            return Problem(type, detail=error.message, hint=error.hint, retry_after=again)
    return Problem("usage", detail=error.message, hint=error.hint)


async def respond(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem where there is no handler yet."""
    await problem.response(scope)(scope, receive, send)


def handle(app: FastAPI) -> None:
    """Make problems of all that handlers raise."""
    app.add_exception_handler(RegardError, _of_regard)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


async def _of_regard(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegardError)
    problem = of(error)
    if problem.type in _SECRET:
        request.scope["regard.cause"] = error
    return problem.response(request.scope)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    type = _OF_STATUS.get(error.status_code, "invalid")
    return Problem(type, status=error.status_code, headers=error.headers).response(request.scope)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Problem("malformed", detail="the body is not JSON").response(request.scope)
    kind = request.headers.get("content-type", "")
    if any(tuple(fault["loc"]) == ("body",) for fault in faults) and isinstance(error.body, bytes) and error.body:
        return Problem(
            "wrong-type", detail=f"the body is {kind or 'of no type'}", hint="send application/json"
        ).response(request.scope)
    # What was sent is not repeated: it may be anybody's, and it would stand in whatever keeps the answer.
    listed = [
        {"in": str(fault["loc"][0]), "pointer": _pointer(fault["loc"][1:]), "detail": fault["msg"]} for fault in faults
    ]
    first = f"{listed[0]['in']} {listed[0]['pointer']}: {listed[0]['detail']}".replace(" : ", ": ")
    return Problem("invalid", detail=first, errors=listed[:_MANY]).response(request.scope)


def _pointer(place: tuple[int | str, ...]) -> str:
    """A place as RFC 6901 writes it."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)
