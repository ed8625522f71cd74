"""Sources read from a file to events, as a shop's export is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from regard.config import Config
from regard.events.mapping import Mapping
from regard.events.read import Staged, open_source, stage
from regard.events.recognise import recognise


class Read:
    """One source staged: mapping, counts, events as dictionaries without the missing fields, rejects."""

    def __init__(self, given: Any, config: Config | None = None, **overrides: str) -> None:
        config = config or Config()
        source = open_source(given)
        self.mapping: Mapping = recognise(source, overrides=overrides, config=config)
        with duckdb.connect() as connection:
            self.staged: Staged = stage(
                connection, source, self.mapping, table="events", rejects="rejects", file=3, config=config
            )
            result = connection.execute("SELECT * FROM events ORDER BY line, item")
            names = [column[0] for column in result.description]
            self.events: list[dict[str, Any]] = [
                {name: value for name, value in zip(names, row, strict=True) if value is not None}
                for row in result.fetchall()
            ]
            self.rejects: list[tuple[int, str, str]] = connection.execute(
                "SELECT line, reason, raw FROM rejects ORDER BY line"
            ).fetchall()

    def column(self, name: str) -> list[Any]:
        return [event.get(name) for event in self.events]


@pytest.fixture(scope="session")
def read_of() -> Callable[..., Read]:
    """A source (path, frame or table) and overrides -> a Read."""
    return Read


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """(folder, text, name=, encoding=) -> the path of a file that holds the text."""

    def make(folder: Path, text: str, *, name: str = "log.csv", encoding: str = "utf-8") -> Path:
        path = folder / name
        path.write_bytes(text.encode(encoding))
        return path

    return make
