"""Training on one CUDA card: events per second, memory, and the share of the card's own rate; and whether it learns what the CPU learns.

    python -m benchmarks.gpu --json benchmarks/results/gpu.json

The log is drawn at random and has no clock; the network is a large one. The card's rate is that of one big product of two bf16 matrices
in the same run. Counted against it is what training has to multiply: padding, columns that a token may not read and everything that is
no product of matrices count nothing. `as it trains` makes each batch while the card waits or works; `batches ready` has made them before.
A row that was not run says why; nothing is carried over from other machines.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import hardware
from regard.model.device import CPU
from regard.sequences.covisits import Neighbours
from regard.sequences.log import Log
from regard.sequences.split import view_until
from regard.sequences.vocabulary import Vocabulary
from regard.training.data import Data, Lesson
from regard.training.device import choose
from regard.training.setup import Setup
from regard.training.sizing import plan_training, size_model

NO_CARD = "no CUDA card"

SIDE = 8_192
"""Rows and columns of the matrices whose product tells a card's rate: so many that nothing but the product counts."""

PRODUCTS = 50
"""Products that are timed together."""

WARM_UP_STEPS = 10
"""Steps before the clock runs: the first of each kind of batch are compiled."""

LOOKS, LOOK_STEPS = 20, 5
"""Looks at the loss on the card and on the CPU, and steps between them."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is trained.

    Args:
        items: V. customers: with `length` events each. width, layers, length: of the network. tokens: padded tokens per batch.
        dropout: share dropped, None = by rule.
    """

    items: int
    customers: int = 5_000
    width: int = 256
    layers: int = 8
    length: int = 200
    tokens: int = 65_536
    dropout: float | None = None


SMALL = Shape(items=2_000, customers=1_000, width=64, layers=2, length=50, tokens=6_000, dropout=0.0)
"""What is trained on the CPU as well; nothing is dropped, as a card draws other numbers."""


def main() -> None:
    """Measure what there is a card for, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=Shape.tokens, help="padded tokens per batch")
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    full, sampled = (Shape(items=items, tokens=wish.tokens) for items in (27_000, 1_000_000))
    card = choose("cuda") if torch.cuda.is_available() else None
    rows: dict[str, Any] = {"rate": told(card, lambda device: {"flops": bf16_rate(device)})}
    rate = rows["rate"].get("flops")
    rows["full"] = told(card, lambda device: measure(full, device, steps=wish.steps, rate=rate))
    rows["sampled"] = told(card, lambda device: measure(sampled, device, steps=wish.steps, rate=rate))
    rows["parity"] = told(card, parity)
    result = {
        "card": None if card is None else torch.cuda.get_device_name(card),
        "torch": torch.__version__,
        "settings": {"full": asdict(full), "sampled": asdict(sampled), "parity": asdict(SMALL), "steps": wish.steps},
        "rows": rows,
        "command": f"python -m benchmarks.gpu --tokens {wish.tokens} --steps {wish.steps}",
        "hardware": hardware(),
    }
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def told(card: torch.device | None, work: Callable[[torch.device], dict[str, Any]]) -> dict[str, Any]:
    """What `work` finds on the card, or why it was not run; a row that fails takes no other along."""
    if card is None:
        return {"not_run": NO_CARD}
    try:
        return work(card)
    except RuntimeError as error:  # out of memory, or a kernel that does not compile
        return {"not_run": f"{type(error).__name__}: {str(error).splitlines()[0]}"}


def bf16_rate(device: torch.device, side: int = SIDE) -> float:
    """Operations per second of a product of two bf16 matrices."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    began = _now(device)
    for _ in range(PRODUCTS):
        one @ other
    return 2 * side**3 * PRODUCTS / (_now(device) - began)


def measure(shape: Shape, device: torch.device, *, steps: int, rate: float | None) -> dict[str, Any]:
    """Events per second, peak memory and the share of `rate`, as it trains and with the batches ready."""
    setup = set_up(shape)
    loop = setup.loop(0, device)
    loop.run(WARM_UP_STEPS)
    ready = list(islice(setup.data.epoch(np.random.default_rng(1)), steps))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    live = loop.run(steps)
    loop.lessons = iter(ready)
    fast = loop.run(len(ready))
    each = sum(sum(operations(lesson, setup).values()) for lesson in ready) / fast.events
    speeds = {"as it trains": live.events / live.seconds, "batches ready": fast.events / fast.seconds}
    return {
        "events_per_second": {how: round(speed) for how, speed in speeds.items()},
        "share": {how: None if rate is None else round(speed * each / rate, 4) for how, speed in speeds.items()},
        "operations_per_event": round(each),
        "peak_mb": round(torch.cuda.max_memory_allocated(device) / 2**20) if device.type == "cuda" else None,
    }


