"""Kill the server at random moments, a great many times: nothing acknowledged is lost, nothing is there twice, and it is soon back.

    python -m benchmarks.serve_kill --kills 1000 --json benchmarks/results/serve_kill.json

Senders post batches of events under ids of their own, and keep a ledger: an id is acknowledged once the answer has arrived that
says so. What was sent and not answered is sent again after the next start, as every sender must, so that nothing may be there
twice either. Meanwhile the server is given something to do (`CHORES`), and at a random moment it gets SIGKILL: half the time
alone, half the time with every process that it started. After each start the store is read by another process than the
server: the parts that its newest manifest names, and the tail. SIGKILL keeps what the system has not written to the disk yet, so
that this says nothing of a power cut; for that, journal mode and `synchronous` are looked at by the server itself.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import regard
from benchmarks.machine import hardware
from benchmarks.served import Client, Process, add_model, client, make
from regard.events.live import Tail
from regard.events.store import Store

ITEMS, CUSTOMERS, EVENTS, WIDTH = 300, 120, 25, 16
SENDERS, BATCH = 4, 20
BACK_SECONDS = 3.0
"""Seconds in which a server must be back, from the start of its process to the answer to a first post."""

CHORES: dict[str, tuple[tuple[str, Any], ...]] = {
    "ingest": (),
    "seal": (("/v1/jobs", {"kind": "seal"}),),
    "compact": (("/v1/jobs", {"kind": "seal"}), ("/v1/jobs", {"kind": "compact"})),
    "train": (("/v1/jobs", {"kind": "train", "arguments": {"steps": 10}}),),
    "swap": tuple((f"/v1/models/{model}/promote", {"why": "benchmark"}) for model in ("m1", "m2") * 10),
}
"""What the server is asked to do while events arrive: name -> (path, body) of posts."""

LONGEST = {"train": 8.0, "compact": 4.0, "swap": 4.0}
"""Seconds until the kill at most, where a chore takes longer than SOON."""

SOON = 1.5


@dataclass(eq=False)
class Ledger:
    """What was sent. Args: acknowledged: ids that an answer named. unanswered: batches without one."""

    acknowledged: set[str] = field(default_factory=set)
    unanswered: list[list[dict[str, Any]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def batch(self) -> list[dict[str, Any]]:
        """Events that nobody has sent yet."""
        numbers = [next(self.numbers) for _ in range(BATCH)]
        return [
            {"event_id": f"k{n}", "customer": f"k{n % CUSTOMERS}", "behaviour": "view_item", "item": f"i{n % ITEMS}"}
            for n in numbers
        ]  # fmt: skip

    async def send(self, mine: Client, batch: list[dict[str, Any]]) -> None:
        """Send a batch, and write down what came of it.

        Raises:
            OSError: the server is gone. SystemExit: it answered what it never should.
        """
        self.unanswered.append(batch)
        status, body = await mine.ask(mine.post("/v1/events", batch))
        if status == 503:
            await asyncio.sleep(0.05)
        elif status == 202:
            told = json.loads(body)["event_ids"]
            if told != [event["event_id"] for event in batch]:
                raise SystemExit(f"other ids than were sent: {body[:300]!r}")
            self.acknowledged.update(told)
            self.unanswered.remove(batch)
        else:
            raise SystemExit(f"{status}: {body[:300]!r}")

    async def again(self, mine: Client) -> None:
        """Send again what was not answered."""
        batches, self.unanswered = self.unanswered, []
        for batch in batches:
            await self.send(mine, batch)


def main() -> None:
    """Kill, count, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=1_000)
    options.add_argument("--short", action="store_true", help="30 kills")
    options.add_argument("--seed", type=int, default=0, help="of the moments")
    options.add_argument("--json", type=Path, help="file for the result")
    given = options.parse_args()
    kills = 30 if given.short else given.kills
    result = {
        **asyncio.run(measured(kills, given.seed)),
        "hardware": hardware(),
        "command": f"python -m benchmarks.serve_kill --kills {kills} --seed {given.seed}",
    }
    print(json.dumps(result, indent=2))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if result["lost"] or result["twice"]:
        raise SystemExit("events were lost or doubled")


