"""Asking: small questions to catalog.sqlite, many times a second; every thread keeps its connection, which costs thirty times a question."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regard.errors import WorkspaceError

if TYPE_CHECKING:
    from sqlite3 import Connection


class Asking:
    """Connections to a catalogue, one a thread.

    Args:
        path: of catalog.sqlite.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()

    @contextmanager
    def link(self) -> Iterator[Connection]:
        """The thread's connection; another one next time where anything went wrong with it.

        Raises:
            WorkspaceError: the catalogue is missing, damaged or busy.
        """
        from regard.events.catalog import connected, said

        with said(self._path):
            if not self._path.is_file():
                self._own.link = None
                raise WorkspaceError(f"{self._path} is missing", hint="restore it from a backup")
            link = getattr(self._own, "link", None)
            if link is None:
                link = self._own.link = connected(self._path)
            try:
                yield link
            except BaseException:
                self._own.link = None
                link.close()
                raise
