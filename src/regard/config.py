"""regard.toml: the settings of one workspace, and the only place where a person edits them."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tomli_w

from regard.errors import ConfigError

SCHEMA_VERSION = 1
"""Version of the workspace folder's layout; a newer one than this is refused."""

CONFIG_NAME = "regard.toml"

SENSITIVE = ("gender", "age", "ethnicity", "religion", "health", "sexual_orientation", "politics")
"""Kinds of what a shop may know of a customer and must not use unless somebody answers for it."""

LANGUAGES = ("en", "zh")
"""What reports, answers and simulated shops are written in."""


KEEPING = ("keep_days", "keep_refused_days")
"""What [live] may say."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one workspace. Every field can be edited in regard.toml.

    Args:
        schema_version: version of the folder's layout.
        time_zone: IANA zone in which times without one are read and calendar days begin.
        currency: three-letter code printed beside money; changes no number.
        language: 'en' or 'zh', of reports.
        clock: 'clock', 'order' or 'none'; '' until the first ingest finds it by rule.
        session_gap: minutes of silence that end a session (30 is the web's convention).
        targets: behaviours that count as wanting an item; empty = purchases, else the strongest one seen.
        horizons: days for which propensities are asked by default.
        columns: field -> column of the files, as last used; `--map` adds to it.
        behaviours: word in the files -> behaviour, the shop's own additions.
        not_merchandise: item ids never recommended, beside those found by rule.
        merchandise: item ids the rule took for postage and the like by mistake.
        privacy: 'sensitive': kinds of sensitive columns (SENSITIVE) that may be used; none unless named here.
        live: 'keep_days': days after which live events are dropped, 0 = never; 'keep_refused_days': likewise refused
            records (90 unless given, see `events.live.compaction`).
        serve: settings of `regard serve`, which checks them. upkeep: of what it does by itself (see `serving.jobs.schedule`).
    """

    schema_version: int = SCHEMA_VERSION
    time_zone: str = "UTC"
    currency: str = ""
    language: str = "en"
    clock: str = ""
    session_gap: int = 30
    targets: tuple[str, ...] = ()
    horizons: tuple[int, ...] = (1, 7, 30, 90)
    columns: dict[str, str] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)
    not_merchandise: tuple[str, ...] = ()
    merchandise: tuple[str, ...] = ()
    privacy: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"sensitive": ()})
    live: dict[str, int] = field(default_factory=dict)
    serve: dict[str, Any] = field(default_factory=dict)
    upkeep: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(
                f"unknown time zone '{self.time_zone}'", hint="use an IANA name such as Europe/London or Asia/Shanghai"
            ) from None
        if self.currency and not re.fullmatch("[A-Za-z]{3}", self.currency):
            raise ConfigError(
                f"unknown currency '{self.currency}'", hint="use a code of three letters such as GBP or CNY"
            )
        if self.language not in LANGUAGES:
            raise ConfigError(f"unknown language '{self.language}'", hint=" or ".join(LANGUAGES))
        if self.clock not in ("", "clock", "order", "none"):
            raise ConfigError(f"clock is '{self.clock}'", hint="clock, order or none")
        if self.session_gap <= 0 or any(days <= 0 for days in self.horizons):
            raise ConfigError("session_gap and horizons must be positive", hint=f"edit {CONFIG_NAME}")
        strange = [*(set(self.privacy) - {"sensitive"}), *(set(self.sensitive) - set(SENSITIVE))]
        if strange:
            raise ConfigError(
                f"[privacy] knows no '{sorted(strange)[0]}'", hint=f"sensitive = [...], of {', '.join(SENSITIVE)}"
            )

        for name, days in self.live.items():
            if name not in KEEPING:
                raise ConfigError(f"[live] knows no '{name}'", hint=" or ".join(KEEPING))
            if days < 0:
                raise ConfigError(f"{name} is {days}", hint="a number of days, 0 = for good")

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Kinds of sensitive columns that may be used."""
        return tuple(self.privacy.get("sensitive", ()))


def load(folder: Path) -> Config:
    """Read a workspace's regard.toml.

    Raises:
        ConfigError: the file is missing, is not TOML, has an unknown key or a value of the wrong type.
    """
    path = folder / CONFIG_NAME
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{folder} is not a workspace: no {CONFIG_NAME}", hint=f"regard init {folder}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}", hint="mend the line, or move the file away and init again"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    return _parse(raw, path)


def save(config: Config, folder: Path) -> None:
    """Write regard.toml so that a crash leaves the old file or the new one."""
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}
    temporary = folder / f"{CONFIG_NAME}.new"
    temporary.write_bytes(tomli_w.dumps(plain).encode())
    temporary.replace(folder / CONFIG_NAME)


def _parse(raw: dict[str, Any], path: Path) -> Config:
    known = {spec.name: spec for spec in fields(Config)}
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(f"{path}: unknown key '{key}'", hint=f"did you mean '{near[0]}'?" if near else "")
        values[key] = _typed(key, value, str(known[key].type), path)
    if values.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: made by a newer Regard (layout {values['schema_version']}, this one knows {SCHEMA_VERSION})",
            hint="upgrade regard",
        )
    return Config(**values)


def _typed(key: str, value: Any, kind: str, path: Path) -> Any:
    right = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "str": isinstance(value, str),
        "tuple[str, ...]": isinstance(value, list) and all(isinstance(part, str) for part in value),
        "tuple[int, ...]": isinstance(value, list) and all(isinstance(part, int) for part in value),
        "dict[str, str]": isinstance(value, dict) and all(isinstance(part, str) for part in value.values()),
        "dict[str, int]": isinstance(value, dict)
        and all(isinstance(part, int) and not isinstance(part, bool) for part in value.values()),
        "dict[str, Any]": isinstance(value, dict),
        "dict[str, tuple[str, ...]]": isinstance(value, dict)
        and all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in value.values()),
    }[kind]
    if not right:
        raise ConfigError(f"{path}: '{key}' must be {kind}, not {type(value).__name__}")
    if kind == "dict[str, tuple[str, ...]]":
        return {name: tuple(part) for name, part in value.items()}
    return tuple(value) if kind.startswith("tuple") else value
