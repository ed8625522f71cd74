"""The script for a shop's page, for everybody: under a name that stays, and under one that changes with its text."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from regard.serving.problems import Problem
from regard.serving.snippet import script

router = APIRouter(tags=["snippet"])

_SHORT, _LONG = "public, max-age=3600", "public, max-age=31536000, immutable"
"""An hour, so that a new version of Regard reaches every page within it; a year, because that text never changes."""

_FOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/javascript": {"schema": {"type": "string"}}}, "description": "The script."}
}


@router.get("/regard.js", summary="The script for a shop's page", response_class=Response, responses=_FOUND)
async def get_script(request: Request) -> Response:
    """The script of this version; pages that ask again within an hour have it still."""
    return _served(request, _SHORT)


@router.get("/regard-{digest}.js", include_in_schema=False)
async def get_version(request: Request, digest: str) -> Response:
    """The script under the name of its text, to be kept for good."""
    if digest != script().digest:
        raise Problem("not-found", detail="no such version of the script", hint="/regard.js is this server's")
    return _served(request, _LONG)


def _served(request: Request, keep: str) -> Response:
    found = script()
    headers = {
        "Cache-Control": keep,
        "ETag": f'"{found.digest}"',
        "Vary": "Accept-Encoding",
        # Pages of other origins load it, also those that check its integrity or let nothing in that does not agree.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packs else found.body, headers=headers, media_type="text/javascript")
