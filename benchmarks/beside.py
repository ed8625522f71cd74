"""What attributes, outside scores and edges of customers add to orders, churn and spend ahead: with and without them, on one shop.

python -m benchmarks.beside SHOP --days D --seeds N --json OUT

The rehearsal of the horizon head is run with them, once a seed: heads learn before a cut inside the log, and the losses of those
with and without are compared on customers that neither was tuned on. `losses` is what errors lose with them (above zero: better).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import regard
from benchmarks.machine import hardware
from regard.errors import InputError
from regard.sequences.split import midnight, view_until
from regard.training.horizon import fit_horizon
from regard.training.horizon_worth import worth
from regard.workspace.data import Data


def main() -> None:
    """Read, rehearse, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", help="a workspace with a table of customers, edges or scores")
    parser.add_argument("--days", type=int, default=90, help="the horizon that heads are judged at")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", help="where the figures go")
    wish = parser.parse_args()
    runs = [measured(wish.shop, days=wish.days, seed=seed) for seed in range(wish.seeds)]
    result = {
        "runs": runs,
        "hardware": hardware(),
        "command": f"python -m benchmarks.beside SHOP --days {wish.days} --seeds {wish.seeds}",
    }
    if wish.json:
        Path(wish.json).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for run in runs:
        print(
            f"seed {run['seed']}, {run['customers']:,} customers asked about {run['days']} days",
            *run["words"],
            sep="\n",
        )


def measured(folder: str, *, days: int, seed: int) -> dict[str, Any]:
    """The rehearsal's findings for one seed.

    Raises:
        InputError: the workspace knows nothing beside the events.
    """
    data = Data(regard.open(folder).store)
    log = data.people()
    target = data.target(log)
    about = data.about(log, target)
    if about is None:
        raise InputError(
            f"{folder} knows nothing of its customers beside their events", hint="regard ingest --customers"
        )
    end = midnight(int(log.time.max()), log.time_zone, days=1)
    view = view_until(log, end, target=target, content_of=data.content)
    found = fit_horizon(view, horizon_days=days, about=about, seed=seed).report
    heads = {name: found["heads"][name] for name in ("aggregates", "with_about", "model") if name in found["heads"]}
    return {
        "seed": seed, "days": found["days"], "customers": found["customers"], "about": found["about"],
        "losses": found["without_about"], "heads": heads, "words": worth(found),
    }  # fmt: skip


if __name__ == "__main__":
    main()
