"""train, evaluate: a model, and whether it is better than counting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.progress import span
from regard.cli.screen import Folder, Screen, heading, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.workspace import TrainReport


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for function in (train, evaluate):
        app.command()(verb(function))


def train(
    screen: Screen,
    folder: Folder,
    budget: Annotated[
        str, typer.Option("--budget", metavar="TIME", help="How long it may take in all: 300, 300s, 5m.")
    ] = "300",
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", help="Exactly so many steps instead; repeats a run.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="What chance is drawn from; another seed, another model.", min=0)
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume/--afresh", help="Go on with an interrupted training, or begin afresh.")
    ] = True,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda", help="Where it runs; cuda is the first NVIDIA card.")
    ] = "cpu",
    leave_out_anomalies: Annotated[
        bool,
        typer.Option(
            "--leave-out-anomalies",
            help="Train without unusual customers, and say what that changes; shares the budget.",
        ),
    ] = False,
) -> None:
    """Train a model on all events."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    how: dict[str, Any] = {"budget": budget, "steps": steps, "seed": seed, "resume": resume, "device": device}
    report = shop.train(**how, leave_out_anomalies=leave_out_anomalies, progress=screen.progress)
    screen.show(report.to_json(), lambda out: _trained(out, report, folder, say))


def _trained(out: Console, report: TrainReport, folder: str, say: Words) -> None:
    took = say("trained in {time}, in {folder}", time=span(report.seconds, say), folder=report.folder)
    heading(out, say.known("level.model", model=report.model), note=took)
    made = table("", "")
    made.show_header = False
    for name, value in report.card.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            said = value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"
            made.add_row(say.known.card(name), said)
    out.print(made)
    _ahead(out, report.card.get("horizon", ()), say)
    _left_out(out, report.left_out, say)
    commands = f"regard evaluate {folder}, regard recommend {folder} CUSTOMER --why"
    out.print(Text(say("next: {command}", command=commands), style="dim"))


_ANSWERS = {"churn": "churn", "orders": "orders", "spend": "spend"}

_TELLERS = {
    "model": "the model", "recency": "recency", "rfm": "RFM", "decayed_spend": "decayed spend", "counts": "counts",
}  # fmt: skip
"""Who gives an answer about what lies ahead: the head, or a simple rule that was better where it was rehearsed."""


def _ahead(out: Console, rows: Sequence[dict[str, Any]], say: Words) -> None:
    """Who answers how many orders lie ahead, and where a simpler rule does it better."""
    for row in rows:
        if "missing" in row:
            out.print(Text(say("no answers about churn, orders and spend: {why}", why=say.told(row["missing"]))))
            continue
        rules = say.joined(say(_TELLERS[name]) for name in row["better_than_model"])
        answer, source = say(_ANSWERS[row["answer"]]), say(_TELLERS[row["given_by"]])
        told = say("{answer} ahead: from {source}", answer=answer, source=source)
        told += say("; better than the model: {rules}", rules=rules) if rules else ""
        told += say("; counting would have been enough") if row["counting_is_enough"] else ""
        out.print(Text(told, style="dim"))


def _left_out(out: Console, left_out: dict[str, Any] | None, say: Words) -> None:
    if left_out is None:
        return
    from regard.sequences.anomalies import words

    many = "{n} unusual customer left out of training|{n} unusual customers left out of training"
    kinds = say.joined(f"{words.name(kind, say.language)} {count:,}" for kind, count in left_out["kinds"].items())
    heading(out, say.count(many, left_out["customers"]), note=kinds)
    if left_out["change"] is None:
        out.print(say("too few customers to say what that changes"))
        return
    found = {name: left_out["change"][name] for name in ("with", "without", "difference")}
    figures = {name: _number(each["mean"], "+" if name == "difference" else "") for name, each in found.items()}
    told = say.count(
        "validation NDCG@10 of {n} other customer: {without} without them, {with} with them, difference {difference} ({interval})|"
        "validation NDCG@10 of {n} other customers: {without} without them, {with} with them, difference {difference} ({interval})",
        found["difference"]["n"],
        interval=_interval(found["difference"], say, "+"),
        **figures,
    )
    out.print(Text(told))


