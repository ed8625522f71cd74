"""How much a server takes, and how quickly it answers: `regard serve` as a process, asked over HTTP by this one.

    python -m benchmarks.serve_load --json benchmarks/results/serve_load.json

Ingest is timed to the acknowledgement, which is sent after SQLite's commit with synchronous=FULL. 'Closed' senders wait for
their answer before they send again: that gives the most events a second. 'Open' ones send when it is time to, whether or not
earlier answers are there, and an answer's time counts from the moment at which its request was due: a server that stalls
is charged for everybody who would have waited. Recommendations are asked the open way. Models have random weights, which
takes an answer as long as trained ones. The workspace lies in the folder for temporary files; name another with TMPDIR
where that is in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.machine import hardware
from benchmarks.served import Client, Process, client, make, quantiles

CUSTOMERS, EVENTS, WIDTH, N = 2_000, 50, 64, 10
FILTER = 'price < 80 and category != "category 3"'
LATE_SECONDS = 1.0
"""Seconds after an acknowledgement in which the next recommendation must have changed, or is counted as one that did not."""

WARM = 20
"""Questions before the clock runs, so that what is read once has been read."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is done.

    Args:
        seconds: of each measurement. items, many: catalogue sizes. rate, slow: recommendations a second of either.
        events: a second, sent in batches of 100 the open way. singles: posts of one event a second, likewise: half of the
            most, or the wait at the door is all that is seen.
        changes: customers of whom an event is sent, to see it change their recommendations. people: new customers of
            whom five events each are sent, to see what they take of memory.
    """

    seconds: float = 30.0
    items: int = 100_000
    many: int = 1_000_000
    rate: float = 200.0
    slow: float = 20.0
    events: float = 10_000.0
    singles: float = 1_000.0
    changes: int = 200
    people: int = 100_000


SHORT = Plan(seconds=1.0, items=2_000, many=4_000, rate=20, slow=5, events=500, singles=50, changes=5, people=500)


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=Plan.seconds, help="of each measurement")
    options.add_argument("--short", action="store_true", help="a second each and a small catalogue: does it run at all")
    options.add_argument("--json", type=Path, help="file for the result")
    given = options.parse_args()
    plan = SHORT if given.short else Plan(seconds=given.seconds)
    result = {
        "plan": asdict(plan),
        "found": measured(plan),
        "hardware": hardware(),
        "command": f"python -m benchmarks.serve_load {'--short' if given.short else f'--seconds {plan.seconds:g}'}",
    }
    print(json.dumps(result, indent=2))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measured(plan: Plan) -> dict[str, Any]:
    """Everything."""
    found: dict[str, Any] = {}
    for items, works in ((plan.items, (ingest, memory, recommendations, changes)), (plan.many, (crowded,))):
        with tempfile.TemporaryDirectory() as name:
            folder = make(Path(name) / "shop", items=items, customers=CUSTOMERS, events=EVENTS, width=WIDTH)
            for work in works:
                with Process(folder) as process:
                    fresh = asyncio.run(_with_client(work, process, plan))
                print(json.dumps(fresh), file=sys.stderr, flush=True)
                found |= fresh
    return found


async def _with_client(
    work: Callable[[Process, Client, Plan], Coroutine[Any, Any, dict[str, Any]]], process: Process, plan: Plan
) -> dict[str, Any]:
    async with client(process) as mine:
        return await work(process, mine, plan)


async def ingest(process: Process, mine: Client, plan: Plan) -> dict[str, Any]:
    """Durable ingest, closed and open."""
    source = posts()
    many, one = ({"size": size, "under_way": n} for size, n in ((100, 8), (1, 64)))
    found = {
        "ingest, batches of 100, closed": await closed(mine, source, plan.seconds, **many),
        "ingest, single events, closed": await closed(mine, source, plan.seconds, **one),
    }
    for name, size, rate in (("batches of 100", 100, plan.events / 100), ("single events", 1, plan.singles)):
        asks = (mine.post("/v1/events", next(source)(size)) for _ in itertools.count())
        found[f"ingest, {name}, open"] = await opened(mine, asks, rate, plan.seconds, wanted=202)
    return found


def posts(prefix: str = "load") -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """Endless posts of a shop's events, as its site would send them: each is given its size."""
    chance, numbers = np.random.default_rng(1), itertools.count()

    def post(size: int) -> list[dict[str, Any]]:
        drawn = chance.integers(0, [[100_000], [1_000]], (2, size)).T.tolist()
        return [
            {
                "event_id": f"{prefix}-{next(numbers)}", "customer": f"n{customer}", "behaviour": "view_item",
                "item": f"i{item}", "price": item % 100 + 0.95, "device": "phone", "session": f"s{customer}",
            }
            for customer, item in drawn
        ]  # fmt: skip

    return itertools.repeat(post)


