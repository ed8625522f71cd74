"""Models: which trained models a workspace has and which one answers, in catalog.sqlite beside the manifest.

Registered is what exists. Until one was promoted, the newest that can be read answers; from then on it is the one in
service, whatever is trained beside it.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from regard.errors import ModelError, UnknownModelError, UsageError, WorkspaceError
from regard.events.catalog import opened

State = Literal["candidate", "serving", "previous", "refused"]
"""candidate = registered and may be promoted; serving = answers; previous = answered before it, and again after a
rollback; refused = found wanting, answers only where somebody promotes it by hand.
"""

_MODELS = """
CREATE TABLE IF NOT EXISTS models (id TEXT PRIMARY KEY, at TEXT NOT NULL, version INTEGER NOT NULL, evaluation TEXT)
"""
_SERVICE = """
CREATE TABLE IF NOT EXISTS model_service (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, at TEXT NOT NULL, why TEXT NOT NULL, gate TEXT
)
"""
_SWITCHES = """
CREATE TABLE IF NOT EXISTS model_switches (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL, model TEXT NOT NULL, why TEXT NOT NULL
)
"""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One trained model.

    Args:
        id: 'm1', 'm2' ..., in the order of training; a number is never used twice.
        at: when it was registered, ISO 8601 UTC.
        version: of the store that it was trained on.
        folder: where its files are.
        evaluation: what `regard evaluate` last found, None before.
        state: see `State`; all are candidates until one was promoted.
        why: one line on how it came to its state, '' for a candidate.
        gate: what it showed beside the model that served then, None where they were not compared.
    """

    id: str
    at: str
    version: int
    folder: Path
    evaluation: dict[str, Any] | None
    state: State = "candidate"
    why: str = ""
    gate: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One line of what happened in service.

    Args:
        number: from 1. at: when, ISO 8601 UTC. what: 'promoted', 'rolled back', 'refused' or 'kept'. model: whose. why: one line.
    """

    number: int
    at: str
    what: str
    model: str
    why: str


class Models:
    """The model registry of one workspace.

    Args:
        folder: the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "models"
        self._catalog = folder / "catalog.sqlite"

    def all(self) -> list[Registered]:
        """All registered models, the newest first."""
        with opened(self._catalog) as link:
            return self._all(link)

    def get(self, name: str) -> Registered:
        """One model by its id.

        Raises:
            ModelError: there is none of that id.
        """
        return _named(self.all(), name)

    def in_order(self) -> list[Registered]:
        """The models that may answer, the one whose turn it is first: what serves and what served before it, then the
        newest. Refused ones are not among them.
        """
        turn = {"serving": 0, "previous": 1, "candidate": 2}
        return sorted((model for model in self.all() if model.state in turn), key=lambda model: turn[model.state])

    def current(self) -> Registered | None:
        """The model whose turn it is, None where there is none."""
        return next(iter(self.in_order()), None)

    def promoted(self) -> bool:
        """Whether somebody chose the model in service; else the newest answers."""
        return any(model.state == "serving" for model in self.all())

    def promote(
        self, name: str, *, why: str, gate: Mapping[str, Any] | None = None, instead_of: str | None = None
    ) -> Registered:
        """Put a model in service, in one transaction; the one that answered until now is kept as the previous one.

        Args:
            name: id of a registered model. why: one line. gate: what it showed beside the other.
            instead_of: id of the model that it was compared with; None = whichever serves.

        Raises:
            ModelError: there is none of that id.
            UsageError: another than `instead_of` serves by now.
        """
        with self._changing() as link:
            models = self._all(link)
            new = _named(models, name)
            old = _serving(models, but=name)
            if instead_of is not None and (old is None or old.id != instead_of):
                raise UsageError(f"{instead_of} does not serve any more", hint="refresh once more")
            if old is not None and old.id != new.id:
                link.execute("DELETE FROM model_service WHERE state = 'previous'")
                _put(link, old.id, "previous", old.why)
            _put(link, name, "serving", why, gate)
            _note(link, "promoted", name, why)
        return self.get(name)

    def roll_back(self, *, why: str) -> Registered:
        """Put the previous model back in service, in one transaction; the one that served is refused from then on.

        Raises:
            ModelError: there is no previous one.
        """
        with self._changing() as link:
            models = self._all(link)
            back = next((model for model in models if model.state == "previous"), None)
            if back is None:
                raise ModelError("there is no previous model to go back to", hint="regard admin models lists them all")
            gone = next(model for model in models if model.state == "serving")
            _put(link, gone.id, "refused", why, gone.gate)
            _put(link, back.id, "serving", f"{gone.id} was taken back: {why}", back.gate)
            _note(link, "rolled back", gone.id, why)
        return self.get(back.id)

    def refuse(self, name: str, *, why: str, gate: Mapping[str, Any] | None = None) -> Registered:
        """Keep a model from answering; what serves stays.

        Raises:
            ModelError: there is none of that id, or it is in service.
        """
        with self._changing() as link:
            if _named(self._all(link), name).state == "serving":
                raise ModelError(f"{name} is in service", hint="regard admin models rollback takes it out")
            _put(link, name, "refused", why, gate)
            _note(link, "refused", name, why)
        return self.get(name)

    def note(self, what: str, name: str, why: str) -> None:
        """Keep a line about a model where nothing was switched."""
        with self._changing() as link:
            _note(link, what, name, why)

    def switches(self) -> list[Switch]:
        """What happened in service, the latest first."""
        with opened(self._catalog) as link:
            if "model_switches" not in _tables(link):
                return []
            rows = link.execute(
                "SELECT number, at, what, model, why FROM model_switches ORDER BY number DESC"
            ).fetchall()
        return [Switch(number=number, at=at, what=what, model=model, why=why) for number, at, what, model, why in rows]

    def begin(self, *, resume: bool) -> tuple[str, Path]:
        """The folder to train in: that of an interrupted training when it may be resumed, else a new one."""
        done = {model.id for model in self.all()}
        open_ones = [path for path in self._folders() if path.name not in done]
        if resume and open_ones:
            return open_ones[-1].name, open_ones[-1]
        for path in open_ones:
            shutil.rmtree(path)
        number = 1 + max((_number(name) for name in {*done, *(path.name for path in open_ones)}), default=0)
        path = self.folder / f"m{number}"
        path.mkdir(parents=True)
        return path.name, path

    def add(self, name: str, version: int, *, candidate: bool = False) -> Registered:
        """Register a complete model: from now on it may answer, and does where none was promoted.

        Args:
            name: its folder's. version: of the store. candidate: it must wait: what answers now is in service from here on.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._changing() as link:
            now = _serving(self._all(link))
            if candidate and now is not None and now.state != "serving":
                _put(link, now.id, "serving", "it answered when another was made beside it")
            link.execute("INSERT INTO models (id, at, version) VALUES (?, ?, ?)", (name, at, version))
        return self.get(name)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the place of whoever trains: two would take each other's folder. A process that dies lets go of it.

        Raises:
            WorkspaceError: another training is under way.
        """
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "training.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkspaceError(
                    f"another training is under way in {self.folder.parent}", hint="wait for it to finish, or stop it"
                ) from None
            yield

    def evaluated(self, name: str, evaluation: dict[str, Any]) -> None:
        """Keep what an evaluation found."""
        text = json.dumps(evaluation, ensure_ascii=False)
        with opened(self._catalog) as link:
            link.execute("UPDATE models SET evaluation = ? WHERE id = ?", (text, name))

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction on who serves."""
        with opened(self._catalog) as link:
            link.execute("BEGIN IMMEDIATE")
            try:
                for table in (_MODELS, _SERVICE, _SWITCHES):
                    link.execute(table)
                yield link
                link.execute("COMMIT")
            except BaseException:
                if link.in_transaction:
                    link.execute("ROLLBACK")
                raise

    def _all(self, link: sqlite3.Connection) -> list[Registered]:
        there = _tables(link)
        if "models" not in there:
            return []
        rows = link.execute("SELECT id, at, version, evaluation FROM models ORDER BY rowid DESC").fetchall()
        told = {}
        if "model_service" in there:
            told = {row[0]: row[1:] for row in link.execute("SELECT id, state, why, gate FROM model_service")}
        found = []
        for name, at, version, evaluation in rows:
            state, why, gate = told.get(name, ("candidate", "", None))
            found.append(
                Registered(
                    id=name,
                    at=at,
                    version=version,
                    folder=self.folder / name,
                    evaluation=json.loads(evaluation) if evaluation else None,
                    state=state,
                    why=why,
                    gate=json.loads(gate) if gate else None,
                )
            )
        return found

    def _folders(self) -> list[Path]:
        found = [path for path in self.folder.glob("m*") if path.is_dir() and path.name[1:].isdigit()]
        return sorted(found, key=lambda path: _number(path.name))


def _number(name: str) -> int:
    return int(name[1:])


def _named(models: list[Registered], name: str) -> Registered:
    for model in models:
        if model.id == name:
            return model
    have = ", ".join(model.id for model in models[:10]) or "none yet"
    raise UnknownModelError(f"no model '{name}'", hint=f"there is {have}")


def _serving(models: list[Registered], but: str = "") -> Registered | None:
    """The one in service; before the first promotion, the newest that was not refused, `but` left aside."""
    chosen = next((model for model in models if model.state == "serving"), None)
    return chosen or next((model for model in models if model.state == "candidate" and model.id != but), None)


def _tables(link: sqlite3.Connection) -> set[str]:
    return {name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _put(link: sqlite3.Connection, name: str, state: State, why: str, gate: Mapping[str, Any] | None = None) -> None:
    told = None if gate is None else json.dumps(gate, ensure_ascii=False)
    values = (name, state, datetime.now(UTC).isoformat(timespec="seconds"), why, told)
    link.execute("INSERT OR REPLACE INTO model_service (id, state, at, why, gate) VALUES (?, ?, ?, ?, ?)", values)


def _note(link: sqlite3.Connection, what: str, name: str, why: str) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    link.execute("INSERT INTO model_switches (at, what, model, why) VALUES (?, ?, ?, ?)", (at, what, name, why))
