"""Live: events as they happen, committed before they are acknowledged, and made parts of the store later.

`Writer` takes them in, `Tail` reads what is in no part yet, `seal.seal` makes a part of it.
"""

from __future__ import annotations

from regard.events.live.entry import Result
from regard.events.live.record import Event, Refusal, check
from regard.events.live.tail import Arrived, Counts, Refused, Tail
from regard.events.live.writer import QueueFullError, Settings, Writer

__all__ = [
    "Arrived", "Counts", "Event", "QueueFullError", "Refusal", "Refused", "Result", "Settings", "Tail", "Writer", "check",
]  # fmt: skip
