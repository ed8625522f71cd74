"""The next item or basket: the model beside every baseline, on anybody's file, every setting by the package's own rules.

python -m benchmarks.next_item FILE... --format events --split time --json OUT
python -m benchmarks.next_item events.csv.gz --split held-out --answers test.csv --behaviours purchase --seeds 3
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import task
from benchmarks.machine import hardware
from benchmarks.ranker import boosted
from regard.evaluation.baselines import fit_all, standard
from regard.evaluation.evaluate import evaluate
from regard.model.runtime import Runtime, load
from regard.sequences.view import Split
from regard.training import fit


def main() -> None:
    """Read, split, train each seed, evaluate, print."""
    wish = _arguments()
    found = task.read(wish)
    split, validation = found.split, found.validation
    models, reports, seconds = [], [], []
    for seed in range(wish.seeds):
        model, facts, took = train(split, validation if split.kind == "leave-one-out" else None, seed, wish.budget)
        models.append(model)
        reports.append(facts)
        seconds.append(took)
    extra, left_out = ((), "") if wish.no_baselines else boosted(split)
    baselines = [] if wish.no_baselines else fit_all((*standard(split.view), *extra), split.view, validation)
    began = time.perf_counter()
    models[0].score(split.queries.take(np.arange(min(1000, len(split)))), split.asof[:1000])
    scoring = (time.perf_counter() - began) * 1000 / min(1000, len(split))
    told = evaluate(split, models, baselines, mask=wish.mask).to_json()
    result = {
        "split": told["split"],
        "metrics": told["model"],
        "baselines": told["baselines"],
        "verdict": told["verdict"],
        "behaviours": found.behaviours,
        "train_seconds": round(float(np.mean(seconds)), 1),
        "steps": [facts["steps"] for facts in reports],
        "epochs": [round(facts["epochs"], 2) for facts in reports],
        "events_per_second": reports[0]["events_per_second"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "score_seconds_per_1000": round(scoring, 3),
        "settings": reports[0]["settings"],
        "hardware": hardware(),
        "command": task.command("benchmarks.next_item"),
    }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    if wish.json:
        Path(wish.json).write_text(text + "\n", encoding="utf-8")
    print(table(result))
    if left_out:
        print(left_out)


def train(split: Split, validation: Split | None, seed: int, budget: float) -> tuple[Runtime, dict[str, Any], float]:
    """A model of the split's view, what its fit says, and its seconds. validation: questions to choose by, None = by the fit's own."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        report = fit(
            split.view, folder=folder, budget_seconds=budget, validation=validation, mask=split.mask, seed=seed,
            kind="leave-one-out" if split.kind == "held-out" else None,
        )  # fmt: skip
        took = time.perf_counter() - began
        return load(folder), report.facts, round(took, 1)


def table(result: dict[str, Any]) -> str:
    """The result in words."""
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
    task.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds per training")
    parser.add_argument("--no-baselines", action="store_true", help="only the model")
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
