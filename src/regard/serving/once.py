"""Once: a request that makes something, sent again because its answer was lost, makes nothing new."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Header, Request
from starlette.responses import Response

from regard.serving.access import Caller
from regard.serving.problems import Problem
from regard.serving.vault import Vault

if TYPE_CHECKING:
    from regard.serving.server import Server

KEPT = 24 * 3_600
"""Seconds for which a key is remembered: who tries again does so within minutes, or within the day of an outage."""

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", max_length=255,
        description="Any text that is new for each thing to be made; the same one with the same body makes it once.",
    ),
]  # fmt: skip


async def once(
    at: Server,
    request: Request,
    caller: Caller,
    key: str,
    make: Callable[[], dict[str, Any]],
    *,
    told_once: bool = False,
) -> Response:
    """Do what a request asks, or answer as the same request was answered before.

    Args:
        make: does it, on a thread; gives the answer. key: of the request, '' for none: then it is simply done.
        told_once: the answer holds a secret, so it is kept nowhere: a second request is told that it was done.

    Raises:
        Problem: 422, the key came before with another request; 409, that request's answer is not there (yet).
    """
    body = await request.body()
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).digest()

    def answer() -> bytes:
        if not key:
            return _json(make())
        known = _claimed(at.vault, caller.name, key, digest)
        if known is not None:
            return known
        try:
            made = _json(make())
        except BaseException:
            _forget(at.vault, caller.name, key)
            raise
        _keep(at.vault, caller.name, key, b"" if told_once else made)
        return made

    return Response(await at.ask(answer), status_code=201, media_type="application/json")


def _claimed(vault: Vault, caller: str, key: str, digest: bytes) -> bytes | None:
    """The answer that is kept; None when the request is the first of its key."""
    now = time.time_ns() // 1_000
    with vault.change() as link:
        link.execute("DELETE FROM replies WHERE at_us < ?", (now - KEPT * 1_000_000,))
        sql = "INSERT INTO replies (caller, key, digest, at_us) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        if link.execute(sql, (caller, key, digest, now)).rowcount:
            return None
        sql = "SELECT digest, body FROM replies WHERE caller = ? AND key = ?"
        before, body = link.execute(sql, (caller, key)).fetchone()
    if before != digest:
        raise Problem("key-reused", hint="use a fresh key for each request")
    if not body:
        why = "it was begun and its answer is not known" if body is None else "it was done and its answer is told once"
        raise Problem("conflict", detail=why, hint="look whether it is there")
    return bytes(body)


def _keep(vault: Vault, caller: str, key: str, body: bytes) -> None:
    with vault.change() as link:
        link.execute("UPDATE replies SET body = ? WHERE caller = ? AND key = ?", (body, caller, key))


def _forget(vault: Vault, caller: str, key: str) -> None:
    with vault.change() as link:
        link.execute("DELETE FROM replies WHERE caller = ? AND key = ?", (caller, key))


def _json(made: dict[str, Any]) -> bytes:
    return json.dumps(made, ensure_ascii=False).encode()
