"""Audit: who changed what, each entry sealed with the hash of all before it, so that none can be changed or taken out.

It holds ids and nothing else of people. Cutting entries off the end leaves a whole chain: who must rule that out notes the
last hash elsewhere from time to time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from regard.errors import WorkspaceError
from regard.serving.vault import Vault

_FIRST = bytes(32)
_LAST = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One change.

    Args:
        number: from 1, without gaps. at_us: when, microseconds since 1970 UTC.
        who: a key's prefix, a person's name, or 'cli'. what: such as 'key.create'. about: the id of what was changed.
        detail: what else says what was done. hash: hexadecimal, of this entry and the hash before it.
    """

    number: int
    at_us: int
    who: str
    what: str
    about: str
    detail: dict[str, Any]
    hash: str


class Audit:
    """The log of one workspace's server.

    Args:
        vault: where it is kept.

    >>> import tempfile
    >>> from pathlib import Path
    >>> audit = Audit(Vault(Path(tempfile.mkdtemp())))
    >>> audit.write("cli", "key.create", "rgd_1a2b3c4d", scopes=["read"])
    >>> [(entry.who, entry.what, entry.detail) for entry in audit.newest(10)], audit.verify()
    ([('cli', 'key.create', {'scopes': ['read']})], 1)
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def write(self, who: str, what: str, about: str = "", **detail: Any) -> None:
        """Add an entry; it is on the disk when this returns."""
        with self._vault.change() as link:
            enter(link, who, what, about, **detail)

    def newest(self, n: int, *, before: int = _LAST) -> list[Entry]:
        """The latest `n` entries with a number below `before`, the latest first."""
        sql = "SELECT number, at_us, who, what, about, detail, hash FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?"
        return [_entry(row) for row in self._vault.rows(sql, before, n)]

    def verify(self) -> int:
        """Check every entry; returns how many there are.

        Raises:
            WorkspaceError: an entry was changed or taken out.
        """
        last = _FIRST
        rows = self._vault.rows("SELECT number, at_us, who, what, about, detail, hash FROM audit ORDER BY number")
        for place, (number, at_us, who, what, about, detail, kept) in enumerate(rows, start=1):
            last = _hash(last, number, at_us, who, what, about, detail)
            if number != place or last != kept:
                raise WorkspaceError(
                    f"entry {place} of the audit log is not the one that was written",
                    hint="compare with a backup of server.sqlite",
                )
        return len(rows)


def enter(link: sqlite3.Connection, who: str, what: str, about: str = "", **detail: Any) -> None:
    """Add an entry in the transaction of the change that it tells of."""
    row = link.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, last = row or (0, _FIRST)
    told = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    values = (number + 1, time.time_ns() // 1_000, who, what, about, told)
    link.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, _hash(last, *values)))


def _hash(last: bytes, *values: object) -> bytes:
    return hashlib.sha256(last + json.dumps(values, ensure_ascii=False).encode()).digest()


def _entry(row: tuple[Any, ...]) -> Entry:
    number, at_us, who, what, about, detail, kept = row
    return Entry(
        number=number, at_us=at_us, who=who, what=what, about=about, detail=json.loads(detail), hash=kept.hex()
    )
