"""How training grows: seconds per event and memory, from a hundred thousand events to ten million, the network's shape fixed.

    python -m benchmarks.growth --json benchmarks/results/growth.json

Every size is drawn and trained in a process of its own, so that its peak of memory is its own. What happens once (counting,
asking) is timed whole; steps are timed over `--steps` of them, which is less than an epoch of the larger logs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import hardware
from regard.sequences.covisits import coordinates, covisits, neighbours
from regard.sequences.log import DAY, Log
from regard.sequences.popularity import popularity
from regard.sequences.split import view_until
from regard.sequences.vocabulary import Vocabulary
from regard.training.data import Data
from regard.training.setup import Setup
from regard.training.sizing import Plan, size_model

SIZES = (100_000, 1_000_000, 10_000_000)
LENGTHS = (256, 4_096)
ITEMS, DAYS = 20_000, 365
WIDTH, LAYERS, TOKENS = 64, 2, 6_000


def main() -> None:
    """Measure every size and every length of history, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="events of the log")
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS), help="events of each customer")
    parser.add_argument("--steps", type=int, default=60, help="timed, after three that warm up")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    result: dict[str, Any] = {"items": ITEMS, "width": WIDTH, "layers": LAYERS, "tokens": TOKENS}
    result["growth"] = [_apart(events, 50, wish.steps) for events in wish.sizes]
    result["histories"] = [_apart(500_000, length, wish.steps) for length in wish.lengths]
    result |= {"command": "python -m benchmarks.growth", "hardware": hardware()}
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def draw(events: int, length: int) -> Log:
    """A log of customers with so many purchases each over a year, one a basket; some items have most of them."""
    chance = np.random.default_rng(0)
    customers = max(1, events // length)
    count = customers * length
    item = (ITEMS * chance.random(count) ** 3).astype(np.int32)
    time_ = np.sort(chance.integers(0, DAYS * DAY, (customers, length)), axis=1) + 1_700_000_000
    unknown = np.full(count, np.nan, dtype=np.float32)
    return Log(
        customers=Vocabulary([f"c{n}" for n in range(customers)]), items=Vocabulary([f"i{n}" for n in range(ITEMS)]),
        behaviours=("purchase",), offsets=np.arange(customers + 1, dtype=np.int64) * length, item=item,
        behaviour=np.zeros(count, dtype=np.int16), time=time_.ravel(),
        basket=np.tile(np.arange(length, dtype=np.int32), customers), quantity=unknown, value=unknown,
        merchandise=np.ones(ITEMS, dtype=bool),
    )  # fmt: skip


def measure(events: int, length: int, steps: int) -> dict[str, Any]:
    """Draw, count, train some steps."""
    log = draw(events, length)
    view = view_until(log, int(log.time.max()) + 1, target=("purchase",))
    drawn = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    began = time.perf_counter()
    popular, together = popularity(view), covisits(view)
    settings = replace(size_model(view, popular), width=WIDTH, layers=LAYERS)
    near = neighbours(together, width=settings.neighbours)
    settings, plan = replace(settings, neighbours=near.items.shape[1]), Plan(tokens=TOKENS)
    setup = Setup(
        view=view, settings=settings, plan=plan, popularity=popular, neighbours=near,
        coordinates=coordinates(together, width=WIDTH), data=Data(view, settings, plan),
    )  # fmt: skip
    counted = time.perf_counter() - began
    loop = setup.loop(0)
    loop.run(3)
    tally = loop.run(steps)
    return {
        "events": view.log.events,
        "length": length,
        "set_up_seconds": round(counted, 1),
        "set_up_us_per_event": round(counted / view.log.events * 1e6, 2),
        "steps": steps,
        "steps_per_epoch": setup.data.steps_per_epoch,
        "step_us_per_event": round(tally.seconds / tally.events * 1e6, 2),
        "us_per_event": round(1e6 * (counted / view.log.events + tally.seconds / tally.events), 2),
        "drawn_mb": drawn,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _apart(events: int, length: int, steps: int) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(measure, (events, length, steps))
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()
