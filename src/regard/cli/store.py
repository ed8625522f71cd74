"""init, ingest, history, undo, doctor: what comes in, and what is odd about it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from regard.cli.screen import Folder, Screen, heading, share, table, verb
from regard.errors import UsageError

if TYPE_CHECKING:
    from regard.events.catalog import Ingest
    from regard.events.doctor import DoctorReport
    from regard.events.ingest import IngestReport
    from regard.events.mapping import Mapping

Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Say which column is which field; commas or repeated."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (init, ingest, history, undo, doctor):
        app.command()(verb(function))


def init(
    screen: Screen,
    folder: Folder,
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA zone of times without one.")] = "UTC",
    currency: Annotated[str, typer.Option("--currency", help="Three letters, shown beside money.")] = "",
    language: Annotated[str, typer.Option("--lang", help="en or zh, of reports and reasons.")] = "en",
) -> None:
    """Make a workspace folder."""
    import regard
    from regard.config import Config

    shop = regard.init(folder, config=Config(time_zone=time_zone, currency=currency, language=language))
    screen.show(
        {"folder": str(shop.folder), "time_zone": time_zone, "currency": currency, "language": language},
        lambda out: out.print(f"made {shop.folder} (times in {time_zone}); next: regard ingest {shop.folder} FILE"),
    )


def ingest(
    screen: Screen,
    folder: Folder,
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="Event files or globs.")] = None,
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
    report = shop.ingest(
        *(files or ()),
        items=items,
        customers=customers,
        map=mapping_of(map or []),
        dry_run=dry_run,
        show=None if screen.json else lambda mapping: _mapping(screen.err, mapping),
        progress=screen.progress,
    )
    screen.show(report.to_json(), lambda out: _ingested(out, report, folder, dry_run=dry_run))


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


def _mapping(out: Console, mapping: Mapping) -> None:
    heading(out, Path(mapping.source).name, note="is read as")
    made = table("field", "column", "how", wide="how", wrap=True)
    made.columns[1].max_width = 24
    for field, column, how in mapping.describe():
        made.add_row(field, column, how)
    out.print(made)
    for note in mapping.notes:
        out.print(Text(f"  {note}", style="yellow"))


def _ingested(out: Console, report: IngestReport, folder: str, *, dry_run: bool) -> None:
    where = "dry run, nothing written" if dry_run else f"ingest {report.number}" if report.number else "nothing written"
    heading(out, report.words, note=where)
    lines: list[tuple[str, int]] = [
        ("read", report.rows),
        ("accepted", report.accepted),
        ("in several files, counted once", report.counted_once),
        ("already in the store", report.already_there),
        *((f"rejected: {reason}", count) for reason, count in report.rejected.items()),
    ]
    made = table("", "rows", "share", right=("rows", "share"))
    for what, count in lines:
        if count or what in ("read", "accepted"):
            made.add_row(what, f"{count:,}", share(count, report.rows))
    out.print(made)
    if report.accepted and report.number:
        acts = ", ".join(f"{name} {count:,}" for name, count in list(report.behaviours.items())[:6])
        span = f", {report.first[:10]} to {report.last[:10]}" if report.first else ""
        out.print(f"{report.customers:,} customers, {report.items:,} items{span}")
        out.print(Text(acts, style="dim"))
        for line in _remarks(report):
            out.print(line)
    for file in report.files:
        for note in file.notes:
            out.print(Text(f"{Path(file.name).name}: {note}", style="yellow"))
    if report.number:
        out.print(
            Text(f"regard doctor {folder} shows more; regard undo {folder} {report.number} takes it back", style="dim")
        )


def _remarks(report: IngestReport) -> list[str]:
    lines = []
    if report.refunds:
        lines.append(f"{report.refunds:,} refunds, {report.refunds_matched:,} matched to a purchase")
    if report.not_merchandise:
        named = ", ".join(list(report.not_merchandise)[:6])
        more = f" and {len(report.not_merchandise) - 6} more" if len(report.not_merchandise) > 6 else ""
        lines.append(f"not merchandise, never recommended: {named}{more}")
    if report.bots:
        lines.append(f"{report.bots:,} bot-like customers, left out of training")
    if report.future:
        lines.append(f"{report.future:,} rows lie in the future")
    return lines


def history(screen: Screen, folder: Folder) -> None:
    """List all ingests."""
    import regard

    entries = regard.open(folder).history()
    screen.show({"ingests": [_entry(entry) for entry in entries]}, lambda out: _history(out, entries, folder))


def _entry(entry: Ingest) -> dict[str, Any]:
    return {"number": entry.number, "at": entry.at, "undone": entry.undone, "report": entry.report}


def _history(out: Console, entries: list[Ingest], folder: str) -> None:
    if not entries:
        out.print(f"nothing ingested yet; next: regard ingest {folder} FILE")
        return
    made = table("ingest", "at", "rows", "accepted", "files", right=("ingest", "rows", "accepted"), wide="files")
    for entry in entries:
        files = ", ".join(Path(file["name"]).name for file in entry.report["files"]) or ", ".join(
            entry.report["tables"]
        )
        made.add_row(
            str(entry.number),
            entry.at[:16].replace("T", " "),
            f"{entry.report['rows']:,}",
            "undone" if entry.undone else f"{entry.report['accepted']:,}",
            files,
            style="dim" if entry.undone else "",
        )
    out.print(made)


def undo(
    screen: Screen,
    folder: Folder,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the ingest, as `regard history` lists it.")],
) -> None:
    """Take an ingest back, as if it had never been."""
    import regard

    regard.open(folder).undo(number)
    screen.show({"undone": number}, lambda out: out.print(f"ingest {number} is taken back"))


def doctor(screen: Screen, folder: Folder) -> None:
    """Show everything odd about the events, with shares and examples."""
    import regard

    report = regard.open(folder).doctor()
    screen.show(report.to_json(), lambda out: _doctor(out, report))


def _doctor(out: Console, report: DoctorReport) -> None:
    heading(out, f"{report.events:,} events", note=f"{report.rejected:,} rows rejected")
    if not report.findings:
        out.print("Nothing is odd.")
    for finding in report.findings:
        line = Text(f"{share(finding.count, finding.of):>8}  ", style="bold") + Text(finding.name, style="bold")
        line.append(f"  {finding.count:,} of {finding.of:,} {finding.unit}", style="dim not bold")
        out.print(line)
        out.print(Padding(finding.advice, (0, 0, 0, 10)))
        for example in finding.examples:
            out.print(Padding(Text(example, style="dim", overflow="ellipsis", no_wrap=True), (0, 0, 0, 10)))
    if report.not_merchandise:
        out.print()
        heading(out, "Not merchandise", note="never recommended; regard.toml has the last word")
        made = table("item", "name", "why", "rows", right=("rows",), wide="why", wrap=True)
        made.columns[0].max_width, made.columns[1].max_width = 20, 26
        for item, name, why, rows in report.not_merchandise:
            made.add_row(item, name, why, f"{rows:,}")
        out.print(made)
