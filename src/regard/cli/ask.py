"""recommend, similar, intent: questions about customers and items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.screen import Folder, Screen, brief, heading, table, verb
from regard.cli.words import Words
from regard.errors import UsageError

Customers = Annotated[
    list[str] | None, typer.Argument(metavar="CUSTOMER", help="Customer ids, one or many.", show_default=False)
]
Count = Annotated[int, typer.Option("-n", "--count", metavar="N", help="Items per answer.", min=1)]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="CONDITION",
        help="Condition on item columns, such as 'category = \"lights\" and price < 20'.",
    ),
]
Stock = Annotated[
    str | None, typer.Option("--stock", metavar="FILE", help="File of what is in stock: lines 'item' or 'item,units'.")
]
Allow = Annotated[
    list[str] | None, typer.Option("--allow", metavar="ID|@FILE", help="Only these items; may be repeated.")
]
Deny = Annotated[
    list[str] | None, typer.Option("--deny", metavar="ID|@FILE", help="Never these items; may be repeated.")
]
Exclude = Annotated[
    str | None,
    typer.Option(
        "--exclude",
        metavar="none|target|seen",
        help="Own items left out: none, those bought (target) or any seen; by the data unless given.",
    ),
]
ModelId = Annotated[
    str | None, typer.Option("--model", metavar="ID", help="A model by its id; the newest good one unless given.")
]
Language = Annotated[
    str | None, typer.Option("--lang", metavar="en|zh", help="Language of the answer; the workspace's unless given.")
]
Basket = Annotated[
    list[str] | None, typer.Option("--basket", metavar="ITEM", help="An item in the open basket; may be repeated.")
]
Interest = Annotated[
    list[str] | None,
    typer.Option(
        "--interest",
        metavar="WHAT",
        help="What a newcomer likes: an item, a value of a column, 'column=value' or a word.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (recommend, similar, intent):
        app.command()(verb(function))


def recommend(
    screen: Screen,
    folder: Folder,
    customers: Customers = None,
    count: Count = 10,
    why: Annotated[bool, typer.Option("--why", help="Say which events speak for each item.")] = False,
    exclude: Exclude = None,
    filter: Filter = None,
    stock: Stock = None,
    allow: Allow = None,
    deny: Deny = None,
    basket: Basket = None,
    interest: Interest = None,
    all: Annotated[
        Path | None, typer.Option("--all", metavar="FILE", help="All customers, into this Parquet file.")
    ] = None,
    model: ModelId = None,
    lang: Language = None,
) -> None:
    """Say what customers will want next.

    One customer or many, an anonymous --basket, a newcomer's --interest, or --all customers into a Parquet file.
    """
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    limits: dict[str, Any] = {
        "n": count,
        "exclude": exclude,
        "filter": filter,
        "stock": units(stock),
        "allow": None if allow is None else listed(allow),
        "deny": listed(deny or []),
        "model": model,
        "language": lang,
    }
    if all is not None:
        if customers or basket or interest:
            raise UsageError(
                "--all answers for every customer of the log", hint="leave out ids, --basket and --interest"
            )
        batch = shop.recommend_all(all, why=why, progress=screen.progress, **limits)
        people, rows = say.known.count("unit.customers", batch.customers), say.known.count("unit.rows", batch.rows)
        said = say("{customers}, {rows} in {path}", customers=people, rows=rows, path=batch.path)
        screen.show(batch.to_json(), lambda out: out.print(said, soft_wrap=True))
        return
    asked: list[str | None] = [*customers] if customers else [None]
    told: dict[str, Any] = {"events": list(basket or ()), "interests": list(interest or ())}
    answers = shop.recommend(asked, why=why, **told, **limits)
    screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: print_answers(out, answers, say))


_LEFT_OUT = {"none": "own items stay in", "target": "already wanted left out", "seen": "seen items left out"}


def print_answers(out: Console, answers: Sequence[Any], say: Words) -> None:
    """One block per customer: where the answer comes from, the items, the reasons."""
    for number, answer in enumerate(answers):
        if number:
            out.print()
        source = _source(answer, say)
        note = f"{say('from {source}', source=source)} · {say(_LEFT_OUT[answer.exclude])} (--exclude {answer.exclude})"
        heading(out, brief(answer.customer or say("anonymous")), note=note)
        for line in answer.notes:
            out.print(Text(line, style="yellow"))
        out.print(_items(answer, say))


def _source(answer: Any, say: Words) -> str:
    """Who answers: the model by its id, or the level that the answer fell back to."""
    if not answer.model_version or answer.fallback_level not in ("model", "history"):
        return say(answer.fallback_level)
    model = say.known("level.model", model=answer.model_version)
    return say("the events given, {source}", source=model) if answer.fallback_level == "history" else model


def _items(answer: Any, say: Words) -> Table:
    """Rank, id, name, chance; reasons below each name; where an item comes from only if that differs."""
    chances = any(item.probability is not None for item in answer.items)
    mixed = any(item.level != answer.fallback_level for item in answer.items)
    extra = [say(name) for name, there in (("chance", chances), ("from", mixed)) if there]
    wrap = any(item.reasons for item in answer.items)
    made = table("#", say("item"), say("name"), *extra, right=("#", say("chance")), wide=say("name"), wrap=wrap)
    made.columns[1].max_width = 20
    for rank, item in enumerate(answer.items, start=1):
        lines = [item.name] if item.name else []
        name = Text("\n".join([*lines, *(reason.text for reason in item.reasons)]), style="dim")
        name.stylize("not dim", 0, len(item.name))
        chance = "" if item.probability is None else f"{item.probability:.1%}"
        made.add_row(str(rank), item.item, name, *([chance] if chances else []), *([say(item.level)] if mixed else []))
    return made


def similar(
    screen: Screen,
    folder: Folder,
    items: Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Item ids.", show_default=False)] = None,
    count: Count = 10,
    trending: Annotated[bool, typer.Option("--trending", help="What grows, beyond luck.")] = False,
    new: Annotated[bool, typer.Option("--new", help="What is new.")] = False,
    days: Annotated[
        int | None,
        typer.Option(
            "--days", metavar="DAYS", help="Length of 'recent'; 7 for --trending and 30 for --new unless given.", min=1
        ),
    ] = None,
    filter: Filter = None,
    model: ModelId = None,
) -> None:
    """Find items like an item; what grows; what is new."""
    import regard

    if sum((bool(items), trending, new)) != 1:
        raise UsageError("name items, or --trending, or --new", hint="regard similar shop 85123A")
    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    if trending:
        growing = shop.trending(n=count, days=days or 7, filter=filter)
        screen.show(growing.to_json(), lambda out: _trending(out, growing, say))
    elif new:
        fresh = shop.new(n=count, days=days or 30, filter=filter)
        screen.show(fresh.to_json(), lambda out: _new(out, fresh, say))
    else:
        answers = shop.similar(list(items or ()), n=count, filter=filter, model=model)
        screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: _similar(out, answers, say))


def _similar(out: Console, answers: Sequence[Any], say: Words) -> None:
    columns = [say(name) for name in ("item", "name", "score", "because of")]
    witnesses = {"model": say.known("card.model"), "customers": say("buyers"), "content": say("content")}
    for answer in answers:
        heading(out, brief(answer.item), note=answer.name)
        if not answer.items:
            out.print(say("Nothing is known to be like it."))
            continue
        made = table("#", *columns, right=("#", columns[2]), wide=columns[1])
        for rank, item in enumerate(answer.items, start=1):
            because = say.joined(witnesses[name] for name in item.witnesses)
            made.add_row(str(rank), item.item, item.name, f"{item.score:.2f}", because)
        out.print(made)


def _trending(out: Console, growing: Any, say: Words) -> None:
    note = say("beyond luck and beyond the shop's own growth")
    heading(out, say.count("Growing in the last day|Growing in the last {n} days", growing.days), note=note)
    if not growing.items:
        out.print(say("Nothing grows for sure."))
        return
    columns = [say(name) for name in ("item", "name", "customers", "growth", "at least")]
    made = table("#", *columns, right=("#", *columns[2:]), wide=columns[1])
    for rank, item in enumerate(growing.items, start=1):
        growth = say("new") if item.growth is None else say("{times} x", times=f"{item.growth:.1f}")
        least = say("{times} x", times=f"{item.at_least:.1f}")
        made.add_row(str(rank), item.item, item.name, f"{item.customers:,}", growth, least)
    out.print(made)


def _new(out: Console, fresh: Any, say: Words) -> None:
    heading(out, say.count("New in the last day|New in the last {n} days", fresh.days))
    if not fresh.items:
        out.print(say("Nothing is new."))
        return
    columns = [say(name) for name in ("item", "name", "since", "customers")]
    made = table("#", *columns, right=("#", columns[3]), wide=columns[1])
    for rank, item in enumerate(fresh.items, start=1):
        since = item.since[:10] if item.since else say("not yet")
        made.add_row(str(rank), item.item, item.name, since, f"{item.customers:,}")
    out.print(made)


def intent(
    screen: Screen,
    folder: Folder,
    customers: Annotated[list[str], typer.Argument(metavar="CUSTOMER", help="Customer ids.", show_default=False)],
    days: Annotated[
        list[int] | None, typer.Option("--days", metavar="DAYS", help="Within how many days; may be repeated.", min=1)
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="WHAT", help="item:ID, category:NAME, brand:NAME or word:NAME; anything by default."
        ),
    ] = None,
    model: ModelId = None,
) -> None:
    """Say how likely customers are to buy within some days."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    answers = shop.intent(customers, days=days or None, of=of, model=model)
    screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: _intents(out, answers, say))


