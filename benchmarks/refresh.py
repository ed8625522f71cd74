"""What refreshing gains: a log replayed in slices, a model trained once before them beside one that is refreshed before each.

    python -m benchmarks.refresh FOLDER [--days 28] [--every 7] [--budget 60] [--seed 0] [--json OUT]

FOLDER is a workspace. Both are asked about the same first baskets of each slice, with histories up to its beginning; the
difference is paired over customers, each with the mean of the slices that asked about them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import regard
from benchmarks.machine import hardware
from regard.errors import UsageError
from regard.evaluation.intervals import estimates
from regard.evaluation.measure import measure
from regard.insight.ranker import Model
from regard.sequences.log import DAY, Log
from regard.sequences.split import ContentOf, midnight, time_split, view_until
from regard.workspace.data import Data
from regard.workspace.refresh import as_asked

METRIC = "ndcg_at_10"


def replay(
    log: Log,
    *,
    target: tuple[str, ...],
    content_of: ContentOf,
    fit: Callable[..., object],
    load: Callable[[Path], Model],
    days: int,
    every: int,
    budget: float,
    seed: int,
) -> dict[str, Any]:
    """The figures of both, and of their difference.

    Args:
        log: with a clock. target: behaviours that count as wanting. content_of: what is known of items.
        fit, load: make a model's folder of a view, and read it. days: that are replayed. every: days of a slice.
        budget: seconds of each training. seed: of every draw.

    Raises:
        UsageError: nothing lies before the replay, or nobody is asked in it.
    """
    end = midnight(int(log.time.max()), log.time_zone, days=1)
    cuts = [midnight(end - 1, log.time_zone, days=1 - ahead) for ahead in range(days, 0, -every)]
    if not (log.time < cuts[0]).any():
        raise UsageError(f"nothing lies before the last {days} days", hint="replay fewer --days")
    found: dict[str, list[tuple[float, float]]] = {}
    slices = []
    with tempfile.TemporaryDirectory() as place:
        once = latest = Path(place) / "m0"
        for number, (cut, until) in enumerate(zip(cuts, [*cuts[1:], end], strict=True)):
            view = view_until(log, cut, target=target, content_of=content_of)
            if number == 0:
                once.mkdir()
                fit(view, folder=once, budget_seconds=budget, seed=seed)
            else:
                start, latest = latest, Path(place) / f"m{number}"
                latest.mkdir()
                fit(view, folder=latest, budget_seconds=budget, seed=seed, start=start)
            asked = time_split(
                log.where(log.time < until),
                target=target,
                content_of=content_of,
                cut=cut,
                days=round((until - cut) / DAY),
            )
            if len(asked) == 0:
                continue
            never, refreshed = (
                measure(asked, as_asked(name, load(each))).metrics[METRIC]
                for name, each in (("never", once), ("refreshed", latest))
            )
            names = asked.queries.customers.ids.to_pylist()
            for name, one, other in zip(names, never, refreshed, strict=True):
                found.setdefault(name, []).append((float(one), float(other)))
            slices.append(
                {
                    "cut": cut,
                    "customers": len(names),
                    "hash": asked.hash,
                    "never": float(np.mean(never)),
                    "refreshed": float(np.mean(refreshed)),
                }
            )
    if not found:
        raise UsageError("nobody came back in the days that were replayed", hint="replay more --days")
    each = np.array([np.mean(pairs, axis=0) for pairs in found.values()])
    never_, refreshed_, gain = estimates(np.column_stack([each, each[:, 1] - each[:, 0]]), seed=seed)
    return {
        "metric": METRIC, "days": days, "every": every, "budget": budget, "seed": seed, "slices": slices,
        "never": never_.to_json(), "refreshed": refreshed_.to_json(), "difference": gain.to_json(),
    }  # fmt: skip


def main(words: list[str] | None = None) -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh")
    parser.add_argument("folder")
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json")
    given = parser.parse_args(words)
    from regard.model.runtime import load
    from regard.training import fit

    data = Data(regard.open(given.folder).store)
    log = data.people()
    found = replay(
        log, target=data.target(log), content_of=data.content, fit=fit, load=load, days=given.days, every=given.every,
        budget=given.budget, seed=given.seed,
    )  # fmt: skip
    found["hardware"] = hardware()
    low, high = found["difference"]["interval"] or (float("nan"), float("nan"))
    print(f"trained once    NDCG@10 {found['never']['mean']:.4f}")
    print(f"refreshed       NDCG@10 {found['refreshed']['mean']:.4f}, every {given.every} days")
    print(
        f"difference      {found['difference']['mean']:+.4f} ({low:+.4f} to {high:+.4f}), {found['difference']['n']} customers"
    )
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
