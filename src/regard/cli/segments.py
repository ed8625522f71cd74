"""segments, lookalike: who the customers are in groups, and who else is like some of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Language
from regard.cli.screen import Folder, Screen, brief, heading, share, table, verb
from regard.cli.words import Words
from regard.errors import UsageError

if TYPE_CHECKING:
    from regard.customers.segments import Card
    from regard.report.speech import Speech
    from regard.workspace.roster import Belonging, Overlap

TRAITS = 5
"""Rows of what over-indexes that a terminal shows; the JSON has more."""

UNNAMED = "rule"
"""Id of a rule that was not saved, whose members cannot be asked for."""

SHOWN = 10
"""Lookalikes that a terminal shows."""

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write them to this CSV file.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (segments, lookalike):
        app.command()(verb(function))


def segments(
    screen: Screen,
    folder: Folder,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="CONDITION", help="Who meets this, such as 'churn_30d > 0.4 and orders > 2'."),
    ] = None,
    save: Annotated[str | None, typer.Option("--save", metavar="NAME", help="Keep the rule under this name.")] = None,
    members: Annotated[
        str | None, typer.Option("--members", metavar="ID", help="A cluster, a saved rule or an RFM cell, into --out.")
    ] = None,
    out: Out = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="CUSTOMER", help="Say which segments this customer is in.")
    ] = None,
    overlap: Annotated[
        tuple[str, str] | None,
        typer.Option("--overlap", metavar="ID ID", help="Say how many customers two segments share."),
    ] = None,
    lang: Language = None,
) -> None:
    """Group the customers: clusters of what the model sees, the RFM grid, and rules of your own."""
    import regard

    if (members is None) != (out is None) or (members is not None and rule is not None):
        raise UsageError("--members and --out go together, without --rule", hint="--members s1 --out members.csv")
    if sum(wish is not None for wish in (rule or save, members, of, overlap)) > 1:
        raise UsageError("--rule, --members, --of and --overlap are asked one at a time", hint="leave all but one out")
    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    if members is not None and out is not None:
        file = shop.members(members, out, language=say.language)
        said = say.count("{n} customer in {path}|{n} customers in {path}", file.customers, path=file.path)
        screen.show(file.to_json(), lambda console: console.print(said, soft_wrap=True))
        return
    if of is not None:
        belonging = shop.segments_of(of)
        screen.show(belonging.to_json(), lambda console: _of(console, belonging, say))
        return
    if overlap is not None:
        shared = shop.overlap(*overlap)
        screen.show(shared.to_json(), lambda console: _overlap(console, shared, say))
        return
    found = shop.segments(rule, save=save, language=say.language)
    screen.show(found.to_json(), lambda console: _shown(console, found, folder, shop.config.currency, say))


def _shown(out: Console, found: Any, folder: str, currency: str, say: Words) -> None:
    from regard.report.speech import Speech

    speech = Speech(say.language, currency=currency)
    for line in found.notes:
        out.print(Text(line, style="yellow"))
    if found.segments:
        count = say.count(
            "{n} cluster of {of} customers|{n} clusters of {of} customers",
            len(found.segments),
            of=f"{found.customers:,}",
        )
        heading(out, count, note=say("from {source}", source=say.known("level.model", model=found.model_version)))
        rest = share(found.others, found.customers)
        out.print(
            Text(
                say("in no cluster that is found again: {n} ({share})", n=f"{found.others:,}", share=rest), style="dim"
            )
        )
    elif found.others is not None:
        out.print(say("no cluster of customers is found again in other samples"))
    for card in (*found.segments, *found.rules):
        out.print()
        _card(out, card, speech, say)
    if found.rfm:
        out.print()
        _grid(out, found.rfm, speech, say)
    _changes(out, found, say)
    named = [card.id for card in (*found.segments, *found.rules) if card.id != UNNAMED]
    ids = named or [cell.cell for cell in found.rfm]
    if ids:
        command = f'regard segments {folder} --members "{ids[0]}" --out members.csv'
        out.print(Text(say("next: {command}", command=command), style="dim"))


def _of(out: Console, found: Belonging, say: Words) -> None:
    from regard.customers.segments.words import trait

    for line in found.notes:
        out.print(Text(line, style="yellow"))
    heading(out, brief(found.customer))
    told = [found.cluster or say("in no cluster"), *found.rules]
    told += [trait("rfm", found.rfm, say.language)] if found.rfm else []
    out.print(Text(f"  {say.joined(told)}"))


def _overlap(out: Console, found: Overlap, say: Words) -> None:
    heading(out, say.count("{n} customer in both|{n} customers in both", found.both))
    made = table("ID", say("customers"), say("of these in both"), right=(say("customers"), say("of these in both")))
    for id, size, part in zip(found.segments, found.customers, found.shares, strict=True):
        made.add_row(id, f"{size:,}", "–" if part is None else share(part, 1))
    out.print(made)
    if found.both and found.lift is not None:
        out.print(say("{lift} times as many as by chance", lift=f"{found.lift:.2f}"))


def _card(out: Console, card: Card, speech: Speech, say: Words) -> None:
    many = say.count("{n} customer|{n} customers", card.size)
    facts = [f"{many} ({share(card.share, 1)})"]
    if card.value is not None and card.value_each is not None:
        part = share(card.value_share or 0, 1)
        facts.append(
            say(
                "value {value} ({share}), {each} each",
                value=speech.money(card.value),
                share=part,
                each=speech.money(card.value_each),
            )
        )
    if card.growth is not None:
        facts.append(say("growth {growth}", growth=f"{100 * card.growth:+.1f} %"))
    if card.stability is not None:
        facts.append(say("stability {stability}", stability=f"{card.stability:.2f}"))
    heading(out, f"{brief(card.id)}  {card.name}" if card.name != card.id else brief(card.id))
    lines = [say.joined(facts)]
    if card.rule is not None and card.rule != card.name:
        lines.insert(0, card.rule)
    for phrase, flows in (("came: {flows}", card.flows_in), ("went: {flows}", card.flows_out)):
        if flows:
            told = say.joined(f"{_end(flow.segment, say)} {flow.customers:,}" for flow in flows)
            lines.append(say(phrase, flows=told))
    for line in lines:
        out.print(Text(f"  {line}"))
    for line in card.warnings:
        out.print(Text(f"  {line}", style="yellow"))
    out.print(Text(f"  {card.use}", style="italic"))
    _traits(out, card, say)
    for member in card.examples:
        out.print(
            Text(f"  {say('for example {customer}', customer=brief(member.customer))}: {say.joined(member.reasons)}")
        )
        for occasion in member.timeline:
            items = say.joined(occasion.items) + (" …" if occasion.times > len(occasion.items) > 0 else "")
            times = f" x {occasion.times}" if occasion.times > 1 else ""
            line = f"    {occasion.day or ''} {say.known.behaviour(occasion.behaviour)}{times}  {items}"
            out.print(Text(line.rstrip(), style="dim"), no_wrap=True, overflow="ellipsis")


def _end(segment: str | None, say: Words) -> str:
    return say("no segment") if segment is None else say("newcomers") if segment == "new" else segment


def _traits(out: Console, card: Card, say: Words) -> None:
    from regard.customers.segments.words import trait

    if not card.over_indexes:
        return
    figures = [say("share"), say("of everybody"), "TGI"]
    made = table(say("more than others"), *figures, right=figures)
    for index in card.over_indexes[:TRAITS]:
        values = (share(index.share, 1), share(index.base, 1), f"{index.tgi:.0f}")
        made.add_row(f"  {trait(index.field, index.level, say.language)}", *values)
    out.print(made)


def _grid(out: Console, cells: Any, speech: Speech, say: Words) -> None:
    heading(out, say("The RFM grid"), note=say("recency, frequency, money"))
    figures = [say("customers"), say("share"), say("value")]
    made = table("ID", say("name"), *figures, right=figures)
    for cell in cells:
        made.add_row(cell.cell, cell.name, f"{cell.size:,}", share(cell.share, 1), speech.money(cell.value))
    out.print(made)


_BECAME = {
    "new": "{after} is new", "ended": "{before} ended",
    "split": "{before} split into {after}", "merged": "{before} merged into {after}",
}  # fmt: skip


def _changes(out: Console, found: Any, say: Words) -> None:
    """What the latest refit changed, apart from what was kept."""
    if not found.fits or found.fits[0].renewed is None:
        return
    latest = found.fits[0]
    told = [
        say(_BECAME[change.kind], before=say.joined(change.before), after=say.joined(change.after))
        for change in latest.changes
        if change.kind != "kept"
    ]
    if latest.stayed is not None:
        told.append(say("{share} of the customers without a new event stayed", share=share(latest.stayed, 1)))
    if told:
        out.print()
        heading(out, say("Since the fit before"), note=latest.at[:10])
        for line in told:
            out.print(f"  {line}")


def lookalike(
    screen: Screen,
    folder: Folder,
    seed: Annotated[Path, typer.Argument(metavar="SEED", help="File of customers: one id a line, or a table.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many to find.", min=1)] = 1000,
    out: Out = None,
    known_only: Annotated[
        bool, typer.Option("--known-only", help="Go on without those of SEED who are unknown or have not consented.")
    ] = False,
    lang: Language = None,
) -> None:
    """Find the customers most like those of a file."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    found = shop.lookalike(seed, n, out=out, known_only=known_only, language=say.language)
    data = {**found.to_json(), "path": None if out is None else str(out)}
    screen.show(data, lambda console: _alike(console, found, out, say))


def _alike(out: Console, found: Any, path: Path | None, say: Words) -> None:
    heading(out, say.count("{n} customer like the seed|{n} customers like the seed", len(found.customers)))
    best, chance = share(found.recall[found.method], 1), share(found.by_chance, 1)
    out.print(
        say(
            "Of a hidden fifth of the seed, {found} are among the first {n} found; by chance {chance}.",
            found=best,
            n=f"{found.judged_at:,}",
            chance=chance,
        )
    )
    if found.unknown:
        out.print(Text(say.count("{n} of the seed left out|{n} of the seed left out", found.unknown), style="yellow"))
    made = table("#", say("customer"), say("score"), say("why"), right=("#", say("score")), wide=say("why"), wrap=True)
    for rank, one in enumerate(found.customers[:SHOWN], start=1):
        made.add_row(str(rank), brief(one.customer), f"{one.score:.2f}", say.joined(one.reasons))
    out.print(made)
    if path is not None:
        out.print(say("wrote {path}", path=path), soft_wrap=True)
