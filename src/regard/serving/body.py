"""Bodies of requests: read up to a limit, inflated within it, and parsed so that a broken one says where it is broken."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.requests import ClientDisconnect

from regard.serving.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request


async def read(request: Request, *, limit: int) -> bytes:
    """The body; one packed with gzip as what it was before.

    Args:
        request: whose body has not been read yet.
        limit: most bytes, before and after inflating: a kilobyte can hold a megabyte of blanks.

    Raises:
        Problem: too large, packed otherwise or not as it says, or the sender has gone.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        hint = "send it as it is, or packed with gzip"
        raise Problem(
            "wrong-type", detail="an unknown Content-Encoding", hint=hint, headers={"Accept-Encoding": "gzip"}
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem("malformed", detail="the body ended early") from None
    body = b"".join(chunks)
    return inflated(body, limit=limit) if coding in ("gzip", "x-gzip") else body


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
    """A body as JSON; of a name that stands twice in an object the last one counts, as in every browser.

    Raises:
        Problem: it is none; the detail says at which line and column.

    >>> parsed(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parsed(b'{"a": NaN}')
    Traceback (most recent call last):
    regard.serving.problems.Problem: NaN is not JSON
    """
    try:
        return _DECODER.decode(body.decode())
    except json.JSONDecodeError as error:
        raise Problem("malformed", detail=f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise Problem("malformed", detail=f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise Problem("malformed", detail="nested too deeply") from None
    except ValueError:  # a number of thousands of digits
        raise Problem("malformed", detail="a number that is too long") from None


def document(request: Request, body: bytes) -> Any:
    """A request's body as JSON; one that was said to be JSON has been read already.

    Raises:
        Problem: it is none.
    """
    return request.scope["regard.json"] if "regard.json" in request.scope else parsed(body)


def too_large(limit: int) -> Problem:
    """What a body over the limit is answered with."""
    return Problem("too-large", detail=f"at most {limit:,} bytes", hint="send less at once")


def _constant(name: str) -> NoReturn:
    raise Problem("malformed", detail=f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)
