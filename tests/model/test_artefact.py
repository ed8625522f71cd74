"""The artefact: what is written is what is read, and a folder that is not whole is no model."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.errors import ModelError
from regard.model.artefact import FORMAT, load, save

FILES = (
    "config.json", "weights.safetensors", "counts/counts.safetensors", "vocabulary/items.parquet", "vocabulary/features.json",
    "calibration.json", "metrics.json", "card.md", "encoder.onnx", "estimate.onnx", "manifest.json",
)  # fmt: skip


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "model"))


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert caught.value.hint and "\n" not in str(caught.value)
    return str(caught.value)


def sign(folder: Path, name: str) -> None:
    """Make the manifest agree with a changed file."""
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / name).read_bytes()
    manifest[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_is_saved_is_what_is_loaded(folder: Path, tmp_path: Path) -> None:
    one = load(folder)
    save(one, tmp_path / "again", card="# A card\n名片\n")
    two = load(tmp_path / "again")
    assert (two.settings, dict(two.words), two.features) == (one.settings, dict(one.words), one.features)
    assert two.items.ids.equals(one.items.ids) and np.array_equal(two.merchandise, one.merchandise)
    assert dict(two.metrics) == dict(one.metrics) and dict(two.calibration) == dict(one.calibration)
    assert dict(two.graphs) == dict(one.graphs) and set(one.graphs) == {"encoder.onnx", "estimate.onnx"}
    for kept, read in ((one.weights, two.weights), (one.counts, two.counts)):
        assert set(kept) == set(read)
        assert all(np.array_equal(kept[name], read[name]) and kept[name].dtype == read[name].dtype for name in kept)
    assert (tmp_path / "again" / "card.md").read_text(encoding="utf-8").endswith("名片\n")


def test_a_horizon_head_is_kept_with_the_model_and_a_model_may_be_without(folder: Path, tmp_path: Path) -> None:
    one = load(folder)
    head = {"heads": {}, "answers": {"churn": "model"}}
    with_head = replace(one, horizon=head, horizon_weights={"model/center": np.arange(3, dtype=np.float32)})
    save(with_head, tmp_path / "two", card="")
    two = load(tmp_path / "two")
    assert dict(two.horizon) == head and np.array_equal(two.horizon_weights["model/center"], [0, 1, 2])
    (tmp_path / "two" / "horizon.safetensors").write_bytes(b"")
    assert "horizon.safetensors" in refused(tmp_path / "two")
    save(one, tmp_path / "two", card="")
    assert not load(tmp_path / "two").horizon and not (tmp_path / "two" / "horizon.json").exists()


def test_a_model_written_without_graphs_is_a_model_and_keeps_none_of_an_earlier_one(folder: Path) -> None:
    plain = replace(load(folder), graphs={})
    save(plain, folder, card="")
    assert not load(folder).graphs and files_of(folder) == set(FILES) - {"encoder.onnx", "estimate.onnx"}


def test_a_model_holds_these_files_and_no_others(folder: Path) -> None:
    assert files_of(folder) == set(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["missing", "cut short", "empty", "one bit", "a folder"])
def test_a_harmed_file_is_named_in_one_line(folder: Path, name: str, harm: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    if harm in ("missing", "a folder"):
        path.unlink()
    if harm == "a folder":
        path.mkdir()
    if harm == "cut short":
        path.write_bytes(content[: len(content) // 2])
    if harm == "empty":
        path.write_bytes(b"")
    if harm == "one bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    told = refused(folder)
    assert name in told or (name == "manifest.json")


@pytest.mark.parametrize("text", ["[]", "3", '{"config.json": 3}', '{"config.json": {"bytes": "many"}}', "\xff"])
def test_a_manifest_of_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="latin-1")
    refused(folder)


@pytest.mark.parametrize(("step", "age"), [(1, "newer"), (-1, "older")])
def test_another_format_is_refused_by_name(folder: Path, step: int, age: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": FORMAT + step}))
    sign(folder, "config.json")
    assert age in refused(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{}"), ("config.json", b"[1]"), ("config.json", b'{"format": 2, "settings": {"depth": 3}, "words": {}}'),
        ("weights.safetensors", b"no tensors"), ("counts/counts.safetensors", b""), ("vocabulary/items.parquet", b"PAR1"),
        ("vocabulary/features.json", b"{"), ("calibration.json", b"\xff"), ("metrics.json", b""),
    ],
)  # fmt: skip
def test_a_signed_file_of_another_kind_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    sign(folder, name)
    refused(folder)


def test_no_folder_is_no_model(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere")
    refused(tmp_path)


def test_a_save_into_a_new_folder_cut_off_half_way_leaves_no_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(folder)
    monkeypatch.setattr("regard.model.artefact.pq.write_table", cut_off)
    with pytest.raises(OSError, match="space"):
        save(whole, tmp_path / "other", card="")
    refused(tmp_path / "other")


def cut_off(*args: Any, **kwargs: Any) -> None:
    raise OSError("no space left on device")


class Killed(BaseException):
    """The process ends here."""


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("writer", ["save_file", "pq.write_table", "_sync"])
def test_a_save_that_fails_leaves_the_model_that_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    old = load(folder)
    monkeypatch.setattr(f"regard.model.artefact.{writer}", cut_off)
    with pytest.raises(OSError, match="space"):
        save(replace(old, metrics={"steps": 1}), folder, card="another")
    assert load(folder).metrics == old.metrics and "another" not in (folder / "card.md").read_text()
    assert files_of(folder) == set(FILES)


def test_a_save_killed_at_any_move_leaves_the_old_or_the_new_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = load(folder)
    new = replace(old, metrics={"steps": 1}, weights={**old.weights, "question": old.weights["question"] + 1})
    move, found = Path.replace, []
    for last in range(len(FILES) + 1):
        moves = iter(range(len(FILES)))

        def killed(path: Path, target: Path, last: int = last, moves: Any = moves) -> Path:
            if next(moves) >= last:
                raise Killed
            return move(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with contextlib.suppress(Killed):
                save(new, folder, card="another")
        one = load(folder)
        changed = np.array_equal(one.weights["question"], new.weights["question"])
        assert one.metrics == (new.metrics if changed else old.metrics)
        found.append(changed)
        with monkeypatch.context() as patch:
            patch.setattr("regard.model.artefact.save_file", cut_off)
            with pytest.raises(OSError, match="space"):
                save(old, folder, card="")
        assert load(folder).metrics == one.metrics
        save(old, folder, card="old")
        assert load(folder).metrics == old.metrics and files_of(folder) == set(FILES)
    assert found == [False] + [True] * len(FILES)
