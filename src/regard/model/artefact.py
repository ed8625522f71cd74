"""The artefact: a trained model as a folder of safetensors, JSON and Parquet. Nothing in it executes on load.

config.json          format version, settings, words and times the model was trained on
weights.safetensors  the network, with the item table as scored
counts/              counts.safetensors: popularity at the cut, co-visit neighbours
vocabulary/          items.parquet (id, merchandise), features.json
calibration.json     how raw propensities become calibrated ones
metrics.json         what validation found, the training curve
card.md              the same for a reader
manifest.json        size and SHA-256 of every file above, written last
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from regard.errors import ModelError
from regard.model.settings import Settings
from regard.sequences.vocabulary import Vocabulary

FORMAT = 1
"""Version of the folder's layout; a newer one than this is refused."""

_FILES = (
    "config.json", "weights.safetensors", "counts/counts.safetensors", "vocabulary/items.parquet", "vocabulary/features.json",
    "calibration.json", "metrics.json", "card.md",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Artefact:
    """A trained model's parts.

    Args:
        settings: the network's shape.
        words: 'behaviours', 'target', 'contexts' (name -> names of its codes), 'clock', 'time_zone', 'cut', 'offset'.
        weights: the network's arrays by name; 'items' is the item table [V, D].
        counts: 'popularity' [V, C - 1], 'near' int32 [V, K], 'near_weight' [V, K].
        items: the catalogue. merchandise: bool [V].
        features: names of the content features.
        calibration: 'slope' and 'intercept' of the logit.
        metrics: validation figures, training curve, run facts; the card's data.
    """

    settings: Settings
    words: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    counts: Mapping[str, NDArray[Any]]
    items: Vocabulary
    merchandise: NDArray[np.bool_]
    features: tuple[str, ...]
    calibration: Mapping[str, float]
    metrics: Mapping[str, Any]


def save(artefact: Artefact, folder: Path, *, card: str) -> None:
    """Write the folder; the manifest comes last, so that a half-written folder is never taken for a model."""
    for part in ("counts", "vocabulary"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    config = {"format": FORMAT, "settings": artefact.settings.to_json(), "words": dict(artefact.words)}
    _write_json(folder / "config.json", config)
    save_file(
        {name: np.ascontiguousarray(array) for name, array in artefact.weights.items()}, folder / "weights.safetensors"
    )
    save_file(
        {name: np.ascontiguousarray(array) for name, array in artefact.counts.items()},
        folder / "counts/counts.safetensors",
    )
    table = pa.table({"id": artefact.items.ids, "merchandise": pa.array(artefact.merchandise)})
    pq.write_table(table, folder / "vocabulary/items.parquet")
    _write_json(folder / "vocabulary/features.json", list(artefact.features))
    _write_json(folder / "calibration.json", dict(artefact.calibration))
    _write_json(folder / "metrics.json", dict(artefact.metrics))
    (folder / "card.md").write_text(card, encoding="utf-8")
    manifest = {}
    for name in _FILES:
        path = folder / name
        _sync(path)
        manifest[name] = {"bytes": path.stat().st_size, "sha256": _digest(path)}
    _write_json(folder / "manifest.json", manifest)
    _sync(folder / "manifest.json")
    _sync(folder)


def load(folder: Path) -> Artefact:
    """Read and check a model folder.

    Raises:
        ModelError: it is not a complete model, a file was changed or cut short, or it comes from a newer version.
    """
    check(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["format"] > FORMAT:
            raise ModelError(f"{folder} was made by a newer Regard", hint="upgrade regard, or train again")
        table = pq.read_table(folder / "vocabulary/items.parquet")
        return Artefact(
            settings=Settings.from_json(config["settings"]),
            words=config["words"],
            weights=load_file(folder / "weights.safetensors"),
            counts=load_file(folder / "counts/counts.safetensors"),
            items=Vocabulary(table["id"].combine_chunks()),
            merchandise=table["merchandise"].to_numpy(),
            features=tuple(json.loads((folder / "vocabulary/features.json").read_text(encoding="utf-8"))),
            calibration=json.loads((folder / "calibration.json").read_text(encoding="utf-8")),
            metrics=json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
        )
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowInvalid, SafetensorError) as error:
        raise ModelError(
            f"{folder} is not a readable model: {error}", hint="train again, or use an older model"
        ) from None


def check(folder: Path) -> None:
    """Compare every file with the manifest.

    Raises:
        ModelError: the folder is no complete model, or a file differs.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ModelError(f"{folder} is not a complete model", hint="train again, or use an older model") from None
    for name in _FILES:
        path, told = folder / name, manifest.get(name) if isinstance(manifest, dict) else None
        if not path.is_file() or told != {"bytes": path.stat().st_size, "sha256": _digest(path)}:
            raise ModelError(f"{path} is damaged or missing", hint="train again, or use an older model")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, default=float) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
