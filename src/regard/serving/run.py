"""Run: the application in a web server that ends well: answers under way are finished, events that wait are committed."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from types import FrameType

import uvicorn
from fastapi import FastAPI

from regard.errors import ConfigError, WorkspaceError
from regard.serving import logs
from regard.serving.app import create
from regard.serving.keys import Keys
from regard.serving.protocol import Patient
from regard.serving.settings import Settings
from regard.serving.vault import Vault
from regard.workspace import Workspace

_TLS = "certificate is a PEM file of the whole chain, certificate_key of its key without a passphrase"

_KEEP_ALIVE = 75
"""Seconds for which a connection without a request stays open: longer than the minute for which proxies keep theirs, so that
none sends into a connection that is being closed."""


def serve(
    shop: Workspace,
    settings: Settings,
    *,
    also: Callable[[FastAPI], None] | None = None,
    ready: Callable[[str, str], None] | None = None,
) -> None:
    """Serve a workspace until SIGTERM or SIGINT.

    Args:
        shop: the workspace. settings: how it runs. also: puts more on the application, such as the console's pages.
        ready: called once it listens, with the address and, where others than this machine can reach a server that nobody
            has made a key for, with the text of a new admin key; '' otherwise.

    Raises:
        WorkspaceError: the address is taken or cannot be listened on, or the store cannot be opened.
        ConfigError: the certificate cannot be used.
    """
    logs.begin()
    app = create(shop, settings)
    if also is not None:
        also(app)
    listening = _bound(settings)
    first = "" if settings.loopback else _first_key(shop)
    host, port = listening.getsockname()[:2]
    address = f"{'https' if settings.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        told = (lambda: ready(address, first)) if ready is not None else None
        WebServer(app, settings, ready=told).run(sockets=[listening])
    except (ssl.SSLError, FileNotFoundError, PermissionError) as error:
        why = error.strerror or "not as it should be"
        raise ConfigError(f"the TLS certificate or its key cannot be used: {why}", hint=_TLS) from None
    except SystemExit:
        failed = getattr(app.state, "failed", None)
        raise failed or WorkspaceError(f"{address} could not be served", hint="look at the lines above") from None
    finally:
        listening.close()


def _first_key(shop: Workspace) -> str:
    """An admin key for a server without any, so that nobody finds it open."""
    with closing(Vault(shop.folder)) as vault:
        return Keys(vault).create("first", ["admin"], by="serve")[1] if vault.untouched else ""


class WebServer(uvicorn.Server):
    """Says when it listens, and takes a signal to stop as a wish and not as a failure.

    Args:
        app: of `create`. settings: how it runs. ready: called once it listens.
    """

    def __init__(self, app: FastAPI, settings: Settings, *, ready: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=Patient.of(seconds=settings.body_seconds, most=settings.connections),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.certificate_key or None,
        )
        super().__init__(config)
        self._ready = ready or (lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise WorkspaceError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}", hint="choose another --port"
        ) from None
    return bound
