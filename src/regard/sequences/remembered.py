"""Remembered: what was made of things that nobody can change, so that the next question need not make it again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT = 128 << 20
"""Bytes of results kept, the latest used ones: a filter takes some megabytes per million items."""

LEAST = 1 << 10
"""Bytes that any result counts for: whatever holds it takes as much."""


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, which from now on nobody can change by it."""
    array.flags.writeable = False
    return array


class Remembered:
    """Calls a function, or gives what it returned for the very same things before; any threads may use it.

    Words and numbers are the same when they are equal, arrays and tables when they are one object. Of an array that can be
    written to the function is asked every time.

    >>> remembered, marks = Remembered(), frozen(np.array([True, False]))
    >>> first = remembered(np.logical_not, marks)
    >>> remembered(np.logical_not, marks) is first, remembered(np.logical_not, marks.copy()) is first
    (True, False)
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[tuple[Any, ...], Any]] = OrderedDict()
        self._lock, self._bytes = threading.Lock(), 0

    def __call__(self, make: Callable[..., Any], *given: Any) -> Any:
        """What `make(*given)` returns; an array that is kept is frozen."""
        if any(isinstance(thing, np.ndarray) and thing.flags.writeable for thing in given):
            return make(*given)
        key = (make, *map(_same, given))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        made = make(*given)
        if isinstance(made, np.ndarray):
            frozen(made)
        with self._lock:
            self._bytes += _bytes(made) if key not in self._kept else 0
            self._kept[key] = given, made  # what was given is held, so that its id is nobody else's
            while self._bytes > KEPT:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1][1])
        return made


def _bytes(made: Any) -> int:
    return max(LEAST, int(getattr(made, "nbytes", 0)))


def _same(thing: Any) -> Hashable:
    try:
        hash(thing)
    except TypeError:
        return "id", id(thing)
    return "value", thing
