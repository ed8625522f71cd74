"""Documents: answers as JSON, and what the API's description says of them: the schemas that the command line's answers have."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from regard.serving.event_docs import problem

CONDITION = 4_096
"""Characters of a filter or a rule."""

Id = Annotated[str, Field(min_length=1, max_length=512, examples=["C42"])]
"""An id of any characters."""

Condition = Annotated[str, Field(max_length=CONDITION, examples=['category = "lights" and price < 20'])]
"""A filter over columns."""


class Body(BaseModel):
    """A body whose unknown names are refused, so that a slip of the pen is no question without a filter."""

    model_config = ConfigDict(extra="forbid")


def document(value: Any, *, status: int = 200, **headers: str) -> Response:
    """A value as a response."""
    return Response(
        json.dumps(value, ensure_ascii=False), status_code=status, media_type="application/json", headers=headers
    )


def answers(name: str, about: str, *problems: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What an operation answers: a document of a schema of the package, and its refusals.

    >>> sorted(answers("similar", "Items like others."))
    [200, 401, 403, 422, 429, 503, 504]
    """
    told = {
        401: "A key is needed.", 403: "The key does not allow it, or the customer has not consented.", 404: "There is no such thing.",
        409: "It is there already.", 412: "It has changed since it was read.", 413: "The body is too large.",
        422: "The question cannot be answered as it is put.", 428: "An edit must say which version it edits.",
        429: "Too many requests; Retry-After says when to come again.", 503: "Too much waits, or the store cannot be read now.",
        504: "The answer took too long.",
    }  # fmt: skip
    content = {"application/json": {"schema": schema(name)}}
    found: dict[int | str, dict[str, Any]] = {status: {"description": about, "content": content}}
    found.update((code, problem(told[code])) for code in (401, 403, 422, 429, 503, 504, *problems))
    return found


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema of the package as a part of the API's description, whose references would point elsewhere there."""
    whole = json.loads((files("regard.schemas") / f"{name}.json").read_text("utf-8"))
    shared = whole.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inlined(shared[part["$ref"].rpartition("/")[2]] | {k: v for k, v in part.items() if k != "$ref"})
        return {key: inlined(value) for key, value in part.items() if key not in ("$schema", "$id")}

    found: dict[str, Any] = inlined(whole)
    return found
