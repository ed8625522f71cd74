"""recommend, similar, intent, explain: questions about customers and items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.screen import Folder, Screen, heading, table, verb
from regard.errors import UsageError

Customers = Annotated[
    list[str] | None, typer.Argument(metavar="[CUSTOMER]...", help="Customer ids, one or many.", show_default=False)
]
Count = Annotated[int, typer.Option("-n", "--count", help="Items per answer.", min=1)]
Filter = Annotated[
    str | None,
    typer.Option("--filter", help="Condition on item columns, such as 'category = \"lights\" and price < 20'."),
]
Stock = Annotated[
    str | None, typer.Option("--stock", metavar="FILE", help="Lines 'item' or 'item,units': what is in stock.")
]
Allow = Annotated[
    list[str] | None, typer.Option("--allow", metavar="ID|@FILE", help="Only these items; may be repeated.")
]
Deny = Annotated[
    list[str] | None, typer.Option("--deny", metavar="ID|@FILE", help="Never these items; may be repeated.")
]
Exclude = Annotated[
    str | None,
    typer.Option("--exclude", help="Own items that are no candidates: none, target or seen; by the data unless given."),
]
ModelId = Annotated[str | None, typer.Option("--model", help="Model id; the newest unless given.")]
Language = Annotated[str | None, typer.Option("--lang", help="en or zh, of reasons; the workspace's unless given.")]
Basket = Annotated[
    list[str] | None, typer.Option("--basket", metavar="ITEM", help="An item in the open basket; may be repeated.")
]
Interest = Annotated[
    list[str] | None,
    typer.Option("--interest", metavar="WHAT", help="Declared interest: item, column value, 'column=value' or word."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (recommend, similar, intent, explain):
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
        said = f"{batch.customers:,} customers, {batch.rows:,} rows in {batch.path}"
        screen.show(batch.to_json(), lambda out: out.print(said, soft_wrap=True))
        return
    asked: list[str | None] = [*customers] if customers else [None]
    told: dict[str, Any] = {"events": list(basket or ()), "interests": list(interest or ())}
    answers = shop.recommend(asked, why=why, **told, **limits)
    screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: print_answers(out, answers))


def print_answers(out: Console, answers: Sequence[Any]) -> None:
    """One block per customer: where the answer comes from, the items, the reasons."""
    for number, answer in enumerate(answers):
        if number:
            out.print()
        source = {
            "model": f"model {answer.model_version}",
            "history": f"the events given, model {answer.model_version}",
        }
        where = (
            source.get(answer.fallback_level, answer.fallback_level) if answer.model_version else answer.fallback_level
        )
        left_out = {"none": "own items stay in", "target": "already wanted left out", "seen": "seen items left out"}
        note = f"from {where} · {left_out[answer.exclude]} (--exclude {answer.exclude})"
        heading(out, answer.customer or "anonymous", note=note)
        for line in answer.notes:
            out.print(Text(line, style="yellow"))
        out.print(_items(answer))


def _items(answer: Any) -> Table:
    """Rank, id, name, chance; reasons below each name; where an item comes from only if that differs."""
    chances = any(item.probability is not None for item in answer.items)
    mixed = any(item.level != answer.fallback_level for item in answer.items)
    columns = ["#", "item", "name", *(["chance"] if chances else []), *(["from"] if mixed else [])]
    made = table(*columns, right=("#", "chance"), wide="name", wrap=any(item.reasons for item in answer.items))
    made.columns[1].max_width = 20
    for rank, item in enumerate(answer.items, start=1):
        lines = [item.name] if item.name else []
        name = Text("\n".join([*lines, *(reason.text for reason in item.reasons)]), style="dim")
        name.stylize("not dim", 0, len(item.name))
        chance = "" if item.probability is None else f"{item.probability:.1%}"
        made.add_row(str(rank), item.item, name, *([chance] if chances else []), *([item.level] if mixed else []))
    return made


def similar(
    screen: Screen,
    folder: Folder,
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]...", help="Item ids.", show_default=False)
    ] = None,
    count: Count = 10,
    trending: Annotated[bool, typer.Option("--trending", help="What grows, beyond luck.")] = False,
    new: Annotated[bool, typer.Option("--new", help="What is new.")] = False,
    days: Annotated[
        int | None, typer.Option("--days", help="Length of 'recent' for --trending (7) and --new (30).")
    ] = None,
    filter: Filter = None,
    model: ModelId = None,
) -> None:
    """Find items like an item; what grows; what is new."""
    import regard

    if sum((bool(items), trending, new)) != 1:
        raise UsageError("name items, or --trending, or --new", hint="regard similar shop 85123A")
    shop = regard.open(folder)
    if trending:
        growing = shop.trending(n=count, days=days or 7, filter=filter)
        screen.show(growing.to_json(), lambda out: _trending(out, growing))
    elif new:
        fresh = shop.new(n=count, days=days or 30, filter=filter)
        screen.show(fresh.to_json(), lambda out: _new(out, fresh))
    else:
        answers = shop.similar(list(items or ()), n=count, filter=filter, model=model)
        screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: _similar(out, answers))


def _similar(out: Console, answers: Sequence[Any]) -> None:
    for answer in answers:
        heading(out, answer.item, note=answer.name)
        made = table("#", "item", "name", "score", "because of", right=("#", "score"), wide="name")
        for rank, item in enumerate(answer.items, start=1):
            made.add_row(str(rank), item.item, item.name, f"{item.score:.2f}", ", ".join(item.witnesses))
        out.print(made)


def _trending(out: Console, growing: Any) -> None:
    heading(out, f"Growing in the last {growing.days} days", note="beyond luck and beyond the shop's own growth")
    if not growing.items:
        out.print("Nothing grows for sure.")
        return
    made = table(
        "#",
        "item",
        "name",
        "customers",
        "growth",
        "at least",
        right=("#", "customers", "growth", "at least"),
        wide="name",
    )
    for rank, item in enumerate(growing.items, start=1):
        growth = "new" if item.growth is None else f"{item.growth:.1f} x"
        made.add_row(str(rank), item.item, item.name, f"{item.customers:,}", growth, f"{item.at_least:.1f} x")
    out.print(made)


def _new(out: Console, fresh: Any) -> None:
    heading(out, f"New in the last {fresh.days} days")
    if not fresh.items:
        out.print("Nothing is new.")
        return
    made = table("#", "item", "name", "since", "customers", right=("#", "customers"), wide="name")
    for rank, item in enumerate(fresh.items, start=1):
        made.add_row(str(rank), item.item, item.name, (item.since or "not yet")[:10], f"{item.customers:,}")
    out.print(made)


def intent(
    screen: Screen,
    folder: Folder,
    customers: Annotated[list[str], typer.Argument(metavar="CUSTOMER...", help="Customer ids.", show_default=False)],
    days: Annotated[list[int] | None, typer.Option("--days", help="Horizon in days; may be repeated.")] = None,
    model: ModelId = None,
) -> None:
    """Say how likely customers are to buy within some days."""
    import regard

    answers = regard.open(folder).intent(customers, days=days or None, model=model)
    screen.show({"answers": [answer.to_json() for answer in answers]}, lambda out: _intents(out, answers))


def _intents(out: Console, answers: Sequence[Any]) -> None:
    horizons = [f"{p.days} d" for p in answers[0].propensities]
    made = table("customer", *horizons, "from", right=horizons)
    for answer in answers:
        where = f"model {answer.model_version}" if answer.model_version else answer.fallback_level
        made.add_row(answer.customer, *(f"{p.probability:.1%}" for p in answer.propensities), where)
    heading(out, "Chance to buy within")
    out.print(made)


def explain(
    screen: Screen,
    folder: Folder,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Customer id.", show_default=False)],
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="Item id; the first recommended unless given.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="Events named.", min=1)] = 10,
    exclude: Exclude = None,
    model: ModelId = None,
    lang: Language = None,
) -> None:
    """Name the events that speak for or against an item."""
    import regard

    answer = regard.open(folder).explain(customer, item, n=count, exclude=exclude, model=model, language=lang)
    screen.show(answer.to_json(), lambda out: _explanation(out, answer))


def _explanation(out: Console, answer: Any) -> None:
    place = f"place {answer.rank:,}" if answer.rank else "no candidate"
    source = f"model {answer.model_version}" if answer.model_version else "counting"
    heading(out, f"{answer.customer}: {answer.name or answer.item}", note=f"{place} · {source}")
    made = table("effect", "event", right=("effect",), wide="event", wrap=True)
    for reason in answer.reasons:
        made.add_row(f"{reason.effect:+.3f}", reason.text)
    out.print(made)
    unit = " (log-odds)" if answer.model_version else ""
    out.print(Text(f"effect: what the item's score loses when these events are deleted{unit}", style="dim"))


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
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
