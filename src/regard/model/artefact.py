"""The artefact: a trained model as a folder of safetensors, JSON and Parquet. Nothing in it executes on load.

config.json          format version, settings, words and times the model was trained on
weights.safetensors  the network, with the item table as scored
counts/              counts.safetensors: popularity at the cut, co-visit neighbours
vocabulary/          items.parquet (id, merchandise), features.json
calibration.json     how raw propensities become calibrated ones
metrics.json         what validation found, the training curve
card.md              the same for a reader
encoder.onnx         the encoder as a graph, for ONNX Runtime here or anywhere, and
estimate.onnx        the first pass over all items; a model without the two answers by NumPy alone
horizon.json         the head of orders, churn and spend, and
horizon.safetensors  its arrays; a model may be without the two
session.json         the head of sessions that still run, or none
manifest.json        size and SHA-256 of every file above: with it a model begins to be
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
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

FORMAT = 3
"""Version of the folder's layout; any other is refused."""

MANIFEST = "manifest.json"

FRESH = ".new"
"""Ending of a file that is not in its place yet."""

ENCODER, ESTIMATE = "encoder.onnx", "estimate.onnx"

HORIZON, HORIZON_WEIGHTS = "horizon.json", "horizon.safetensors"

SESSION = "session.json"

_OPTIONAL = (ENCODER, ESTIMATE, HORIZON, HORIZON_WEIGHTS, SESSION)

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
        weights: the network's arrays by name; 'items' is the item table [V, D], 'covisits' [1] the weight of the co-visits.
        counts: 'popularity' [V, C], 'near' int32 [V, K], 'near_weight' [V, K].
        items: the catalogue. merchandise: bool [V].
        features: names of the content features.
        calibration: 'slope' and 'intercept' of the logit.
        metrics: validation figures, training curve, run facts; the card's data.
        graphs: ENCODER and ESTIMATE as ONNX (see `model.export`), or neither.
        horizon, horizon_weights: settings and arrays of the head of orders, churn and spend (see `runtime.horizon`), or neither.
        session: settings of the head of sessions that still run (see `runtime.session`), or nothing.
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
    graphs: Mapping[str, bytes] = field(default_factory=dict)
    horizon: Mapping[str, Any] = field(default_factory=dict)
    horizon_weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)

    @property
    def _files(self) -> tuple[str, ...]:
        """Everything that is written, but for the manifest."""
        heads = (*((HORIZON, HORIZON_WEIGHTS) if self.horizon else ()), *((SESSION,) if self.session else ()))
        return (*_FILES, *self.graphs, *heads)


def save(artefact: Artefact, folder: Path, *, card: str) -> None:
    """Write the folder, all or nothing: a model that is there already stays the model until the new one is whole.

    Every file is written beside its place. The manifest then moves first: from that moment the files that it names are the model,
    wherever they still stand.
    """
    for part in ("counts", "vocabulary"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(ModelError):
        _settle(folder, check(folder))
    fresh = {name: folder / (name + FRESH) for name in (*artefact._files, MANIFEST)}
    try:
        _write(artefact, fresh, card)
        for path in fresh.values():
            _sync(path)
        _sync_folders(folder)
    except BaseException:
        for path in fresh.values():
            path.unlink(missing_ok=True)
        raise
    fresh.pop(MANIFEST).replace(folder / MANIFEST)
    _sync(folder)
    _settle(folder, fresh)
    for name in set(_OPTIONAL) - set(fresh):
        (folder / name).unlink(missing_ok=True)  # an earlier model's


def _settle(folder: Path, files: Mapping[str, Path]) -> None:
    """Move every file to its place, also those that an earlier save could not move any more."""
    for name, path in files.items():
        if path != folder / name:
            path.replace(folder / name)
    _sync_folders(folder)


def _write(artefact: Artefact, fresh: Mapping[str, Path], card: str) -> None:
    config = {"format": FORMAT, "settings": artefact.settings.to_json(), "words": dict(artefact.words)}
    _write_json(fresh["config.json"], config)
    for name, arrays in (("weights.safetensors", artefact.weights), ("counts/counts.safetensors", artefact.counts)):
        save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, fresh[name])
    table = pa.table({"id": artefact.items.ids, "merchandise": pa.array(artefact.merchandise)})
    pq.write_table(table, fresh["vocabulary/items.parquet"])
    _write_json(fresh["vocabulary/features.json"], list(artefact.features))
    _write_json(fresh["calibration.json"], dict(artefact.calibration))
    _write_json(fresh["metrics.json"], dict(artefact.metrics))
    fresh["card.md"].write_text(card, encoding="utf-8")
    for name, graph in artefact.graphs.items():
        fresh[name].write_bytes(graph)
    if artefact.horizon:
        _write_json(fresh[HORIZON], dict(artefact.horizon))
        arrays = {key: np.ascontiguousarray(array) for key, array in artefact.horizon_weights.items()}
        save_file(arrays, fresh[HORIZON_WEIGHTS])
    if artefact.session:
        _write_json(fresh[SESSION], dict(artefact.session))
    _write_json(fresh[MANIFEST], {name: _mark(path) for name, path in fresh.items() if name != MANIFEST})


