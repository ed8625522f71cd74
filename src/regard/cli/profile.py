"""profile: who a customer is, field by field, with what shows it and what changed; or everybody into a Parquet file."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Language, ModelId
from regard.cli.screen import Folder, Screen, brief, heading, table, verb
from regard.cli.words import Words
from regard.errors import UsageError

if TYPE_CHECKING:
    from regard.customers.profile import Profile, Told


WIDE = 110
"""Letters of a terminal from which on the latest event that shows a field has room beside it."""

WIDTHS = {True: (26, 23, 32), False: (22, 16, 11)}
"""Letters of the first and the last two columns where the terminal is wide and where it is not: all tables stand in line."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(verb(profile))


def profile(
    screen: Screen,
    folder: Folder,
    customer: Annotated[str | None, typer.Argument(metavar="CUSTOMER", help="Customer id.", show_default=False)] = None,
    all: Annotated[bool, typer.Option("--all", help="Everybody, into the file that --out names.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A Parquet file for --all.")] = None,
    model: ModelId = None,
    lang: Language = None,
) -> None:
    """Say who a customer is: stage, value, churn, intent, interests, rhythm, each with its evidence.

    One customer, with what changed in the last week, or --all customers into a Parquet file.
    """
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    if all != (out is not None) or all == (customer is not None):
        raise UsageError("name one customer, or --all with --out FILE", hint=f"regard profile {folder} CUSTOMER")
    if out is not None:
        written = shop.profile_all(out, model=model, progress=screen.progress)
        people = say.known.count("unit.customers", written.customers)
        said = say("{people} in {path}", people=people, path=written.path)
        screen.show(written.to_json(), lambda console: console.print(said, soft_wrap=True))
        return
    found = shop.profile(str(customer), model=model, language=say.language)
    screen.show(found.to_json(), lambda console: _shown(console, found, say))


def _shown(out: Console, found: Profile, say: Words) -> None:
    from regard.customers.profile import GROUPS

    source = say.known("level.model", model=found.model_version) if found.model_version else say("counting")
    as_of = say("as of {day}", day=say.known.day(found.as_of)) if found.as_of else ""
    note = " · ".join(filter(None, (say("profile"), as_of, say("from {source}", source=source))))
    heading(out, brief(found.customer), note=note)
    for line in found.notes:
        out.print(Text(line, style="yellow"))
    zh, wide = say.language == "zh", out.width >= WIDE
    for group, told in groupby(found.fields.values(), key=lambda one: one.group):
        made = table(GROUPS[group][zh], say("found"), say("how sure"), say("rests on"), wide=say("found"), wrap=True)
        for place, width in zip((0, 2, 3), WIDTHS[wide], strict=True):
            made.columns[place].width, made.columns[place].no_wrap = width, place == 3
        for one in told:
            if one.text:
                made.add_row(
                    one.title,
                    Text(one.text),
                    Text(_sure(one, found, say)),
                    Text(_basis(one, say, wide=wide), style="dim"),
                )
        if made.row_count:
            out.print(made)
            out.print()
    _changes(out, found, say)


def _changes(out: Console, found: Profile, say: Words) -> None:
    if found.since is None:
        return
    heading(out, say("What changed since {day}", day=say.known.day(found.since)))
    for change in found.changes:
        out.print(Text(f"  {change.text}"))
    if not found.changes:
        out.print(say("  nothing worth telling"))


def _sure(one: Told, found: Profile, say: Words) -> str:
    """The probability where that is not the value itself, the interval, or both; when it was found, where that was another day."""
    from regard.customers.profile import words

    if one.probability is not None and one.probability != one.value:
        chance = words.share(one.probability, say.language)
        if one.interval is None or None in one.interval:
            return chance
        low, high = (words.share(end, say.language) for end in one.interval)
        ends = f"{low.rstrip(' %')}–{high}"
        return f"{chance}（{ends}）" if say.language == "zh" else f"{chance} ({ends})"
    if one.interval is None or None in one.interval:
        return say("as of {day}", day=say.known.day(one.as_of)) if one.as_of and one.as_of != found.as_of else ""
    low, high = one.interval
    if isinstance(low, str):
        return f"{say.known.day(low)} – {say.known.day(high)}"
    name = next(key for key, value in found.fields.items() if value is one)
    return " – ".join(words.said(name, end, say.language, found.currency) for end in (low, high))


def _basis(one: Told, say: Words, *, wide: bool) -> str:
    """How many events show it, and the latest of them where it has room."""
    if not one.events:
        return ""
    count = say.count("{n} event|{n} events", one.events)
    if not wide:
        return count
    latest = one.evidence[0]
    name = latest.name or latest.item or ""
    when = say.known.day(latest.time) if latest.time else ""
    return f"{count} · {' '.join(filter(None, (when, say.known.behaviour(latest.behaviour), brief(name))))}"
