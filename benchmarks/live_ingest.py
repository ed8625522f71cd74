"""How many live events a second are committed, and how long an acknowledgement takes, in process and without HTTP.

    python -m benchmarks.live_ingest --seconds 20 --json benchmarks/results/live_ingest.json

Senders wait for their answer before they send again, as connections do: so many posts are under way at any time. An
acknowledgement is timed from the call to the moment the result is set, which is after SQLite's commit with
synchronous=FULL. The workspace lies in the folder for temporary files; name another with TMPDIR where that is in memory.

Does an event cost more when there are many already? The last case begins with events that came live and were sealed, and
tells what is written per event and how long a seal takes, as the others do.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import hardware
from regard.events.live.entry import Result
from regard.events.live.seal import seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Writer
from regard.events.store import Store

CASES: dict[str, tuple[int, int, bool, bool]] = {
    "batches of 100": (100, 8, False, False),
    "single posts": (1, 64, False, False),
    "batches of 100 while sealing": (100, 8, True, False),
    "batches of 100 while sealing, after many": (100, 8, True, True),
}
"""Name -> (records of a post, posts under way at a time, whether the tail is sealed all the while, whether there is a
history)."""

_CASE = ("size", "under_way", "sealing", "history")

CUSTOMERS, ITEMS = 100_000, 20_000

PAGE, SEALED = 5_000, 100_000
"""Events of a post, and of a seal, of the history."""


def posts(size: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Endless posts of a shop's events, as its site would send them."""
    chance = np.random.default_rng(seed)
    number = 0
    while True:
        drawn = zip(chance.integers(CUSTOMERS, size=size), chance.integers(ITEMS, size=size), strict=True)
        post: list[dict[str, Any]] = []
        for customer, item in drawn:
            number += 1
            post.append(
                {
                    "event_id": f"{seed}-{number:012d}", "customer": f"c{customer}", "behaviour": "Product Viewed",
                    "item": f"i{item}", "price": float(item % 100) + 0.95, "session": f"s{customer}-{number // 1000}",
                    "device": "phone", "page": f"/product/{item}",
                }
            )  # fmt: skip
        yield post


def fill(store: Store, events: int, seed: int) -> None:
    """A history: events that came live and were sealed."""
    source, left = posts(PAGE, seed + 1_000_000), events
    with Writer(store) as writer:
        while left > 0:
            writer.submit(next(source)).result()
            left -= PAGE
            if left <= 0 or left % SEALED < PAGE:
                seal(store)


def written() -> int:
    """Bytes that this process has written to files, as Linux counts them; 0 where it is not told."""
    told = Path("/proc/self/io")
    return int(told.read_text().split("wchar:")[1].split()[0]) if told.exists() else 0


def measure(
    folder: str, size: int, under_way: int, sealing: bool, before: int, seconds: float, seed: int
) -> dict[str, Any]:
    """Send for some seconds to a workspace with so many events."""
    store, source = Store.create(folder), posts(size, seed)
    fill(store, before, seed)
    free, took, failed = threading.Semaphore(under_way), [], threading.Event()
    stop, seals = threading.Event(), []

    def sealed() -> None:
        while not stop.wait(1.0):
            started = perf_counter()
            seal(store)
            seals.append(perf_counter() - started)

    sealer, held, bytes_before = threading.Thread(target=sealed), kept(store), written()
    with Writer(store) as writer:
        began = perf_counter()
        if sealing:
            sealer.start()
        while perf_counter() - began < seconds:
            post = next(source)
            free.acquire()
            sent = perf_counter()

            def answered(future: Future[list[Result]], sent: float = sent) -> None:
                took.append(perf_counter() - sent)
                if any(result.status != "accepted" for result in future.result()):
                    failed.set()
                free.release()

            writer.submit(post).add_done_callback(answered)
    elapsed = perf_counter() - began
    stop.set()
    if sealing:
        sealer.join()
    if failed.is_set() or kept(store) - held != len(took) * size:
        raise SystemExit(f"{kept(store) - held} events kept of {len(took) * size} acknowledged")
    bytes_each = (written() - bytes_before) / (len(took) * size)
    p50, p99, most = (float(value) for value in np.quantile(np.array(took) * 1e3, [0.5, 0.99, 1.0]))
    return {
        "events_per_second": round(len(took) * size / elapsed),
        "posts": len(took),
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(most, 2),
        "written_bytes_per_event": round(bytes_each),
        "seals": len(seals),
        "seal_s": {"mean": round(float(np.mean(seals)), 2), "max": round(max(seals), 2)} if seals else {},
        "events_before": held,
    }


def kept(store: Store) -> int:
    """Events in tail and parts."""
    with Tail.open(store.catalog.path) as tail:
        return tail.counts().tail + sum(part.rows for part in store.catalog.parts(store.version, "events"))


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=20.0, help="of each case (default 20)")
    options.add_argument("--before", type=int, default=1_000_000, help="events of the last case's history")
    options.add_argument("--short", action="store_true", help="a second each: does it run at all")
    options.add_argument("--seed", type=int, default=0, help="of the drawing (default 0)")
    options.add_argument("--json", type=Path, help="file for the result")
    given = options.parse_args()
    seconds, before = (1.0, 2 * PAGE) if given.short else (given.seconds, given.before)
    found = {}
    for name, (size, under_way, sealing, history) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            there = before if history else 0
            found[name] = measure(f"{folder}/shop", size, under_way, sealing, there, seconds, given.seed)
    result = {
        "settings": {
            "seconds": seconds, "seed": given.seed, "before": before,
            "cases": {name: dict(zip(_CASE, case, strict=True)) for name, case in CASES.items()},
        },
        "found": found,
        "hardware": hardware() | {"sqlite": sqlite3.sqlite_version},
        "command": f"python -m benchmarks.live_ingest --seconds {seconds:g} --before {before} --seed {given.seed}",
    }  # fmt: skip
    print(json.dumps(result, indent=2))
    if given.json is not None:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
