"""Bodies of requests: read up to a limit, inflated within it, and parsed so that a broken one says where it is broken."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_core import from_json

from regard.serving.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request


async def read(request: Request, *, limit: int) -> bytes:
    """The body, which `limits.Bodies` has let in; one packed with gzip as what it was before.

    Args:
        request: whose body it is.
        limit: most bytes after inflating: a kilobyte can hold a megabyte of blanks.

    Raises:
        Problem: too large, packed otherwise, or not packed as it says.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return await request.body()
    if coding in ("gzip", "x-gzip"):
        return inflated(await request.body(), limit=limit)
    hint = "send it as it is, or packed with gzip"
    raise Problem("wrong-type", detail="an unknown Content-Encoding", hint=hint, headers={"Accept-Encoding": "gzip"})


def inflated(body: bytes, *, limit: int) -> bytes:
    """What was packed with gzip.

    Raises:
        Problem: more than `limit` bytes, or no gzip.

    >>> import gzip
    >>> inflated(gzip.compress(b"{}"), limit=10)
    b'{}'
    """
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = inflating.decompress(body, limit + 1)
    except zlib.error:
        raise Problem("malformed", detail="the body is not packed with gzip as it says") from None
    if len(found) > limit:
        raise too_large(limit)
    if not inflating.eof or inflating.unused_data:
        raise Problem("malformed", detail="the body is not one whole gzip file")
    return found


def parsed(body: bytes) -> Any:
    """A body as JSON, as RFC 8259 and I-JSON have it, at most 200 levels deep.

    Of a name that stands twice in an object the last one counts, as in every browser.

    Raises:
        Problem: it is none; the detail says where.

    >>> parsed(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parsed(b'{"a": NaN}')
    Traceback (most recent call last):
    regard.serving.problems.Problem: NaN is not JSON
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        raise _broken(body) from None


def _broken(body: bytes) -> Problem:
    """Why a body is no JSON; the slow reader knows the line."""
    try:
        _DECODER.decode(body.decode())
    except json.JSONDecodeError as error:
        return Problem("malformed", detail=f"{error.msg} at line {error.lineno}, column {error.colno}")
    except UnicodeDecodeError as error:
        return Problem("malformed", detail=f"not UTF-8 at byte {error.start}")
    except Problem as problem:
        return problem
    except RecursionError:
        return Problem("malformed", detail="nested too deeply")
    except ValueError:
        return Problem("malformed", detail="a number that is too long")
    return Problem("malformed", detail="not JSON as I-JSON has it: half a character, or too many levels")


async def whole(request: Request, *, limit: int) -> Any:
    """A request's body as JSON; one that was said to be JSON has been read already.

    Args: request: whose body it is. limit: most bytes after inflating.

    Raises:
        Problem: it is none, or too large.
    """
    if "regard.json" in request.scope:
        return request.scope["regard.json"]
    return parsed(await read(request, limit=limit))


def too_large(limit: int) -> Problem:
    """What a body over the limit is answered with."""
    return Problem("too-large", detail=f"at most {limit:,} bytes", hint="send less at once")


def _constant(name: str) -> NoReturn:
    raise Problem("malformed", detail=f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)
