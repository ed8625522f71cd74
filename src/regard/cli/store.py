"""init, ingest, history, undo, doctor: what comes in, and what is odd about it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from regard.cli.screen import Folder, Screen, heading, share, table, verb
from regard.cli.words import Words
from regard.errors import UsageError

if TYPE_CHECKING:
    from regard.events.catalog import Ingest
    from regard.events.doctor import DoctorReport
    from regard.events.ingest import IngestReport
    from regard.events.mapping import Mapping

Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Which column is which field; may be repeated."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (init, ingest, history, undo, doctor):
        app.command()(verb(function))


def init(
    screen: Screen,
    folder: Folder,
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="ZONE", help="Zone of times that name none, such as Europe/London.")
    ] = "UTC",
    currency: Annotated[
        str, typer.Option("--currency", metavar="CODE", help="Currency of the prices, such as GBP.")
    ] = "",
    language: Annotated[str, typer.Option("--lang", metavar="en|zh", help="Language of what it says.")] = "en",
) -> None:
    """Make a workspace folder."""
    import regard
    from regard.config import Config

    shop = regard.init(folder, config=Config(time_zone=time_zone, currency=currency, language=language))
    say, command = Words(language), f"regard ingest {shop.folder} FILE"
    said = say("made {folder} (times in {zone}); next: {command}", folder=shop.folder, zone=time_zone, command=command)
    screen.show(
        {"folder": str(shop.folder), "time_zone": time_zone, "currency": currency, "language": language},
        lambda out: out.print(said, soft_wrap=True),
    )


def ingest(
    screen: Screen,
    folder: Folder,
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", help="Event files or globs.")] = None,
    items: Annotated[str | None, typer.Option("--items", metavar="FILE", help="Table of the items.")] = None,
    customers: Annotated[
        str | None, typer.Option("--customers", metavar="FILE", help="Table of the customers.")
    ] = None,
    map: Map = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and report, write nothing.")] = False,
) -> None:
    """Take event files in: all or nothing, recognised columns shown first.

    CSV, CSV.gz, JSON lines or Parquet, files or globs. The same file twice changes nothing.
    """
    import regard

    if not (files or items or customers):
        raise UsageError("nothing to ingest", hint=f"regard ingest {folder} FILE")
    shop = regard.open(folder)
    say = Words(shop.config.language)
    report = shop.ingest(
        *(files or ()),
        items=items,
        customers=customers,
        map=mapping_of(map or []),
        dry_run=dry_run,
        show=None if screen.json else lambda mapping: _mapping(screen.err, mapping, say),
        progress=screen.progress,
    )
    screen.show(report.to_json(), lambda out: _ingested(out, report, folder, say, dry_run=dry_run))


def mapping_of(words: list[str]) -> dict[str, str]:
    """'customer="Customer ID",item=Code' as a mapping; a column in quotes may hold commas.

    >>> mapping_of(['customer="Customer ID",item=Code', "time=When"])
    {'customer': 'Customer ID', 'item': 'Code', 'time': 'When'}
    """
    found: dict[str, str] = {}
    for word in words:
        for part in _split(word):
            field, equals, column = part.partition("=")
            if not equals or not field.strip():
                raise UsageError(f"--map '{part}' is not FIELD=COLUMN", hint='for example --map customer="Customer ID"')
            cells = next(csv.reader([column.strip()]), [""])
            found[field.strip()] = cells[0] if len(cells) == 1 else column.strip()
    return found


def _split(text: str) -> list[str]:
    """At the commas outside quotes."""
    parts, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def _mapping(out: Console, mapping: Mapping, say: Words) -> None:
    heading(out, Path(mapping.source).name, note=say("is read as"))
    made = table(say("field"), say("column"), say("how"), wide=say("how"), wrap=True)
    made.columns[1].max_width = 24
    for field, column, how in mapping.describe():
        made.add_row(field, column, how)
    out.print(made)
    for note in mapping.notes:
        out.print(Text(f"  {note}", style="yellow"))


def _ingested(out: Console, report: IngestReport, folder: str, say: Words, *, dry_run: bool) -> None:
    where = say("ingest {number}", number=report.number) if report.number else say("nothing written")
    heading(out, "; ".join(_outcome(report, say)), note=say("dry run, nothing written") if dry_run else where)
    if report.files:
        out.print(_rows(report, say))
    if report.accepted and report.number:
        acts = ", ".join(f"{name} {count:,}" for name, count in list(report.behaviours.items())[:6])
        figures = {"customers": f"{report.customers:,}", "items": f"{report.items:,}"}
        if report.first:
            span = {"first": report.first[:10], "last": report.last[:10]}
            out.print(say("{customers} customers, {items} items, {first} to {last}", **figures, **span))
        else:
            out.print(say("{customers} customers, {items} items", **figures))
        out.print(Text(acts, style="dim"))
    for line in _remarks(report, say):
        out.print(line)
    notes = [f"{Path(file.name).name}: {note}" for file in report.files for note in file.notes]
    for note in (*notes, *report.notes):
        out.print(Text(note, style="yellow"))
    if report.number:
        commands = {"doctor": f"regard doctor {folder}", "undo": f"regard undo {folder} {report.number}"}
        out.print(Text(say("{doctor} shows more; {undo} takes it back", **commands), style="dim"))


def _outcome(report: IngestReport, say: Words) -> list[str]:
    """What became of the events and of each table, one phrase each."""
    said = []
    if report.files and not report.accepted and report.already_there:
        said.append(say("nothing new: the store has all of these rows already"))
    elif report.files:
        said.append(say("{accepted} of {rows} rows accepted", accepted=f"{report.accepted:,}", rows=f"{report.rows:,}"))
    for kind, rows in report.tables.items():
        known = kind in report.tables_unchanged
        phrase = (
            f"{kind} table: nothing new, all {{rows}} rows are known"
            if known
            else f"{kind} table: {{rows}} rows taken in"
        )
        said.append(say(phrase, rows=f"{rows:,}"))
    return said


def _rows(report: IngestReport, say: Words) -> Table:
    """Where every row went."""
    from regard.report.speech import Speech

    findings = Speech(say.language)
    lines: list[tuple[str, int]] = [
        (say("read"), report.rows),
        (say("accepted"), report.accepted),
        (say("in several files, counted once"), report.counted_once),
        (say("already in the store, counted once"), report.already_there),
        *((say("rejected: {reason}", reason=findings.finding(name)), n) for name, n in report.rejected.items()),
    ]
    made = table("", say("rows"), say("share"), right=(say("rows"), say("share")))
    for place, (what, count) in enumerate(lines):
        if count or place < 2:
            made.add_row(what, f"{count:,}", share(count, report.rows))
    return made


_NAMED = 6
"""Files that overlap, and items that are not merchandise, that are named; the others are counted."""


def _remarks(report: IngestReport, say: Words) -> list[str]:
    """Findings in plain words, each with its number."""
    lines = []
    for overlap in sorted(report.overlaps, key=lambda overlap: -overlap.rows)[:_NAMED]:
        first, again = (Path(name).name for name in overlap.files)
        shared = f"{overlap.rows:,}"
        said = "{again} has {rows} rows in common with {first}: they count once"
        lines.append(say(said, again=again, rows=shared, first=first))
    if report.overlaps:
        lines.append(say("  (rows rejected as unreadable or incomplete are not compared)"))
    if report.number and report.refunds:
        matched = f"{report.refunds_matched:,}"
        lines.append(
            say("{refunds} refunds, {matched} matched to a purchase", refunds=f"{report.refunds:,}", matched=matched)
        )
    if report.not_merchandise:
        services = list(report.not_merchandise.items())
        named = ", ".join(f"{item} {count:,}" for item, count in services[:_NAMED])
        named += say(" and {more} more", more=len(services) - _NAMED) if len(services) > _NAMED else ""
        count = f"{sum(report.not_merchandise.values()):,}"
        lines.append(say("{rows} rows are postage and the like, never recommended: {named}", rows=count, named=named))
    if report.bots:
        lines.append(say("{bots} bot-like customers, left out of training", bots=f"{report.bots:,}"))
    if report.future:
        lines.append(say("{rows} rows lie in the future", rows=f"{report.future:,}"))
    return lines


def history(screen: Screen, folder: Folder) -> None:
    """List all ingests."""
    import regard

    shop = regard.open(folder)
    entries, say = shop.history(), Words(shop.config.language)
    screen.show({"ingests": [_entry(entry) for entry in entries]}, lambda out: _history(out, entries, folder, say))


def _entry(entry: Ingest) -> dict[str, Any]:
    return {"number": entry.number, "at": entry.at, "undone": entry.undone, "report": entry.report}


def _history(out: Console, entries: list[Ingest], folder: str, say: Words) -> None:
    if not entries:
        command = f"regard ingest {folder} FILE"
        out.print(say("nothing ingested yet; next: {command}", command=command), soft_wrap=True)
        return
    number, at, rows, accepted, files = (say(name) for name in ("ingest", "at (UTC)", "rows", "accepted", "files"))
    made = table(number, at, rows, accepted, files, right=(number, rows, accepted), wide=files)
    for entry in entries:
        names = [Path(file["name"]).name for file in entry.report["files"]]
        names += [say(f"unit {kind}") if say.language == "zh" else f"{kind} table" for kind in entry.report["tables"]]
        made.add_row(
            str(entry.number),
            entry.at[:16].replace("T", " "),
            f"{entry.report['rows']:,}",
            say("undone") if entry.undone else f"{entry.report['accepted']:,}",
            ", ".join(names),
            style="dim" if entry.undone else "",
        )
    out.print(made)


def undo(
    screen: Screen,
    folder: Folder,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The ingest's number in `regard history`.")],
) -> None:
    """Take an ingest back, as if it had never been."""
    import regard

    shop = regard.open(folder)
    shop.undo(number)
    said = Words(shop.config.language)("ingest {number} is taken back", number=number)
    screen.show({"undone": number}, lambda out: out.print(said))


def doctor(screen: Screen, folder: Folder) -> None:
    """Show everything odd about the events, with shares and examples."""
    import regard

    shop = regard.open(folder)
    report, say = shop.doctor(), Words(shop.config.language)
    screen.show(report.to_json(), lambda out: _doctor(out, report, say))


def _doctor(out: Console, report: DoctorReport, say: Words) -> None:
    from regard.report.speech import Speech

    known = Speech(say.language)
    rejected = say("{rows} rows rejected", rows=f"{report.rejected:,}")
    heading(out, say("{events} events", events=f"{report.events:,}"), note=rejected)
    if not report.findings:
        out.print(say("Nothing is odd."))
    for finding in report.findings:
        line = Text(f"{share(finding.count, finding.of):>8}  {known.finding(finding.name)}", style="bold")
        unit = say(f"unit {finding.unit}") if say.language == "zh" else finding.unit
        said = say("{count} of {of} {unit}", count=f"{finding.count:,}", of=f"{finding.of:,}", unit=unit)
        line.append(f"  {said}", style="dim not bold")
        out.print(line)
        out.print(Padding(Text(known.finding(finding.advice)), (0, 0, 0, 10)))
        for example in finding.examples:
            out.print(Padding(Text(example, style="dim", overflow="ellipsis", no_wrap=True), (0, 0, 0, 10)))
    if report.not_merchandise:
        out.print()
        heading(out, say("Not merchandise"), note=say("never recommended; regard.toml has the last word"))
        columns = [say(name) for name in ("item", "name", "why", "rows")]
        made = table(*columns, right=columns[3:], wide=columns[2], wrap=True)
        made.columns[0].max_width, made.columns[1].max_width = 20, 26
        for item, name, why, rows in report.not_merchandise:
            reasons = "、".join(known.finding(reason) for reason in why.split(", ")) if say.language == "zh" else why
            made.add_row(item, name, reasons, f"{rows:,}")
        out.print(made)
