"""Hosts: by which name the server was called, from which address, and whether that is this very machine."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from regard.serving.problems import Problem, respond
from regard.serving.settings import Settings, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL = ("localhost", "127.0.0.1", "::1")
_ANY = ("0.0.0.0", "::", "")
_ONCE = frozenset((b"host", b"authorization", b"content-length", b"content-type", b"origin"))
"""Headers that must not be repeated: two programs that each believe another one of them can be played against each other."""
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via", b"x-forwarded-host", b"cf-connecting-ip")
"""Marks of a request that somebody passes on, so that it is not from this machine even if the connection is."""


class Hosts:
    """Refuses requests under a name that is not the server's, and finds out who really asks.

    A page of any site can be made to resolve to 127.0.0.1; only the Host header then tells it from a person here.

    It leaves in the scope `regard.headers` (each header's first value), `client` (the address believed), `scheme` and
    `regard.direct` (whether the caller is on this machine and nobody passed the request on).

    Args:
        app: what comes next. settings: names and proxies.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        own = () if settings.host in _ANY else (settings.host,)
        self._names = {_name(name) for name in (*_LOCAL, *own, *settings.allowed_hosts)}
        self._proxies = [ip_network(proxy) for proxy in settings.proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if headers.setdefault(name, value) is not value:
                if name in _ONCE:
                    repeated = Problem("malformed", detail=f"the header {name.decode('latin-1')} is repeated")
                    await respond(repeated, scope, receive, send)
                    return
                if name == b"x-forwarded-for":
                    headers[name] += b"," + value
        called = _name(headers.get(b"host", b"").decode("latin-1"))
        if not called or called not in self._names:
            hint = "add the name to allowed_hosts under [serve] in regard.toml, or --allow-host"
            await respond(Problem("wrong-host", hint=hint), scope, receive, send)
            return
        scope["regard.headers"] = headers
        self._place(scope, headers)
        await self._app(scope, receive, send)

    def _place(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        address = str((scope.get("client") or ("",))[0])
        passed_on = any(name in headers for name in _FORWARDED)
        proxied = bool(self._proxies) and _within(address, self._proxies)
        scope["regard.direct"] = is_loopback(address) and not passed_on and not proxied
        if proxied:
            chain = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
            named = [part.strip() for part in chain if part.strip()]
            outside = [part for part in named if not _within(part, self._proxies)]
            if named:
                scope["client"] = ((outside or named)[-1], 0)
            scheme = headers.get(b"x-forwarded-proto", b"").decode("latin-1").strip().lower()
            if scheme in ("http", "https"):
                scope["scheme"] = scheme


def _name(host: str) -> str:
    """A Host header's name without its port, a bare IPv6 address included.

    >>> [_name(host) for host in ("Shop.Example.:443", "[::1]:80", "::1", "127.0.0.1", "[::1", "localhost:x")]
    ['shop.example', '::1', '::1', '127.0.0.1', '', '']
    """
    text = host.strip().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        return name if closed and _port(port) else ""
    if text.count(":") == 1:
        text, _, port = text.partition(":")
        return text.rstrip(".") if _port(f":{port}") else ""
    return text.rstrip(".")


def _port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isdigit())


def _within(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
