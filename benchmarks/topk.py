"""How long one customer's exact top ten takes, in process and without PyTorch: encoder, the whole catalogue, filter, best ten; and everybody's.

    python -m benchmarks.topk --items 100000 --json benchmarks/results/topk.json

The weights are random; shapes are those that the rules choose for a shop of a year. Beside what Regard does stands what was tried and
left out: the encoder in int8, an item matrix in bf16.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import hardware
from regard.model.artefact import ENCODER, Artefact
from regard.model.export import with_graphs
from regard.model.network import Network
from regard.model.runtime.engine import feed
from regard.model.runtime.runtime import Best, Runtime, cores
from regard.model.settings import Settings
from regard.sequences.batches import assemble, latest
from regard.sequences.log import DAY, Log
from regard.sequences.popularity import half_lives_of
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

BEHAVIOURS = ("view_item", "add_to_cart", "purchase")
END, DAYS, EVENTS, N = 1_700_000_000, 365, 50, 10
FIRST = 20
"""Questions before the clock runs, so that memory has been asked for."""


def main() -> None:
    """Ask one customer at a time, then all at once, by int8 products and by float32 products, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--customers", type=int, default=1_000, help="asked, each with 50 events")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    artefact, log = with_graphs(draw_artefact(wish.items, wish.width)), draw_log(wish.items, wish.customers)
    fast, plain = Runtime(artefact, name="fast"), Runtime(replace(artefact, graphs={}), name="plain")
    fast.warm()
    result: dict[str, Any] = {
        "items": wish.items,
        "width": wish.width,
        "customers": wish.customers,
        "events_each": EVENTS,
    }
    found = {}
    for name, runtime in (("int8, rescored", fast), ("fp32", plain)):
        result[name], found[name] = measured(runtime, log)
    result["same items"] = bool(np.array_equal(found["int8, rescored"].items, found["fp32"].items))
    result["left out"] = {"encoder": int8_encoder(artefact, log), "item matrix": bf16_items(artefact)}
    result["command"] = (
        f"python -m benchmarks.topk --items {wish.items} --width {wish.width} --customers {wish.customers}"
    )
    result["hardware"] = hardware()
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def measured(runtime: Runtime, log: Log) -> tuple[dict[str, Any], Best]:
    """Milliseconds for a customer alone, customers per second for all together, and what was found for them."""
    allowed = np.random.default_rng(1).random(len(log.items)) < 0.9

    def ask(queries: Log) -> Best:
        return runtime.best(queries, np.full(len(queries), END), N, allowed=allowed)

    queries = [log.take(np.array([row])) for row in range(len(log))]
    for query in queries[:FIRST]:
        ask(query)
    alone = np.array([_seconds(ask, query) for query in queries])
    found, rates, told = ask(log), {}, os.environ.get("OMP_NUM_THREADS")
    for threads in sorted({1, cores()} if runtime.name == "fast" else {cores()}):
        os.environ["OMP_NUM_THREADS"] = str(threads)
        rates[str(threads)] = round(len(log) / _seconds(ask, log))
    os.environ.pop("OMP_NUM_THREADS") if told is None else os.environ.update(OMP_NUM_THREADS=told)
    low, high, highest = (round(1000 * float(value), 2) for value in np.quantile(alone, [0.5, 0.9, 0.99]))
    return {"median_ms": low, "p90_ms": high, "p99_ms": highest, "customers_per_second": rates}, found


def int8_encoder(artefact: Artefact, log: Log) -> dict[str, float]:
    """Milliseconds of the encoder alone, one customer and 64, as it is and with its weights in int8, and how far the states move."""
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.quantization import quantize_dynamic

    options = SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    with tempfile.TemporaryDirectory() as name:
        plain, small = Path(name) / "plain.onnx", Path(name) / "small.onnx"
        plain.write_bytes(artefact.graphs[ENCODER])
        quantize_dynamic(plain, small)
        sessions = {"fp32": InferenceSession(str(plain), options), "int8": InferenceSession(str(small), options)}
    figures, states = {}, {}
    for count in (1, 64):
        some = log.take(np.arange(count) % len(log))
        batch = assemble(
            some, latest(some, length=64), moment=np.full(count, END), behaviour=np.zeros(count, dtype=np.int64)
        )
        inputs = feed(batch, artefact.weights["items"], artefact.counts["popularity"], pointer=True)
        for kind, session in sessions.items():
            states[kind] = session.run(None, inputs)[0]
            figures[f"{kind}_ms_for_{count}"] = _median_ms(session.run, None, inputs)
    moved = np.linalg.norm(states["int8"] - states["fp32"]) / np.linalg.norm(states["fp32"])
    return figures | {"states_move_by": round(float(moved), 4)}


def bf16_items(artefact: Artefact) -> dict[str, float]:
    """Milliseconds of the product with all items in float32, and in bf16 that is widened block by block, as NumPy has no such numbers."""
    items = artefact.weights["items"]
    state, short = items[0].copy(), (items.view(np.uint32) >> 16).astype(np.uint16)

    def widened() -> None:
        for start in range(0, len(short), 8192):
            np.left_shift(short[start : start + 8192], 16, dtype=np.uint32).view(np.float32) @ state

    return {"fp32_ms": _median_ms(np.dot, items, state), "bf16_ms": _median_ms(widened)}


def draw_artefact(items: int, width: int) -> Artefact:
    """A model of this many items with random weights."""
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
    return Artefact(
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


def _seconds(work: Callable[..., Any], *given: Any) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def _median_ms(work: Callable[..., Any], *given: Any) -> float:
    work(*given)
    return round(1000 * float(np.median([_seconds(work, *given) for _ in range(30)])), 2)


if __name__ == "__main__":
    main()
