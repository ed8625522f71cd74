"""Scripted bots written into a real log: how many are found, and how many of the log's own customers are accused.

    python -m benchmarks.anomalies FILE... --format events --json OUT

Each script of `regard.simulate.bots` is injected alone, and all together, where they share the bots evenly. The log's own
customers are taken to be people, which some of them are not, so that what is said of false positives is on the safe side.
Beside the score stand the number of events and the acts on an active day, by which `regard ingest` marks bots. Scripts about
time are left out where the log has no clock, and named.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import logs, task
from benchmarks.machine import hardware
from regard.evaluation.intervals import estimate
from regard.metrics import average_precision
from regard.sequences.anomalies import SCRIPTED, judge
from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.judge import FLAGGED
from regard.sequences.log import DAY, Log
from regard.simulate.bots import NEED_CLOCK, SCRIPTS, Bots, inject

FALSE = 0.01
"""Share of the log's own customers that may be accused at the threshold of the recall."""

Floats = NDArray[np.float64]


def main() -> None:
    """Read, inject, judge, compare, print."""
    wish = _arguments()
    log, _ = logs.read(wish.files, wish.format, overrides=dict(pair.split("=", 1) for pair in wish.map))
    scripts = [script for script in SCRIPTS if log.clock == "clock" or script not in NEED_CLOCK]
    count = round(wish.share * len(log))
    found = {}
    for name in (*scripts, "together"):
        chosen = scripts if name == "together" else [name]
        bots = max(1, count // len(chosen))
        each = [_measure(log, chosen, bots, wish.jitter, seed) for seed in range(wish.seeds)]
        found[name] = {"bots": bots * len(chosen), **_told(each)}
        print(f"{name:12s} {_line(found[name])}", flush=True)
    untouched = judge(log)
    result = {
        "customers": len(log),
        "events": log.events,
        "clock": log.clock,
        "bots": max(1, count),
        "jitter": wish.jitter,
        "seeds": wish.seeds,
        "scripts": {name: found[name] for name in scripts},
        "together": found["together"],
        "needs_clock": [name for name in SCRIPTS if name not in scripts],
        "untouched": {
            "flagged": {kind: round(n / len(log), 5) for kind, n in untouched.counts().items()},
            "scripted": round(float((untouched.bot >= FLAGGED).mean()), 5),
            "missing": dict(untouched.missing),
        },
        "command": task.command("benchmarks.anomalies"),
        "hardware": hardware(),
    }
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name in result["needs_clock"]:
        print(f"{name:12s} needs a clock, which this log does not have")
    shares = {kind: f"{share:.2%}" for kind, share in result["untouched"]["flagged"].items()}
    print(
        f"of the log's own {len(log):,} customers flagged: {shares}; as scripted: {result['untouched']['scripted']:.2%}"
    )


def _measure(log: Log, scripts: list[str], count: int, jitter: float, seed: int) -> dict[str, Any]:
    """One seed: a value or, for each bot, whether it was found."""
    whole = log
    for script in scripts:
        whole = inject(whole, Bots(script=script, count=count, jitter=jitter, seed=seed))
    bot = np.arange(len(whole)) >= len(log)
    judged = judge(whole, kinds=SCRIPTED)
    scores = {"score": judged.bot, **_baselines(whole)}
    if len(scripts) == 1:
        scores["own_score"] = judged.scores[scripts[0]]
    found: dict[str, Any] = {}
    for name, values in scores.items():
        found[f"{name}.average_precision"] = average_precision(bot, values)
        found[f"{name}.recall"] = (values[bot] > np.quantile(values[~bot], 1 - FALSE)).astype(np.float64)
    found["flagged_bots"] = (judged.bot[bot] >= FLAGGED).astype(np.float64)
    found["flagged_others"] = float((judged.bot[~bot] >= FLAGGED).mean())
    return found


def _baselines(log: Log) -> dict[str, Floats]:
    """The number of events; and where there is a clock, the acts on an active day."""
    found = {"events": log.lengths.astype(np.float64)}
    if log.clock == "clock":
        acts = Acts.of(log)
        day = acts.time // DAY
        owner = np.unique(np.stack([acts.owner, day]), axis=1)[0]
        found["acts_a_day"] = acts.count / np.maximum(np.bincount(owner, minlength=len(log)), 1)
    return found


def _told(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds with their spread; of shares of bots, intervals over all bots as well."""
    told: dict[str, Any] = {}
    for path in each[0]:
        values = [one[path] for one in each]
        means = [float(np.mean(value)) for value in values]
        spread = round(float(np.std(means, ddof=1)), 5) if len(means) > 1 else None
        if np.ndim(values[0]):
            value = {**estimate(np.concatenate(values)).to_json(), "sd": spread}
        else:
            value = {"mean": round(float(np.mean(means)), 5), "sd": spread}
        name, _, part = path.rpartition(".")
        (told.setdefault(name, {}) if name else told)[part] = value
    return told


def _line(found: dict[str, Any]) -> str:
    """One script in words."""
    parts = []
    for name in ("score", "own_score", "events", "acts_a_day"):
        if name in found:
            ap, recall = (found[name][key]["mean"] for key in ("average_precision", "recall"))
            parts.append(f"{name} PR-AUC {ap:.3f} recall at {FALSE:.0%} {recall:.3f}")
    parts.append(f"flagged {found['flagged_bots']['mean']:.3f}, of others {found['flagged_others']['mean']:.4f}")
    return "; ".join(parts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--format", choices=logs.FORMATS, default="events")
    parser.add_argument("--map", action="append", default=[], help="field=column, for --format events")
    parser.add_argument("--share", type=float, default=0.01, help="bots per customer of the log")
    parser.add_argument("--jitter", type=float, default=0.2, help="0 = bots keep exactly to their scripts")
    parser.add_argument("--seeds", type=_seeds, default=3)
    parser.add_argument("--json", help="where the result goes")
    return parser.parse_args()


def _seeds(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least one")
    return int(text)


if __name__ == "__main__":
    main()
