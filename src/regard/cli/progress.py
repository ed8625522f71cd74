"""The Progress of a terminal: a bar where somebody looks, a line now and then where the output is kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from regard.cli.words import ENGLISH, Words
from regard.progress import Progress as Reporting
from regard.progress import Silent

EVERY = 20.0
"""Seconds between two lines of one step where there is no terminal."""


class Bar:
    """One Rich bar a step, replaced by one line when the step is over.

    Args:
        console: where to draw; stderr, so that results can be piped.
        say: the language.
    """

    def __init__(self, console: Console, say: Words = ENGLISH) -> None:
        self._console, self._say = console, say
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._what, self._began = "", 0.0

    def start(self, what: str, total: float | None = None) -> None:
        """Begin a step; a step that is still open is closed."""
        self.close()
        self._what, self._began = self._say.told(what), time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=self._console,
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=total, note="")

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.advance(self._task, amount)
            if note:
                self._progress.update(self._task, note=self._say.told(note))

    def finish(self, note: str = "") -> None:
        """Replace the bar by one line."""
        if self._progress is not None:
            self.close()
            took = span(time.monotonic() - self._began, self._say)
            said = "  ".join(part for part in (took, self._say.told(note)) if part)
            self._console.print(Text.assemble(("✓ ", "green"), self._what, (f"  {said}", "dim")), soft_wrap=True)

    def close(self) -> None:
        """Take the bar away; the cursor is given back."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Lines:
    """A line when a step begins, one every EVERY seconds, one when it ends: for log files and continuous integration.

    Args:
        write: prints one line. say: the language. clock: seconds, for tests.
    """

    def __init__(
        self, write: Callable[[str], None], say: Words = ENGLISH, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._say, self._clock = write, say, clock
        self._what, self._total, self._done = "", 0.0, 0.0
        self._began = self._said = clock()

    def start(self, what: str, total: float | None = None) -> None:
        """Say what begins."""
        self._what, self._total, self._done = self._say.told(what), total or 0.0, 0.0
        self._began = self._said = self._clock()
        self._write(self._say("{what} ...", what=self._what))

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Say how far it is, now and then."""
        self._done += amount
        if self._clock() - self._said >= EVERY:
            self._said = self._clock()
            share = f" {min(self._done / self._total, 1):.0%}" if self._total else ""
            self._write(f"{self._what}{share}{self._note(note)}")

    def finish(self, note: str = "") -> None:
        """Say that it is over."""
        took = span(self._clock() - self._began, self._say)
        self._write(self._say("{what}: done in {time}", what=self._what, time=took) + self._note(note))

    def close(self) -> None:
        """Nothing is open."""

    def _note(self, note: str) -> str:
        return self._say(", {note}", note=self._say.told(note)) if note else ""


def span(seconds: float, say: Words = ENGLISH) -> str:
    """A duration as people say it.

    >>> span(0.4), span(75), span(7500)
    ('0.4 s', '1 min 15 s', '2 h 5 min')
    """
    if seconds < 10:
        return say("{s} s", s=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 60:
        return say("{s} s", s=whole)
    if whole < 3600:
        return say("{m} min {s} s", m=whole // 60, s=whole % 60)
    return say("{h} h {m} min", h=whole // 3600, m=whole % 3600 // 60)


def reporting(console: Console, say: Words = ENGLISH, *, quiet: bool) -> Reporting:
    """The progress that fits: none with --json, a bar on a terminal, lines elsewhere."""
    if quiet:
        return Silent()
    if console.is_terminal:
        return Bar(console, say)
    return Lines(lambda line: console.print(line, soft_wrap=True), say)
