"""Store: the events, items and customers of one workspace folder. Everything is read at one version, written in one
transaction.

The events as packed arrays: `regard.sequences.pack.read_log(store)`; the items' content:
`regard.sequences.content.read_content(store, ...)`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from regard.config import CONFIG_NAME, Config, load, save
from regard.errors import RegardError, UsageError, WorkspaceError, read_only
from regard.events import consent, doctor, erasure, gate_rules, ingest, merchandise, sensitive, tables, traits
from regard.events.catalog import Catalog, Ingest, opened, writable
from regard.events.engine import Engine, cache_of, disk_errors
from regard.events.mapping import Mapping as Columns
from regard.events.schema import CLOCKS, Clock
from regard.progress import Progress, Silent

_FOLDERS = ("events", "rejected", "tables", "ids", "cache")
_PARTS = {"events": "*.parquet*", "rejected": "*.parquet*", "tables": "*.parquet*", "ids": "*.ids*"}
_WRITER, _READERS = "cache/writer.lock", "cache/readers.lock"


class Store:
    """A workspace's data. Make one with `create` or `open`.

    Args:
        folder: the workspace.
        config: its settings.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder = folder
        self.config = config
        self.catalog = Catalog(folder)

    @classmethod
    def create(cls, folder: Path | str, config: Config | None = None) -> Store:
        """Make a workspace folder; one that is a workspace already is refused.

        Raises:
            WorkspaceError: it is a workspace already, or cannot be made.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = Store.create(Path(folder) / "shop")
        ...     store.version, store.history()
        (0, [])
        """
        folder = Path(folder)
        if (folder / CONFIG_NAME).exists():
            _ = Catalog(folder).version()  # one that lost its catalogue is told so, since no ingest can help it
            raise WorkspaceError(f"{folder} is a workspace already", hint=f"regard ingest {folder} FILE")
        if folder.exists() and not folder.is_dir():
            raise WorkspaceError(f"{folder} is a file", hint="name a folder that does not exist yet")
        with disk_errors():
            for name in _FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
            Catalog.create(folder)
            save(config or Config(), folder)
        return cls(folder, config or Config())

    @classmethod
    def open(cls, folder: Path | str) -> Store:
        """Open a workspace folder.

        Raises:
            ConfigError: regard.toml is missing or wrong.
            WorkspaceError: the catalogue is missing, damaged or of a newer Regard.
        """
        store = cls(Path(folder), load(Path(folder)))
        with opened(store.catalog.path) as link:
            waiting = erasure.waiting(link)
        if waiting and writable(store.folder):
            with suppress(WorkspaceError), store.writing():
                pass
        _ = store.version
        return store

    @property
    def version(self) -> int:
        """The newest version of the manifest; every ingest and undo makes one."""
        return self.catalog.version()

    @property
    def clock(self) -> Clock:
        """What times mean: as regard.toml says, else as the first ingest found; 'clock' for an empty store."""
        found = self.config.clock or self.catalog.clock()
        return next((name for name in CLOCKS if name == found), "clock")

    def ingest(
        self,
        sources: Sequence[Any] | Any = (),
        *,
        overrides: Mapping[str, str] | None = None,
        items: Any = None,
        customers: Any = None,
        edges: Any = None,
        scores: Any = None,
        dry_run: bool = False,
        show: Callable[[Columns], None] | None = None,
        progress: Progress | None = None,
    ) -> ingest.IngestReport:
        """Take event files and tables in: all of it, or nothing.

        Args:
            sources: paths, globs, DataFrames or Arrow tables with events.
            overrides: field -> column, beside what is recognised.
            items: path or table that describes the items.
            customers: path or table that describes the customers.
            edges: path or table of who is linked with whom. scores: path or table of scores of customers from outside.
            dry_run: True reads and checks, and writes nothing.
            show: called with each file's mapping before anything is written.
            progress: hears of each step.

        Raises:
            InputError: a file cannot be taken in.
            WorkspaceError: another writer is at work, the disk is full, a part is damaged. The store is unchanged
                in every case.
        """
        many = isinstance(sources, Sequence) and not isinstance(sources, str)
        request = ingest.Request(
            sources=sources if many else [sources], overrides=overrides or {}, items=items, customers=customers,
            edges=edges, scores=scores, dry_run=dry_run, show=show,
        )  # fmt: skip
        with self.writing(), self._engine() as engine, disk_errors():
            self._verify(engine)
            report = ingest.run(engine, self.catalog, self.config, request, progress or Silent())
        if report.number is not None:
            self._remember(overrides or {})
        return report

    def history(self) -> list[Ingest]:
        """Every ingest there has been, the first first, undone ones marked."""
        return self.catalog.history()

    def undo(self, number: int) -> None:
        """Take ingest `number` back, whichever it is; the store is then as if it had never been.

        Raises:
            UsageError: there is no such ingest, or it is undone already.
        """
        with self.writing(), self._engine() as engine, disk_errors():
            standing = {entry.number for entry in self.history() if not entry.undone}
            if number not in standing:
                raise UsageError(f"there is no ingest {number} to undo", hint=f"regard history {self.folder}")
            self._verify(engine, but=number)
            ingest.undo(engine, self.catalog, number)
        if not self.catalog.clock() and self.config.clock:
            self._save(replace(self.config, clock=""))

    def items(self, *, before: datetime | None = None) -> pa.Table:
        """One row an item, sorted by id: the items tables, and where they say nothing what the events tell.

        Args:
            before: naive UTC; events from then on are not asked (items tables have no date and are used as
                given). None = all.
        """
        with self.reading() as (engine, version):
            told = tables.told_by_events(engine, engine.scan("events", self.catalog.parts(version, "events")), before)
            return tables.described(engine, tables.merged(engine, self.catalog.parts(version, "items"), "items"), told)

    def customers(self) -> pa.Table:
        """One row a customer who may be looked at, as the customers tables give it and with the traits that came live, sorted
        by id, without what is sensitive and not switched on; empty when none was given.
        """
        return self._beside("customers")

    def scores(self) -> pa.Table:
        """One row a customer who may be looked at: scores from outside; otherwise as `customers`."""
        return self._beside("scores")

    def edges(self) -> pa.Table:
        """One row for two customers and a kind: columns customer, other, kind, and weight where one was given. Both may be
        looked at.
        """
        return self._beside("edges")

    def _beside(self, kind: tables.Table) -> pa.Table:
        with self.reading() as (engine, version):
            merged = tables.merged(engine, self.catalog.parts(version, kind), kind)
            if kind == "customers":
                with opened(self.catalog.path) as link:
                    merged = traits.beside(engine, link, merged)
            told = consent.kept(engine, merged, ("customer", "other") if kind == "edges" else ("customer",))
            return sensitive.without(told, self.config.sensitive)

    def consenting(self) -> pa.Array | None:
        """Ids of the customers who consent, sorted; None where nobody was asked (see `consent`)."""
        with self.reading() as (engine, _):
            if not engine.among:
                return None
            return engine.table(f"SELECT customer FROM {engine.among} ORDER BY customer")["customer"].combine_chunks()

    def asked(self, version: int) -> tuple[str, ...]:
        """The customers tables of a version that make consent a condition for everybody."""
        return tuple(part.path for part in self.catalog.parts(version, "customers") if consent.CONSENT in part.columns)

    def people(self, version: int, names: Iterable[str]) -> dict[str, consent.Person]:
        """Whom ids mean now, and what they have said since a version (see `consent.people`)."""
        with opened(self.catalog.path) as link:
            return consent.people(link, version, names)

    def withdrawn(self, version: int) -> set[str]:
        """The ids that may no longer be looked at, of those that might at a version."""
        with opened(self.catalog.path) as link:
            return consent.withdrawn(link, version)

    def bots(self, *, before: datetime | None = None) -> list[str]:
        """Bot-like customers, the busiest first: flagged, left out of training by default.

        Args:
            before: naive UTC; judged by the events before it alone. None = by all of them.
        """
        if before is None:
            return list(self.catalog.bots(self.version))
        with self._past(before) as engine:
            return list(gate_rules.bots(engine)) if self.clock == "clock" else []

    def services(self, *, before: datetime | None = None) -> list[merchandise.Service]:
        """Items that are not merchandise: by rule as of a time, corrected by `merchandise` and `not_merchandise` in
        regard.toml.
        """
        with self._past(before) as engine:
            return merchandise.services(engine, self.config)

    def doctor(self) -> doctor.DoctorReport:
        """Every class of trouble in the data with its share and examples."""
        with self.reading() as (engine, version):
            return doctor.examine(engine, self.catalog, self.config, version)

    @contextmanager
    def reading(self) -> Iterator[tuple[Engine, int]]:
        """An engine and the version it may read: parts of that version stay on the disk meanwhile, whatever a writer
        does. Its views of events hold nobody's who has not consented.
        """
        with disk_errors(), self.readers() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            with self._engine() as engine:
                version = self.version
                with opened(self.catalog.path) as link:
                    consent.obey(engine, self.catalog.parts(version, "customers"), link, version)
                yield engine, version

    @contextmanager
    def _past(self, before: datetime | None) -> Iterator[Engine]:
        """An engine whose view `events` ends before a time (naive UTC)."""
        with self.reading() as (engine, version):
            engine.scan("all events", self.catalog.parts(version, "events"))
            engine.before("events", "all events", before)
            yield engine

    def _verify(self, engine: Engine, *, but: int | None = None) -> None:
        """What the next version is built on must be what was written, the ingest `but` left aside."""
        parts = self.catalog.parts(self.version, "events", "covered", *tables.TABLES)
        engine.verify([part for part in parts if part.ingests != (but,)])

    def _engine(self) -> Engine:
        return Engine(self.folder)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock, and finish first what an erasure has left to do."""
        with self.locked():
            # What cannot be finished now, a damaged part perhaps, is hidden and must not keep anybody from mending it.
            with suppress(RegardError):
                self._finish_erasures()
            yield

    def _finish_erasures(self) -> None:
        with opened(self.catalog.path) as link:
            waiting = erasure.waiting(link)
        if waiting:
            erasure.finish(self)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock; the system lets go of it when the process dies, however it dies."""
        if not writable(self.folder):
            raise read_only(self.folder)
        with disk_errors():
            (self.folder / "cache").mkdir(exist_ok=True)
            # Unbuffered: what a full disk did not take would be tried again on closing, and say so a second time.
            lock = (self.folder / _WRITER).open("ab+", buffering=0)
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkspaceError(
                    f"{self.folder} is locked by another writer (pid {_pid(lock)})",
                    hint="wait for it to finish, then run this again",
                ) from None
            with disk_errors():
                lock.truncate(0)
                lock.write(str(os.getpid()).encode())
                self.collect()
            yield

    def readers(self) -> IO[str]:
        """The readers' lock; one that may not be written is still the one that a writer elsewhere looks at."""
        path = self.folder / _READERS
        if path.exists() and not writable(path):
            return path.open()
        return (cache_of(self.folder) / path.name).open("a")

    def collect(self) -> None:
        """Delete files that no version needs: leavings of writers that died, and undone parts once nobody reads. The caller
        holds the writer's lock.
        """
        known = self.catalog.paths()
        with self.readers() as readers:
            try:
                fcntl.flock(readers, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            for name, files in _PARTS.items():
                for path in (self.folder / name).glob(files):
                    if f"{name}/{path.name}" not in known:
                        path.unlink()
            self.catalog.forget()
            for spill in (self.folder / "cache").glob("spill-*"):
                shutil.rmtree(spill, ignore_errors=True)

    def _remember(self, overrides: Mapping[str, str]) -> None:
        """Keep in regard.toml what this ingest settled, for the next one and for people to see; how one file writes times is its own."""
        columns = {**self.config.columns, **overrides}
        columns.pop("time_format", None)
        self._save(replace(self.config, clock=self.config.clock or self.catalog.clock(), columns=columns))

    def _save(self, config: Config) -> None:
        if config != self.config:
            with disk_errors():
                save(config, self.folder)
            self.config = config


def utc(seconds: int) -> datetime:
    """Seconds since 1970 as the naive UTC time that the store's columns hold.

    >>> utc(86_400)
    datetime.datetime(1970, 1, 2, 0, 0)
    """
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _pid(lock: IO[bytes]) -> str:
    lock.seek(0)
    return lock.read().decode().strip() or "unknown"
