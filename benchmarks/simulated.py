"""On shops whose truth is known: does the model use what the truth depends on, and does it name the true cause?

    python -m benchmarks.simulated --customers 3000 --json benchmarks/results/simulated.json

For each of order, time and behaviours: in a shop where the truth depends on it, taking it away must cost accuracy; in a
shop where the truth does not, it must not. In the first shop, the reason shown first is compared with the true cause.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.machine import hardware
from regard import simulate
from regard.config import Config
from regard.evaluation.edit import ablate, ablations
from regard.evaluation.intervals import estimate
from regard.evaluation.measure import measure
from regard.events.store import Store
from regard.insight.explain import effects
from regard.insight.ranker import Ranker
from regard.model.runtime import Runtime, load
from regard.sequences.log import Log
from regard.sequences.pack import read_log
from regard.sequences.split import no_content, time_split
from regard.sequences.view import Split
from regard.training import fit

SWITCHES = {"shuffle": "order_matters", "remove_time": "time_matters", "merge_behaviours": "behaviours_matter"}
"""Ablation -> the switch of the shop that makes the truth depend on what it takes away."""


def main() -> None:
    """Draw, ablate, train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--budget", type=float, default=90.0, help="seconds per training")
    parser.add_argument("--explained", type=int, default=300, help="purchases whose cause is looked for")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    settings = simulate.Settings(customers=wish.customers, seed=wish.seed)
    result: dict[str, Any] = {"ablations": {}}
    split, causes = _draw(settings)
    base, model = _fitted(split, wish.budget)
    result["cause"] = _causes(split, causes, model, most=wish.explained)
    print(json.dumps(result["cause"]), flush=True)
    for name, switch in SWITCHES.items():
        change = ablations(("purchase",))[name]
        matters = _drop(split, base, change, wish.budget)
        off: dict[str, Any] = {switch: False}
        indifferent, _ = _draw(replace(settings, **off))
        other, _ = _fitted(indifferent, wish.budget)
        result["ablations"][name] = {"matters": matters, "does_not": _drop(indifferent, other, change, wish.budget)}
        print(name, json.dumps(result["ablations"][name]), flush=True)
    result |= {"customers": wish.customers, "asked": len(split), "ndcg_at_10": estimate(base).to_json()}
    result |= {"budget_seconds": wish.budget, "seed": wish.seed, "hardware": hardware()}
    result["command"] = f"python -m benchmarks.simulated --customers {wish.customers} --budget {wish.budget:g}"
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _draw(settings: simulate.Settings) -> tuple[Split, pa.Table]:
    """The shop's split, ids only, and the causes of its purchases with what their causing events were."""
    tables = simulate.shop(settings).tables()
    events = tables["events"]
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "shop", Config())
        store.ingest([events])
        log = read_log(store)
        log = log.take(np.arange(len(log)))
    split = time_split(log, target=("purchase",), content_of=no_content)
    known = tables["causes"].filter(pc.is_valid(tables["causes"]["cause_event_id"]))
    cause = events.select(["event_id", "item", "behaviour", "time"]).rename_columns(
        ["cause_event_id", "cause_item", "cause_behaviour", "cause_time"]
    )
    return split, known.join(cause, "cause_event_id")


def _fitted(split: Split, budget: float) -> tuple[NDArray[np.float64], Runtime]:
    """NDCG@10 of every customer asked, and the model."""
    with tempfile.TemporaryDirectory() as folder:
        fit(split.view, folder=folder, budget_seconds=budget)
        model = load(folder)
    return measure(split, model).metrics["ndcg_at_10"], model


def _drop(split: Split, base: NDArray[np.float64], change: Callable[[Log], Log], budget: float) -> dict[str, Any]:
    """What the change costs, paired over customers."""
    changed, _ = _fitted(ablate(split, change), budget)
    return {"with": float(base.mean()), "without": float(changed.mean()), "drop": estimate(base - changed).to_json()}


def _causes(split: Split, causes: pa.Table, model: Runtime, *, most: int) -> dict[str, Any]:
    """How often the group of events shown first holds the true cause of a first-basket item, against the latest event's group."""
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=model.name)
    view, cut = split.view, split.view.cut
    assert cut is not None
    truth = _truth(causes, cut)
    named: list[bool] = []
    first_three: list[bool] = []
    latest: list[bool] = []
    for row in range(len(split)):
        customer, query = split.queries.customers.id(row), split.queries.take(np.array([row]))
        for item in split.targets[row]:
            told = truth.get((customer, view.log.items.id(int(item)))) if item >= 0 else None
            if told is None or len(named) >= most:
                continue
            wanted = (view.log.items.code(told[0]), view.log.behaviours.index(told[1]))
            found = effects(ranker, query, int(split.asof[row]), np.array([item]))
            keys = [(int(query.item[rows[0]]), int(query.behaviour[rows[0]])) for rows in found.groups]
            order = np.argsort(-found.effect[:, 0], kind="stable")
            named.append(keys[order[0]] == wanted)
            first_three.append(wanted in [keys[place] for place in order[:3]])
            latest.append((int(query.item[-1]), int(query.behaviour[-1])) == wanted)
    first, last = np.array(named, dtype=float), np.array(latest, dtype=float)
    return {
        "purchases": len(named),
        "first_is_cause": estimate(first).to_json(),
        "cause_in_first_three": estimate(np.array(first_three, dtype=float)).to_json(),
        "latest_is_cause": estimate(last).to_json(),
        "difference": estimate(first - last).to_json(),
    }


def _truth(causes: pa.Table, cut: int) -> dict[tuple[str, str], tuple[str, str]]:
    """(customer, item) of the first purchase after the cut -> (item, behaviour) of its cause, where that lies before the cut."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for row in causes.sort_by("time").to_pylist():
        if row["time"].timestamp() >= cut > row["cause_time"].timestamp():
            found.setdefault((row["customer"], row["item"]), (row["cause_item"], row["cause_behaviour"]))
    return found


if __name__ == "__main__":
    main()