async def measured(kills: int, seed: int) -> dict[str, Any]:
    """So many kills, each after another chore."""
    chance, ledger = np.random.default_rng(seed), Ledger()
    back, answers = list[float](), list[float]()
    asked: Counter[str] = Counter()
    during: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = make(Path(name) / "shop", items=ITEMS, customers=CUSTOMERS, events=EVENTS, width=WIDTH)
        add_model(regard.open(folder), items=ITEMS, width=WIDTH)
        process = Process(folder)
        lost = twice = 0
        for number, chore in zip(range(kills + 1), itertools.cycle(CHORES), strict=False):
            process.start()
            async with client(process) as mine:
                await ledger.send(mine, ledger.batch())
                back.append(time.monotonic() - process.began)
                await _asked(mine)
                answers.append(time.monotonic() - process.began)
                await ledger.again(mine)
                kept = there(process.folder)
                missing, doubled = faults(kept, ledger)
                lost, twice = lost + missing, twice + doubled
                if number == kills:
                    break
                during[chore] += 1
                work = [asyncio.create_task(_post(mine, ledger)) for _ in range(SENDERS)]
                work.append(asyncio.create_task(_chores(mine, chore, asked)))
                await asyncio.sleep(float(chance.uniform(0.02, LONGEST.get(chore, SOON))))
                broken = [task for task in work[:-1] if task.done()]
                process.kill(alone=bool(chance.random() < 0.5))
                await asyncio.gather(*work)
                if broken:
                    raise SystemExit(f"a sender ended before the kill: {process.said[-2000:]}")
        ended = process.stop()
        final = faults(there(process.folder), ledger)
    return {
        "kills": kills, "during": dict(during), "asked": dict(asked), "acknowledged": len(ledger.acknowledged),
        "lost": lost + final[0], "twice": twice + final[1], "exit_code": ended,
        "seconds_to_events": _told(back), "seconds_to_answers": _told(answers),
    }  # fmt: skip


async def _post(mine: Client, ledger: Ledger) -> None:
    """Send until the server is gone."""
    with suppress(OSError):
        while True:
            await ledger.send(mine, ledger.batch())


async def _chores(mine: Client, chore: str, asked: Counter[str]) -> None:
    with suppress(OSError):
        for path, body in CHORES[chore]:
            status, _ = await mine.ask(mine.post(path, body))
            asked[f"{chore}: {status}"] += 1


async def _asked(mine: Client) -> None:
    status, body = await mine.ask(mine.post("/v1/recommendations", {"customer": "c1", "n": 3}))
    if status != 200:
        raise SystemExit(f"{status}: {body[:300]!r}")


def _told(seconds: list[float]) -> dict[str, float]:
    return {
        "median": round(float(np.median(seconds)), 2), "longest": round(max(seconds), 2),
        "above_limit": sum(one > BACK_SECONDS for one in seconds),
    }  # fmt: skip


def there(folder: Path) -> Counter[str]:
    """How often each id of a ledger is in the store: in the parts of its newest version, and in the tail beyond them."""
    store, found = Store.open(folder), Counter[str]()
    with store.reading() as (_, version), Tail.open(store.catalog.path) as tail:
        for part in store.catalog.parts(version, "events"):
            if "event_id" in part.columns:
                found.update(pq.read_table(folder / part.path, columns=["event_id"]).column(0).to_pylist())
        for events in tail.since(version, [f"k{n}" for n in range(CUSTOMERS)]).values():
            found.update(event.event_id for event in events)
    return found


def faults(kept: Counter[str], ledger: Ledger) -> tuple[int, int]:
    """(acknowledged events that are not there, events that are there more than once)."""
    lost = sum(name not in kept for name in ledger.acknowledged)
    return lost, sum(count > 1 for name, count in kept.items() if name)  # those of files have none


if __name__ == "__main__":
    main()
