"""The page for addresses that lead nowhere; what is not a page keeps its problem document."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from regard.console.visit import Reading, pages
from regard.serving.problems import Problem

router = pages()


@router.get("/{path:path}")
async def missing(path: str, visit: Reading) -> HTMLResponse:
    """No such page."""
    raise Problem("not-found", detail=f"/{path[:80]}")
