"""Compaction: the many small parts of seals become few large ones, and what has been kept for its days is dropped.

Rows keep the number of their ingest, so that each seal stays in the history and can be undone by itself. Only the parts
of live events are touched: what came in files is the shop's to keep or to undo. One transaction changes the manifest; a
reader of an older version keeps its files until it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from regard.errors import WorkspaceError
from regard.events.catalog import Change, Part
from regard.events.engine import Engine, disk_errors, listed, sort_key
from regard.events.enter import LOOKED, look
from regard.events.ingest import part_path
from regard.events.live.refused import forget
from regard.events.store import Store

NAME = "live"
"""What stands in the history of a seal where a file's ingest has the file's name."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How large parts become, and what that may cost.

    Args:
        rows: of a part that is let alone from then on: a few hundred MB to sort, some seconds to read.
        growth: a part is at least so many times as large as the next one. Then they are few, and an event is written
            anew some ten times on its way into a part of a million.
        threads: of the query engine. One, since the writer and the answers go on beside it.
        memory_mb: of the query engine, in MB; what does not fit is sorted on the disk.
    """

    rows: int = 4_000_000
    growth: int = 2
    threads: int = 1
    memory_mb: int = 400


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """What became of the parts.

    Args:
        before: parts that went. after: parts in their place.
        rows: events in these.
        expired: events dropped because they were older than `keep_days`.
        refused: refused records dropped because they were older than `keep_refused_days`.
    """

    before: int = 0
    after: int = 0
    rows: int = 0
    expired: int = 0
    refused: int = 0


def compact(store: Store, *, settings: Settings | None = None, now: datetime | None = None) -> Compacted:
    """Merge what seals have left, and drop what regard.toml wants kept no longer; live events come in meanwhile.

    An event is as old as it says; an hour of the present day counts as the day, so that a part loses rows once a day at
    most. How late it is, is told by the latest event as well as by this machine's clock, whichever is earlier: a clock that
    jumps ahead drops nothing. An id stays known when its event is dropped.

    Args:
        store: the workspace's store. settings: how large parts become.
        now: naive UTC; None = this machine's clock.

    Raises:
        WorkspaceError: another writer is at work, the disk is full, a part is damaged; every event is where it was.

    >>> import tempfile
    >>> from regard.events.live import Writer
    >>> from regard.events.live.seal import seal
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.create(f"{folder}/shop")
    ...     with Writer(store) as writer:
    ...         for item in ("pen", "ink"):
    ...             _ = writer.submit([{"customer": "C42", "behaviour": "purchase", "item": item}]).result()
    ...             _ = seal(store)
    ...     compact(store)
    Compacted(before=2, after=1, rows=2, expired=0, refused=0)
    """
    settings, now = settings or Settings(), now or datetime.now(UTC).replace(tzinfo=None)
    keep = store.config.live
    with (
        store.writing(), disk_errors(),
        Engine(store.folder, threads=settings.threads, memory_mb=settings.memory_mb) as engine,
    ):  # fmt: skip
        refused = forget(store.catalog.path, days=keep.get("keep_refused_days", KEEP_REFUSED), now=now)
        events = store.catalog.parts(store.version, "events")
        live = _live(store, events)
        since = _since(live, days=keep.get("keep_days", 0), now=now)
        before = [group for group in _groups(live, settings) if len(group) > 1 or _has_expired(group, since)]
        if not before:
            return Compacted(refused=refused)
        gone = [part for group in before for part in group]
        engine.verify(gone)
        written = [part for group in before if (part := _merged(engine, group, since)).rows]
        expired = sum(part.rows for part in gone) - sum(part.rows for part in written)
        _commit(engine, store, now, gone, written, looking=expired > 0)
    rows = sum(part.rows for part in written)
    return Compacted(before=len(gone), after=len(written), rows=rows, expired=expired, refused=refused)


KEEP_REFUSED = 90
"""Days for which refused records are kept unless regard.toml says otherwise: a quarter to mend what was sent wrong, and no
heap of what nobody may have meant to send.
"""


def _live(store: Store, events: Sequence[Part]) -> list[Part]:
    """The parts that hold live events alone, in the order of their seals."""
    seals = {entry.number for entry in store.history() if _is_seal(entry.report)}
    return [part for part in events if seals.issuperset(part.ingests)]


def _is_seal(report: dict[str, Any]) -> bool:
    files = report.get("files", ())
    return len(files) == 1 and files[0]["name"] == NAME and not files[0]["columns"]


def _since(parts: Sequence[Part], *, days: int, now: datetime) -> int | None:
    """Microseconds since 1970 UTC from which on events are kept; None = all of them."""
    if not days or not parts:
        return None
    latest = datetime(1970, 1, 1) + timedelta(microseconds=max(part.last or 0 for part in parts))
    midnight = min(now, latest).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - timedelta(days=days)).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _has_expired(group: Sequence[Part], since: int | None) -> bool:
    return since is not None and any(part.first is not None and part.first < since for part in group)


def _groups(parts: Sequence[Part], settings: Settings) -> list[list[Part]]:
    """Neighbours that become one part each, oldest first."""
    stack: list[list[Part]] = []
    for part in parts:
        stack.append([part])
        while len(stack) > 1:
            older, newer = _rows(stack[-2]), _rows(stack[-1])
            if older >= settings.growth * newer or older + newer > settings.rows:
                break
            stack[-2:] = [[*stack[-2], *stack[-1]]]
    return stack


def _rows(parts: Sequence[Part]) -> int:
    return sum(part.rows for part in parts)


def _merged(engine: Engine, parts: Sequence[Part], since: int | None) -> Part:
    columns = list(dict.fromkeys(name for part in parts for name in part.columns))
    kept = "true" if since is None else f"time >= make_timestamp({since:d})"
    engine.over("merged", parts)
    latest = max(part.ingest for part in parts)
    written = engine.write_part(
        f"SELECT {listed(columns)} FROM merged WHERE {kept}", part_path("events", latest), kind="events", ingest=latest,
        columns=columns, sort=sort_key(columns),
    )  # fmt: skip
    if since is None and written.rows != _rows(parts):
        raise WorkspaceError(
            f"{written.rows} of {_rows(parts)} events were merged", hint="run it again; nothing was changed"
        )
    return written


def _commit(
    engine: Engine, store: Store, now: datetime, gone: Sequence[Part], written: Sequence[Part], *, looking: bool
) -> None:
    catalog = store.catalog
    customers, clock = catalog.parts(store.version, "customers"), catalog.clock()
    leaving = {part.path for part in gone}
    events = [*(part for part in catalog.parts(store.version, "events") if part.path not in leaving), *written]
    found = look(engine, catalog, store.config, events, customers, clock=clock) if looking else None
    catalog.commit(
        Change(
            what=f"{len(gone)} parts of live events become {len(written)}", at=f"{now.replace(microsecond=0).isoformat()}Z",
            add=written, remove=sorted(leaving), bots=found.bots if found else None, clock=clock,
            facts={LOOKED: found.fact} if found else {},
        )
    )  # fmt: skip
