"""Throttle: who fails often waits longer and longer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_LONGEST = 900.0
"""Seconds: after a quarter of an hour even who forgot may try again."""
_KEPT = 10_000
"""Names and addresses remembered; the least recent go, which an attacker can bring about with as many addresses."""


class Throttle:
    """Counts failures by name; after `free` of them each further try waits twice as long as the one before.

    Args:
        free: failures without a wait. clock: seconds.

    >>> now = [0.0]
    >>> throttle = Throttle(free=2, clock=lambda: now[0])
    >>> for _ in range(4):
    ...     throttle.failed("ann")
    >>> throttle.wait("ann"), throttle.wait("bob")
    (4.0, 0.0)
    >>> now[0] = 5.0
    >>> throttle.wait("ann")
    0.0
    """

    def __init__(self, *, free: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._free, self._clock = free, clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until `name` may try again."""
        count, last = self._failures.get(name, (0, 0.0))
        pause = min(_LONGEST, 2.0 ** (count - self._free)) if count > self._free else 0.0
        return max(0.0, last + pause - self._clock()) if pause else 0.0

    def failed(self, name: str) -> None:
        """Another failure; those of more than the longest wait ago are forgotten."""
        count, last = self._failures.pop(name, (0, 0.0))
        now = self._clock()
        self._failures[name] = (count + 1 if now - last < 2 * _LONGEST else 1, now)
        if len(self._failures) > _KEPT:
            self._failures.popitem(last=False)

    def forget(self, name: str) -> None:
        """It went well."""
        self._failures.pop(name, None)
