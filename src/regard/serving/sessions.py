"""Sessions: a person who has logged in to the console, known by a cookie that no script can read.

The cookie is 256 random bits, of which only the SHA-256 is kept. It is SameSite=Strict, and whatever changes something must
also carry the session's token, so that no other site's page can act in the person's name.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from regard.serving.audit import enter
from regard.serving.people import Person, folded
from regard.serving.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from regard.serving.server import Server

HOURS = 12
"""How long a session lasts: a working day, whatever is done in it."""
_SESSIONS = 10
"""Sessions of a person that are kept at the same time; the oldest end."""
_PLAIN, _SECURE = "regard_session", "__Host-regard_session"
"""The cookie over HTTP on this machine, and over TLS; a browser takes the latter from this very host only."""


async def log_in(request: Request, response: Response, name: str, password: str) -> Person:
    """Begin a session; the cookie is set on `response`, and a session that the request had ends.

    Raises:
        Problem: 401, the name or the password is wrong; 429, it was wrong too often.
    """
    server: Server = request.app.state.server
    address = str((request.scope.get("client") or ("",))[0])
    tries = {"address": address, "name": folded(name), "both": f"{address} {folded(name)}"}
    wait = max(server.logins[kind].wait(tried) for kind, tried in tries.items())
    if wait > 0:
        raise Problem("too-many", detail="too many wrong passwords", retry_after=int(wait) + 1)
    person = await server.checking.ask(lambda: server.people.check(name, password))
    if person is None:
        for kind, tried in tries.items():
            server.logins[kind].failed(tried)
        raise Problem("wrong-password")
    for kind, tried in tries.items():
        server.logins[kind].forget(tried)
    token = await server.checking.ask(lambda: _begin(server, person, _token(request.scope)))
    secure = request.scope["scheme"] == "https"
    response.set_cookie(
        _SECURE if secure else _PLAIN,
        token,
        max_age=HOURS * 3600,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return person


async def log_out(request: Request, response: Response) -> None:
    """End the session that the request has, if any."""
    server: Server = request.app.state.server
    token = _token(request.scope)
    if token:
        await server.checking.ask(lambda: _end(server, token))
    for name, secure in ((_PLAIN, False), (_SECURE, True)):
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def person_of(request: Request) -> Person | None:
    """Who has logged in; None for keys, for this machine and for strangers."""
    found: tuple[Person, str] | None = request.scope.get("regard.session")
    return found[0] if found else None


def csrf_of(request: Request) -> str:
    """What a form of the session carries in its field `csrf`, a script in `X-CSRF-Token`; '' where there is no session."""
    found: tuple[Person, str] | None = request.scope.get("regard.session")
    return found[1] if found else ""


def found(server: Server, scope: Scope) -> tuple[Person, str] | None:
    """The person and the token of the session whose cookie a request has."""
    token = _token(scope)
    if not token:
        return None
    rows = server.vault.rows(
        "SELECT people.name, role, people.made_us, csrf FROM sessions JOIN people USING (name)"
        " WHERE digest = ? AND ends_us > ?",
        _digest(token), time.time_ns() // 1_000,
    )  # fmt: skip
    return (Person(name=rows[0][0], role=rows[0][1], made_us=rows[0][2]), rows[0][3]) if rows else None


def same(shown: str, csrf: str) -> bool:
    """Whether the token that was shown is the session's."""
    return bool(csrf) and hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), csrf.encode())


def _token(scope: Scope) -> str:
    said: bytes | None = scope["regard.headers"].get(b"cookie")
    if said is None:
        return ""
    try:
        cookies = SimpleCookie(said.decode("latin-1"))
    except CookieError:
        return ""
    name = _SECURE if scope["scheme"] == "https" else _PLAIN
    return cookies[name].value if name in cookies else ""


def _begin(server: Server, person: Person, before: str) -> str:
    token, now = secrets.token_urlsafe(32), time.time_ns() // 1_000
    ends = now + HOURS * 3_600_000_000
    with server.vault.change() as link:
        link.execute("DELETE FROM sessions WHERE ends_us < ? OR digest = ?", (now, _digest(before)))
        values = (_digest(token), person.name, secrets.token_urlsafe(32), now, ends)
        link.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", values)
        link.execute(
            "DELETE FROM sessions WHERE name = ?1 AND digest NOT IN"
            " (SELECT digest FROM sessions WHERE name = ?1 ORDER BY made_us DESC LIMIT ?2)",
            (person.name, _SESSIONS),
        )
        enter(link, person.name, "session.begin", person.name)
    return token


def _end(server: Server, token: str) -> None:
    with server.vault.change() as link:
        link.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
