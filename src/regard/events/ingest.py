"""One ingest and one undo, each from start to commit: stage, gate, parts on the disk, one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from regard.config import Config
from regard.errors import InputError
from regard.events import consent, erased, gate, gate_rules, sensitive
from regard.events.catalog import Catalog, Change, Kind, Part, opened
from regard.events.engine import Engine, listed, sort_key
from regard.events.enter import enter
from regard.events.erased import REASON, named_sql
from regard.events.mapping import Mapping as Columns
from regard.events.read import Source, expand_sources, read_table, stage
from regard.events.read_sql import quoted
from regard.events.recognise import recognise
from regard.events.recognise_map import share
from regard.events.schema import CLOCKS, FIELD_NAMES, PROVENANCE, Clock
from regard.events.tables import KEY, TABLES, Table, changes
from regard.progress import Progress

FOLDERS: dict[Kind, str] = {
    "events": "events", "covered": "rejected", "rejected": "rejected", **dict.fromkeys(TABLES, "tables")
}  # fmt: skip

STAGED = "staged events"


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What one file brought.

    Args:
        name: as given.
        rows: data rows read.
        rejected: of these, refused by the reader.
        columns: (field, column, how it is read).
        notes: what a person should know, one line each.
    """

    name: str
    rows: int
    rejected: int
    columns: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Two files of one ingest that have rows in common.

    Args:
        files: names of the file that keeps the rows and of the one that repeats them.
        rows: how many; rows refused as unreadable or incomplete are not compared and so not among them.
    """

    files: tuple[str, str]
    rows: int


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What one ingest did, every row accounted for: rows = accepted + rejected + counted_once + already_there.

    Args:
        number: of the ingest; None when nothing was written (a dry run, or nothing new).
        at: ISO 8601 UTC.
        files: one report a file.
        rows: data rows read.
        accepted: rows that became events.
        rejected: reason -> rows; they are kept in rejected/ with file, line and reason.
        counted_once: rows that another file of this ingest has as well.
        overlaps: the same, by the two files.
        already_there: rows that the store had from an earlier ingest.
        repeats_kept: exact repeats within one file, kept because they are lines of one order.
        customers: distinct, among the accepted rows.
        items: likewise.
        behaviours: behaviour -> accepted rows.
        first: earliest time, ISO 8601 UTC, '' without a clock.
        last: latest time.
        clock: 'clock', 'order' or 'none'.
        future: rows with a time more than a day ahead of now.
        far: rows with a time far from the bulk of the times, kept.
        refunds: refund rows in the whole store after this ingest.
        refunds_matched: those with an earlier purchase they can belong to.
        not_merchandise: item -> rows in the store, of postage and the like and of what regard.toml names.
        bots: bot-like customers in the store, flagged and kept.
        tables: 'items', 'customers', 'edges', 'scores' -> rows given.
        tables_unchanged: of these, the tables whose rows the store had already, all of them.
        notes: what a person should know of the tables, one line each.
        seconds: wall time.
    """

    number: int | None
    at: str
    files: tuple[FileReport, ...]
    rows: int
    accepted: int
    rejected: dict[str, int]
    counted_once: int = 0
    overlaps: tuple[Overlap, ...] = ()
    already_there: int = 0
    repeats_kept: int = 0
    customers: int = 0
    items: int = 0
    behaviours: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    clock: str = ""
    future: int = 0
    far: int = 0
    refunds: int = 0
    refunds_matched: int = 0
    not_merchandise: dict[str, int] = field(default_factory=dict)
    bots: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    tables_unchanged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON-able values."""
        return asdict(self)

    @property
    def words(self) -> str:
        """The outcome in one line."""
        said = []
        if self.files and not self.accepted and self.already_there:
            said.append("nothing new: the store has all of these rows already")
        elif self.files or not self.tables:
            said.append(f"{self.accepted:,} of {_counted(self.rows)} accepted")
        taken = "taken in" if self.number is not None else "would be taken in"
        for kind, rows in self.tables.items():
            if kind in self.tables_unchanged:
                known = "its row is known" if rows == 1 else f"all {_counted(rows)} are known"
                said.append(f"{kind} table: nothing new, {known}")
            else:
                said.append(f"{kind} table: {_counted(rows)} {taken}")
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the caller of an ingest asks for.

    Args:
        sources: paths, globs, DataFrames or Arrow tables with events.
        overrides: field -> column, beside what is recognised.
        items: path or table of the items, or None.
        customers: path or table of the customers, or None. edges, scores: likewise, of who is linked and of outside scores.
        dry_run: True writes nothing.
        show: called with each file's mapping before anything is written.
    """

    sources: Sequence[Any] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    items: Any = None
    customers: Any = None
    edges: Any = None
    scores: Any = None
    dry_run: bool = False
    show: Callable[[Columns], None] | None = None