def load(folder: Path) -> Artefact:
    """Read and check a model folder.

    Raises:
        ModelError: it is not a complete model, a file was changed or cut short, or it comes from another version.
    """
    files = check(folder)
    try:
        config = _read_json(files["config.json"])
        if config["format"] != FORMAT:
            age = "a newer" if config["format"] > FORMAT else "an older"
            raise ModelError(f"{folder} was made by {age} Regard", hint="train again, or use the version that made it")
        table = pq.read_table(files["vocabulary/items.parquet"])
        return Artefact(
            settings=Settings.from_json(config["settings"]),
            words=config["words"],
            weights=load_file(files["weights.safetensors"]),
            counts=load_file(files["counts/counts.safetensors"]),
            items=Vocabulary(table["id"].combine_chunks()),
            merchandise=table["merchandise"].to_numpy(),
            features=tuple(_read_json(files["vocabulary/features.json"])),
            calibration=_read_json(files["calibration.json"]),
            metrics=_read_json(files["metrics.json"]),
            graphs={name: files[name].read_bytes() for name in (ENCODER, ESTIMATE) if name in files},
            horizon=_read_json(files[HORIZON]) if HORIZON in files else {},
            horizon_weights=load_file(files[HORIZON_WEIGHTS]) if HORIZON in files else {},
            session=_read_json(files[SESSION]) if SESSION in files else {},
        )
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowInvalid, SafetensorError) as error:
        raise ModelError(
            f"{folder} is not a readable model: {error}", hint="train again, or use an older model"
        ) from None


def check(folder: Path) -> dict[str, Path]:
    """Where every file of the model stands, compared with the manifest.

    Raises:
        ModelError: the folder is no complete model, or a file differs.
    """
    try:
        manifest = _read_json(folder / MANIFEST)
    except (OSError, ValueError):
        raise ModelError(f"{folder} is not a complete model", hint="train again, or use an older model") from None
    manifest = manifest if isinstance(manifest, dict) else {}
    files = {}
    for name in (*_FILES, *(name for name in _OPTIONAL if name in manifest)):
        told = manifest.get(name)
        places = (folder / name, folder / (name + FRESH))
        found = next((path for path in places if path.is_file() and _mark(path) == told), None)
        if found is None:
            raise ModelError(f"{folder / name} is damaged or missing", hint="train again, or use an older model")
        files[name] = found
    return files


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, default=float) + "\n", encoding="utf-8")


def _mark(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _sync_folders(folder: Path) -> None:
    for part in (folder, folder / "counts", folder / "vocabulary"):
        _sync(part)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
