"""The application: middleware around, routers within, and the writer of live events for as long as it runs."""

from __future__ import annotations

import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from regard import __version__
from regard.errors import RegardError
from regard.serving import health, problems, routes
from regard.serving.access import Access
from regard.serving.hosts import Hosts
from regard.serving.living import live
from regard.serving.server import Answering, Server
from regard.serving.settings import Settings
from regard.workspace import Workspace


def create(shop: Workspace, settings: Settings | None = None) -> FastAPI:
    """Put the server of a workspace together; it opens the store for live events when it starts.

    Args:
        shop: the workspace. settings: how it runs.

    >>> import tempfile, regard
    >>> from starlette.testclient import TestClient
    >>> app = create(regard.init(f"{tempfile.mkdtemp()}/shop"))
    >>> with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1)) as client:
    ...     client.get("/healthz").json()
    {'status': 'ok'}
    """
    chosen = settings or Settings()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        answering = Answering(threads=chosen.threads, waiting=chosen.waiting, seconds=chosen.answer_seconds)
        try:
            with live(shop) as writer:
                app.state.server = Server(shop=shop, live=writer, settings=chosen, answering=answering)
                yield
        except RegardError as error:
            app.state.failed = error  # the web server only tells that there was one
            raise
        finally:
            answering.close()

    app = FastAPI(
        title="Regard",
        summary="Events in, answers out.",
        version=__version__,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        middleware=[Middleware(Hosts, settings=chosen), Middleware(Access)],
    )
    problems.handle(app)
    for router in (health.router, *_found()):
        app.include_router(router)
    return app


def _found() -> list[APIRouter]:
    """The router of every module in routes."""
    names = sorted(module.name for module in pkgutil.iter_modules(routes.__path__))
    return [import_module(f"{routes.__name__}.{name}").router for name in names]
