"""Console: a browser's face on what serving exposes; it renders, and computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def attach(app: FastAPI) -> None:
    """Put the console's pages and built files on the server's application, after everything else.

    Args:
        app: of `serving.app.create`.
    """
    from regard.console.assets import Assets
    from regard.console.pages import routers
    from regard.console.visit import lost

    app.mount("/assets", Assets(), name="assets")
    for router in routers():
        app.include_router(router, include_in_schema=False)
    lost(app)
