"""Limits: how often somebody may ask, and how much they may send; a body is whole and read before a handler sees it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from regard.serving.body import parsed
from regard.serving.problems import Problem, respond
from regard.serving.sessions import same
from regard.serving.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from regard.serving.access import Caller

_ROOM = 64 << 20
"""Bytes of bodies that may be on their way at the same time, whoever sends them."""
_BURST = 2.0
"""Seconds of the long-run rate that may come at once: a shop's page asks several things when it opens."""
_BUCKETS = 50_000
"""Addresses remembered; about 10 MB."""
_FIELDS = 1_000
"""Fields of one form."""
_CLOSE = {"Connection": "close"}
"""Said where a part of the body is unread."""


class Bucket:
    """Tokens that come back at a steady rate.

    Args:
        rate: a second. burst: most that are there at once. clock: seconds.

    >>> now = [0.0]
    >>> bucket = Bucket(rate=2.0, burst=2.0, clock=lambda: now[0])
    >>> [bucket.take() for _ in range(3)]
    [0.0, 0.0, 0.5]
    >>> now[0] = 0.5
    >>> bucket.take()
    0.0
    """

    __slots__ = ("_at", "_burst", "_clock", "_left", "_rate")

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def take(self) -> float:
        """Take a token; returns 0, or the seconds until there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate

    @property
    def left(self) -> int:
        """Whole tokens."""
        return int(self._left)


class Rates:
    """Lets every key, and every address without one, ask so many times a second and no more.

    Args:
        app: what comes next. settings: the rates.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._rates = {"key": settings.key_rate, "address": settings.address_rate}
        self._policies = {
            kind: (b"ratelimit-policy", f'"{kind}";q={_burst(rate)};w={_BURST:g}'.encode())
            for kind, rate in self._rates.items()
        }
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller: Caller = scope["regard.caller"]
            # A public key is everybody's who visits, so each visitor has an own share of it.
            by_key = caller.kind in ("key", "person") and not caller.origin
            if not (scope["regard.direct"] and not by_key):
                kind = "key" if by_key else "address"
                wait = self._take(kind, caller.name if by_key else str((scope.get("client") or ("",))[0]), scope)
                if wait > 0:
                    detail = f"more than {self._rates[kind]:g} a second"
                    problem = Problem("too-many", detail=detail, retry_after=int(wait) + 1, headers=_CLOSE)
                    await respond(problem, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _take(self, kind: str, name: str, scope: Scope) -> float:
        bucket = self._buckets.get((kind, name))
        if bucket is None:
            rate = self._rates[kind]
            bucket = self._buckets[kind, name] = Bucket(rate=rate, burst=_burst(rate))
            if len(self._buckets) > _BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end((kind, name))
        wait = bucket.take()
        scope["regard.out"] += (
            self._policies[kind],
            (b"ratelimit", f'"{kind}";r={bucket.left};t={int(wait) + 1}'.encode()),
        )
        return wait


def _burst(rate: float) -> int:
    return max(1, round(rate * _BURST))


class Bodies:
    """Reads a request's whole body within a size and a time, and JSON strictly: no NaN, no half characters, no endless depth.

    A session's form is let through only with the session's token.

    Args:
        app: what comes next. settings: the limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._reading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = scope["regard.headers"]
        try:
            if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
                body = await self._read(scope, headers, receive)
                if body is None:
                    return
                _look(scope, headers, body)
                receive = _again(body, receive)
            elif "regard.csrf" in scope:
                raise Problem("no-token")
        except Problem as problem:
            await respond(problem, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _read(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The body; None when the sender has gone."""
        caller: Caller = scope["regard.caller"]
        most = self._settings.anonymous_bytes if caller.kind == "nobody" else self._settings.body_bytes
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Problem("malformed", detail="the length of the body is no number", headers=_CLOSE)
        if int(length) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part: bytes = message.get("body", b"")
                    size += len(part)
                    self._reading += len(part)
                    if size > most:
                        raise _too_large(most)
                    if self._reading > _ROOM:
                        raise Problem("busy", detail="too many bodies are on their way", retry_after=1, headers=_CLOSE)
                    parts.append(part)
                    if not message.get("more_body"):
                        return b"".join(parts) if len(parts) > 1 else parts[0]
        except TimeoutError:
            detail = f"more than {self._settings.body_seconds:g} s"
            raise Problem("slow-body", detail=detail, headers=_CLOSE) from None
        finally:
            self._reading -= size


def _too_large(most: int) -> Problem:
    return Problem("too-large", detail=f"more than {most:,} bytes", headers=_CLOSE)


def json_of(request: Request) -> Any:
    """The request's body as JSON, read once; Problem 415 where it was not said to be JSON."""
    if "regard.json" not in request.scope:
        raise Problem("wrong-type", hint="send Content-Type: application/json")
    return request.scope["regard.json"]


def _look(scope: Scope, headers: dict[bytes, bytes], body: bytes) -> None:
    packed = headers.get(b"content-encoding", b"identity").lower() != b"identity"
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if not packed and (kind == b"application/json" or kind.endswith(b"+json")):
        scope["regard.json"] = parsed(body)
    if "regard.csrf" in scope:
        form = kind == b"application/x-www-form-urlencoded"
        try:
            shown = parse_qs(body.decode(), max_num_fields=_FIELDS).get("csrf", [""]) if form else [""]
        except ValueError:
            raise Problem("malformed", detail="the form cannot be read") from None
        if len(shown) != 1 or not same(shown[0], scope["regard.csrf"]):
            raise Problem("no-token", detail="the form does not come from this session", hint="load the page again")


def _again(body: bytes, receive: Receive) -> Receive:
    """The whole body as one message, then whatever comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
