"""Assets: the built files, which a browser may keep because their addresses change with their bytes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

FOREVER = "public, max-age=31536000, immutable"


class Assets(StaticFiles):
    """The folder `static` of this room."""

    def __init__(self) -> None:
        super().__init__(directory=Path(str(files("regard.console"))) / "static")

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; one that is asked for with its digest is kept for good."""
        response = await super().get_response(path, scope)
        if response.status_code == 200 and b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = FOREVER
        return response
