"""Server: what every handler needs of the process, and the bounded threads on which answers are computed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends, Request

from regard.serving.audit import Audit
from regard.serving.keys import Keys
from regard.serving.problems import Problem
from regard.serving.settings import Settings
from regard.serving.vault import Vault

if TYPE_CHECKING:
    from regard.serving.living import Live
    from regard.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")


class Answering:
    """Threads for work that takes longer than a millisecond; bounded, so that a crowd waits outside and not in memory.

    Args:
        threads: at the same time. waiting: beyond those. seconds: for waiting and working together.
    """

    def __init__(self, *, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="regard-answer")
        self._places = BoundedSemaphore(threads + waiting)
        self._seconds = seconds

    async def ask(self, work: Callable[[], T]) -> T:
        """Run work on a thread.

        Raises:
            Problem: too much is waiting, or the time is over; work that has begun ends by itself and is not heard.
        """
        if not self._places.acquire(blocking=False):
            raise Problem("busy", retry_after=1)
        try:
            running = self._pool.submit(work)
        except BaseException:
            self._places.release()
            raise
        running.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), self._seconds)
        except TimeoutError:
            if running.done() and not running.cancelled():  # the work's own
                raise
            raise Problem("too-slow", detail=f"more than {self._seconds:g} s", retry_after=1) from None

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Server:
    """One running server.

    Args:
        shop: its workspace. live: the writer of the workspace's live events.
        settings: how it runs. answering: its threads.
        vault: where the next two are kept. keys: who may ask. audit: who changed what.
    """

    shop: Workspace
    live: Live
    settings: Settings
    answering: Answering
    vault: Vault
    keys: Keys
    audit: Audit

    @property
    def open(self) -> bool:
        """Whether who sits at this machine may do everything: nobody has made a key, ever."""
        return not self.keys.all()

    async def ask(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """Run `work` where it may block, bounded in number and time.

        Raises:
            Problem: 503 when too much is waiting, 504 when it takes too long.
        """
        return await self.answering.ask(partial(work, *args, **kw))


async def server(request: Request) -> Server:
    """The server that a request has reached."""
    found: Any = request.app.state.server
    assert isinstance(found, Server)
    return found


At = Annotated[Server, Depends(server)]
"""What a handler writes: `async def segments(at: At)`."""
