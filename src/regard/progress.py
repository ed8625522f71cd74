"""Progress: a bar on a terminal, nothing elsewhere; rooms report through the protocol and never print."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a long operation tells its caller while it runs."""

    def start(self, what: str, total: float | None = None) -> None:
        """Begin a step named `what`; `total` is in the step's own unit, None when unknown."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """`amount` more is done; `note` is a short live remark such as '41,000 events/s'."""

    def finish(self, note: str = "") -> None:
        """The step is over; `note` is what stays on the screen."""


class Silent:
    """A Progress that says nothing: the default everywhere below the command line.

    >>> Silent().start("training", total=10)
    """

    def start(self, what: str, total: float | None = None) -> None:
        """Say nothing."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Say nothing."""

    def finish(self, note: str = "") -> None:
        """Say nothing."""
