"""Events: from the files of a shop to a store of what its customers did.

Readers recognise columns and clean values, the gate decides which rows count, the store keeps them as immutable parts
under a manifest; the filter language and the query engine ask it questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.events.doctor import DoctorReport
    from regard.events.ingest import IngestReport
    from regard.events.store import Store

__all__ = ["DoctorReport", "IngestReport", "Store"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        # The schema alone, which the rooms above read, should not bring the query engine along.
        from regard.events import store

        return getattr(store, name)
    raise AttributeError(f"module 'regard.events' has no attribute {name!r}")
