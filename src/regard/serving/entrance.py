"""Entrance: finds out who asks, before anything of the request is read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from regard.serving import sessions
from regard.serving.access import LOCAL, NOBODY, Caller
from regard.serving.problems import Problem, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from regard.serving.keys import Key
    from regard.serving.server import Server

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_ALLOWED = b"authorization, content-type, content-encoding, idempotency-key, x-retry-count"
"""The last is how often Segment's library for browsers has tried."""
_MEMORY = b"600"
"""Seconds for which a browser remembers that a page may send events here."""


class Entrance:
    """Leaves in the scope `regard.caller`, and `regard.session` of somebody who has logged in.

    A key comes as `Authorization: Bearer KEY`, or as the user of `Basic`, as Segment's libraries show it. A public one may
    also stand in the query as `key`: what a page sends while it is left (`navigator.sendBeacon`) has no headers of its own.
    A key that is wrong is refused everywhere.

    Args:
        app: what comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        server: Server = scope["app"].state.server
        headers: dict[bytes, bytes] = scope["regard.headers"]
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(server, origin, scope, receive, send)
            return
        try:
            caller = _caller(server, scope, headers, origin)
        except Problem as problem:
            await respond(problem, scope, receive, send)
            return
        scope["regard.caller"] = caller
        if caller.origin:
            scope["regard.out"] += (
                (b"access-control-allow-origin", caller.origin.encode("latin-1")),
                (b"access-control-expose-headers", b"retry-after"),
                (b"vary", b"Origin"),
            )
        await self._app(scope, receive, send)


def _caller(server: Server, scope: Scope, headers: dict[bytes, bytes], origin: str) -> Caller:
    text = _shown(scope, headers)
    if text is not None:
        key = server.keys.known(text[0])
        if key is None or (text[1] and not key.public):
            hint = "look at regard admin keys list" if text[1] is False else "only a public key may stand in an address"
            raise Problem("no-key", detail="the key is unknown or revoked", hint=hint, headers=_CHALLENGE)
        return _of_key(key, origin)
    _own_page(scope, headers, origin)
    session = sessions.found(server, scope) if b"cookie" in headers else None
    if session is not None:
        scope["regard.session"] = session
        _own_form(scope, headers, session[1])
        return session[0].caller()
    return LOCAL if scope["regard.direct"] and server.open else NOBODY


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _shown(scope: Scope, headers: dict[bytes, bytes]) -> tuple[str, bool] | None:
    """The text of the key that was shown, and whether in the address."""
    said = headers.get(b"authorization")
    if said is not None:
        kind, _, text = said.decode("latin-1").partition(" ")
        text = _user(text) if kind.lower() == "basic" else text
        if kind.lower() not in ("bearer", "basic") or not text.strip():
            raise Problem(
                "no-key", detail="the key is not shown as Bearer", hint="Authorization: Bearer KEY", headers=_CHALLENGE
            )
        return text.strip(), False
    query: bytes = scope["query_string"]
    if scope["method"] == "POST" and b"key=rgd_" in query:
        try:
            found = parse_qs(query.decode("latin-1"), max_num_fields=20).get("key", [])
        except ValueError:
            raise Problem("malformed", detail="the address has too many parts") from None
        return (found[0], True) if len(found) == 1 else None
    return None


def _user(text: str) -> str:
    """The user's name of Basic credentials (RFC 7617), '' for none."""
    try:
        return base64.b64decode(text.strip(), validate=True).decode("ascii").partition(":")[0]
    except ValueError:
        return ""


def _of_key(key: Key, origin: str) -> Caller:
    if not key.public:
        return key.caller()
    if origin not in key.origins:
        raise Problem(
            "cross-origin", detail="this key is for other pages", hint="regard admin keys create ... --origin"
        )
    return key.caller(origin)


def _own_page(scope: Scope, headers: dict[bytes, bytes], origin: str) -> None:
    """A change without a key must be asked by a page of this server, if by a page: any site's can send a form to localhost."""
    if scope["method"] in _SAFE:
        return
    own = headers[b"host"].decode("latin-1").lower()
    foreign = headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
    if foreign or (origin and origin.partition("://")[2] != own):
        raise Problem("cross-origin", detail="changes are taken from this server's own pages")


def _own_form(scope: Scope, headers: dict[bytes, bytes], csrf: str) -> None:
    """A change in a session carries the session's token: in a header, or in a form that is looked at once it is read."""
    if scope["method"] in _SAFE:
        return
    shown = headers.get(b"x-csrf-token")
    if shown is None:
        scope["regard.csrf"] = csrf
    elif not sessions.same(shown.decode("latin-1"), csrf):
        raise Problem("no-token", detail="the token is not this session's", hint="load the page again")


async def _preflight(server: Server, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Whether a page may send events from a browser; which key it has is not known yet."""
    if origin not in server.keys.pages():
        await respond(Problem("cross-origin", detail="no key is for this page"), scope, receive, send)
        return
    headers = [
        (b"access-control-allow-origin", origin.encode("latin-1")), (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", _ALLOWED), (b"access-control-max-age", _MEMORY), (b"vary", b"Origin"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})
