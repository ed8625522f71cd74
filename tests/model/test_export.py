"""ONNX Runtime answers as NumPy does, and where it is missing NumPy answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from regard.errors import ModelError
from regard.model import export
from regard.model.artefact import ENCODER, ESTIMATE
from regard.model.network import Network
from regard.model.runtime import Runtime, forward, load
from regard.model.runtime import runtime as module
from regard.model.runtime.engine import Engine, engine_of, feed
from regard.model.settings import Settings
from regard.sequences.batches import Batch, assemble, latest
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.remembered import frozen
from regard.sequences.view import Content

NEAR = {"rtol": 1e-4, "atol": 1e-4}
END = 1_700_000_000 + 400 * DAY


def draw_settings(seed: int, items: int) -> Settings:
    random = np.random.default_rng(seed)
    heads = int(random.choice([1, 2, 4]))
    lives = tuple(np.sort(random.exponential(50, random.integers(0, 3))).tolist())
    return Settings(
        items=items, behaviours=3, contexts=(3, 1, 1, 25, 8), width=int(random.choice([16, 24])) * heads, layers=int(random.integers(1, 4)),
        time_scales=tuple(random.choice([0.0, 1.0, 30.0], heads).tolist()), back_scales=tuple(random.choice([0.0, 2.0], heads).tolist()),
        pointer_heads=int(random.choice([0, 1, 4])), half_lives=lives, seasonal=bool(random.random() < 0.5), length=int(random.choice([5, 64])),
    )  # fmt: skip


def draw_weights(settings: Settings, seed: int) -> dict[str, np.ndarray]:
    """Random numbers where the network has weights."""
    random, shapes = np.random.default_rng(seed), Network(settings, Content.empty(settings.items)).state_dict()
    weights = {name: value.shape for name, value in shapes.items() if not name.startswith("items.")}
    weights["items"] = torch.Size((settings.items, settings.width))
    return {name: 0.3 * random.standard_normal(shape).astype(np.float32) for name, shape in weights.items()}


def batch_of(log: Log, settings: Settings) -> Batch:
    asof = np.full(len(log), END if log.clock == "clock" else 1_000)
    return assemble(
        log, latest(log, length=settings.length), moment=asof, behaviour=np.arange(len(log)) % 3, offset=3600
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_graph_reads_as_numpy_reads(draw_log: Callable[..., Log], seed: int) -> None:
    import onnxruntime

    log = draw_log(seed=seed, clock=("clock", "order", "none")[seed % 3], customers=25)
    place = np.arange(log.events) - log.offsets[log.owner]
    log = log.where((log.owner > 1) | (log.owner == 1) & (place == 0))  # one without events, one with a single one
    settings = draw_settings(seed, len(log.items))
    weights = draw_weights(settings, seed)
    popularity = np.random.default_rng(seed).random((settings.items, settings.channels), dtype=np.float32)
    graph = export.encoder(settings, weights)
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    nobody = log.where(np.zeros(log.events, dtype=bool))
    for some in (log, log.take(np.array([3])), nobody):
        batch = batch_of(some, settings)
        state, token, _ = forward.encode(batch, weights, settings)
        said, *own = session.run(None, feed(batch, weights["items"], popularity, pointer=settings.pointer_heads > 0))
        np.testing.assert_allclose(said, state[:, 0], **NEAR)
        assert len(own) == (settings.pointer_heads > 0)
        if own:
            wanted = forward.pointer(batch, state, token, popularity, weights, settings)[:, 0]
            np.testing.assert_allclose(own[0], wanted, **NEAR)


@pytest.fixture(params=["onnx", "numpy"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either of the two that answer."""
    monkeypatch.setattr(module, "FEW", 0 if request.param == "onnx" else sys.maxsize)
    return str(request.param)


def moments(log: Log) -> np.ndarray:
    return np.full(len(log), END if log.clock == "clock" else 1_000)


def test_the_first_questions_are_answered_by_numpy_and_later_ones_alike(trained: Any) -> None:
    log, runtime = trained.view.log, load(trained.folder)
    asof, asked = moments(log), []
    runtime._read = lambda batch, engine, *rest: asked.append(engine) or Runtime._read(runtime, batch, engine, *rest)  # type: ignore[method-assign]
    few = log.take(np.arange(5))
    first = runtime.score(few, asof[:5])
    runtime.score(log, asof)
    later = runtime.score(few, asof[:5])
    assert asked[0] is None and isinstance(asked[-1], Engine) and module.FEW > 5
    np.testing.assert_allclose(later, first, **NEAR)
    warmed = load(trained.folder)
    warmed.warm()
    np.testing.assert_array_equal(warmed.score(few, asof[:5]), later)


