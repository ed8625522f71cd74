"""Leaving out: whom a training without anomalies leaves out, and what that changes, asked of customers who stay in both."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.insight.ranker import Model
from regard.progress import Progress
from regard.sequences.log import DAY
from regard.sequences.split import last_cut, leave_one_out, time_split
from regard.sequences.view import Split
from regard.workspace.data import Data

if TYPE_CHECKING:
    from regard.sequences.anomalies import Anomalies

FITS = 3
"""Trainings that share the budget: the model, and two of the comparison, with the anomalies and without."""

LEAST_ASKED = 50
"""Customers asked below which a difference tells nothing, as in a trial (`regard.training.trial`)."""

METRIC = "ndcg_at_10"
"""What is compared: the metric by which trainings choose."""

MOST_DAYS, PART = 30, 10
"""The questions are about the last 30 days, or the last tenth of a shorter log, as in a trial."""

_FILE = "left_out.json"


def told(found: Anomalies) -> dict[str, Any]:
    """Who is left out: how many customers, of how many, for what kinds, and their events; nothing compared yet."""
    rows = found.flagged[found.log.owner]
    return {
        "customers": int(found.flagged.sum()),
        "of": int((found.log.lengths > 0).sum()),
        "events": int(rows.sum()),
        "kinds": {kind: count for kind, count in found.counts().items() if count},
        "change": None,
    }


def kept(folder: Path) -> dict[str, Any] | None:
    """What was left out of the model in a folder; None where nothing was asked to be."""
    path = folder / _FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def keep(folder: Path, left_out: dict[str, Any]) -> None:
    """Write it beside the model."""
    (folder / _FILE).write_text(json.dumps(left_out, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def told_briefly(left_out: dict[str, Any]) -> dict[str, Any]:
    """Two figures for a model's card: how many customers were left out, and the difference that this made."""
    card: dict[str, Any] = {"left_out": left_out["customers"]}
    if left_out["change"] is not None:
        found = left_out["change"]["difference"]
        ends = "" if found["interval"] is None else " ({:+.4f} – {:+.4f})".format(*found["interval"])
        card["left_out_change"] = f"{found['mean']:+.4f}{ends}".replace("-", "−")
    return card


def change(
    data: Data, *, fit: Callable[..., None], load: Callable[[Path], Model], progress: Progress, **how: Any
) -> dict[str, Any] | None:
    """The validation metric with the anomalies in training and without, and the paired difference; None for too few
    customers.

    Anomalies are those known at the cut. Both trainings see everything else before it, and both are asked the same
    questions, about customers who are in both. By these questions each chooses when to stop as well, so that the two can be
    compared and neither tells how well a model does on questions of which it knew nothing.

    Args:
        data: the events. fit: `regard.training.fit`. load: reads what it wrote. how: steps, seed, device of both.
    """
    from regard.evaluation.intervals import estimate
    from regard.evaluation.measure import measure

    everybody, without = _questions(data)
    if len(without) < LEAST_ASKED:
        return None
    values = []
    for split in (everybody, without):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fit(split.view, folder=folder, validation=split, mask=split.mask, progress=progress, resume=False, **how)
            values.append(measure(split, load(folder)).metrics[METRIC])
    found = {"with": values[0], "without": values[1], "difference": values[1] - values[0]}
    return {"metric": METRIC, **{name: estimate(each).to_json() for name, each in found.items()}}


def _questions(data: Data) -> tuple[Split, Split]:
    """The same questions over two views: of everybody's events, and of those without the anomalies."""
    log, cut = data.log(), None
    if log.clock == "clock":
        span = (int(log.time.max()) - int(log.time.min())) / DAY
        cut = last_cut(log, int(np.clip(span // PART, 1, MOST_DAYS)))
    log, fewer = data.people(cut), data.people(cut, anomalies=False)
    target = data.target(log if cut is None else log.where(log.time < cut))
    content = data.content
    if cut is None:
        whole = leave_one_out(log, target=target, content_of=content, part="validation", mask=None)
        less = leave_one_out(fewer, target=target, content_of=content, part="validation", mask=whole.mask)
    else:
        whole = time_split(log, target=target, content_of=content, cut=cut)
        less = time_split(fewer, target=target, content_of=content, cut=cut, mask=whole.mask)
    names = set(less.queries.customers.ids.to_pylist())
    rows = np.flatnonzero([name in names for name in whole.queries.customers.ids.to_pylist()])
    return (
        replace(
            whole, queries=whole.queries.take(rows), asof=whole.asof[rows], targets=whole.targets.take(rows),
            hash=less.hash,
        ),
        less,
    )  # fmt: skip
