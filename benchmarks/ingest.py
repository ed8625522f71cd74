"""How long, and with how much memory, a Parquet file of events takes to become ready sequences.

    python benchmarks/ingest.py --events 10000000 --json benchmarks/results/ingest.json

The file is drawn, streamed and seeded, in a temporary folder. A child process of its own ingests and packs it, so
that the peak of memory is the product's and not that of the drawing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHUNK = 1_000_000
CUSTOMERS_PER_EVENT, ITEMS_PER_EVENT = 1 / 20, 1 / 200
BEHAVIOURS, SHARES = np.array(["view_item", "add_to_cart", "favourite", "purchase"]), (0.80, 0.10, 0.05, 0.05)


def draw(events: int, seed: int) -> Iterator[pa.Table]:
    """Chunks of a shop's log over 120 days, in time order: a few customers and items have most of the events."""
    chance = np.random.default_rng(seed)
    customers, items = max(int(events * CUSTOMERS_PER_EVENT), 1), max(int(events * ITEMS_PER_EVENT), 1)
    span = 120 * 86_400 / events
    for start in range(0, events, CHUNK):
        rows = min(CHUNK, events - start)
        customer = (customers * chance.random(rows) ** 2).astype(np.int64)
        item = (items * chance.random(rows) ** 3).astype(np.int64)
        behaviour = chance.choice(len(BEHAVIOURS), rows, p=SHARES)
        when = 1_700_000_000 + np.sort(chance.uniform(start * span, (start + rows) * span, rows)).astype(np.int64)
        bought = BEHAVIOURS[behaviour] == "purchase"
        yield pa.table(
            {
                "customer_id": _named("c", customer),
                "item_id": _named("i", item),
                "event_name": pa.DictionaryArray.from_arrays(pa.array(behaviour), pa.array(BEHAVIOURS)).cast(
                    pa.string()
                ),
                "timestamp": pa.array(when * 1_000_000, pa.timestamp("us", "UTC")),
                "order_id": _named("o", start + np.arange(rows), ~bought),
                "quantity": pa.array(chance.integers(1, 4, rows).astype(np.float64), mask=~bought),
                "price": pa.array(np.round(2.0 + (item * 7919 % 9800) / 100, 2)),
            }
        )


def _named(letter: str, numbers: np.ndarray[Any, Any], missing: np.ndarray[Any, Any] | None = None) -> pa.Array:
    text = np.char.add(letter, numbers.astype(str)).astype(object)
    return pa.array(text, pa.string(), mask=missing)


class Stopwatch:
    """A Progress that keeps the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._what, self._began = "", 0.0

    def start(self, what: str, total: float | None = None) -> None:
        """A step begins."""
        self._what, self._began = what.split(" ")[0], perf_counter()

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Nothing to keep."""

    def finish(self, note: str = "") -> None:
        """A step ends."""
        self.seconds[self._what] = round(self.seconds.get(self._what, 0.0) + perf_counter() - self._began, 2)


def measure(file: str, folder: str) -> dict[str, Any]:
    """Ingest and pack; meant for a fresh process."""
    began = perf_counter()
    from regard.events.store import Store
    from regard.sequences.pack import read_log

    watch = Stopwatch()
    store = Store.create(folder)
    loaded = perf_counter()
    report = store.ingest(file, progress=watch)
    stored = perf_counter()
    log = read_log(store)
    packed = perf_counter()
    return {
        "import_seconds": round(loaded - began, 2),
        "ingest_seconds": round(stored - loaded, 2),
        "steps": watch.seconds,
        "pack_seconds": round(packed - stored, 2),
        "total_seconds": round(packed - began, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "accepted": report.accepted,
        "customers": len(log),
        "items": len(log.items),
        "store_mb": round(sum(path.stat().st_size for path in Path(folder).rglob("events/*.parquet")) / 1e6, 1),
    }


def main() -> None:
    """Draw, measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--events", type=int, default=10_000_000, help="rows of the file (default 10,000,000)")
    options.add_argument("--seed", type=int, default=0, help="of the drawing (default 0)")
    options.add_argument("--json", type=Path, help="file for the result")
    options.add_argument("--measure", nargs=2, metavar=("FILE", "FOLDER"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        chunks = draw(given.events, given.seed)
        first = next(chunks)
        with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for chunk in chunks:
                writer.write_table(chunk)
        child = subprocess.run(
            [sys.executable, __file__, "--measure", str(file), str(Path(folder) / "shop")],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        result = json.loads(child.stdout.splitlines()[-1])
        result = {
            "settings": {"events": given.events, "seed": given.seed, "file_mb": round(file.stat().st_size / 1e6, 1)},
            **result,
            "events_per_second": round(given.events / result["total_seconds"]),
            "hardware": hardware(),
            "command": f"python benchmarks/ingest.py --events {given.events} --seed {given.seed}",
        }
    print(json.dumps(result, indent=2))
    if given.json is not None:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def hardware() -> dict[str, Any]:
    """What it ran on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "pyarrow": pa.__version__,
        "numpy": np.__version__,
    }
    return {
        "machine": platform.machine(),
        "cores": cores,
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 1),
    } | versions


if __name__ == "__main__":
    main()
