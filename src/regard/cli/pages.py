"""report, demo: a page to look at, and the whole way from nothing to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.ask import Language, print_answers
from regard.cli.learn import print_table
from regard.cli.screen import Folder, Screen, heading, verb
from regard.cli.words import Words
from regard.errors import WorkspaceError

if TYPE_CHECKING:
    from regard.simulate import Settings
    from regard.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (report, demo):
        app.command()(verb(function))


def report(screen: Screen, folder: Folder, lang: Language = None) -> None:
    """Write a page that opens offline: data, figures, customers, reasons."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(lang or shop.config.language)
    page = shop.report(lang, progress=screen.progress)
    screen.show({"page": str(page)}, lambda out: out.print(say("wrote {path}", path=page), soft_wrap=True))


def demo(
    screen: Screen,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")] = Path("demo"),
    customers: Annotated[
        int, typer.Option("--customers", metavar="N", help="Customers of the simulated shop.", min=30)
    ] = 2000,
    items: Annotated[int, typer.Option("--items", metavar="N", help="Items of the simulated shop.", min=20)] = 800,
    budget: Annotated[str, typer.Option("--budget", metavar="TIME", help="How long training may take.")] = "90",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="What chance is drawn from; another seed, another shop.", min=0)
    ] = 7,
    lang: Annotated[str, typer.Option("--lang", metavar="en|zh", help="Language of the shop and the page.")] = "en",
) -> None:
    """Go the whole way with a simulated shop: ingest, train, evaluate, report."""
    from regard import simulate

    say = screen.speak(lang)
    settings = simulate.Settings(customers=customers, items=items, seed=seed, language=lang)
    shop = _opened(screen, folder, settings)
    came = (
        next((entry.report for entry in shop.history() if not entry.undone), None)
        or shop.ingest(
            str(folder / "export" / "events.csv.gz"),
            items=str(folder / "export" / "items.csv"),
            customers=str(folder / "export" / "customers.csv"),
            progress=screen.progress,
        ).to_json()
    )
    trained = shop.train(budget=budget, progress=screen.progress)
    found = shop.evaluate(progress=screen.progress).to_json(lang)
    page = shop.report(lang, progress=screen.progress)
    someone = _someone(shop)
    answer = shop.recommend(someone, n=3, why=True, language=lang)
    screen.show(
        {
            "folder": str(folder),
            "page": str(page),
            "ingest": came,
            "train": trained.to_json(),
            "evaluate": found,
            "customer": someone,
            "recommend": answer.to_json(),
        },
        lambda out: _shown(out, folder, page, found, answer, say),
    )


def _opened(screen: Screen, folder: Path, settings: Settings) -> Workspace:
    """The demo's workspace with the shop's export in it; a demo that was interrupted is gone on with."""
    import regard
    from regard import simulate
    from regard.config import Config

    export, unfinished = folder / "export", folder / "export.part"
    if folder.exists() and not (export.is_dir() or unfinished.is_dir()):
        raise WorkspaceError(f"{folder} exists already and is no demo", hint="name another folder: regard demo FOLDER")
    if not export.is_dir():
        simulate.write(simulate.shop(settings), unfinished, progress=screen.progress)
        unfinished.rename(export)
    if (folder / "regard.toml").exists():
        return regard.open(folder)
    return regard.init(folder, config=Config(language=settings.language))


def _someone(shop: Workspace) -> str:
    """The customer with the median history: neither a stranger nor a regular."""
    log = shop.log()
    buyers = set(log.owner[log.is_behaviour(shop.target)].tolist())
    by_length = sorted(buyers, key=lambda code: (int(log.lengths[code]), code))
    return log.customers.id(by_length[len(by_length) // 2])


def _shown(out: Console, folder: Path, page: Path, found: dict[str, Any], answer: Any, say: Words) -> None:
    out.print()
    print_table(out, found, say)
    out.print()
    print_answers(out, [answer], say)
    out.print()
    heading(out, say("The report page"), note=say("opens offline"))
    out.print(f"  {page.resolve()}", soft_wrap=True)
    heading(out, say("What to try next"))
    for line in (
        f"regard recommend {folder} {answer.customer} -n 10 --why",
        f"regard similar {folder} {answer.items[0].item}" if answer.items else f"regard similar {folder} --new",
        f"regard similar {folder} --trending",
        f"regard intent {folder} {answer.customer}",
        f"regard doctor {folder}",
        "regard init shop; regard ingest shop YOUR-EVENTS.csv",
    ):
        out.print(Text(f"  {line}"), soft_wrap=True)
