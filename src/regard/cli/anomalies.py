"""anomalies: who acts unlike the shop's customers, which days and columns are unlike their past, and the events that show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Language
from regard.cli.screen import Folder, Screen, brief, heading, share, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.workspace import AnomalyReport


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(verb(anomalies))


def anomalies(
    screen: Screen,
    folder: Folder,
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="All that is unusual about one.", show_default=False)
    ] = None,
    n: Annotated[
        int, typer.Option("-n", metavar="N", help="How many of the most unusual; of CUSTOMER, how many kinds.", min=1)
    ] = 20,
    lang: Language = None,
) -> None:
    """List customers and days unlike the shop's own, with the events that show it."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    found = shop.anomalies(customer, n, language=say.language)
    screen.show(found.to_json(), lambda out: _shown(out, found, found.to_json(), customer, folder, say))


def _shown(
    out: Console, found: AnomalyReport, data: dict[str, Any], customer: str | None, folder: str, say: Words
) -> None:
    from regard.sequences.anomalies import words
    from regard.sequences.anomalies.judge import FLAGGED

    if customer is None:
        _people(out, found, data, say)
    else:
        _one(out, data, customer, FLAGGED, say)
    for kind, why in data["missing"].items():
        said = say("not looked for: {kind}, as {why}", kind=words.name(kind, say.language), why=why)
        out.print(Text(said, style="dim"))
    _stream(out, data, say)
    if any(anomaly["score"] >= FLAGGED for anomaly in data["anomalies"]):
        command = f"regard train {folder} --leave-out-anomalies"
        out.print(Text(say("next: {command}", command=command), style="dim"))


def _people(out: Console, found: AnomalyReport, data: dict[str, Any], say: Words) -> None:
    asked = share(found.flagged, found.customers)
    heading(out, say.count("{n} unusual customer|{n} unusual customers", found.flagged), note=asked)
    made = table(say("customer"), say("score"), say("why"), right=[say("score")], wide=say("why"), wrap=True)
    for anomaly in data["anomalies"]:
        made.add_row(brief(anomaly["customer"]), f"{anomaly['score']:.2f}", anomaly["reason"])
        for line in _events(anomaly, say):
            made.add_row("", "", line)
    out.print(made) if data["anomalies"] else out.print(say("nobody stands out"))


def _one(out: Console, data: dict[str, Any], customer: str, limit: float, say: Words) -> None:
    title = say("How unusual {customer} is, kind by kind", customer=brief(customer))
    heading(out, title, note=say("{limit} is the shop's own limit", limit=f"{limit:.2f}"))
    columns = (say("kind"), say("score"), say("beyond the limit"), say("why"))
    made = table(*columns, right=[say("score")], wide=say("why"), wrap=True)
    for anomaly in data["anomalies"]:
        beyond = say("yes") if anomaly["score"] >= limit else say("no")
        made.add_row(anomaly["name"], f"{anomaly['score']:.2f}", beyond, anomaly["reason"])
        for line in _events(anomaly, say):
            made.add_row("", "", "", line)
    if data["anomalies"]:
        out.print(made)
    if data["no_sign"]:
        from regard.sequences.anomalies import words

        kinds = say.joined(words.name(kind, say.language) for kind in data["no_sign"])
        out.print(Text(say("no sign of: {kinds}", kinds=kinds), style="dim"))


def _events(anomaly: dict[str, Any], say: Words) -> Iterator[Text]:
    for event in anomaly["events"]:
        when = event.get("time", "")[:19].replace("T", " ")
        line = " ".join(filter(None, (when, say.known.behaviour(event["behaviour"]), event.get("item", ""))))
        yield Text(f"  {line}", style="dim")


def _stream(out: Console, data: dict[str, Any], say: Words) -> None:
    if data["bursts"]:
        out.print()
        heading(out, say("Days unlike those before"))
        figures = [say("events"), say("expected"), say("score")]
        made = table(say("day"), say("behaviour"), *figures, right=figures)
        for burst in data["bursts"]:
            values = (f"{burst['count']:,}", f"{burst['expected']:,.0f}", f"{burst['score']:.2f}")
            made.add_row(burst["day"], say.known.behaviour(burst["behaviour"]), *values)
        out.print(made)
    if data["drift"]:
        out.print()
        heading(out, say("Columns whose values shift"), note=say("the latest week against all before"))
        figures = ["PSI", say("usual at most"), say("score")]
        made = table(say("column"), *figures, say("moved most"), right=figures, wide=say("moved most"), wrap=True)
        for shift in data["drift"]:
            moved = say.joined(f"{value}: {before:.1%} → {now:.1%}" for value, before, now in shift["moved"])
            values = (f"{shift['psi']:.3f}", f"{shift['usual']:.3f}", f"{shift['score']:.2f}")
            made.add_row(shift["column"], *values, moved)
        out.print(made)
