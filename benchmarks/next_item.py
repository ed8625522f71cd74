"""The next item or basket: the model beside every baseline, on anybody's file, every setting by the package's own rules.

python -m benchmarks.next_item FILE... --format events --split time --json OUT
python -m benchmarks.next_item events.csv.gz --split held-out --answers test.csv --behaviours purchase --seeds 3
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import logs
from benchmarks.machine import hardware
from regard.evaluation.baselines import fit_all, standard
from regard.evaluation.evaluate import evaluate
from regard.events.names import behaviour_of
from regard.model.runtime import Runtime, load
from regard.sequences.log import Log
from regard.sequences.split import ContentOf, held_out, leave_one_out, midnight, time_split
from regard.sequences.view import Split
from regard.training import fit
from regard.workspace.targets import targets


def main() -> None:
    """Read, split, train each seed, evaluate, print."""
    wish = _arguments()
    overrides = dict(pair.split("=", 1) for pair in wish.map)
    log, content = logs.read(wish.files, wish.format, overrides=overrides, items=wish.items, attributes=wish.attributes)
    if wish.behaviours:
        log = log.where(log.is_behaviour(wish.behaviours))
    target = targets([log.behaviours[code] for code in np.unique(log.behaviour)], wish.target)
    split, validation = _splits(log, content, target, wish)
    models, reports, seconds = [], [], []
    for seed in range(wish.seeds):
        model, facts, took = _train(split, validation if split.kind == "leave-one-out" else None, seed, wish.budget)
        models.append(model)
        reports.append(facts)
        seconds.append(took)
    baselines = [] if wish.no_baselines else fit_all(standard(split.view), split.view, validation)
    began = time.perf_counter()
    models[0].score(split.queries.take(np.arange(min(1000, len(split)))), split.asof[:1000])
    scoring = (time.perf_counter() - began) * 1000 / min(1000, len(split))
    found = evaluate(split, models, baselines, mask=wish.mask).to_json()
    result = {
        "split": found["split"],
        "metrics": found["model"],
        "baselines": found["baselines"],
        "verdict": found["verdict"],
        "behaviours": [log.behaviours[code] for code in np.unique(log.behaviour)],
        "train_seconds": round(float(np.mean(seconds)), 1),
        "steps": [facts["steps"] for facts in reports],
        "epochs": [round(facts["epochs"], 2) for facts in reports],
        "events_per_second": reports[0]["events_per_second"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "score_seconds_per_1000": round(scoring, 3),
        "settings": reports[0]["settings"],
        "hardware": hardware(),
        "command": _command(),
    }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    if wish.json:
        Path(wish.json).write_text(text + "\n", encoding="utf-8")
    print(_table(result))


def _command() -> str:
    """What was run, files by their names alone."""
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    if "--json" in words:
        del words[words.index("--json") : words.index("--json") + 2]
    return shlex.join(["python", "-m", "benchmarks.next_item", *words])


def _splits(
    log: Log, content: ContentOf, target: tuple[str, ...], wish: argparse.Namespace
) -> tuple[Split, Split | None]:
    """The split, and the questions on which baselines (and a leave-one-out model) choose."""
    if wish.split == "time":
        split = time_split(log, target=target, content_of=content, days=wish.days, mask=wish.mask)
        assert split.view.cut is not None
        earlier = midnight(split.view.cut, log.time_zone, days=-wish.days)
        return split, time_split(
            split.view.log, target=target, content_of=content, days=wish.days, cut=earlier, mask=split.mask
        )
    if wish.split == "held-out":
        split = held_out(log, logs.answers(wish.answers), target=target, content_of=content, mask=wish.mask)
        return split, leave_one_out(log, target=target, content_of=content, mask=split.mask)
    mask = wish.mask or "seen"
    whole = leave_one_out(log, target=target, content_of=content, mask=mask)
    return whole, leave_one_out(log, target=target, content_of=content, mask=mask, part="validation")


def _train(split: Split, validation: Split | None, seed: int, budget: float) -> tuple[Runtime, dict[str, Any], float]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        report = fit(
            split.view, folder=folder, budget_seconds=budget, validation=validation, mask=split.mask, seed=seed,
            kind="leave-one-out" if split.kind == "held-out" else None,
        )  # fmt: skip
        took = time.perf_counter() - began
        return load(folder), report.facts, round(took, 1)


def _table(result: dict[str, Any]) -> str:
    split = result["split"]
    lines = [f"{split['kind']} split, {split['customers']:,} customers, mask {split['mask']}, hash {split['hash']}", ""]
    rows = {"model": result["metrics"], **result["baselines"]}
    for name, metrics in rows.items():
        ndcg, hits = metrics["ndcg_at_10"], metrics["hr_at_10"]
        low, high = ndcg["interval"] or (float("nan"),) * 2
        lines.append(f"{name:32s} NDCG@10 {ndcg['mean']:.4f} [{low:.4f}, {high:.4f}]  HR@10 {hits['mean']:.4f}")
    return "\n".join([*lines, "", result["verdict"]["words"], f"trained in {result['train_seconds']} s per seed"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--format", choices=logs.FORMATS, default="events")
    parser.add_argument("--map", action="append", default=[], help="field=column, for --format events")
    parser.add_argument("--split", choices=("time", "leave-one-out", "held-out"), default="time")
    parser.add_argument("--answers", help="CSV of customer, item: the held-out answers")
    parser.add_argument("--items", help="a table of items, as `regard ingest --items` reads them")
    parser.add_argument("--attributes", help="JSON: item -> list of attributes")
    parser.add_argument(
        "--target", default="", help="behaviours that count as wanting, comma-separated; by rule if empty"
    )
    parser.add_argument(
        "--behaviours", type=_behaviours, default=(), help="read only these, comma-separated; all by default"
    )
    parser.add_argument("--days", type=int, default=30, help="length of the test period of a time split")
    parser.add_argument("--mask", choices=("none", "target", "seen"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds per training")
    parser.add_argument("--no-baselines", action="store_true", help="only the model")
    parser.add_argument("--json", help="where the result goes")
    wish = parser.parse_args()
    if wish.split == "held-out" and not wish.answers:
        parser.error("--split held-out needs --answers FILE")
    return wish


def _behaviours(text: str) -> tuple[str, ...]:
    """Behaviours by their own or anybody's usual names, such as purchase or buy."""
    return tuple(behaviour_of(word) or word.strip() for word in text.split(","))


if __name__ == "__main__":
    main()
