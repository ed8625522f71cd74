"""train, evaluate: a model, and whether it is better than counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.progress import span
from regard.cli.screen import Folder, Screen, heading, table, verb

if TYPE_CHECKING:
    from regard.workspace import TrainReport


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (train, evaluate):
        app.command()(verb(function))


def train(
    screen: Screen,
    folder: Folder,
    budget: Annotated[str, typer.Option("--budget", help="Wall time of everything: 300, 300s, 5m.")] = "300",
    steps: Annotated[int | None, typer.Option("--steps", help="Exactly so many steps; repeats a run.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another model of the same kind.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--afresh", help="Take up an interrupted training.")] = True,
) -> None:
    """Train a model on all events."""
    import regard

    shop = regard.open(folder)
    report = shop.train(budget=budget, steps=steps, seed=seed, resume=resume, progress=screen.progress)
    screen.show(report.to_json(), lambda out: _trained(out, report, folder))


def _trained(out: Console, report: TrainReport, folder: str) -> None:
    heading(out, f"model {report.model}", note=f"trained in {span(report.seconds)}, in {report.folder}")
    made = table("", "", right=())
    made.show_header = False
    for name, value in report.card.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            made.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value}")
    out.print(made)
    out.print(Text(f"next: regard evaluate {folder}, regard recommend {folder} CUSTOMER --why", style="dim"))


def evaluate(
    screen: Screen,
    folder: Folder,
    days: Annotated[int, typer.Option("--days", help="Length of the test period.", min=1)] = 30,
    mask: Annotated[str | None, typer.Option("--mask", help="none, target or seen; by the data unless given.")] = None,
) -> None:
    """Compare the model with every baseline, on events none has seen."""
    import regard

    shop = regard.open(folder)
    found = shop.evaluate(days=days, mask=mask, progress=screen.progress)
    data = found.to_json(shop.config.language)
    screen.show(data, lambda out: print_evaluation(out, data))


def print_evaluation(out: Console, data: dict[str, Any]) -> None:
    """The table of an evaluation, best first, the model marked; the verdict; the worst slices."""
    split = data["split"]
    cut = f", cut {split['cut'][:10]}" if split["cut"] else ""
    heading(
        out,
        f"{split['customers']:,} customers",
        note=f"{split['kind']} split{cut}, mask {split['mask']}, hash {split['hash']}",
    )
    rows = {"model": data["model"], **data["baselines"]}
    metrics = [name for name in data["model"] if name in ("ndcg_at_10", "hr_at_10", "recall_at_10", "mrr_at_10")][:3]
    shown = [name.upper().replace("_AT_", "@") for name in metrics]
    made = table("", *shown, "95 % interval", right=shown)
    for name in sorted(rows, key=lambda name: -(rows[name][metrics[0]]["mean"] or 0)):
        cells = [f"{rows[name][metric]['mean'] or 0:.4f}" for metric in metrics]
        ends = rows[name][metrics[0]]["interval"]
        interval = f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "too few"
        made.add_row(name.replace("_", " "), *cells, interval, style="bold" if name == "model" else "")
    out.print(made)
    out.print(Text(data["verdict"]["words"]))
    _slices(out, data["slices"][:5], metrics[0])


def _slices(out: Console, slices: list[dict[str, Any]], metric: str) -> None:
    if not slices:
        return
    out.print()
    heading(out, "Where it does worst")
    compared = any(found["difference"] for found in slices)
    made = table(
        "slice",
        "customers",
        "model",
        *(["against best"] if compared else []),
        right=("customers", "model", "against best"),
    )
    for found in slices:
        cells = [
            f"{found['title']} {found['label']}".replace("_", " "),
            f"{found['n']:,}",
            f"{found['model'][metric]['mean'] or 0:.4f}",
        ]
        if compared:
            cells.append(f"{found['difference'][metric]['mean'] or 0:+.4f}")
        made.add_row(*cells)
    out.print(made)
