"""The application: middleware around, routers within, and the writer of live events for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from importlib import import_module

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from regard import __version__
from regard.errors import RegardError, WorkspaceError
from regard.serving import health, problems, routes
from regard.serving.audit import Audit
from regard.serving.described import described
from regard.serving.entrance import Entrance
from regard.serving.hosts import Hosts
from regard.serving.jobs import Jobs
from regard.serving.jobs.schedule import Settings as Upkeeping
from regard.serving.jobs.schedule import Upkeep
from regard.serving.keys import Keys
from regard.serving.limits import Bodies, Rates
from regard.serving.measures import Measures
from regard.serving.people import People
from regard.serving.server import STUDENTS, STUDIES, Answering, Server
from regard.serving.settings import Settings
from regard.serving.vault import Vault
from regard.serving.watch import Watch
from regard.workspace import Workspace
from regard.workspace.living import Live

_log = logging.getLogger(__name__)


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
        try:
            with ExitStack() as kept:
                at = _server(shop, chosen, kept)
                app.state.server = at
                noting = asyncio.create_task(_note_use(at))
                kept.callback(noting.cancel)
                yield
        except RegardError as error:
            app.state.failed = error  # the web server only tells that there was one
            raise

    app = FastAPI(
        title="Regard",
        summary="Events in, answers out.",
        version=__version__,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        middleware=[
            Middleware(Watch, every=chosen.log_requests),
            Middleware(Hosts, settings=chosen),
            Middleware(Entrance),
            Middleware(Rates, settings=chosen),
            Middleware(Bodies, settings=chosen),
        ],
    )
    problems.handle(app)
    routers = (*_found(), health.router)
    for router in routers:
        app.include_router(router)
    app.openapi = partial(described, app, routers)  # type: ignore[method-assign]
    return app


def _found() -> list[APIRouter]:
    """The router of every module in routes; a request is matched one route after the other, so the busiest come first."""
    names = sorted(
        (module.name for module in pkgutil.iter_modules(routes.__path__)), key=lambda name: (name != "events", name)
    )
    return [import_module(f"{routes.__name__}.{name}").router for name in names]


def _server(shop: Workspace, settings: Settings, kept: ExitStack) -> Server:
    """Everything that handlers need, closed with `kept`: the writer last, so that what waits is committed."""
    writer = kept.enter_context(shop.live())
    vault = Vault(shop.folder)
    kept.callback(vault.close)
    keys = Keys(vault)
    kept.callback(_noted, keys)
    answering = Answering(threads=settings.threads, waiting=settings.waiting, seconds=settings.answer_seconds)
    kept.callback(answering.close)
    again = "it goes on: ask again in a little while"
    studies = Answering(threads=STUDIES, waiting=STUDENTS, seconds=settings.answer_seconds, hint=again)
    kept.callback(studies.close)
    kept.callback(lambda: shop.impressions.close())
    at = Server(
        shop=shop,
        live=writer,
        settings=settings,
        answering=answering,
        studies=studies,
        vault=vault,
        keys=keys,
        people=People(vault),
        audit=Audit(vault),
        measures=Measures(lambda: health.measured(shop, writer)),
        jobs=_jobs(shop, writer, kept),
    )
    kept.callback(at.checking.close)
    return at


def _jobs(shop: Workspace, writer: Live, kept: ExitStack) -> Jobs | None:
    """What runs beside the answers; nothing where another server of the workspace runs it already."""
    upkeep = Upkeep(shop, writer.counts, Upkeeping.of(shop.config.upkeep))
    try:
        jobs = kept.enter_context(Jobs(shop.folder, ended=upkeep.heard))
    except WorkspaceError as error:
        _log.warning("no jobs here: %s", error.message)
        return None
    kept.callback(upkeep.close)
    upkeep.start(jobs)
    return jobs


_NOTING = 60.0
"""Seconds between two notes of when keys were last used."""


async def _note_use(at: Server) -> None:
    while True:
        await asyncio.sleep(_NOTING)
        await asyncio.to_thread(_noted, at.keys)


def _noted(keys: Keys) -> None:
    with suppress(RegardError):  # a full disk is told of by who needs it more
        keys.note_use()
