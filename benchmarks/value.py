"""Customer value: who spends how much in the days to come and who does not come back, on anybody's file, beside every simple method.

python -m benchmarks.value FILE... --format cdnow|retail|events --calibration-days D --holdout-days D --json OUT
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import task as words
from benchmarks import value_task
from benchmarks.machine import hardware
from benchmarks.value_baselines import Row, classic, simple
from benchmarks.value_measure import compare, table
from benchmarks.value_model import models
from benchmarks.value_task import Task
from benchmarks.value_trees import horizon, trees
from regard.evaluation.lifetime.gamma_gamma import dependence
from regard.sequences.purchases import purchase_days


def main() -> None:
    """Read, split, answer, measure, print."""
    wish = _arguments()
    task = value_task.read(wish)
    rows, missing = baselines(task)
    told, said, why = models(task, seeds=wish.seeds, encoder_seconds=wish.encoder_budget)
    result = {**measured(task, [*told, *rows]), "models": said, "missing": [*why, *missing]}
    text = json.dumps(result, ensure_ascii=False, indent=1)
    if wish.json:
        Path(wish.json).write_text(text + "\n", encoding="utf-8")
    print("\n".join([table(result), *result["missing"]]))


def baselines(task: Task) -> tuple[list[Row], list[str]]:
    """(rows, what could not be asked and why)."""
    rows = simple(task)
    missing = list[str]()
    for more, why in (classic(task), trees(task)):
        rows += more
        missing += why
    return rows, missing


def measured(task: Task, rows: list[Row]) -> dict[str, Any]:
    """The results file: split, metrics (the model's), baselines, best_baseline, differences, settings, hardware, command."""
    past = purchase_days(task.queries, task.asof, target=task.view.target)
    return {
        "split": task.to_json(),
        **compare(task.actual, rows),
        "settings": {"trees_horizon_days": horizon(task), "frequency_value_correlation": round(dependence(past), 3)},
        "hardware": hardware(),
        "command": words.command("benchmarks.value"),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    value_task.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=3, help="models that are trained and averaged")
    parser.add_argument(
        "--encoder-budget", type=float, default=0.0, help="seconds for an encoder whose states are tried; 0 = none"
    )
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
