"""How long profiles take: everybody's into a Parquet file, and one customer's in process once the shop is loaded.

    python -m benchmarks.profiles --customers 100000 --json benchmarks/results/profiles.json

The shop is drawn: a year, 50 events a customer, items of ten features each. The encoder and the head of orders, churn and spend have
random weights and the shapes that the rules choose, since what they cost does not depend on what they have learned.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import hardware
from benchmarks.topk import END, draw_artefact, draw_log
from regard.customers.profile import Base, profile, write
from regard.insight import Ranker, Shop
from regard.model.artefact import Artefact
from regard.model.export import with_graphs
from regard.model.horizon import HorizonHead
from regard.model.runtime.facts import Inputs, facts_of
from regard.model.runtime.head import Head
from regard.model.runtime.horizon import HorizonModel
from regard.model.runtime.runtime import Runtime, cores
from regard.sequences.anomalies import judge
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content

WORDS, EACH = 2_000, 10
"""Features of the shop's items, and of each."""

ALONE, FIRST = 200, 5
"""Customers asked one by one, after a few before the clock runs."""


def main() -> None:
    """Look at everybody, write everybody, ask some one by one, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    result = measured(draw_shop(wish.customers, wish.items))
    result["command"] = f"python -m benchmarks.profiles --customers {wish.customers} --items {wish.items}"
    result["hardware"] = hardware()
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def measured(shop: Shop) -> dict[str, Any]:
    """Seconds for everybody, milliseconds for one with and without what changed since last week."""
    horizon = getattr(shop.model, "horizon", None)
    anomalies, judging = timed(judge, shop.log)
    base, looking = timed(Base(shop=shop, at=shop.now, anomalies=anomalies, horizon=horizon).warm)
    before = Base(shop=shop, at=shop.now - 7 * DAY, horizon=horizon).warm()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profiles.parquet"
        written, writing = timed(write, shop, base, path)
        size = path.stat().st_size
    codes = np.random.default_rng(0).choice(len(shop.log), ALONE + FIRST).tolist()
    alone = {}
    for name, then in (("plain", None), ("with changes", before)):
        took = [timed(profile, shop, base, code, before=then)[1] for code in codes][FIRST:]
        alone[name] = {
            f"{part}_ms": round(1000 * float(np.quantile(took, q)), 1)
            for part, q in (("median", 0.5), ("p90", 0.9), ("p99", 0.99))
        }
    return {
        "customers": written.customers,
        "events": shop.log.events,
        "items": len(shop.log.items),
        "fields": len(written.fields),
        "threads": cores(),
        "loading": {"anomalies_seconds": round(judging, 1), "everybody_seconds": round(looking, 1)},
        "batch_seconds": round(writing, 1),
        "file_bytes": size,
        "one": alone,
    }


def draw_shop(customers: int, items: int) -> Shop:
    """A shop whose model answers with random weights."""
    chance = np.random.default_rng(3)
    log = draw_log(items, customers)
    bought = log.is_behaviour(("purchase",))
    price = chance.lognormal(2.5, 0.7, items).astype(np.float32)
    log = replace(
        log,
        quantity=np.where(bought, 1, np.nan).astype(np.float32),
        value=np.where(bought, price[log.item], np.nan).astype(np.float32),
        context={"channel": (("web", "app"), chance.integers(0, 2, log.events).astype(np.int16))},
    )
    names = tuple(f"{('category', 'brand', 'word')[number % 3]}:{number}" for number in range(WORDS))
    features = Ragged(np.arange(items + 1, dtype=np.int64) * EACH, chance.integers(0, WORDS, items * EACH))
    model = Runtime(with_graphs(_with_head(draw_artefact(items, 64), log)), name="random")
    model.warm()
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version="random")
    return Shop.of(log, target=("purchase",), content_of=lambda asked, before: Content(names, features), ranker=ranker)


def _with_head(artefact: Artefact, log: Log) -> Artefact:
    """The artefact with a head as `training.horizon` makes it: all aggregates, three networks."""
    some = log.take(np.arange(min(500, len(log))))
    facts = facts_of(some, np.full(len(some), END), target=("purchase",))
    names = facts.table.names
    width = len(names)
    inputs = Inputs(
        columns=names, flagged=(), states=0, center=np.zeros(width, np.float32), scale=np.ones(width, np.float32)
    )
    torch.manual_seed(0)
    nets = [HorizonHead(width, width=32, scale_days=90.0, value=3.0) for _ in range(3)]
    members = tuple({name: array.detach().numpy() for name, array in net.state_dict().items()} for net in nets)
    model = HorizonModel(
        heads={"model": Head(inputs=inputs, members=members, prior=True)},
        answers=dict.fromkeys(("churn", "orders", "spend"), "model"), target=("purchase",), money=True, report={},
    )  # fmt: skip
    return replace(artefact, horizon=model.settings, horizon_weights=model.weights)


def timed(work: Callable[..., Any], *given: Any, **more: Any) -> tuple[Any, float]:
    """What it gives, and the seconds it took."""
    began = time.perf_counter()
    found = work(*given, **more)
    return found, time.perf_counter() - began


if __name__ == "__main__":
    main()
