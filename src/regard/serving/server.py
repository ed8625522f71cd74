"""Server: what every handler needs of the process, and the bounded threads on which answers are computed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends, Request

from regard.serving.audit import Audit
from regard.serving.keys import Keys
from regard.serving.measures import Measures
from regard.serving.people import People
from regard.serving.problems import Problem
from regard.serving.settings import Settings
from regard.serving.throttle import Throttle
from regard.serving.vault import Vault

if TYPE_CHECKING:
    from regard.serving.jobs import Jobs
    from regard.workspace import Workspace
    from regard.workspace.living import Live

P = ParamSpec("P")
T = TypeVar("T")


class Answering:
    """Threads for work that takes longer than a millisecond; bounded, so that a crowd waits outside and not in memory.

    Args:
        threads: at the same time. waiting: beyond those. seconds: for waiting and working together.
        hint: to whoever waited too long.
    """

    def __init__(self, *, threads: int, waiting: int, seconds: float, hint: str = "") -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="regard-answer")
        self._places = BoundedSemaphore(threads + waiting)
        self._seconds, self._hint = seconds, hint

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
            raise Problem("too-slow", detail=f"more than {self._seconds:g} s", hint=self._hint, retry_after=1) from None

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


STUDIES = 2
"""Studies at the same time: while a long one goes on, a short one is still answered."""

STUDENTS = 32
"""Studies that may wait: some people in front of a console."""

_AT_THE_DOOR = 8
"""Passwords that may wait to be checked: two seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Server:
    """One running server.

    Args:
        shop: its workspace. live: the writer of the workspace's live events.
        settings: how it runs. answering: its threads.
        vault: where the next three are kept. keys, people: who may ask. audit: who changed what.
        measures: what it counts.
        studies: the threads of what looks at everybody, apart from the answers that a site waits for.
        checking: the thread on which passwords are checked, so that a crowd at the door keeps nobody inside waiting.
        logins: wrong passwords by address, by name, and by both.
        jobs: what takes longer than an answer; None where another process runs the workspace's jobs.
    """

    shop: Workspace
    live: Live
    settings: Settings
    answering: Answering
    vault: Vault
    keys: Keys
    people: People
    audit: Audit
    measures: Measures
    studies: Answering
    checking: Answering = field(default_factory=lambda: Answering(threads=1, waiting=_AT_THE_DOOR, seconds=10.0))
    logins: Mapping[str, Throttle] = field(
        default_factory=lambda: {"address": Throttle(free=20), "name": Throttle(free=100), "both": Throttle(free=5)}
    )
    jobs: Jobs | None = None

    @property
    def open(self) -> bool:
        """Whether who sits at this machine may do everything: nobody was ever let in otherwise."""
        return self.vault.untouched

    async def ask(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """Run `work` where it may block, bounded in number and time.

        Raises:
            Problem: 503 when too much is waiting, 504 when it takes too long.
        """
        return await self.answering.ask(partial(work, *args, **kw))

    async def study(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """The same for what may look at everybody, and is kept: segments, profiles, what was sold, a console's pages.

        Raises:
            Problem: as `ask` does; after 504 the work goes on, and what it found is there for who asks again.
        """
        return await self.studies.ask(partial(work, *args, **kw))


async def server(request: Request) -> Server:
    """The server that a request has reached."""
    found: Any = request.app.state.server
    assert isinstance(found, Server)
    return found


At = Annotated[Server, Depends(server)]
"""What a handler writes: `async def segments(at: At)`."""