def test_states_and_propensities_are_alike(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = trained.view.log
    monkeypatch.setattr(module, "FEW", 0)
    fast = load(trained.folder)
    assert fast._engine is not None
    told = fast.states(log, moments(log)), fast.propensity(log, moments(log), np.array([7.0]))
    monkeypatch.setattr(module, "FEW", sys.maxsize)
    plain = load(trained.folder)
    np.testing.assert_allclose(told[0], plain.states(log, moments(log)), **NEAR)
    np.testing.assert_allclose(told[1], plain.propensity(log, moments(log), np.array([7.0])), **NEAR)


@pytest.mark.parametrize("n", [1, 4, 50])
def test_the_best_are_those_of_the_scores(trained: Any, engine: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(module, "BLOCK_TOKENS", 60)
    runtime, log = load(trained.folder), trained.view.log
    asof, random = moments(log), np.random.default_rng(n)
    scores = runtime.score(log, asof).astype(np.float64)
    total = np.log(np.exp(scores).sum(axis=1))
    allowed = random.random(len(log.items)) < 0.7
    barred = Ragged.of([random.integers(-1, len(log.items), random.integers(0, 3)) for _ in range(len(log))])
    scores[:, ~allowed] = -np.inf
    for row, items in enumerate(barred):
        scores[row, items[items >= 0]] = -np.inf
    found = runtime.best(log, asof, n, allowed=allowed, barred=barred)
    wanted = -np.sort(-scores, axis=1)[:, :n]
    wanted = np.pad(wanted, ((0, 0), (0, n - wanted.shape[1])), constant_values=-np.inf)
    np.testing.assert_allclose(found.scores, wanted, **NEAR)
    told = np.where(found.items < 0, -np.inf, np.take_along_axis(scores, np.maximum(found.items, 0), 1))
    np.testing.assert_allclose(told, wanted, **NEAR)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in found.items)
    np.testing.assert_allclose(found.total, total, **NEAR)
    np.testing.assert_array_equal(runtime.best(log, asof, n, allowed=allowed, barred=barred).items, found.items)
    shift = frozen(random.choice([-9.0, 0.0, 2.0], len(log.items)).astype(np.float32))
    for _ in range(2):  # the second time what was made of the shift is remembered
        moved = runtime.best(log, asof, n, allowed=frozen(allowed), barred=barred, shift=shift)
        np.testing.assert_allclose(moved.scores[:, 0], (scores + shift).max(axis=1), **NEAR)
        np.testing.assert_allclose(moved.total, total, **NEAR)


def test_without_a_filter_all_merchandise_may_be_the_best(trained: Any, engine: str) -> None:
    runtime, log = load(trained.folder), trained.view.log
    found = runtime.best(log, moments(log), len(log.items))
    assert set(found.items[0].tolist()) == {-1, *np.flatnonzero(log.merchandise).tolist()}
    assert runtime.best(log.take(np.arange(0)), moments(log)[:0], 3).items.shape == (0, 3)


def test_where_onnx_runtime_is_missing_numpy_answers(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    runtime, log = load(trained.folder), trained.view.log
    runtime.warm()
    assert runtime._engine is None
    assert runtime.best(log, moments(log), 3).items.shape == (len(log), 3)


def test_where_onnx_is_missing_a_model_is_written_without_graphs(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(load(trained.folder)._artefact, graphs={})
    assert set(export.with_graphs(plain).graphs) == {ENCODER, ESTIMATE}
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert not export.with_graphs(plain).graphs
    runtime, log = Runtime(plain, name="plain"), trained.view.log
    runtime.warm()
    assert runtime.score(log, moments(log)).shape == (len(log), len(log.items))


@pytest.mark.parametrize("name", [ENCODER, ESTIMATE])
def test_a_graph_that_cannot_be_run_is_refused_in_one_line(trained: Any, name: str) -> None:
    runtime = load(trained.folder)
    harmed = replace(runtime._artefact, graphs={**runtime._artefact.graphs, name: b"no graph"})
    with pytest.raises(ModelError, match=name) as caught:
        engine_of(harmed, runtime._catalogue)
    assert caught.value.hint and "\n" not in str(caught.value)
