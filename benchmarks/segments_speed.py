"""How long questions about segments take in a shop of ten million events: who meets a rule, who is in a segment, what two share.

    python -m benchmarks.segments_speed --events 10000000 --json benchmarks/results/segments_speed.json

The shop is drawn and taken in as `regard ingest` does; its model has random weights, since what it costs does not depend on
what it has learned. Everybody is looked at once after the events or the model have changed; that is timed apart. Then each
question is asked in a fresh process, as a command does, and again and again in one, as a server does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import regard
from benchmarks.machine import hardware
from benchmarks.topk import draw_artefact
from regard.model.artefact import save
from regard.model.export import with_graphs

EACH = 100
"""Events a customer has on average."""

CHUNK = 1_000_000
"""Rows drawn at once; memory only."""

END, DAYS = 1_700_000_000, 365
"""The last second of the log, 2023-11-14 UTC, and the days that it covers: those of the model."""

BEHAVIOURS = np.array(["view_item", "add_to_cart", "purchase"])
RULES = {
    "of what was done": "orders >= 2 and days_since_last_order < 120 and mean_order_value > 20",
    "of what is declared": 'city = "Ulm" and member = true',
    "of what is foreseen": 'intent_7d > 0.01 and value_tier = "gold"',
}
"""Which fields a rule reads -> the rule."""

SAVED = "active in Ulm"
"""Name under which a rule is registered."""


def main() -> None:
    """Draw the shop, look at everybody, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9, help="of each question in one process")
    parser.add_argument("--json", help="where the result goes")
    parser.add_argument("--fresh", nargs=2, metavar=("SHOP", "QUESTION"), help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.fresh:
        print(json.dumps(fresh(*wish.fresh)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), wish.events, wish.items, wish.rounds)
    result["command"] = f"python -m benchmarks.segments_speed --events {wish.events} --items {wish.items}"
    result["hardware"] = hardware()
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def measured(folder: Path, events: int, items: int, rounds: int) -> dict[str, Any]:
    """Seconds of looking at everybody and milliseconds of each question."""
    shop = drawn(folder, events, items)
    report, looking = timed(shop.segments)
    shop.segments('city = "Ulm" and orders >= 2', save=SAVED)
    asked = questions(shop, folder)
    warm = {name: [timed(ask)[1] for _ in range(rounds)] for name, ask in asked.items()}
    return {
        "events": events,
        "customers": report.customers,
        "items": items,
        "clusters": len(report.segments),
        "looking_seconds": round(looking, 1),
        "questions": {
            name: {"warm_ms": told(times)} | {"fresh": _apart(shop.folder, name)} for name, times in warm.items()
        },
    }


def questions(shop: regard.Workspace, folder: Path) -> dict[str, Callable[[], object]]:
    """What is asked of a shop, by name."""
    someone = "c7"
    asked: dict[str, Callable[[], object]] = {
        f"rule {name}": (lambda rule=rule: shop.segments(rule)) for name, rule in RULES.items()  # type: ignore[misc]
    }  # fmt: skip
    asked["members of a saved rule, as a file"] = lambda: shop.members(SAVED, folder / "members.csv")
    asked["segments of one customer"] = lambda: shop.segments_of(someone)
    asked["overlap of two"] = lambda: shop.overlap(SAVED, "champions")
    return asked


def fresh(folder: str, name: str) -> dict[str, float]:
    """Seconds to open the shop and ask one question, in a process that has done nothing else."""
    with tempfile.TemporaryDirectory() as out:
        _, took = timed(lambda: questions(regard.open(folder), Path(out))[name]())
    return {"seconds": round(took, 3)}


def _apart(shop: Path, name: str) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.segments_speed", "--fresh", str(shop), name]
    runs = [json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)["seconds"] for _ in range(3)]
    return {"median_seconds": float(np.median(runs)), "runs": len(runs)}


def told(seconds: list[float]) -> dict[str, float]:
    """Median and the worst, in milliseconds; the first round fills what is kept and is told apart."""
    first, *rest = (1000 * one for one in seconds)
    rest = rest or [first]
    return {"first": round(first, 1), "median": round(float(np.median(rest)), 1), "max": round(max(rest), 1)}


def drawn(folder: Path, events: int, items: int) -> regard.Workspace:
    """A shop of so many events, its customers described in a table, and a model."""
    file, customers = folder / "events.parquet", max(1, events // EACH)
    chunks = _events(events, items, customers)
    first = next(chunks)
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for chunk in chunks:
            writer.write_table(chunk)
    chance = np.random.default_rng(1)
    people = {
        "customer_id": _named("c", np.arange(customers)),
        "city": pa.array(np.array(["Ulm", "Bonn", "Jena", "Kiel"])[chance.integers(0, 4, customers)]),
        "member": pa.array(np.array(["yes", "no"])[chance.integers(0, 2, customers)]),
    }
    shop = regard.init(folder / "shop")
    shop.ingest(str(file), customers=pa.table(people))
    name, place = shop.models.begin(resume=False)
    save(with_graphs(draw_artefact(items, 64)), place, card="random weights")
    shop.models.add(name, shop.store.version)
    return regard.open(shop.folder)


def _events(events: int, items: int, customers: int) -> Iterator[pa.Table]:
    """Chunks in time order: some customers and items have most of the events."""
    chance = np.random.default_rng(0)
    span = DAYS * 86_400 / events
    for start in range(0, events, CHUNK):
        rows = min(CHUNK, events - start)
        item = (items * chance.random(rows) ** 3).astype(np.int64)
        behaviour = chance.choice(len(BEHAVIOURS), rows, p=(0.8, 0.12, 0.08))
        bought = behaviour == 2
        when = END - DAYS * 86_400 + ((start + np.arange(rows)) * span).astype(np.int64)
        yield pa.table({
            "customer_id": _named("c", (customers * chance.random(rows) ** 1.5).astype(np.int64)),
            "item_id": _named("i", item),
            "event_name": pa.array(BEHAVIOURS).take(pa.array(behaviour)),
            "timestamp": pa.array(when * 1_000_000, pa.timestamp("us", "UTC")),
            "quantity": pa.array(np.ones(rows), mask=~bought),
            "price": pa.array(np.round(2.0 + (item * 7919 % 9800) / 100, 2)),
        })  # fmt: skip


def _named(letter: str, numbers: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(np.char.add(letter, numbers.astype(str)).astype(object), pa.string())


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds it took."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


if __name__ == "__main__":
    main()