def operations(lesson: Lesson, setup: Setup) -> dict[str, float]:
    """Multiplications and additions of a step's products: of the weights, of attention and of the scores.

    The backward pass has two products for each of the forward one.
    """
    batch, settings = lesson.batch, setup.settings
    D, earlier, V = settings.width, settings.layers - 1, settings.items
    real = batch.item < V  # [B, L]
    events, questions = int(real.sum()), int(batch.asked.sum())
    L = real.shape[1]
    read_by_events = int((batch.limit[:, :L] + 2)[real].sum())  # earlier baskets, the start, itself
    read_by_questions = int((batch.limit[:, L:] + 1)[batch.asked].sum())
    readers = earlier * (events + questions) + questions  # in the last block the questions alone
    read = earlier * (read_by_events + read_by_questions) + read_by_questions
    candidates = V
    if setup.plan.loss != "full":
        named = np.unique(np.append(batch.slot_item, lesson.answers.item.numpy()))
        candidates = min(V, int((named < V).sum()) + setup.plan.negatives)
    return {
        "weights": 6.0 * D * D * (10 * readers + 2 * settings.layers * events),
        "attention": 6.0 * D * 2 * read,
        "scores": 6.0 * D * questions * candidates,
    }


def parity(device: torch.device, shape: Shape = SMALL) -> dict[str, Any]:
    """How far the loss on the device is from the CPU's, over the same batches; 0.01 is one part in a hundred."""
    setup = set_up(shape)
    ours, theirs = setup.loop(0, CPU), setup.loop(0, device)
    apart, same = 0.0, True
    for _ in range(LOOKS):
        one, two = ours.run(LOOK_STEPS), theirs.run(LOOK_STEPS)
        apart = max(apart, abs(two.loss - one.loss) / abs(one.loss))
        same = same and one.events == two.events
    return {"steps": LOOKS * LOOK_STEPS, "largest_difference": round(apart, 5), "same_batches": same}


def set_up(shape: Shape) -> Setup:
    """A training of this shape, everything else by rule; without co-visits, which no training reads."""
    view = view_until(draw_log(shape), None, target=("purchase",))
    chosen = size_model(view, None)
    settings = replace(chosen, width=shape.width, layers=shape.layers, length=shape.length, neighbours=0)
    if shape.dropout is not None:
        settings = replace(settings, dropout=shape.dropout, id_dropout=shape.dropout)
    plan, none = replace(plan_training(view), tokens=shape.tokens), (shape.items, 0)
    return Setup(
        view=view, settings=settings, plan=plan, popularity=None,
        neighbours=Neighbours(items=np.empty(none, dtype=np.int32), weights=np.empty(none, dtype=np.float32)),
        coordinates=np.zeros((shape.items, shape.width), dtype=np.float32), data=Data(view, settings, plan),
    )  # fmt: skip


def draw_log(shape: Shape) -> Log:
    """Purchases in an order and without times, every item as likely as any other."""
    chance = np.random.default_rng(0)
    count, places = shape.customers * shape.length, np.arange(shape.length)
    unknown = np.full(count, np.nan, dtype=np.float32)
    return Log(
        customers=Vocabulary([f"c{n}" for n in range(shape.customers)]),
        items=Vocabulary([f"i{n}" for n in range(shape.items)]), behaviours=("purchase",),
        offsets=np.arange(shape.customers + 1, dtype=np.int64) * shape.length,
        item=chance.integers(0, shape.items, count).astype(np.int32), behaviour=np.zeros(count, dtype=np.int16),
        time=np.tile(places, shape.customers), basket=np.tile(places.astype(np.int32), shape.customers),
        quantity=unknown, value=unknown, merchandise=np.ones(shape.items, dtype=bool), clock="order",
    )  # fmt: skip


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
