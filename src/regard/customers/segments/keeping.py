"""Keeping: a fit of segments as a folder of JSON, safetensors and Parquet. Nothing in it executes on load.

segments.json         ids, names, what became of the segments of the fit before
segments.safetensors  the space, centroids, stability, and of each customer the state, the segment and the events so far
customers.parquet     ids, in the order of those rows
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from regard.customers.segments.identity import Change, Refit, Segments
from regard.customers.segments.moves import Moves
from regard.customers.segments.naming import Name
from regard.customers.segments.space import Space
from regard.errors import ModelError
from regard.sequences.vocabulary import Vocabulary

FORMAT = 1
"""Version of the folder's layout; any other is refused."""

_JSON, _ARRAYS, _CUSTOMERS = "segments.json", "segments.safetensors", "customers.parquet"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """Segments and all that a later refit and their cards need.

    Args:
        segments: S of them, over N customers. events: int64 [N], events each customer had by then.
        names: S. refit: what this fit changed; None for a first one.
    """

    segments: Segments
    events: NDArray[np.int64]
    names: tuple[Name, ...]
    refit: Refit | None


def write(fit: Fit, folder: Path) -> None:
    """Write a fit into an empty folder."""
    found, refit = fit.segments, fit.refit
    told: dict[str, Any] = {"format": FORMAT, "ids": found.ids, "number": found.number, "refit": None}
    told["names"] = [asdict(name) for name in fit.names]
    if refit is not None:
        stayed = None if np.isnan(refit.stayed) else refit.stayed
        told["refit"] = {
            "renewed": refit.renewed, "log": [asdict(change) for change in refit.log], "stayed": stayed,
            "before": refit.moves.before, "moves": refit.moves.customers.tolist(),
        }  # fmt: skip
    (folder / _JSON).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    arrays: dict[str, NDArray[Any]] = {
        "mean": found.space.mean, "axes": found.space.axes, "centroids": found.centroids,
        "stability": found.stability, "states": found.states, "label": found.label, "events": fit.events,
    }  # fmt: skip
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / _ARRAYS)
    pq.write_table(pa.table({"customer": found.customers.ids}), folder / _CUSTOMERS)


def read(folder: Path) -> Fit:
    """Read what `write` wrote.

    Raises:
        ModelError: it is not whole, or of another version.
    """
    try:
        told = json.loads((folder / _JSON).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']}, this Regard knows {FORMAT}")
        arrays = load_file(folder / _ARRAYS)
        ids = pq.read_table(folder / _CUSTOMERS)["customer"].combine_chunks()
        if not len(ids) == len(arrays["states"]) == len(arrays["label"]) == len(arrays["events"]):
            raise ValueError("its files are not of the same customers")
        segments = Segments(
            ids=tuple(told["ids"]), number=int(told["number"]),
            space=Space(mean=arrays["mean"], axes=arrays["axes"]), centroids=arrays["centroids"],
            stability=arrays["stability"], customers=Vocabulary(ids), states=arrays["states"], label=arrays["label"],
        )  # fmt: skip
        names = tuple(Name(en=name["en"], zh=name["zh"], words=tuple(name["words"])) for name in told["names"])
        return Fit(segments=segments, events=arrays["events"], names=names, refit=_refit(told["refit"], segments))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowInvalid, SafetensorError) as error:
        raise ModelError(
            f"the segments in {folder} cannot be read: {error}",
            hint="restore the folder, or delete it: segments are then found anew",
        ) from None


def _refit(told: Mapping[str, Any] | None, segments: Segments) -> Refit | None:
    if told is None:
        return None
    log = tuple(
        Change(kind=one["kind"], before=tuple(one["before"]), after=tuple(one["after"]), jaccard=one["jaccard"])
        for one in told["log"]
    )
    moves = Moves(before=tuple(told["before"]), after=segments.ids, customers=np.array(told["moves"], dtype=np.int64))
    stayed = float("nan") if told["stayed"] is None else float(told["stayed"])
    return Refit(segments=segments, renewed=bool(told["renewed"]), log=log, moves=moves, stayed=stayed)
