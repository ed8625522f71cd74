"""Described: what the OpenAPI document says of every operation alike: its refusals, and what a caller must be allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from regard.serving.access import SCOPES, Needs
from regard.serving.event_docs import SCOPE, problem

_METHODS = frozenset(("get", "put", "post", "delete", "patch", "head", "options"))
_OWN = ("HTTPValidationError", "ValidationError")
"""FastAPI's descriptions of refusals that are problems here."""


def described(app: FastAPI, routers: Sequence[APIRouter] = ()) -> dict[str, Any]:
    """The OpenAPI document of an application.

    Args: app: the application. routers: those included in it.

    >>> app = FastAPI(title="x", version="1")
    >>> @app.get("/n")
    ... def n(of: int) -> int: ...
    >>> document = described(app)
    >>> sorted(document["paths"]["/n"]["get"]["responses"]), list(document["paths"]["/n"]["get"]["responses"]["422"]["content"])
    (['200', '422', 'default'], ['application/problem+json'])
    """
    document = FastAPI.openapi(app)
    if SCOPE in document:
        return document
    document[SCOPE] = "the scope that a caller of an operation needs"
    scopes = _scopes(routers)
    for path, operations in document.get("paths", {}).items():
        for method in _METHODS & set(operations):
            operation = operations[method]
            responses = operation.setdefault("responses", {})
            if "422" in responses and "application/json" in responses["422"].get("content", {}):
                responses["422"] = problem("The request does not have the form that is read here.")
            responses.setdefault("default", problem("A refusal; `type` says which."))
            scope = scopes.get((path, method)) or operation.get(SCOPE)
            if scope is not None:
                operation |= {SCOPE: scope, "security": [{"key": []}]}
    parts = document.setdefault("components", {})
    for name in _OWN:
        parts.get("schemas", {}).pop(name, None)
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "A key of this workspace."}}
    return document


def _scopes(routers: Sequence[APIRouter]) -> dict[tuple[str, str], str]:
    """(path, method) -> the scope that it needs, of several the one that allows most."""
    return {
        (route.path_format, method.lower()): max(needed, key=SCOPES.index)
        for router in routers for route in router.routes if isinstance(route, APIRoute)
        for needed in [_needed(route.dependant)] if needed for method in route.methods or ()
    }  # fmt: skip


def _needed(dependant: Dependant) -> list[str]:
    found = [dependant.call.scope] if isinstance(dependant.call, Needs) else []
    return [*found, *(scope for part in dependant.dependencies for scope in _needed(part))]