def _counted(rows: int) -> str:
    """So many rows.

    >>> _counted(1), _counted(1200)
    ('1 row', '1,200 rows')
    """
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def run(engine: Engine, catalog: Catalog, config: Config, request: Request, progress: Progress) -> IngestReport:
    """Take files into the store; the caller holds the writer's lock.

    Raises:
        InputError: a file cannot be taken in; the store is unchanged.
        WorkspaceError: the disk is full, a part is damaged.
    """
    began, now = perf_counter(), datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    at = f"{now.isoformat()}Z"
    number = catalog.next_ingest()
    version = catalog.version()
    live = catalog.parts(version, "events")
    sources, given = expand_sources(list(request.sources)), _tables(request)
    if not sources and not given:
        raise InputError("nothing to ingest", hint="name at least one file")
    of_events, of_tables = share(request.overrides, config.columns, sources, given)
    mappings = [
        recognise(source, overrides=told, config=config) for source, told in zip(sources, of_events, strict=True)
    ]
    for mapping in mappings:
        if request.show is not None:
            request.show(mapping)
    clock = _one_clock(config.clock or catalog.clock(), mappings)
    files, fields = _stage(engine, config, sources, mappings, progress)
    with opened(catalog.path) as link:
        known = erased.known(engine, link)
    tables, unchanged, notes = _stage_tables(engine, catalog, version, given, of_tables, config, erased=known)
    columns = _held(engine, fields)
    progress.start("checking rows")
    passed = gate.check(engine, columns=columns, clock=clock, live=live, now=now, erased=known)
    progress.finish()
    rows = sum(file.rows for file in files)
    rejected = _reasons(engine)
    if passed.repeats_dropped:
        rejected[gate.REPEAT] = passed.repeats_dropped
    report = IngestReport(
        number=None,
        at=at,
        files=files,
        rows=rows,
        rejected=rejected | passed.refused,
        counted_once=passed.counted_once,
        overlaps=tuple(
            Overlap(files=(files[first].name, files[again].name), rows=rows)
            for (first, again), rows in passed.overlaps.items()
        ),
        accepted=rows - sum(file.rejected for file in files) - passed.dropped,
        already_there=passed.covered,
        repeats_kept=passed.repeats_kept,
        clock=clock,
        future=passed.future,
        far=passed.far,
        tables={str(kind): count for kind, count in tables.items()},
        tables_unchanged=tuple(unchanged),
        notes=tuple(notes),
        seconds=round(perf_counter() - began, 3),
    )
    if request.dry_run or (not report.accepted and len(unchanged) == len(tables)):
        return report
    progress.start("writing")
    # A table that is known is written again beside new events, so that undoing the ingest which first brought it loses nothing.
    parts = _write(engine, number, columns, passed, list(tables))
    engine.rows("DROP VIEW staged")
    engine.rows(f"DROP TABLE {quoted(STAGED)}")
    report = replace(report, seconds=round(perf_counter() - began, 3))
    report = enter(engine, catalog, config, report, number, parts, clock=clock if files else catalog.clock())
    progress.finish()
    return report


