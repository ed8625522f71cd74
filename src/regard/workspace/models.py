"""Models: which trained models a workspace has, in catalog.sqlite beside the manifest; registered is what exists."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regard.errors import ModelError
from regard.events.catalog import opened

_TABLE = """
CREATE TABLE IF NOT EXISTS models (id TEXT PRIMARY KEY, at TEXT NOT NULL, version INTEGER NOT NULL, evaluation TEXT)
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
    """

    id: str
    at: str
    version: int
    folder: Path
    evaluation: dict[str, Any] | None


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
            if not link.execute("SELECT 1 FROM sqlite_master WHERE name = 'models'").fetchone():
                return []
            rows = link.execute("SELECT id, at, version, evaluation FROM models ORDER BY rowid DESC").fetchall()
        return [
            Registered(
                id=name,
                at=at,
                version=version,
                folder=self.folder / name,
                evaluation=json.loads(evaluation) if evaluation else None,
            )
            for name, at, version, evaluation in rows
        ]

    def get(self, name: str) -> Registered:
        """One model by its id.

        Raises:
            ModelError: there is none of that id.
        """
        models = self.all()
        for model in models:
            if model.id == name:
                return model
        have = ", ".join(model.id for model in models[:10]) or "none yet"
        raise ModelError(f"no model '{name}'", hint=f"there is {have}")

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

    def add(self, name: str, version: int) -> Registered:
        """Register a complete model: from now on it is the current one."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with opened(self._catalog) as link:
            link.execute(_TABLE)
            link.execute("INSERT INTO models (id, at, version) VALUES (?, ?, ?)", (name, at, version))
        return self.get(name)

    def evaluated(self, name: str, evaluation: dict[str, Any]) -> None:
        """Keep what an evaluation found."""
        text = json.dumps(evaluation, ensure_ascii=False)
        with opened(self._catalog) as link:
            link.execute("UPDATE models SET evaluation = ? WHERE id = ?", (text, name))

    def _folders(self) -> list[Path]:
        found = [path for path in self.folder.glob("m*") if path.is_dir() and path.name[1:].isdigit()]
        return sorted(found, key=lambda path: _number(path.name))


def _number(name: str) -> int:
    return int(name[1:])
