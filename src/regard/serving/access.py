"""Access: what a caller may do, and what a handler needs the caller to be allowed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from fastapi import Request

from regard.serving.problems import Problem

SCOPES = ("ingest-public", "ingest", "serve", "read", "manage", "admin")
"""What a key may do: send events from a browser · send events · ask for answers · see customers and results · change
scenarios, models and events · keys, people, erasure.
"""

_IMPLIED: dict[str, tuple[str, ...]] = {
    "ingest-public": (), "ingest": ("ingest-public",), "serve": (), "read": ("serve",), "manage": ("read",),
    "admin": ("manage", "ingest"),
}  # fmt: skip


def granted(*scopes: str) -> frozenset[str]:
    """Scopes with all that they imply.

    >>> sorted(granted("manage")), sorted(granted("ingest"))
    (['manage', 'read', 'serve'], ['ingest', 'ingest-public'])
    """
    found: set[str] = set()
    for scope in scopes:
        found |= {scope, *granted(*_IMPLIED[scope])}
    return frozenset(found)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks.

    Args:
        name: of the key or the person; for the audit log, never a secret. kind: how the caller is known.
        scopes: what the caller may do, all implied ones included.
        origin: the web origin from which a public key is used, '' elsewhere.
    """

    name: str
    kind: Literal["nobody", "local", "key", "person"]
    scopes: frozenset[str] = frozenset()
    origin: str = ""


NOBODY = Caller(name="", kind="nobody")
LOCAL = Caller(name="local", kind="local", scopes=granted("admin"))
"""Whoever sits at this machine, while nobody has made a key."""


@dataclass(frozen=True)
class Needs:
    """A dependency: the caller, if the caller may do `scope`."""

    scope: str

    async def __call__(self, request: Request) -> Caller:
        """Raises Problem: 401 without a key, 403 with one that does not allow it."""
        caller: Caller = request.scope["regard.caller"]
        if self.scope in caller.scopes:
            return caller
        if caller.kind == "nobody":
            raise Problem("no-key", hint="send Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"})
        raise Problem("not-allowed", detail=f"this needs the scope '{self.scope}'")


async def asking(request: Request) -> Caller:
    """A dependency: whoever asks, also nobody."""
    found: Caller = request.scope["regard.caller"]
    return found


@cache
def needs(scope: str) -> Needs:
    """What a handler declares: `caller: Annotated[Caller, Depends(needs("serve"))]`.

    >>> needs("serve").scope
    'serve'
    """
    assert scope in SCOPES, scope
    return Needs(scope)