def undo(engine: Engine, catalog: Catalog, number: int) -> None:
    """Take an ingest back: the store is then as if it had never been, rows that later files had in common with it
    included.
    """
    at = f"{datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
    parts = catalog.parts(catalog.version(), "events", "covered", "rejected", *TABLES)
    gone = [part for part in parts if number in part.ingests]
    rest = [part for part in parts if number not in part.ingests]
    kept = [_without(engine, part, number) for part in gone if part.ingests != (number,)]
    live = [*(part for part in rest if part.kind == "events"), *kept]
    covered = [part for part in rest if part.kind == "covered"]
    promoted: list[Part] = []
    if covered and any(part.kind == "events" for part in gone):
        promoted, replaced = _promote(engine, live, covered)
        gone += replaced
    with opened(catalog.path) as link:
        consent.obey(engine, [part for part in rest if part.kind == "customers"], link)
    engine.scan("events", [part for part in [*live, *promoted] if part.kind == "events"])
    clock = catalog.clock()
    remaining = catalog.live() or any(entry.number != number and not entry.undone for entry in catalog.history())
    bots = gate_rules.bots(engine) if clock == "clock" else {}
    catalog.commit(
        Change(
            what=f"undo {number}", at=at, add=[*kept, *promoted], remove=[part.path for part in gone], undo=number, bots=bots,
            clock=clock if remaining else "",
        )
    )  # fmt: skip


def _without(engine: Engine, part: Part, number: int) -> Part:
    """What a part of several ingests holds of the others, in the same order."""
    rest = max(held for held in part.holds if held != number)
    engine.over("shared", [part])
    select = f"SELECT {listed(part.columns)} FROM shared WHERE ingest <> {number:d}"
    return engine.write_part(select, part_path(part.kind, rest), kind=part.kind, ingest=rest, columns=part.columns)


def _tables(request: Request) -> dict[Table, Source]:
    """The tables of a request, opened."""
    given: dict[Table, Any] = {kind: getattr(request, kind) for kind in TABLES}
    opened: dict[Table, Source] = {}
    for kind, table in given.items():
        if table is None:
            continue
        opened[kind], *more = expand_sources([table])
        if more:
            raise InputError(f"{table} is {1 + len(more)} files", hint=f"one file with all {kind}, or one ingest each")
    return opened


def _stage(
    engine: Engine, config: Config, sources: Sequence[Source], mappings: Sequence[Columns], progress: Progress
) -> tuple[tuple[FileReport, ...], set[str]]:
    reports = []
    for file, (source, mapping) in enumerate(zip(sources, mappings, strict=True)):
        progress.start(f"reading {source.name}")
        staged = stage(
            engine.connection, source, mapping, table=STAGED, rejects="rejects", file=file, config=config
        )  # fmt: skip
        progress.finish(_counted(staged.rows + staged.rejected))
        reports.append(
            FileReport(
                name=source.name,
                rows=staged.rows + staged.rejected,
                rejected=staged.rejected,
                columns=tuple(mapping.describe()),
                notes=tuple(str(note) for note in (*mapping.notes, *staged.notes)),
            )
        )
    _unite(engine, [source.name for source in sources])
    mapped = {name for mapping in mappings for name in mapping.columns}
    # A value that was not given is quantity x price; it is worked out when read, not stored.
    return tuple(reports), mapped | {"customer", "behaviour", "position", "extra"}


def _one_clock(store: str, mappings: Sequence[Columns]) -> Clock:
    """The clock of the store; a file that knows less of time than the store needs is asked for its column."""
    known = [name for name in CLOCKS if name == store] or [mapping.clock for mapping in mappings] or list(CLOCKS)
    clock = min(known, key=CLOCKS.index)
    for mapping in mappings:
        if CLOCKS.index(mapping.clock) > CLOCKS.index(clock):
            need = "time" if clock == "clock" else "position"
            raise InputError(f"{mapping.source} has no {need}, the other events have", hint=f"--map {need}=COLUMN")
    return clock


