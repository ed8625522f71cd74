"""Settings of a server: what it listens on, whom it believes, and how much it takes at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from regard.config import CONFIG_NAME
from regard.errors import ConfigError

ENVIRONMENT = "REGARD_"
"""What the names of environment variables begin with: REGARD_PORT is `port`."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server runs. Flags come first, then REGARD_* variables, then [serve] of regard.toml, then these.

    Args:
        host: address to listen on. Only loopback is open without a key.
        port: TCP port; 0 takes a free one.
        allowed_hosts: names by which the server may be called beside localhost and `host`; a name of somebody else that
            leads here is refused, or any page in a browser could reach a server on loopback.
        proxies: addresses or networks whose forwarded headers are believed; nobody's unless named.
        certificate: file of a TLS certificate chain, '' for none. certificate_key: file of its key.
        body_bytes: largest body. A thousand events of a kilobyte each.
        anonymous_bytes: largest body from a caller without a key: a log-in form is far smaller.
        rows: most records of one post.
        body_seconds: how long a body may take to arrive, and how long a connection may take to ask for something.
        answer_seconds: how long an answer may take before 504.
        threads: answers computed at the same time; more than the machine has cores only makes all of them slower.
        waiting: answers that may wait for a thread; more get 503. At 5 ms each these are half a second.
        connections: connections at the same time; more get 503.
        key_rate: requests a second and key in the long run; twice the load that one machine takes.
        address_rate: requests a second and address for callers without a key and public keys. A household behind one
            address stays below it, a script does not.
        log_requests: write a line for every request; else only for those that went wrong or slowly.
        stop_seconds: how long answers under way may take when the server stops; events that wait are committed after.
    """

    host: str = "127.0.0.1"
    port: int = 8700
    allowed_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    certificate: str = ""
    certificate_key: str = ""
    body_bytes: int = 1 << 20
    anonymous_bytes: int = 16_384
    rows: int = 1_000
    body_seconds: float = 10.0
    answer_seconds: float = 10.0
    threads: int = 2
    waiting: int = 200
    connections: int = 1_000
    key_rate: float = 5_000.0
    address_rate: float = 50.0
    log_requests: bool = False
    stop_seconds: float = 10.0

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if (
                isinstance(value, int | float)
                and spec.name not in ("port", "log_requests")
                and not 0 < value < math.inf
            ):
                raise ConfigError(f"serve: '{spec.name}' is {value}", hint="a number above 0")
        if not 0 <= self.port < 65_536:
            raise ConfigError(f"serve: port {self.port}", hint="0 to 65535")
        if bool(self.certificate) != bool(self.certificate_key):
            raise ConfigError("serve: TLS needs a certificate and its key", hint="name both files, or neither")
        for proxy in self.proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ConfigError(
                    f"serve: '{proxy}' is no proxy's address", hint="such as 10.0.0.2 or 10.0.0.0/24"
                ) from None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server.

        >>> Settings().loopback, Settings(host="::1").loopback, Settings(host="0.0.0.0").loopback
        (True, True, False)
        """
        return is_loopback(self.host) or self.host == "localhost"

    @classmethod
    def of(
        cls, flags: Mapping[str, Any] = {}, environment: Mapping[str, str] = {}, table: Mapping[str, Any] = {}
    ) -> Settings:
        """Put the three sources together.

        Args:
            flags: what the command line says; None is nothing.
            environment: of the process; lists are written with commas.
            table: [serve] of regard.toml.

        Raises:
            ConfigError: an unknown key of `table`, or a value of the wrong type anywhere.

        >>> Settings.of({"port": 80}, {"REGARD_PORT": "81", "REGARD_ALLOWED_HOSTS": "shop.example"}, {"threads": 4})
        ... # doctest: +ELLIPSIS
        Settings(host='127.0.0.1', port=80, allowed_hosts=('shop.example',), ..., threads=4, ...)
        """
        known = {spec.name: str(spec.type) for spec in fields(cls)}
        for name in table:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"it knows {', '.join(known)}"
                raise ConfigError(f"{CONFIG_NAME}: [serve] knows no '{name}'", hint=hint)
        said = {name: _typed(name, value, known[name]) for name, value in table.items()}
        for name, kind in known.items():
            word = environment.get(ENVIRONMENT + name.upper())
            if word is not None:
                said[name] = _typed(name, _read(word, kind), kind)
        said |= {name: _typed(name, value, known[name]) for name, value in flags.items() if value is not None}
        return cls(**said)


@lru_cache(4_096)
def is_loopback(address: str) -> bool:
    """Whether an IP address is one of this machine's own.

    >>> is_loopback("127.0.0.2"), is_loopback("::ffff:127.0.0.1"), is_loopback("10.0.0.1"), is_loopback("shop.example")
    (True, True, False, False)
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def _read(word: str, kind: str) -> Any:
    """An environment variable's text as a value; what cannot be read stays text and is refused by its type."""
    if kind.startswith("tuple"):
        return [part.strip() for part in word.split(",") if part.strip()]
    if kind == "str":
        return word
    if kind == "bool":
        return {"true": True, "1": True, "false": False, "0": False}.get(word.lower(), word)
    try:
        return int(word) if kind == "int" else float(word)
    except ValueError:
        return word


def _typed(name: str, value: Any, kind: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right = {
        "int": number and isinstance(value, int),
        "float": number,
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
        "tuple[str, ...]": isinstance(value, list | tuple) and all(isinstance(part, str) for part in value),
    }[kind]
    if not right:
        raise ConfigError(f"serve: '{name}' must be {kind}, not {value!r}", hint=f"look at [serve] in {CONFIG_NAME}")
    return tuple(value) if kind.startswith("tuple") else value
