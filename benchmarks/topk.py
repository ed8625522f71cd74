"""How long one customer's exact top ten takes: encoder, scores of the whole catalogue, filter, best ten, in process, without PyTorch.

    python -m benchmarks.topk --items 100000 --json benchmarks/results/topk.json

The weights are random, as time does not depend on them; shapes are those that the rules choose for a shop of a year.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import hardware
from regard.metrics.ranking import top_k
from regard.model.artefact import Artefact
from regard.model.network import Network
from regard.model.runtime.runtime import Runtime
from regard.model.settings import Settings
from regard.sequences.log import DAY, Log
from regard.sequences.popularity import half_lives_of
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

BEHAVIOURS = ("view_item", "add_to_cart", "purchase")
END, DAYS, EVENTS = 1_700_000_000, 365, 50


def main() -> None:
    """Ask one customer at a time, then all at once, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--customers", type=int, default=1_000, help="asked, each with 50 events")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    runtime, log = draw_model(wish.items, wish.width), draw_log(wish.items, wish.customers)
    allowed = np.random.default_rng(1).random(wish.items) < 0.9
    one_by_one = np.array([_timed(runtime, log.take(np.array([row])), allowed) for row in range(wish.customers)])
    together = _timed(runtime, log, allowed)
    low, middle, high = np.quantile(one_by_one * 1000, [0.5, 0.9, 0.99])
    result: dict[str, Any] = {
        "items": wish.items,
        "width": wish.width,
        "customers": wish.customers,
        "events_each": EVENTS,
        "precision": "fp32",
        "median_ms": round(low, 2),
        "p90_ms": round(middle, 2),
        "p99_ms": round(high, 2),
        "batch_ms_per_customer": round(1000 * together / wish.customers, 2),
        "command": f"python -m benchmarks.topk --items {wish.items} --width {wish.width} --customers {wish.customers}",
        "hardware": hardware(),
    }
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def draw_model(items: int, width: int) -> Runtime:
    """A runtime of this many items with random weights."""
    chance = np.random.default_rng(0)
    settings = Settings(
        items=items, behaviours=len(BEHAVIOURS), contexts=(1, 1, 1, 25, 8), features=0, width=width, layers=2,
        time_scales=(0.0, 1.0, 36.0, 0.0), back_scales=(0.0, 0.0, 0.0, 2.0), pointer_heads=4,
        half_lives=half_lives_of(DAYS), length=64, neighbours=100,
    )  # fmt: skip
    weights = {
        name: value.detach().numpy()
        for name, value in Network(settings, Content.empty(items)).state_dict().items()
        if not name.startswith("items.")
    }
    table = 0.1 * chance.standard_normal((items, width), dtype=np.float32)
    artefact = Artefact(
        settings=settings,
        words={
            "behaviours": list(BEHAVIOURS), "target": ["purchase"], "contexts": {}, "clock": "clock", "time_zone": "UTC",
            "cut": END, "offset": 0,
        },
        weights={"items": table, "covisits": np.array([0.4], dtype=np.float32), **weights},
        counts={
            "popularity": chance.random((items, settings.channels), dtype=np.float32),
            "near": chance.integers(0, items, (items, settings.neighbours)).astype(np.int32),
            "near_weight": chance.random((items, settings.neighbours), dtype=np.float32),
        },
        items=Vocabulary([f"i{n}" for n in range(items)]),
        merchandise=np.ones(items, dtype=bool),
        features=(),
        calibration={"slope": 1.0, "intercept": 0.0},
        metrics={},
    )  # fmt: skip
    return Runtime(artefact, name="random")


def draw_log(items: int, customers: int) -> Log:
    """Histories of EVENTS events over a year."""
    chance = np.random.default_rng(2)
    count = customers * EVENTS
    moments = END - chance.integers(1, DAYS * DAY, (customers, EVENTS))
    unknown = np.full(count, np.nan, dtype=np.float32)
    return Log(
        customers=Vocabulary([f"c{n}" for n in range(customers)]), items=Vocabulary([f"i{n}" for n in range(items)]),
        behaviours=BEHAVIOURS, offsets=np.arange(customers + 1, dtype=np.int64) * EVENTS,
        item=chance.integers(0, items, count).astype(np.int32),
        behaviour=chance.integers(0, len(BEHAVIOURS), count).astype(np.int16), time=np.sort(moments, axis=1).ravel(),
        basket=np.tile(np.arange(EVENTS, dtype=np.int32), customers), quantity=unknown, value=unknown,
        merchandise=np.ones(items, dtype=bool),
    )  # fmt: skip


def _timed(runtime: Runtime, queries: Log, allowed: NDArray[np.bool_]) -> float:
    """Seconds from histories to the best ten of what is allowed."""
    began = time.perf_counter()
    for start in range(0, len(queries), 64):
        some = queries.take(np.arange(start, min(start + 64, len(queries)))) if len(queries) > 64 else queries
        scores = runtime.score(some, np.full(len(some), END))
        scores[:, ~allowed] = -np.inf
        top_k(scores, 10)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
