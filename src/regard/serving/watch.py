"""Watch: around everything else. Each request gets a number, is timed and counted, and no failure tells more than it may."""

from __future__ import annotations

import logging
import secrets
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from regard.serving.limits import Bucket
from regard.serving.logs import failure, note
from regard.serving.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page of the server may load: its own files. No script and no style stands in a page."""

_HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"cache-control": b"no-store",
}
"""Of every response, unless its route says otherwise."""
_TLS = (b"strict-transport-security", b"max-age=31536000")

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_SLOW = 1.0
"""Seconds beyond which a request is worth a line."""


_CROWDED = Problem("busy", detail="too many connections", retry_after=1, headers={"Connection": "close"})


class Watch:
    """Counts, times and logs; sees to headers; turns whatever is raised into a problem that says nothing.

    Args:
        app: what comes next. every: log every request, not only those that went wrong or slowly.
    """

    def __init__(self, app: ASGIApp, every: bool = False) -> None:
        self._app = app
        self._every = every
        self._lines = Bucket(rate=10.0, burst=100.0)  # a flood of refusals is told by the measures
        self._untold = 0
        self._begun, self._numbers = secrets.token_hex(4), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = scope["regard.request"] = f"{self._begun}{next(self._numbers):08x}"
        out: list[tuple[bytes, bytes]] = [(b"x-request-id", request.encode())]
        scope["regard.out"] = out
        status = 0
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), *out]
                said = {name for name, _ in headers}
                headers += [pair for pair in _HEADERS.items() if pair[0] not in said]
                message["headers"] = [*headers, _TLS] if scope["scheme"] == "https" else headers
            await send(message)

        error: BaseException | None = None
        try:
            if "regard.crowded" in scope:
                await _CROWDED.response(scope)(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        except Exception as raised:
            error = raised
            if status:
                raise Cut from None  # half an answer is no answer: the web server closes the connection
            await Problem("internal").response(scope)(scope, receive, watched)
        finally:
            self._tell(scope, status, time.perf_counter() - began, error or scope.get("regard.cause"))

    def _tell(self, scope: Scope, status: int, seconds: float, error: BaseException | None) -> None:
        route = getattr(scope.get("route"), "path", "") or "none"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        scope["app"].state.server.measures.request(method, route, status, seconds)
        wrong = status >= 400 or error is not None or seconds > _SLOW
        if not (wrong or self._every):
            return
        if not self._every and self._lines.take() > 0:
            self._untold += 1
            return
        told: dict[str, Any] = {
            "request": scope["regard.request"], "method": method, "route": route, "status": status,
            "ms": round(seconds * 1000, 1),
        }  # fmt: skip
        if self._untold:
            told["untold_before"], self._untold = self._untold, 0
        level = logging.ERROR if error is not None or status >= 500 else logging.INFO
        note("request", level=level, **told, **(failure(error) if error is not None else {}))


class Cut(Exception):  # noqa: N818  # it stops what cannot be mended, and is nobody's error
    """An answer broke off after it had begun."""
