"""init, ingest, history, undo, doctor: what comes in, and what is odd about it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
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

    say = screen.speak(language)
    shop = regard.init(folder, config=Config(time_zone=time_zone, currency=currency, language=language))
    command = f"regard ingest {shop.folder} FILE"
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
    edges: Annotated[
        str | None,
        typer.Option("--edges", metavar="FILE", help="Table of who is linked: customer, other, kind, weight."),
    ] = None,
    scores: Annotated[
        str | None, typer.Option("--scores", metavar="FILE", help="Table of scores of customers from outside.")
    ] = None,
    map: Map = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and report, write nothing.")] = False,
) -> None:
    """Take event files in: all or nothing, recognised columns shown first.

    CSV, CSV.gz, JSON lines or Parquet, files or globs. The same file twice changes nothing.
    """
    import regard

    if not (files or items or customers or edges or scores):
        raise UsageError("nothing to ingest", hint=f"regard ingest {folder} FILE")
    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    report = shop.ingest(
        *(files or ()),
        items=items,
        customers=customers,
        edges=edges,
        scores=scores,
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
            field, column = field.strip(), cells[0] if len(cells) == 1 else column.strip()
            if found.setdefault(field, column) != column:
                raise UsageError(
                    f"--map reads {field} from both '{found[field]}' and '{column}'", hint=f"one --map {field}=COLUMN"
                )
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
        made.add_row(field, column, say.told(how))
    out.print(made)
    for note in mapping.notes:
        out.print(Text(f"  {say.told(note)}", style="yellow"))


def _ingested(out: Console, report: IngestReport, folder: str, say: Words, *, dry_run: bool) -> None:
    where = say("ingest {number}", number=report.number) if report.number else say("nothing written")
    heading(out, say.told(report.words), note=say("dry run, nothing written") if dry_run else where)
    if report.files:
        out.print(_rows(report, say))
    if report.accepted and report.number:
        figures = [say.known.count("unit.customers", report.customers), say.count("{n} item|{n} items", report.items)]
        figures += [say.known("to", low=report.first[:10], high=report.last[:10])] if report.first else []
        out.print(say.joined(figures))
        acts = say.joined(f"{name} {count:,}" for name, count in list(report.behaviours.items())[:6])
        out.print(Text(acts, style="dim"))
    for line in _remarks(report, say):
        out.print(line)
    names = _short([file.name for file in report.files])
    notes = [f"{names[file.name]}: {say.told(note)}" for file in report.files for note in file.notes]
    for note in (*notes, *map(say.told, report.notes)):
        out.print(Text(note, style="yellow"))
    if report.number:
        commands = {"doctor": f"regard doctor {folder}", "undo": f"regard undo {folder} {report.number}"}
        out.print(Text(say("{doctor} shows more; {undo} takes it back", **commands), style="dim"))


def _short(names: Sequence[str]) -> dict[str, str]:
    """Names of files without their folders; those that would look alike stay as they were given."""
    alike = Counter(Path(name).name for name in set(names))
    return {name: Path(name).name if alike[Path(name).name] == 1 else name for name in names}


def _rows(report: IngestReport, say: Words) -> Table:
    """Where every row went."""
    lines: list[tuple[str, int]] = [
        (say("read"), report.rows),
        (say("accepted"), report.accepted),
        (say("in several files, counted once"), report.counted_once),
        (say("already in the store, counted once"), report.already_there),
        *((say("rejected: {reason}", reason=say.known.finding(name)), n) for name, n in report.rejected.items()),
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
    names = _short([file.name for file in report.files])
    overlaps = sorted(report.overlaps, key=lambda overlap: -overlap.rows)
    for overlap in overlaps[:_NAMED]:
        first, again = (names[name] for name in overlap.files)
        lines.append(say.known.count("data.overlap", overlap.rows, again=again, first=first))
    if len(overlaps) > _NAMED:
        lines.append(say.known.count("data.overlaps_more", len(overlaps) - _NAMED))
    if overlaps:
        lines.append(say("  (rows rejected as unreadable or incomplete are not compared)"))
    if report.accepted:
        lines += [say("in the store now: {what}", what=what) for what in _standing(report, say)]
    if report.future:
        lines.append(say.count("{n} row lies in the future|{n} rows lie in the future", report.future))
    return lines


def _standing(report: IngestReport, say: Words) -> list[str]:
    """What the whole store holds after the ingest, not this ingest alone."""
    lines = []
    if report.refunds:
        said = "{n} refund, {matched} matched to a purchase|{n} refunds, {matched} matched to a purchase"
        lines.append(say.count(said, report.refunds, matched=f"{report.refunds_matched:,}"))
    services = list(report.not_merchandise.items())
    if services:
        named = [f"{item} {count:,}" for item, count in services[:_NAMED]]
        named += [say.known("and_more", n=len(services) - _NAMED)] if len(services) > _NAMED else []
        said = (
            "{n} row is postage or the like, never recommended: {named}"
            "|{n} rows are postage and the like, never recommended: {named}"
        )
        lines.append(say.count(said, sum(count for _, count in services), named=say.joined(named)))
    if report.bots:
        said = "{n} bot-like customer, left out of training|{n} bot-like customers, left out of training"
        lines.append(say.count(said, report.bots))
    return lines


def history(screen: Screen, folder: Folder) -> None:
    """List all ingests."""
    import regard

    shop = regard.open(folder)
    entries, say = shop.history(), screen.speak(shop.config.language)
    screen.show({"ingests": [_entry(entry) for entry in entries]}, lambda out: _history(out, entries, folder, say))


def _entry(entry: Ingest) -> dict[str, Any]:
    return {"number": entry.number, "at": entry.at, "undone": entry.undone, "report": entry.report}


def _history(out: Console, entries: list[Ingest], folder: str, say: Words) -> None:
    if not entries:
        command = f"regard ingest {folder} FILE"
        out.print(say("nothing ingested yet; next: {command}", command=command), soft_wrap=True)
        return
    number, at, rows, accepted, files = (say(name) for name in ("ingest", "at (UTC)", "rows", "accepted then", "files"))
    made = table(number, at, rows, accepted, files, right=(number, rows, accepted), wide=files)
    tables = {"items": say("items table"), "customers": say("customers table")}
    tables |= {"edges": say("edges table"), "scores": say("scores table")}
    for entry in entries:
        names = list(_short([file["name"] for file in entry.report["files"]]).values())
        names += [tables[kind] for kind in entry.report["tables"]]
        made.add_row(
            str(entry.number),
            entry.at[:16].replace("T", " "),
            f"{entry.report['rows']:,}",
            say("undone") if entry.undone else f"{entry.report['accepted']:,}",
            say.joined(names),
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
    say = screen.speak(shop.config.language)
    screen.show({"undone": number}, lambda out: out.print(say("ingest {number} is taken back", number=number)))


def doctor(screen: Screen, folder: Folder) -> None:
    """Show everything odd about the events, with shares and examples."""
    import regard

    shop = regard.open(folder)
    report, say = shop.doctor(), screen.speak(shop.config.language)
    screen.show(report.to_json(), lambda out: _doctor(out, report, say))


def _doctor(out: Console, report: DoctorReport, say: Words) -> None:
    rejected = say.count("{n} row rejected|{n} rows rejected", report.rejected)
    heading(out, say.known.count("people.events", report.events), note=rejected)
    if not report.findings:
        out.print(say("Nothing is odd."))
    for finding in report.findings:
        line = Text(f"{share(finding.count, finding.of):>8}  {say.told(finding.name)}", style="bold")
        whole = say.known.count(f"unit.{finding.unit}", finding.of)
        said = say("{count} of {of}", count=f"{finding.count:,}", of=whole)
        line.append(f"  {said}", style="dim not bold")
        out.print(line)
        out.print(Padding(Text(say.told(finding.advice)), (0, 0, 0, 10)))
        for example in finding.examples if finding.unit == "rows" else map(say.told, finding.examples):
            out.print(Padding(Text(example, style="dim", overflow="ellipsis", no_wrap=True), (0, 0, 0, 10)))
    if report.not_merchandise:
        out.print()
        heading(out, say.known("data.services"), note=say("never recommended; regard.toml has the last word"))
        columns = [say(name) for name in ("item", "name", "why", "rows")]
        made = table(*columns, right=columns[3:], wide=columns[2], wrap=True)
        made.columns[0].max_width, made.columns[1].max_width = 20, 26
        for item, name, why, rows in report.not_merchandise:
            made.add_row(item, name, say.joined(map(say.told, why.split(", "))), f"{rows:,}")
        out.print(made)
