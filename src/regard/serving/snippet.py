"""The script for a shop's page, as it lies in the package: built from web/snippet by `make snippet`."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class Script:
    """The script and its names.

    Args:
        body: as it is. packed: with gzip.
        digest: 16 hex digits of its SHA-256; another text has another.
        integrity: what a page's `integrity` attribute says, so that nothing else runs there.
    """

    body: bytes
    packed: bytes
    digest: str
    integrity: str

    @property
    def name(self) -> str:
        """A name under which never another text is served."""
        return f"regard-{self.digest}.js"


@cache
def script() -> Script:
    """The script of this version of Regard.

    >>> script().name[:7], len(script().packed) < 4_000
    ('regard-', True)
    """
    body = files("regard.serving").joinpath("static/regard.js").read_bytes()
    return Script(
        body=body,
        packed=gzip.compress(body, 9, mtime=0),
        digest=hashlib.sha256(body).hexdigest()[:16],
        integrity="sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode(),
    )
