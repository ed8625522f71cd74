"""People: who may log in to the console, what each may do there, and their passwords, kept as scrypt has them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
import unicodedata
from dataclasses import dataclass

from regard.errors import InputError, UsageError
from regard.serving.access import Caller, granted
from regard.serving.audit import enter
from regard.serving.vault import Vault

ROLES: dict[str, tuple[str, ...]] = {"viewer": ("read",), "editor": ("manage", "ingest"), "admin": ("admin",)}
"""Role -> scopes: a viewer looks, an editor changes scenarios and mends events, an admin lets others in."""

LEAST = 12
"""Characters of a password: the length that guessing at a few a minute does not reach."""
_MOST = 256
"""Characters of a password: a sentence, and no work for the server."""
_NAME = re.compile(r"[\w.@+-]{1,64}")

_COST, _BLOCK, _LANES = 15, 8, 3
"""scrypt with N = 2^15, r = 8, p = 3: 32 MiB and about a quarter of a second, one of the settings that OWASP names as equal in
strength; the smaller memory lets a machine of 4 GB check several at a time."""
_MEMORY = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who may log in.

    Args:
        name: in lower case, as it is typed to log in. role: a name of ROLES. made_us: since when, microseconds since 1970 UTC.
    """

    name: str
    role: str
    made_us: int

    def caller(self) -> Caller:
        """Who asks."""
        return Caller(name=self.name, kind="person", scopes=granted(*ROLES[self.role]))


class People:
    """The people of one workspace.

    Args:
        vault: where they are kept.

    >>> import tempfile
    >>> from pathlib import Path
    >>> people = People(Vault(Path(tempfile.mkdtemp())))
    >>> person = people.add("Ann", "editor", "correct horse battery", by="cli")
    >>> people.check("ann", "correct horse battery").role, people.check("ann", "wrong"), people.check("bob", "x")
    ('editor', None, None)
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._nobody = _hashed(secrets.token_hex(16))

    def add(self, name: str, role: str, password: str, *, by: str) -> Person:
        """Let somebody in.

        Raises:
            UsageError: the name, the role or the password is off, or there is somebody of that name.
        """
        person = Person(name=folded(name), role=role, made_us=time.time_ns() // 1_000)
        if not _NAME.fullmatch(person.name):
            raise UsageError(f"'{name}' is no name to log in with", hint="1 to 64 letters, digits and . _ @ + -")
        _role(role)
        kept = _hashed(_allowed(password))
        with self._vault.change() as link:
            try:
                link.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (person.name, role, kept, person.made_us))
            except sqlite3.IntegrityError:
                raise UsageError(f"there is a '{person.name}' already", hint="regard admin people reset") from None
            enter(link, by, "person.add", person.name, role=role)
        return person

    def all(self) -> list[Person]:
        """Everybody, by name."""
        rows = self._vault.rows("SELECT name, role, made_us FROM people ORDER BY name")
        return [Person(name=name, role=role, made_us=made_us) for name, role, made_us in rows]

    def remove(self, name: str, *, by: str) -> None:
        """Let somebody in no more; open sessions end.

        Raises:
            InputError: there is nobody of that name.
        """
        with self._vault.change() as link:
            _changed(link.execute("DELETE FROM people WHERE name = ?", (folded(name),)), name)
            enter(link, by, "person.remove", folded(name))

    def change(self, name: str, role: str, *, by: str) -> None:
        """Give somebody another role, from the next request on.

        Raises:
            InputError: there is nobody of that name. UsageError: there is no such role.
        """
        _role(role)
        with self._vault.change() as link:
            _changed(link.execute("UPDATE people SET role = ? WHERE name = ?", (role, folded(name))), name)
            enter(link, by, "person.change", folded(name), role=role)

    def reset(self, name: str, password: str, *, by: str) -> None:
        """Give somebody another password; open sessions end.

        Raises:
            InputError: there is nobody of that name. UsageError: the password is too short.
        """
        kept = _hashed(_allowed(password))
        with self._vault.change() as link:
            _changed(link.execute("UPDATE people SET password = ? WHERE name = ?", (kept, folded(name))), name)
            link.execute("DELETE FROM sessions WHERE name = ?", (folded(name),))
            enter(link, by, "person.reset", folded(name))

    def check(self, name: str, password: str) -> Person | None:
        """Who it is, if the password is right; takes as long for a name that nobody has."""
        rows = self._vault.rows("SELECT name, role, made_us, password FROM people WHERE name = ?", folded(name))
        right = _matches(password, rows[0][3] if rows else self._nobody)
        return Person(name=rows[0][0], role=rows[0][1], made_us=rows[0][2]) if rows and right else None


def folded(name: str) -> str:
    """A name as it is kept: one spelling for all that look alike to who types it.

    >>> folded(" Ann "), folded("ＡＮＮ")
    ('ann', 'ann')
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def drawn() -> str:
    """A password that nobody guesses, for somebody who will be told it."""
    return secrets.token_urlsafe(18)


def _role(role: str) -> None:
    if role not in ROLES:
        raise UsageError(f"no role '{role}'", hint=f"of {', '.join(ROLES)}")


def _changed(cursor: sqlite3.Cursor, name: str) -> None:
    if not cursor.rowcount:
        raise InputError(f"there is no '{name}'", hint="regard admin people list")


def _allowed(password: str) -> str:
    if not LEAST <= len(password) <= _MOST:
        raise UsageError(f"a password of {len(password)} characters", hint=f"{LEAST} to {_MOST}; a sentence is fine")
    return password


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{salt.hex()}:{_scrypt(password, salt, _COST, _BLOCK, _LANES).hex()}"


def _matches(password: str, kept: str) -> bool:
    _, cost, block, lanes, salt, digest = kept.split(":")
    found = _scrypt(password[: _MOST + 1], bytes.fromhex(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(found, bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    # One spelling, as RFC 8265 wants it: another keyboard may compose the same letters otherwise.
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=1 << cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32)
