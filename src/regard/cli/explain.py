"""explain: what an answer about a customer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Exclude, Language, ModelId
from regard.cli.screen import Folder, Screen, brief, heading, share, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.insight.answer import Reason
    from regard.insight.explain import Explanation
    from regard.insight.explain_chance import Grounds
    from regard.insight.patterns import Pattern, Patterns
    from regard.workspace.membership import Membership, RuleMembership

NAMES = {
    "intent": "Chance to buy within {days} days",
    "churn": "Chance of no order for {days} days",
    "value": "Spend expected within {days} days",
}
"""What each kind of answer is called."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(verb(explain))


def explain(
    screen: Screen,
    folder: Folder,
    customer: Annotated[
        str | None,
        typer.Argument(metavar="CUSTOMER", help="Customer id; with --of alone, the whole shop.", show_default=False),
    ] = None,
    item: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="Item id; the first recommended unless given.")
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of",
            metavar="ANSWER",
            help="Instead of an item: intent_7d, churn_30d or value_90d, of any days; recommendation:ITEM; segment:ID.",
        ),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option("--segment", metavar="ID", help="Without a customer: the members of this segment alone."),
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", help="Events named, or kinds of events.", min=1)
    ] = 10,
    exclude: Exclude = None,
    model: ModelId = None,
    lang: Language = None,
) -> None:
    """Name the events that speak for or against an item, a chance, a risk, a value or the place in a segment.

    Without a customer, say which behaviours, gaps and categories drive a chance, a risk or a value in the whole shop.
    """
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    answer = shop.explain(
        customer, item, of=of, segment=segment, n=count, exclude=exclude, model=model, language=lang
    )  # fmt: skip
    screen.show(answer.to_json(), lambda out: _told(out, answer, count, say))


def _told(
    out: Console, answer: Explanation | Grounds | Membership | RuleMembership | Patterns, count: int, say: Words
) -> None:
    from regard.insight.explain import Explanation
    from regard.insight.explain_chance import Grounds
    from regard.workspace.membership import Membership, RuleMembership

    if isinstance(answer, RuleMembership):
        _rule(out, answer, say)
        return
    source = say.known("level.model", model=answer.model_version) if answer.model_version else say("counting")
    if answer.method != "deletion":
        source = f"{source} · {say('integrated gradients')}"
    if isinstance(answer, Grounds):
        _grounds(out, answer, source, say)
    elif isinstance(answer, Membership):
        _membership(out, answer, source, say)
    elif isinstance(answer, Explanation):
        _explanation(out, answer, source, say)
    else:
        _patterns(out, answer, count, source, say)


def _explanation(out: Console, answer: Explanation, source: str, say: Words) -> None:
    place = say("place {rank}", rank=f"{answer.rank:,}") if answer.rank else say("no candidate")
    heading(out, f"{brief(answer.customer)}: {brief(answer.name or answer.item)}", note=f"{place} · {source}")
    effect = say("effect: what the item's score loses when these events are deleted")
    if answer.model_version:
        effect = say("effect: what the item's score loses when these events are deleted (log-odds)")
    _moved(out, answer.reasons, effect, say)
    if answer.fewest:
        said = say("Without these, it would stand at place {rank}:", rank=f"{answer.rank_without:,}")
        _fewest(out, said, answer.fewest)


def _grounds(out: Console, answer: Grounds, source: str, say: Words) -> None:
    money = answer.of.startswith("value")

    def told(value: float) -> str:
        return f"{value:,.2f}" if money else f"{value:.1%}"

    heading(out, f"{brief(answer.customer)}: {_name(answer.of, say)} {told(answer.value)}", note=source)
    effect = say("effect: what its log-odds lose when these events are deleted")
    if money:
        effect = say("effect: what its logarithm loses when these events are deleted")
    _moved(out, answer.reasons, effect, say)
    if answer.fewest and answer.without is not None:
        without, boundary = told(answer.without), told(answer.boundary)
        said = say("Without these, it would be {without}, less than half:", without=without)
        if not money:
            said = say(
                "Without these, it would be {without}; the average of all is {boundary}:",
                without=without,
                boundary=boundary,
            )
        _fewest(out, said, answer.fewest)


