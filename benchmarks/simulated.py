"""On shops whose truth is known: does the model use what the truth depends on, and does it name the true cause?

    python -m benchmarks.simulated --customers 3000 --seeds 7 8 --json benchmarks/results/simulated.json

For each of order, time and behaviours (see `regard.evaluation.edit.ablations`): in a shop where the truth depends on it,
taking it away must cost accuracy; in a shop where the truth does not, it must not. In the first shop, the reason shown
first is compared with the true cause. Every seed is another pair of shops. The number of steps is fixed, so the figures
do not depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
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
from regard.evaluation.edit import ablations
from regard.evaluation.intervals import estimate
from regard.evaluation.measure import measure
from regard.events.store import Store
from regard.insight.explain import effects
from regard.insight.ranker import Ranker
from regard.model.runtime import Runtime, load
from regard.sequences.pack import read_log
from regard.sequences.split import no_content, time_split
from regard.sequences.view import Split
from regard.training import fit

SWITCHES = {
    "shuffle": ("order_matters", "time_matters"),
    "remove_time": ("time_matters",),
    "merge_behaviours": ("behaviours_matter",),
}
"""Ablation -> the switches of the shop that make the truth depend on what it takes away; an event moved is also at another time."""


def main() -> None:
    """Draw, fit, take away, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=500, help="of each training")
    parser.add_argument("--explained", type=int, default=300, help="purchases whose cause is looked for")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8], help="of the shops")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    seeds = " ".join(map(str, wish.seeds))
    command = f"python -m benchmarks.simulated --customers {wish.customers} --steps {wish.steps} --seeds {seeds}"
    shops: list[dict[str, Any]] = []
    result = {"customers": wish.customers, "steps": wish.steps, "shops": shops, "command": command}
    for seed in wish.seeds:
        settings = simulate.Settings(customers=wish.customers, seed=seed)
        shops.append(_shop(settings, steps=wish.steps, explained=wish.explained))
    if wish.json:
        text = json.dumps(result | {"hardware": hardware()}, indent=1) + "\n"
        Path(wish.json).write_text(text, encoding="utf-8")


def _shop(settings: simulate.Settings, *, steps: int, explained: int) -> dict[str, Any]:
    """The shop of these settings, and for each ablation its variant without what is taken away."""
    split, causes = _draw(settings)
    model = _fitted(split, steps)
    ndcg = _ndcg(split, model)
    found: dict[str, Any] = {"seed": settings.seed, "asked": len(split), "hash": split.hash, "mask": split.mask}
    found |= {"ndcg_at_10": estimate(ndcg).to_json(), "cause": _causes(split, causes, model, most=explained)}
    print(json.dumps(found), flush=True)
    found["ablations"] = {}
    for name, switches in SWITCHES.items():
        off: dict[str, Any] = dict.fromkeys(switches, False)
        other, _ = _draw(replace(settings, **off))
        indifferent = _fitted(other, steps)
        found["ablations"][name] = {
            "switched_off": list(switches),
            "matters": _drop(split, model, name, steps),
            "does_not": _drop(other, indifferent, name, steps),
        }
        print(name, json.dumps(found["ablations"][name]), flush=True)
    return found


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


def _fitted(split: Split, steps: int) -> Runtime:
    """A model of the split's view. The split is looked at once, after the last step, so it chooses nothing."""
    with tempfile.TemporaryDirectory() as folder:
        fit(split.view, folder=folder, steps=steps, validation=split)
        return load(folder)


def _ndcg(split: Split, model: Runtime) -> NDArray[np.float64]:
    """NDCG@10 of every customer asked."""
    return measure(split, model).metrics["ndcg_at_10"]


def _drop(split: Split, model: Runtime, name: str, steps: int) -> dict[str, Any]:
    """What the ablation costs, paired over customers."""
    hurt = ablations()[name](split)
    before = _ndcg(split, model)
    after = _ndcg(hurt, model if hurt.view is split.view else _fitted(hurt, steps))
    return {"with": float(before.mean()), "without": float(after.mean()), "drop": estimate(before - after).to_json()}


def _causes(split: Split, causes: pa.Table, model: Runtime, *, most: int) -> dict[str, Any]:
    """How often the reason shown first is the true cause of a first-basket item, and how often the latest event is.

    Reasons are shown, and so compared, as what was done to which item; one value a customer, the mean over her purchases.
    """
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=model.name)
    view, cut = split.view, split.view.cut
    assert cut is not None
    truth = _truth(causes, cut)
    told: list[tuple[int, bool, bool, bool]] = []
    for row in range(len(split)):
        customer, query = split.queries.customers.id(row), split.queries.take(np.array([row]))
        for item in split.targets[row]:
            cause = truth.get((customer, view.log.items.id(int(item)))) if item >= 0 else None
            if cause is None or len(told) >= most:
                continue
            wanted = (view.log.items.code(cause[0]), view.log.behaviours.index(cause[1]))
            found = effects(ranker, query, int(split.asof[row]), np.array([item]))
            keys = [(int(query.item[rows[0]]), int(query.behaviour[rows[0]])) for rows in found.groups]
            order = np.argsort(-found.effect[:, 0], kind="stable")
            named = [keys[place] == wanted for place in order[:3]]
            told.append((row, named[0], any(named), keys[0] == wanted))  # groups come newest first
    row, *hits = np.array(told, dtype=np.float64).T
    who = np.unique(row, return_inverse=True)[1]
    first, three, latest = (np.bincount(who, weights=hit) / np.bincount(who) for hit in hits)
    return {
        "purchases": len(told),
        "first_is_cause": estimate(first).to_json(),
        "cause_in_first_three": estimate(three).to_json(),
        "latest_is_cause": estimate(latest).to_json(),
        "difference": estimate(first - latest).to_json(),
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