def _unite(engine: Engine, names: Sequence[str]) -> None:
    """The view `staged` (fields, file, line, row) and the table `files`; empty ones when only tables are given."""
    engine.rows(
        "CREATE TABLE files AS SELECT unnest(range(len($1))) AS file, unnest($1::VARCHAR[]) AS name", [list(names)]
    )
    if not names:
        engine.scan("live", [])
        engine.rows(f"CREATE TABLE {quoted(STAGED)} AS SELECT * EXCLUDE (ingest) FROM live")
        engine.rows("CREATE TABLE rejects (file INTEGER, line BIGINT, reason VARCHAR, raw VARCHAR)")
    engine.rows(f"CREATE TEMP VIEW staged AS SELECT *, rowid AS row FROM {quoted(STAGED)}")


def _stage_tables(
    engine: Engine,
    catalog: Catalog,
    version: int,
    tables: Mapping[Table, Source],
    told: Mapping[Table, Mapping[str, str]],
    config: Config,
    *,
    erased: bool,
) -> tuple[dict[Table, int], list[Table], list[str]]:
    """(rows by table, tables that tell the store nothing new, notes)."""
    rows: dict[Table, int] = {}
    unchanged: list[Table] = []
    notes = []
    for kind, source in tables.items():
        name = f"given {kind}"
        read = read_table(engine.connection, source, kind=kind, overrides=told[kind], table=name)
        rows[kind] = read.rows
        if erased and kind != "items" and (gone := _leave_out(engine, kind, name)):
            rows[kind] -= gone
            notes.append(f"{kind}: {_counted(gone)} of customers who were erased, left out")
        if read.missing:
            notes.append(f"{kind}: {_counted(read.missing)} without an id, left out")
        if read.repeated:
            notes.append(f"{kind}: {_counted(read.repeated)} whose id comes again later; the last one counts")
        if read.odd:
            notes.append(f"{kind}: {_counted(read.odd)} whose consent is neither yes nor no, taken for no")
        if read.consents is not None:
            notes.append(
                f"{kind}: {read.consents:,} of {_counted(read.rows)} consent; nobody else is looked at from now on"
            )
        unused = [] if kind == "items" else sensitive.withheld(read.columns, config.sensitive)
        if unused:
            notes.append(f"{kind}: sensitive and not used unless switched on in regard.toml: {', '.join(unused)}")
        if not changes(engine, catalog.parts(version, kind), kind, name):
            unchanged.append(kind)
    return rows, unchanged, notes


def _leave_out(engine: Engine, kind: Table, name: str) -> int:
    """Delete what a table that was read says of customers who were erased; returns how many rows it was."""
    ends = [
        f"EXISTS (SELECT 1 FROM erased WHERE {named_sql(f'given.{end}')})" for end in KEY[kind][:2] if end != "kind"
    ]
    deleted = engine.one(f"SELECT count(*) FROM {quoted(name)} AS given WHERE {' OR '.join(ends)}")[0]
    engine.rows(f"DELETE FROM {quoted(name)} AS given WHERE {' OR '.join(ends)}")
    return int(deleted)


def _held(engine: Engine, fields: set[str]) -> list[str]:
    """Of the fields that can hold a value those that do; a column of nothing is neither compared nor written."""
    asked = [name for name in FIELD_NAMES if name in fields]
    counts = engine.one(f"SELECT {', '.join(f'count({quoted(name)})' for name in asked)} FROM staged")
    return [name for name, count in zip(asked, counts, strict=True) if count]


def _reasons(engine: Engine) -> dict[str, int]:
    return dict(engine.rows("SELECT reason, count(*) FROM rejects GROUP BY reason ORDER BY count(*) DESC, reason"))


def part_path(kind: Kind, ingest: int) -> str:
    """Where a new part of an ingest is written, relative to the workspace."""
    # The random half keeps a part's name from ever meaning two files, also after a crash between rename and commit.
    return f"{FOLDERS[kind]}/{kind}-{ingest:06d}-{uuid.uuid4().hex[:12]}.parquet"