def _intents(out: Console, answers: Sequence[Any], say: Words) -> None:
    horizons = [say("{days} d", days=p.days) for p in answers[0].propensities]
    live = [say("this session")] if any(answer.session is not None for answer in answers) else []
    made = table(say("customer"), *live, *horizons, say("from"), right=[*live, *horizons])
    made.columns[0].max_width = 20
    for answer in answers:
        now = ["–" if answer.session is None else f"{answer.session:.1%}"] if live else []
        made.add_row(
            answer.customer, *now, *(f"{p.probability:.1%}" for p in answer.propensities), _source(answer, say)
        )
    of = answers[0].of
    heading(out, say("Chance to buy within") if of is None else say("Chance to buy {what} within", what=of))
    for line in dict.fromkeys(note for answer in answers for note in answer.notes):
        out.print(Text(line, style="yellow"))
    out.print(made)


def listed(words: Sequence[str]) -> list[str]:
    """Ids as given, '@file' replaced by the file's lines."""
    ids: list[str] = []
    for word in words:
        if word.startswith("@"):
            ids.extend(line.strip() for line in _lines(word[1:]) if line.strip())
        else:
            ids.append(word)
    return ids


def units(path: str | None) -> dict[str, float] | None:
    """Stock from a file of lines 'item' or 'item,units'."""
    if path is None:
        return None
    stock: dict[str, float] = {}
    for number, line in enumerate(_lines(path), start=1):
        item, comma, count = line.rpartition(",")
        try:
            stock[(item if comma else line).strip()] = float(count) if comma else 1.0
        except ValueError:
            if number > 1:
                raise UsageError(
                    f"{path}, line {number}: '{count}' is not a number of units", hint="item,units"
                ) from None
    return stock


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"cannot read {path}: {why}", hint="check the path; one id a line, UTF-8") from None