def evaluate(
    screen: Screen,
    folder: Folder,
    days: Annotated[
        int, typer.Option("--days", metavar="DAYS", help="How many of the last days are hidden.", min=1)
    ] = 30,
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar="none|target|seen",
            help="Own items left out: none, those bought (target) or any seen; by the data unless given.",
        ),
    ] = None,
) -> None:
    """Compare the model with every baseline, on events none has seen."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    found = shop.evaluate(days=days, mask=mask, progress=screen.progress)
    data = found.to_json(say.language)
    screen.show(data, lambda out: _evaluated(out, data, say))


def _evaluated(out: Console, data: dict[str, Any], say: Words) -> None:
    metric = _headline(data)
    print_table(out, data, say)
    _slices(out, data["slices"][:5], metric, say)
    _damage(out, data["robustness"], metric, say)
    _chances(out, data["propensity"], say)
    _reasons(out, data["faithfulness"], say)


def _headline(data: dict[str, Any]) -> str:
    """The metric by which methods are ordered: the first, as `evaluate` orders them."""
    return str(next(iter(data["model"])))


def print_table(out: Console, data: dict[str, Any], say: Words) -> None:
    """The table of an evaluation, best first, the model marked; and the verdict."""
    from regard.evaluation.verdict import baseline_name, metric_name

    split = data["split"]
    cut = say(", cut {day}", day=split["cut"][:10]) if split["cut"] else ""
    how = {"split": say.known(f"split.{split['kind']}"), "cut": cut, "mask": split["mask"], "hash": split["hash"]}
    note = say("{split}{cut}, mask {mask}, hash {hash}", **how)
    heading(out, say.known.count("unit.customers", split["customers"]), note=note)
    rows = {"": data["model"], **data["baselines"]}
    metrics = list(data["model"])[:3]
    shown = [metric_name(name, say.language) for name in metrics]
    made = table("", *shown, say.known("quality.interval"), right=shown)
    for name in sorted(rows, key=lambda name: -(rows[name][metrics[0]]["mean"] or 0)):
        cells = [_number(rows[name][metric]["mean"]) for metric in metrics]
        label = baseline_name(name, say.language) if name else say.known("card.model")
        made.add_row(label, *cells, _interval(rows[name][metrics[0]], say), style="" if name else "bold")
    made.columns[0].max_width, made.columns[0].no_wrap = 28, False
    out.print(made)
    out.print(Text(data["verdict"]["words"]))


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _interval(found: dict[str, Any], say: Words, sign: str = "") -> str:
    ends = found["interval"]
    return f"{ends[0]:{sign}.4f} … {ends[1]:{sign}.4f}" if ends else say("too few")


def _slices(out: Console, slices: list[dict[str, Any]], metric: str, say: Words) -> None:
    from regard.evaluation.verdict import metric_name

    if not slices:
        return
    out.print()
    heading(out, say("Where it does worst"))
    compared = any(found["difference"] for found in slices)
    figures = [say("customers"), metric_name(metric, say.language), *([say("against best")] if compared else [])]
    made = table(say("group"), *figures, right=figures)
    for found in slices:
        cells = [f"{found['title']}: {found['label']}", f"{found['n']:,}", _number(found["model"][metric]["mean"])]
        made.add_row(*cells, *([_number(found["difference"][metric]["mean"], "+")] if compared else []))
    out.print(made)


def _damage(out: Console, damages: list[dict[str, Any]], metric: str, say: Words) -> None:
    from regard.evaluation.verdict import metric_name

    if not damages:
        return
    out.print()
    heading(out, say("Histories that are a little wrong"))
    figures = [say("customers"), metric_name(metric, say.language), say("change")]
    made = table(say("damage"), *figures, say.known("quality.interval"), right=figures)
    for found in damages:
        value, change = found["model"][metric], found["difference"][metric]
        damage = say.known(f"robust.{found['change']}", share=f"{found['share']:.0%}")
        numbers = (f"{value['n']:,}", _number(value["mean"]), _number(change["mean"], "+"))
        made.add_row(damage, *numbers, _interval(change, say, "+"))
    out.print(made)


def _chances(out: Console, chances: list[dict[str, Any]], say: Words) -> None:
    from regard.evaluation.verdict import metric_name

    if not chances:
        return
    out.print()
    heading(out, say("Chances to buy"), note=say("log loss of the model beside the better of base rate and recency"))
    auroc, loss, ece = (metric_name(name, say.language) for name in ("auroc", "log_loss", "ece"))
    figures = [say("customers"), auroc, loss, say("simplest"), ece]
    made = table(say("within"), *figures, right=figures)
    for found in chances:
        ours, best = found["model"], found["baselines"].get(found["verdict"]["best_baseline"], {})
        simplest = _number(best["log_loss"]["mean"]) if best else "–"
        values = (
            _number(ours["auroc"]["mean"]),
            _number(ours["log_loss"]["mean"]),
            simplest,
            _number(ours["ece"]["mean"]),
        )
        made.add_row(say("{days} d", days=found["days"]), f"{found['n']:,}", *values)
    out.print(made)


def _reasons(out: Console, groups: list[dict[str, Any]], say: Words) -> None:
    found = next((group for group in groups if group["group"] == "all" and group["n"]), None)
    if found is None:
        return
    out.print()
    heading(out, say.known("faith"), note=say("what an item's score loses while five events are deleted"))
    figures = [say("customers"), say("loss")]
    made = table(say("deleted first"), *figures, say.known("quality.interval"), right=figures)
    for order in ("explained", "recency", "random"):
        area = found["curves"][order]["area"]
        made.add_row(say.known(f"faith.{order}"), f"{found['n']:,}", _number(area["mean"]), _interval(area, say))
    out.print(made)