def _write(
    engine: Engine, number: int, columns: Sequence[str], passed: gate.Passed, tables: Sequence[Table]
) -> list[Part]:
    parts: list[Part] = []
    written = [*columns, *PROVENANCE]
    # A key that is the same in all rows would only make the sort slower.
    many = engine.one("SELECT count(*) FROM files")[0] > 1
    key = sort_key(name for name in written if name != "ingest" and (many or name != "file"))
    fields = f"{listed(columns)}, {number}::INTEGER AS ingest, file, line"

    def write(kind: Kind, select: str, names: Sequence[str], sort: str = "") -> None:
        parts.append(
            engine.write_part(select, part_path(kind, number), kind=kind, ingest=number, columns=names, sort=sort)
        )

    if columns:
        write("events", f"SELECT {fields} FROM {gate.accepted(engine)}", written, key)
        if passed.counted_once or passed.covered:
            chosen = "staged SEMI JOIN (SELECT file, row FROM drops WHERE covered) USING (file, row)"
            write("covered", f"SELECT {fields} FROM {chosen}", written, key)
    raw = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in columns)
    refused = (
        "SELECT name AS file, line, reason, raw FROM rejects JOIN files USING (file) UNION ALL"
        f" SELECT name, line, reason, to_json(struct_pack({raw}))::VARCHAR FROM staged JOIN drops USING (file, row)"
        f" JOIN files USING (file) WHERE NOT covered AND reason <> '{REASON}'"
    )
    if columns and engine.one(f"SELECT count(*) FROM ({refused})")[0]:
        write("rejected", refused, ("file", "line", "reason", "raw"), "file, line")
    for kind in tables:
        table = quoted(f"given {kind}")
        names = [str(row[0]) for row in engine.rows(f"SELECT column_name FROM (DESCRIBE {table})")]
        write(kind, f"SELECT * FROM {table}", names)
    return [part for part in parts if part.rows]


def _promote(engine: Engine, live: Sequence[Part], covered: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Parts of rows that nothing covers any longer, with what is left covered; and the covered parts that they
    replace.
    """
    held = dict.fromkeys([*engine.scan("live", live), *engine.scan("covered", covered)])
    ident = listed(gate.identity_columns(list(held)))
    engine.rows(f"""
        CREATE OR REPLACE TABLE freed AS
        WITH rows AS (
            SELECT *, false AS there, hash({ident}) AS mark FROM covered
            UNION ALL SELECT *, true AS there, hash({ident}) AS mark FROM live
        ), numbered AS (
            SELECT *, row_number() OVER (PARTITION BY mark, {ident}, ingest, file ORDER BY line) AS nth
            FROM rows SEMI JOIN (SELECT hash({ident}) AS mark FROM covered) USING (mark)
        )
        SELECT * EXCLUDE (mark), (nth = 1 OR {gate.OF_ORDER})
            AND row_number() OVER (PARTITION BY mark, {ident}, nth ORDER BY there DESC, ingest, file) = 1 AS free
        FROM numbered QUALIFY NOT there
    """)
    written: list[Part] = []
    replaced: list[Part] = []
    for ingest in dict.fromkeys(part.ingest for part in covered):
        columns = list(dict.fromkeys(name for part in covered if part.ingest == ingest for name in part.columns))
        if engine.one("SELECT count(*) FROM freed WHERE free AND ingest = ?", [ingest])[0] == 0:
            continue
        replaced += [part for part in covered if part.ingest == ingest]
        kinds: dict[Kind, str] = {"events": "free", "covered": "NOT free"}
        for kind, which in kinds.items():
            select = f"SELECT {listed(columns)} FROM freed WHERE {which} AND ingest = {ingest:d}"
            part = engine.write_part(
                select, part_path(kind, ingest), kind=kind, ingest=ingest, columns=columns, sort=sort_key(columns)
            )  # fmt: skip
            written += [part] if part.rows else []
    return written, replaced
