"""Cursors: where the next page of a list begins, in a text that nobody needs to understand."""

from __future__ import annotations

import base64
import binascii

from regard.serving.problems import Problem

LAST = 2**63 - 1
"""Beyond every number of a list."""


def cursor(number: int | None) -> str | None:
    """The cursor of the page after a row of this number; None after the last one.

    >>> after(cursor(17) or ""), cursor(None)
    (17, None)
    """
    return None if number is None else base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def after(text: str) -> int:
    """The number below which a page begins; the largest without a cursor.

    Raises:
        Problem: no cursor of ours.
    """
    if not text:
        return LAST
    try:
        number = int(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii"))
    except (ValueError, binascii.Error):
        number = -1
    if not 0 <= number <= LAST:
        raise Problem("invalid", detail="the cursor is none of this list's", hint="leave it out to begin anew")
    return number
