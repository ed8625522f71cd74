"""What each piece of the model is worth, on validation data: the model by its rules, without each piece, and with what was not kept.

    python -m benchmarks.ablation FILE... --format sequences --split leave-one-out --seeds 3 --steps 800 --json OUT

Every row trains the same number of steps with the same seeds and is looked at LOOKS times on questions of the training view alone; its
best look counts, as in a trial. The test part is never asked. The result is written after each row; with `--only`, the rows asked for
take the places of theirs in the file of the same question, and its other rows stay.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import task
from benchmarks.ablation.rows import ROWS, WHOLE, Row
from benchmarks.machine import hardware
from regard.evaluation.intervals import estimate
from regard.model.counts import Counts
from regard.model.network import Network
from regard.training.loop import Loop
from regard.training.setup import Setup, set_up
from regard.training.trial import Slice, hold_back, judge, of_split

LOOKS = 4
"""Looks per training, evenly spaced: pieces that learn faster or slower are each taken at their best."""


def main() -> None:
    """Train every row with every seed, and print."""
    wish = _arguments()
    found = task.read(wish)
    mask = found.split.mask
    held = of_split(found.validation) if wish.split == "leave-one-out" else _slice(found.split, wish.split)
    if held is None:
        raise SystemExit("too few customers came back to judge anything by")
    setup = set_up(held.split.view, mask=mask, alike=wish.split == "held-out", hidden=held.hidden)
    rows = [row for row in ROWS if row.where(setup) and (not wish.only or row is WHOLE or wish.only in row.name)]
    whole: NDArray[np.float64] = np.empty(0)
    told: list[dict[str, Any]] = []
    result = {
        "split": {"kind": found.split.kind, "asked": len(held.split), "mask": mask},
        "rows": told,
        "seeds": wish.seeds,
        "steps": wish.steps,
        "epochs": round(wish.steps / setup.data.steps_per_epoch, 1),
        "settings": setup.settings.to_json(),
        "hardware": hardware(),
        "command": task.command("benchmarks.ablation"),
    }
    for row in rows:
        began = time.perf_counter()
        each = np.mean([_train(row, setup, held, seed, wish.steps) for seed in range(wish.seeds)], axis=0)
        whole = each if row is WHOLE else whole
        told.append(_told(row, each, whole, round(time.perf_counter() - began)))
        print(_line(told[-1]), flush=True)
        if wish.json:
            _write(Path(wish.json), result, keep=bool(wish.only))


def _write(path: Path, result: dict[str, Any], *, keep: bool) -> None:
    """Write the rows; with `keep`, among those that the file has of the same question."""
    result = json.loads(json.dumps(result))  # as a file has it: lists for tuples
    rows = {row["name"]: row for row in result["rows"]}
    known = json.loads(path.read_text(encoding="utf-8")) if keep and path.exists() else {"rows": []}
    if all(known.get(name) == result[name] for name in ("split", "seeds", "steps", "settings")):
        rows = {**{row["name"]: row for row in known["rows"]}, **rows}
        result = {**result, "command": known["command"]}
    order = [row.name for row in ROWS if row.name in rows]
    told = {**result, "rows": [rows[name] for name in order]}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _slice(split: Any, kind: str) -> Slice | None:
    return hold_back(split.view, mask=split.mask, kind="leave-one-out" if kind == "held-out" else None)


def _train(row: Row, setup: Setup, held: Slice, seed: int, steps: int) -> NDArray[np.float64]:
    """NDCG@10 [Q] of the row's best look."""
    loop = _loop(row, setup, held, seed)
    best = np.zeros(len(held.split))
    for look in range(LOOKS):
        loop.run(steps * (look + 1) // LOOKS - steps * look // LOOKS)
        figures = judge(loop, held.split)  # [W, Q], the first without co-visits
        figures = figures if row.covisits else figures[:1]
        figure = figures[figures.mean(axis=1).argmax()]
        best = figure if figure.mean() > best.mean() else best
    return best


def _loop(row: Row, setup: Setup, held: Slice, seed: int) -> Loop:
    changed = row.setup(replace(setup, settings=replace(setup.settings, **row.settings)))
    plan = replace(setup.plan, **row.plan)
    data = row.data(changed.view, changed.settings, plan, alike=setup.data.alike, hidden=held.hidden)
    torch.manual_seed(seed)
    network = Network(changed.settings, changed.view.content, changed.coordinates)
    row.network(network)
    counts = Counts(changed.popularity, len(changed.view.log.items))
    loop = Loop(network, data, counts, changed.neighbours, plan=plan, seed=seed)
    row.loop(loop)
    return loop


def _told(row: Row, each: NDArray[np.float64], whole: NDArray[np.float64], seconds: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "chinese": row.chinese,
        "kept": row.kept,
        "ndcg_at_10": estimate(each).to_json(),
        "difference": None if row is WHOLE else estimate(each - whole).to_json(),
        "seconds": seconds,
    }


def _line(row: dict[str, Any]) -> str:
    figure, other = row["ndcg_at_10"], row["difference"]
    text = f"{row['name']:72s} NDCG@10 {figure['mean']:.4f}"
    if other is not None:
        low, high = other["interval"]
        text += f"  {other['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"{text}  {row['seconds']} s"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800, help="of every training")
    parser.add_argument("--only", help="rows whose name has this in it, beside the whole model")
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
