"""explain: what an answer about a customer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Exclude, Language, ModelId
from regard.cli.screen import Folder, Screen, brief, heading, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.insight.answer import Reason
    from regard.insight.explain import Explanation
    from regard.insight.explain_chance import Grounds

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
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Customer id.", show_default=False)],
    item: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="Item id; the first recommended unless given.")
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of",
            metavar="ANSWER",
            help="Instead of an item: intent_7d, churn_30d or value_90d, of any days; or recommendation:ITEM.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", help="Events named.", min=1)] = 10,
    exclude: Exclude = None,
    model: ModelId = None,
    lang: Language = None,
) -> None:
    """Name the events that speak for or against an item, a chance, a risk or a value."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    answer = shop.explain(customer, item, of=of, n=count, exclude=exclude, model=model, language=lang)
    screen.show(answer.to_json(), lambda out: _explanation(out, answer, say))


def _explanation(out: Console, answer: Explanation | Grounds, say: Words) -> None:
    source = say.known("level.model", model=answer.model_version) if answer.model_version else say("counting")
    from regard.insight.explain_chance import Grounds

    if isinstance(answer, Grounds):
        _grounds(out, answer, source, say)
        return
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
    kind, days = answer.of.removesuffix("d").split("_")
    money = kind == "value"

    def told(value: float) -> str:
        return f"{value:,.2f}" if money else f"{value:.1%}"

    heading(out, f"{brief(answer.customer)}: {say(NAMES[kind], days=days)} {told(answer.value)}", note=source)
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
