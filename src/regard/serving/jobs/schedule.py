"""Upkeep: what a server does to its workspace by itself, each in a process of its own, so that no answer waits for it."""

from __future__ import annotations

import difflib
import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regard.config import CONFIG_NAME
from regard.errors import ConfigError, RegardError
from regard.serving.jobs.book import Job

if TYPE_CHECKING:
    from regard.events.live import Counts
    from regard.serving.jobs.runner import Jobs
    from regard.workspace import Workspace

_log = logging.getLogger(__name__)

BY = "upkeep"
"""Who asked for these jobs."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """When something is done; [upkeep] in regard.toml has the last word.

    Args:
        look_seconds: between two looks at whether something is due.
        seal_rows: live events at which they are made a part of the store, one part's worth. They lie in SQLite until then, some 500 bytes
            each, and are read beside the parts by every question about everybody.
        seal_minutes: after which fewer are, too: questions about everybody (segments, what trends) know only parts.
        refresh_days: after which the model is refreshed; 0 = never.
        refresh_on_drift: refresh it earlier when what customers do has shifted more than the shop's own past explains.
        refresh_rest_hours: between two refreshes at least, whatever drifts.
        refresh_minutes: of training that one may take.
        retry_minutes: after something failed until it is tried again.
    """

    look_seconds: float = 5.0
    seal_rows: int = 500_000
    seal_minutes: float = 15.0
    refresh_days: float = 7.0
    refresh_on_drift: bool = True
    refresh_rest_hours: float = 24.0
    refresh_minutes: float = 10.0
    retry_minutes: float = 10.0

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Settings:
        """Read [upkeep] of regard.toml.

        Raises:
            ConfigError: an unknown key, or a value that is none.

        >>> Settings.of({"seal_rows": 1000}).seal_rows
        1000
        """
        known = {spec.name: str(spec.type) for spec in fields(cls)}
        said: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"it knows {', '.join(known)}"
                raise ConfigError(f"{CONFIG_NAME}: [upkeep] knows no '{name}'", hint=hint)
            right = isinstance(value, bool) == (known[name] == "bool") and isinstance(value, int | float)
            if not right or (known[name] == "int" and not isinstance(value, int)):
                raise ConfigError(f"{CONFIG_NAME}: [upkeep] '{name}' must be {known[name]}, not {value!r}")
            if value < 0 or (value == 0 and name not in ("refresh_days", "refresh_rest_hours", "refresh_on_drift")):
                raise ConfigError(f"{CONFIG_NAME}: [upkeep] '{name}' is {value}", hint="a number above 0")
            said[name] = value
        return cls(**said)


class Upkeep:
    """Looks after a workspace while it is served.

    Args:
        shop: the workspace. counts: what waits in the tail. settings: when something is done.
        clock: seconds since 1970, for tests.
    """

    def __init__(
        self,
        shop: Workspace,
        counts: Callable[[], Counts],
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shop, self._counts, self._settings, self._clock = shop, counts, settings or Settings(), clock
        self._jobs: Jobs | None = None
        self._waits_since: float | None = None
        self._drifted = False
        self._seen = self._mark()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="regard-upkeep", daemon=True)

    def start(self, jobs: Jobs) -> None:
        """Look after it from now on."""
        self._jobs = jobs
        self._thread.start()

    def close(self) -> None:
        """Stop looking; what was asked for goes on."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def heard(self, job: Job) -> None:
        """What a job leaves to be done here; called before the next one begins.

        A sealed event stays in the tail for one more seal, so the new version is taken over before there can be another.
        """
        if job.state == "done":
            self._drifted = self._drifted or bool((job.result or {}).get("drift"))
            self._renew()

    def look(self) -> list[str]:
        """Ask for what is due; returns the kinds of jobs that were asked for."""
        assert self._jobs is not None
        if self._mark() != self._seen and not self._jobs.busy():
            # Somebody else has changed it, by the command line or an ingest. The log is packed where nobody waits.
            if self._seen[0] != self._shop.store.version:
                return self._ask("pack", {})
            self._renew()
        return [*self._sealing(), *self._refreshing()]

    def _renew(self) -> None:
        version = self._shop.store.version
        self._shop.refresh()
        self._seen = version, self._mark()[1]  # a model that failed here has been taken out of service meanwhile

    def _mark(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        models = tuple((model.id, model.state) for model in self._shop.models.in_order()[:2])
        return self._shop.store.version, models

    def _sealing(self) -> list[str]:
        waiting = self._counts().tail
        now = self._clock()
        if not waiting:
            self._waits_since = None
            return []
        if self._waits_since is None:
            self._waits_since = now
        old = now - self._waits_since >= self._settings.seal_minutes * 60
        return self._ask("seal", {}) if old or waiting >= self._settings.seal_rows else []

    def _refreshing(self) -> list[str]:
        current = self._shop.models.current()
        if current is None or importlib.util.find_spec("torch") is None:
            return []
        days = (self._clock() - datetime.fromisoformat(current.at).timestamp()) / 86_400
        due = 0 < self._settings.refresh_days <= days
        drifted = self._drifted and self._settings.refresh_on_drift
        last = self._last("refresh")
        rested = last is None or self._clock() - _seconds(last.asked_at) >= self._settings.refresh_rest_hours * 3_600
        if not (due or drifted) or not rested:
            return []
        asked = self._ask("refresh", {"budget": self._settings.refresh_minutes * 60})
        self._drifted = self._drifted and not asked
        return asked

    def _ask(self, kind: str, arguments: dict[str, Any]) -> list[str]:
        assert self._jobs is not None
        last = self._last(kind)
        if last is not None and last.open:
            return []
        failed = last.ended_at if last is not None and last.state == "failed" else None
        if failed is not None and self._clock() - _seconds(failed) < self._settings.retry_minutes * 60:
            return []
        self._jobs.submit(kind, arguments, by=BY)
        if kind == "seal":
            self._waits_since = None
        return [kind]

    def _last(self, kind: str) -> Job | None:
        assert self._jobs is not None
        return next((job for job in self._jobs.all(200) if job.kind == kind), None)

    def _run(self) -> None:
        while not self._stop.wait(self._settings.look_seconds):
            try:
                self.look()
            except RegardError as error:
                _log.warning("upkeep: %s", type(error).__name__)
            except Exception:
                _log.exception("upkeep failed")


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).astimezone(UTC).timestamp()
