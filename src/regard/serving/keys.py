"""Keys: what programs show to be let in. The text is told once; only its SHA-256 is kept.

A key is 256 random bits, so there is nothing to guess and nothing that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from regard.errors import InputError, UsageError
from regard.serving.access import SCOPES, Caller, granted
from regard.serving.audit import enter
from regard.serving.vault import Vault

_PUBLIC = "ingest-public"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_NAME = 80
"""Characters of a key's name: a line of a table."""
_STALE_US = 60_000_000
"""How old 'last used' may be: a write for every request would cost more than the answer."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of a key.

    Args:
        prefix: the part of it that may be shown, `rgd_` and eight characters. digest: SHA-256 of the whole.
        name: what its owner calls it. scopes: what it allows. origins: web pages that may use a public key.
        made_us, used_us, revoked_us: when, microseconds since 1970 UTC; None for never.
    """

    prefix: str
    digest: bytes
    name: str
    scopes: tuple[str, ...]
    origins: tuple[str, ...]
    made_us: int
    used_us: int | None
    revoked_us: int | None

    def caller(self, origin: str = "") -> Caller:
        """Who asks with it."""
        return Caller(name=self.prefix, kind="key", scopes=granted(*self.scopes), origin=origin)

    @property
    def public(self) -> bool:
        """Whether it stands in web pages, where everybody can read it."""
        return self.scopes == (_PUBLIC,)


class Keys:
    """The keys of one workspace.

    Args:
        vault: where they are kept.

    >>> import tempfile
    >>> from pathlib import Path
    >>> keys = Keys(Vault(Path(tempfile.mkdtemp())))
    >>> key, text = keys.create("till", ["ingest"], by="cli")
    >>> keys.known(text).name, keys.known(text + "x"), text.startswith(key.prefix + "_")
    ('till', None, True)
    >>> keys.revoke(key.prefix, by="cli")
    >>> keys.known(text)
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._read_at = -1
        self._kept: dict[str, Key] = {}
        self._used: dict[str, int] = {}

    def create(self, name: str, scopes: Sequence[str], origins: Sequence[str] = (), *, by: str) -> tuple[Key, str]:
        """Make a key.

        Args:
            name: what its owner calls it. scopes: what it allows; see SCOPES.
            origins: for the scope 'ingest-public' alone, and there at least one, such as https://shop.example.
            by: who makes it, for the audit log.

        Returns:
            The key, and its text: it is nowhere else.

        Raises:
            UsageError: a scope or an origin is off.
        """
        wanted = tuple(scope for scope in SCOPES if scope in scopes)
        pages = tuple(dict.fromkeys(origin.lower().rstrip("/") for origin in origins))
        _check(name, scopes, wanted, pages)
        prefix = f"rgd_{secrets.token_hex(4)}"
        text = f"{prefix}_{secrets.token_urlsafe(32)}"
        key = Key(
            prefix=prefix, digest=_digest(text), name=name.strip(), scopes=wanted, origins=pages,
            made_us=time.time_ns() // 1_000, used_us=None, revoked_us=None,
        )  # fmt: skip
        with self._vault.change() as link:
            values = (key.prefix, key.digest, key.name, json.dumps(wanted), json.dumps(pages), key.made_us)
            link.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)", values)
            enter(link, by, "key.create", key.prefix, scopes=wanted, origins=pages)
        return key, text

    def all(self) -> list[Key]:
        """Every key, the oldest first, revoked ones as well."""
        return list(self._now().values())

    def revoke(self, prefix: str, *, by: str) -> None:
        """Let a key in no more, from now on.

        Raises:
            InputError: no key has that prefix.
        """
        with self._vault.change() as link:
            now = time.time_ns() // 1_000
            if not link.execute("SELECT 1 FROM keys WHERE prefix = ?", (prefix,)).fetchone():
                raise InputError(
                    f"no key '{prefix}'", hint="a key is named by its first 12 characters, such as rgd_1a2b3c4d"
                )
            sql = "UPDATE keys SET revoked_us = ? WHERE prefix = ? AND revoked_us IS NULL"
            if link.execute(sql, (now, prefix)).rowcount:
                enter(link, by, "key.revoke", prefix)

    def known(self, text: str) -> Key | None:
        """The key with this text, if it is one and lets in."""
        key = self._now().get(text[:12])
        # Compared also when there is none, so that the time tells nothing.
        same = hmac.compare_digest(key.digest if key else bytes(32), _digest(text))
        if key is None or not same or key.revoked_us is not None:
            return None
        self._used[key.prefix] = time.time_ns() // 1_000
        return key

    def pages(self) -> frozenset[str]:
        """Origins of all public keys that let in."""
        return frozenset(origin for key in self._now().values() if key.revoked_us is None for origin in key.origins)

    def note_use(self) -> None:
        """Write down when keys were last used; call it from time to time where writing may take its time."""
        used, self._used = self._used, {}
        kept = self._now()
        late = [(at, name) for name, at in used.items() if name in kept and at - (kept[name].used_us or 0) > _STALE_US]
        if late:
            with self._vault.change() as link:
                link.executemany("UPDATE keys SET used_us = ? WHERE prefix = ?", late)

    def _now(self) -> dict[str, Key]:
        version = self._vault.version()
        if version != self._read_at:
            rows = self._vault.rows(
                "SELECT prefix, digest, name, scopes, origins, made_us, used_us, revoked_us FROM keys ORDER BY made_us"
            )
            self._kept = {row[0]: _key(row) for row in rows}
            self._read_at = version
        return self._kept


def _check(name: str, scopes: Sequence[str], wanted: tuple[str, ...], pages: tuple[str, ...]) -> None:
    if not name.strip() or len(name) > _NAME:
        raise UsageError("a key needs a name", hint=f"1 to {_NAME} characters that say who uses it")
    strange = sorted(set(scopes) - set(SCOPES))
    if strange or not wanted:
        raise UsageError(
            f"no scope '{strange[0]}'" if strange else "a key needs a scope", hint=f"of {', '.join(SCOPES)}"
        )
    for page in pages:
        if not _ORIGIN.fullmatch(page):
            raise UsageError(f"'{page}' is no origin", hint="such as https://shop.example, without a path")
    if _PUBLIC in wanted and len(wanted) > 1:
        raise UsageError("a public key stands in web pages and can have no other scope", hint="make two keys")
    if _PUBLIC in wanted and not pages:
        raise UsageError("a public key needs the pages that may use it", hint="--origin https://shop.example")
    if pages and _PUBLIC not in wanted:
        raise UsageError("origins belong to the scope ingest-public", hint="leave --origin out")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _key(row: tuple[Any, ...]) -> Key:
    prefix, digest, name, scopes, origins, made_us, used_us, revoked_us = row
    return Key(
        prefix=prefix,
        digest=digest,
        name=name,
        scopes=tuple(json.loads(scopes)),
        origins=tuple(json.loads(origins)),
        made_us=made_us,
        used_us=used_us,
        revoked_us=revoked_us,
    )