def _moved(out: Console, reasons: Sequence[Reason], effect: str, say: Words) -> None:
    made = table(say("effect"), say("event"), right=(say("effect"),), wide=say("event"), wrap=True)
    for reason in reasons:
        made.add_row(f"{reason.effect:+.3f}", reason.text)
    out.print(made)
    out.print(Text(effect, style="dim"))


def _fewest(out: Console, said: str, reasons: Sequence[Reason]) -> None:
    out.print(said)
    for reason in reasons:
        out.print(Text(f"  {reason.text}"))


def _name(of: str, say: Words) -> str:
    kind, days = of.removesuffix("d").split("_")
    return say(NAMES[kind], days=days)


def _membership(out: Console, answer: Membership, source: str, say: Words) -> None:
    id = answer.of.partition(":")[2]
    said = say("in segment {id}, {name}", id=brief(id), name=answer.name)
    heading(
        out,
        f"{brief(answer.customer)}: {said}",
        note=f"{say('margin {margin}', margin=f'{answer.value:.2f}')} · {source}",
    )
    for line in answer.notes:
        out.print(Text(line, style="yellow"))
    if answer.nearest:
        out.print(Text(say("the nearest other segment is {id}", id=answer.nearest), style="dim"))
    effect = say("effect: what the margin loses when these events are deleted; it is 1 at the centre, below 0 outside")
    _moved(out, answer.reasons, effect, say)
    if answer.fewest and answer.without is not None:
        said = say("Without these, they would be no member, margin {margin}:", margin=f"{answer.without:.2f}")
        _fewest(out, said, answer.fewest)


def _rule(out: Console, answer: RuleMembership, say: Words) -> None:
    id = answer.of.partition(":")[2]
    plain = answer.name == id
    said = (
        say("in segment {id}", id=brief(id))
        if plain
        else say("in segment {id}, {name}", id=brief(id), name=answer.name)
    )
    heading(out, f"{brief(answer.customer)}: {said}", note=answer.rule)
    made = table(say("condition"), say("the customer's values"), wide=say("the customer's values"), wrap=True)
    made.columns[0].max_width = 40
    for condition in answer.conditions:
        values = say.joined(f"{name} {_value(value, say)}" for name, value in condition.fields.items())
        made.add_row(condition.text, values)
    out.print(made)


def _value(value: object, say: Words) -> str:
    return say("unknown") if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)


def _patterns(out: Console, answer: Patterns, count: int, source: str, say: Words) -> None:
    who = say("the whole shop") if answer.segment is None else say("segment {id}", id=brief(answer.segment))
    drawn = say("{drawn} of {among} customers drawn", drawn=f"{answer.customers:,}", among=f"{answer.among:,}")
    heading(out, f"{_name(answer.of, say)}: {say('what drives it in {who}', who=who)}", note=f"{drawn} · {source}")
    kinds = (
        (say("behaviour"), answer.behaviours),
        (say("time since"), answer.ages),
        (say("category"), answer.categories),
        (say("all three"), answer.together),
    )
    for title, patterns in kinds:
        if not patterns:
            continue
        figures = [say("effect"), say("interval"), say("of effect"), say("of events"), say("lift")]
        made = table(title, *figures, right=figures, wide=title, wrap=True)
        for one in patterns[:count]:
            low, high = one.interval or (one.effect, one.effect)
            made.add_row(
                _kind(one, say), f"{one.effect:+.3f}", f"{low:+.3f} … {high:+.3f}", share(one.share, 1), share(one.events, 1),
                f"{one.lift:.1f}",
            )  # fmt: skip
        out.print(made)
    effect = say("effect: mean fall of the log-odds when all of a customer's events of the kind are deleted")
    if answer.of.startswith("value"):
        effect = say("effect: mean fall of the logarithm when all of a customer's events of the kind are deleted")
    out.print(Text(effect, style="dim"))
    out.print(
        Text(
            say("lift: share of the movement over share of the events; above 1 it matters beyond being common"),
            style="dim",
        )
    )


def _kind(one: Pattern, say: Words) -> str:
    parts = [] if one.behaviour is None else [say.known.behaviour(one.behaviour)]
    if one.days is not None:
        low, high = one.days
        if high is None:
            parts.append(say("over {days} days ago", days=low))
        else:
            parts.append(say("{low} to {high} days ago", low=low, high=high) if low else say("in the last day"))
    if one.category is not None:
        parts.append(one.category or say("no category"))
    return say.joined(parts)
