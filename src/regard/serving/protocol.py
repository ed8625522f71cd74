"""Protocol: HTTP/1.1 as uvicorn reads it, with a time within which a request's head must have come, and a limit of connections.

Without the first, who opens connections and says nothing keeps them for good.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Patient(HttpToolsProtocol):
    """Waits so long and no longer; made for one server by `of`."""

    seconds = 10.0
    most = 1_000
    _late: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, *, seconds: float, most: int) -> type[Patient]:
        """The protocol of a server.

        Args:
            seconds: within which the head of a request must have come. most: connections at the same time; requests of
                more are marked `regard.crowded` in the scope, and many more are closed unread.

        >>> Patient.of(seconds=1.0, most=5).most
        5
        """
        return type("Patient", (cls,), {"seconds": seconds, "most": most})

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        if len(self.connections) > 2 * self.most:
            transport.abort()
        else:
            self._await_head()

    def on_message_begin(self) -> None:
        """A head begins, the first of the connection or another one."""
        super().on_message_begin()
        if len(self.connections) > self.most:
            self.scope["regard.crowded"] = True  # type: ignore[typeddict-unknown-key]
        if self._late is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """It has come."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self.seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