async def closed(
    mine: Client, source: Iterator[Callable[[int], list[dict[str, Any]]]], seconds: float, *, size: int, under_way: int
) -> dict[str, Any]:
    """Senders that wait for their answers."""
    took: list[float] = []
    began = perf_counter()

    async def sender() -> None:
        while perf_counter() - began < seconds:
            request = mine.post("/v1/events", next(source)(size))
            sent = perf_counter()
            await _answered(mine, request, 202)
            took.append(perf_counter() - sent)

    await asyncio.gather(*(sender() for _ in range(under_way)))
    rate = len(took) * size / (perf_counter() - began)
    return {"events_per_second": round(rate), "posts": len(took), "under_way": under_way, **quantiles(took)}


async def opened(
    mine: Client, requests: Iterator[bytes], rate: float, seconds: float, *, wanted: int = 200
) -> dict[str, Any]:
    """Requests at fixed moments; times count from the moment at which each was due."""
    took, under_way = list[float](), set[asyncio.Task[None]]()
    most = 0
    began = perf_counter()

    async def one(request: bytes, due: float) -> None:
        await _answered(mine, request, wanted)
        took.append(perf_counter() - due)

    for number in range(max(1, round(rate * seconds))):
        due = began + number / rate
        request = next(requests)
        if (early := due - perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(request, due))
        under_way.add(task)
        most = max(most, len(under_way))
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return {
        "rate": rate, "requests": len(took), "most_under_way": most, **quantiles(took),
        "seconds": round(perf_counter() - began, 2),
    }  # fmt: skip


async def memory(process: Process, mine: Client, plan: Plan) -> dict[str, Any]:
    """What new customers take of memory: five events each, and a question about some."""
    await _warmed(mine)
    before = process.memory
    for start in range(0, plan.people, 20):
        batch = [
            {"event_id": f"m-{n}-{k}", "customer": f"m{n}", "behaviour": "view_item", "item": f"i{(n * 7 + k) % 1000}"}
            for n in range(start, min(start + 20, plan.people)) for k in range(5)
        ]  # fmt: skip
        await _answered(mine, mine.post("/v1/events", batch), 202)
    for n in range(0, plan.people, max(1, plan.people // WARM)):
        await _answered(mine, question(mine, f"m{n}"), 200)
    grown = process.memory - before
    return {
        "memory": {
            "customers": plan.people, "events_each": 5, "before_mb": round(before / 1e6, 1), "grown_mb": round(grown / 1e6, 1),
            "gb_per_million_customers": round(grown / plan.people / 1e3, 3),
        }
    }  # fmt: skip


async def recommendations(process: Process, mine: Client, plan: Plan) -> dict[str, Any]:
    """Open-loop recommendations with a filter."""
    return {f"recommendations, {plan.items:,} items": await _asked(mine, plan.rate, plan.seconds)}


async def crowded(process: Process, mine: Client, plan: Plan) -> dict[str, Any]:
    """The same over the larger catalogue."""
    return {f"recommendations, {plan.many:,} items": await _asked(mine, plan.slow, plan.seconds)}


async def _asked(mine: Client, rate: float, seconds: float) -> dict[str, Any]:
    await _warmed(mine)
    drawn = np.random.default_rng(2)
    return await opened(
        mine, (question(mine, f"c{drawn.integers(CUSTOMERS)}") for _ in itertools.count()), rate, seconds
    )


async def changes(process: Process, mine: Client, plan: Plan) -> dict[str, Any]:
    """Seconds from the acknowledgement of an event to a recommendation that it has changed, which is asked for at once."""
    await _warmed(mine)
    took, never = [], 0
    for n in range(plan.changes):
        before = _items(await _answered(mine, question(mine, f"c{n}"), 200))
        event = {"event_id": f"change-{n}", "customer": f"c{n}", "behaviour": "add_to_cart", "item": before[-1]}
        await _answered(mine, mine.post("/v1/events", [event]), 202)
        known = perf_counter()
        while _items(await _answered(mine, question(mine, f"c{n}"), 200)) == before:
            if perf_counter() - known > LATE_SECONDS:
                never += 1
                break
        else:
            took.append(perf_counter() - known)
    return {
        "acknowledged to recommended": {"customers": plan.changes, "never": never} | (quantiles(took) if took else {})
    }


def question(mine: Client, customer: str) -> bytes:
    """A request for recommendations with a filter."""
    return mine.post("/v1/recommendations", {"customer": customer, "n": N, "filter": FILTER})


def _items(body: bytes) -> list[str]:
    return [item["item"] for item in json.loads(body)["items"]]


async def _warmed(mine: Client) -> None:
    for n in range(WARM):
        await _answered(mine, question(mine, f"c{n}"), 200)


async def _answered(mine: Client, request: bytes, wanted: int) -> bytes:
    status, body = await mine.ask(request)
    if status != wanted:
        raise SystemExit(f"{status} where {wanted} was expected: {body[:500].decode(errors='replace')}")
    return body


if __name__ == "__main__":
    main()
