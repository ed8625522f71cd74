"""On shops whose truth is known: does the model use what the truth depends on, and does it name the true cause?

    python -m benchmarks.simulated --shops 7 8 --seeds 3 --json benchmarks/results/simulated.json

For each of order, time and behaviours (see `regard.evaluation.edit.ablations`): in a shop where the truth depends on it,
taking it away must cost accuracy; in a variant where the truth does not, it must not. In the shop itself, the reason shown
first is compared with the true cause. One customer is one value, the mean over the trainings, as one training is better
than another by chance; intervals are over the customers of all shops together. The number of steps is fixed, so that the
figures do not depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
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


Values = dict[str, NDArray[np.float64]]
"""What was found, one value a customer, by its path in the JSON."""


def main() -> None:
    """Draw, fit, take away, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=300, help="of each training")
    parser.add_argument("--explained", type=int, default=300, help="purchases of a shop whose cause is looked for")
    parser.add_argument("--shops", type=int, nargs="+", default=[7, 8], help="seeds of the shops")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of every model")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    shops: list[dict[str, Any]] = []
    every: list[Values] = []
    for seed in wish.shops:
        settings = simulate.Settings(customers=wish.customers, seed=seed)
        split, causes = _draw(settings)
        every.append(_shop(settings, split, causes, _Fits(steps=wish.steps, seeds=wish.seeds), wish.explained))
        shops.append({"seed": seed, "asked": len(split), "hash": split.hash, "mask": split.mask, **_told(every[-1])})
        print(json.dumps(shops[-1]), flush=True)
    together = _told({name: np.concatenate([values[name] for values in every]) for name in every[0]})
    print(json.dumps(together))
    if wish.json:
        said = ["--customers", wish.customers, "--steps", wish.steps, "--shops", *wish.shops, "--seeds", wish.seeds]
        command = " ".join(["python -m benchmarks.simulated", *map(str, said)])
        result = {"together": together, "shops": shops, "command": command, "hardware": hardware()}
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class _Fits:
    """How models are fitted: `seeds` of them, `steps` each."""

    steps: int
    seeds: int

    def __call__(self, split: Split) -> list[Runtime]:
        """Models of the split's view, each of so many steps; the view's own last slice weighs the co-visits."""
        models = []
        for seed in range(self.seeds):
            with tempfile.TemporaryDirectory() as folder:
                fit(split.view, folder=folder, steps=self.steps, seed=seed)
                models.append(load(folder))
        return models


def _shop(settings: simulate.Settings, split: Split, causes: pa.Table, fits: _Fits, explained: int) -> Values:
    """The shop of these settings, and for each ablation its variant without what is taken away."""
    models = fits(split)
    found = {"ndcg_at_10": _ndcg(split, models)}
    told = [_causes(split, causes, model, most=explained) for model in models]
    found |= {f"cause/{name}": np.mean([values[name] for values in told], axis=0) for name in told[0]}
    for name, switches in SWITCHES.items():
        off: dict[str, Any] = dict.fromkeys(switches, False)
        other, _ = _draw(replace(settings, **off))
        for case, asked, knowing in (("matters", split, models), ("does_not", other, fits(other))):
            hurt = ablations()[name](asked)
            before = _ndcg(asked, knowing)
            after = _ndcg(hurt, knowing if hurt.view is asked.view else fits(hurt))
            drop = {"with": before, "without": after, "drop": before - after}
            found |= {f"ablations/{name}/{case}/{key}": values for key, values in drop.items()}
            print(name, case, json.dumps(estimate(before - after).to_json()), flush=True)
    return found


def _told(values: Values) -> dict[str, Any]:
    """Estimates of the values, nested by their paths."""
    told: dict[str, Any] = {}
    for path, each in values.items():
        *folders, name = path.split("/")
        place = told
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = estimate(each).to_json()
    return told


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


def _ndcg(split: Split, models: list[Runtime]) -> NDArray[np.float64]:
    """NDCG@10 of every customer asked, the mean over the models."""
    found: NDArray[np.float64] = np.mean([measure(split, model).metrics["ndcg_at_10"] for model in models], axis=0)
    return found


def _causes(split: Split, causes: pa.Table, model: Runtime, *, most: int) -> Values:
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
        "first_is_cause": first,
        "cause_in_first_three": three,
        "latest_is_cause": latest,
        "difference": first - latest,
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
