"""The runtime answers as the network would, and needs no PyTorch for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from regard.evaluation.edit import without
from regard.model.network import to_tensors
from regard.model.runtime import Runtime, forward, load
from regard.model.runtime.picture import layers
from regard.sequences.batches import assemble, latest
from regard.sequences.log import DAY, Log

NEAR = {"rtol": 1e-4, "atol": 1e-4}


def asof_of(queries: Log) -> np.ndarray:
    """Moments within a month of the end of the shop's simulated life, after every event."""
    end = 1_700_000_000 + 400 * DAY if queries.clock == "clock" else 1_000
    return end + np.random.default_rng(0).integers(0, 30 * DAY, size=len(queries))


def by_torch(trained: Any, queries: Log, asof: np.ndarray, days: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, states and logits of 'wanted within', by the network."""
    loop = trained.loop
    scores = np.empty((len(queries), len(trained.view.log.items)), dtype=np.float32)
    told = np.empty(len(queries), dtype=np.float32)
    for answered in loop.answer(queries, asof, horizon=days):
        scores[answered.rows] = answered.scores + trained.covisits * answered.covisits
        told[answered.rows] = answered.told
    loop.network.load_state_dict(loop.average)
    loop.network.eval()
    every = latest(queries, length=loop.network.settings.length)
    behaviour = np.full(len(queries), loop.data.behaviour)
    batch = assemble(queries, every, moment=asof, behaviour=behaviour, offset=loop.data.offset)
    with torch.no_grad():
        read = loop.network(to_tensors(batch) | {"own_popular": loop.counts.own(batch)})
    return scores, read.state.numpy(), told


def barred_alike(trained: Any, queries: Log, scores: np.ndarray) -> np.ndarray:
    """The scores where the network's own mask takes out what was seen; the runtime leaves masks to who asks."""
    if trained.loop.network.pointer is None:
        every = latest(queries, length=trained.loop.network.settings.length)
        for row in range(len(queries)):
            seen = queries.item[queries.offsets[row] : queries.offsets[row + 1]][every.start[row] :]
            scores[row, seen[seen >= 0]] = -np.inf
    return scores


def assert_alike(trained: Any, queries: Log) -> None:
    runtime, asof = load(trained.folder), asof_of(queries)
    scores, states, told = by_torch(trained, queries, asof, 7.0)
    np.testing.assert_allclose(barred_alike(trained, queries, runtime.score(queries, asof)), scores, **NEAR)
    np.testing.assert_allclose(runtime.states(queries, asof), states, **NEAR)
    line = runtime.card["calibration"]
    likely = 1 / (1 + np.exp(-(line["slope"] * told.astype(np.float64) + line["intercept"])))
    np.testing.assert_allclose(runtime.propensity(queries, asof, np.array([7.0]))[:, 0], likely, **NEAR)


def test_the_runtime_gives_the_networks_answers(trained: Any) -> None:
    assert (trained.view.log.lengths > 3).sum() > 50
    assert_alike(trained, trained.view.log)


def test_also_for_customers_without_a_history(trained: Any) -> None:
    log = trained.view.log
    assert_alike(trained, log.where(log.owner % 3 != 0))
    assert_alike(trained, log.where(np.zeros(log.events, dtype=bool)))


def test_also_for_histories_longer_than_it_reads(trained: Any) -> None:
    log, length = trained.view.log, trained.loop.network.settings.length
    rows = np.arange(int(log.offsets[2]))
    times = -(-2 * length // len(rows))
    tiled = np.tile(rows, times)
    long = replace(
        log.take(np.array([0])), offsets=np.array([0, len(tiled)]), item=log.item[tiled], behaviour=log.behaviour[tiled],
        time=np.sort(log.time[tiled]), basket=np.arange(len(tiled), dtype=np.int32), quantity=log.quantity[tiled], value=log.value[tiled],
        context={name: (names, codes[tiled]) for name, (names, codes) in log.context.items()},
    )  # fmt: skip
    assert_alike(trained, long)


def test_words_it_never_met_are_unknown_words(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    asof = asof_of(log)
    names, codes = log.context["channel"]
    unknown = replace(log, context={"channel": (names, np.full(log.events, -1, dtype=np.int16))})
    strange = replace(
        log, context={"channel": (("kiosk",), np.zeros(log.events, dtype=np.int16)), "mood": (("good",), codes)}
    )
    np.testing.assert_array_equal(runtime.score(strange, asof), runtime.score(unknown, asof))
    np.testing.assert_array_equal(runtime.score(replace(log, context={}), asof), runtime.score(unknown, asof))
    turned = replace(log, context={"channel": (names[::-1], np.where(codes >= 0, 1 - codes, -1).astype(np.int16))})
    np.testing.assert_array_equal(runtime.score(turned, asof), runtime.score(log, asof))
    assert not np.array_equal(runtime.score(unknown, asof), runtime.score(log, asof))


@pytest.mark.parametrize("length", [64, 12])
@pytest.mark.parametrize("tokens", [16_000, 100])
def test_editions_of_a_history_are_read_together_and_answered_alone(
    trained: Any, monkeypatch: pytest.MonkeyPatch, length: int, tokens: int
) -> None:
    monkeypatch.setattr("regard.model.runtime.runtime.EDITION_TOKENS", tokens)
    runtime, log, random = load(trained.folder), trained.view.log, np.random.default_rng(3)
    runtime._settings = replace(runtime._settings, length=length)
    of = np.repeat(np.flatnonzero(log.lengths > 2)[:40], random.integers(1, 9, size=40))
    whole = np.append(True, of[1:] != of[:-1])
    copies = log.take(of)
    edited = without(copies, (random.random(copies.events) < 0.2) & ~whole[copies.owner])
    asof = asof_of(log)[of]
    items = random.integers(0, len(log.items), size=(len(of), 5))
    alone = runtime.score_of(edited, asof, items)
    saved = []
    monkeypatch.setattr(
        forward, "begin_alike", lambda *args, plain=forward.begin_alike: saved.append(plain(*args)) or saved[-1]
    )
    together = runtime.score_of(edited, asof, items, edition_of=np.flatnonzero(whole)[np.cumsum(whole) - 1])
    np.testing.assert_allclose(together, alone, **NEAR)
    assert np.concatenate(saved).sum() > len(of)


def test_counts_are_those_of_the_cut_whenever_it_is_asked(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, view, counts = load(trained.folder), trained.view, trained.loop.counts.popularity
    log = view.log
    if view.cut is None:
        assert counts is None
        return
    for moment in (view.cut, view.cut + 400 * DAY):
        asof = np.full(len(log), moment)
        np.testing.assert_allclose(
            barred_alike(trained, log, runtime.score(log, asof)), by_torch(trained, log, asof, 7.0)[0], **NEAR
        )
    earlier = np.full(len(log), view.cut - DAY)  # training would read a row that has not counted the last day
    assert (counts.row(earlier) < len(counts.moments) - 1).all()
    monkeypatch.setattr(type(counts), "row", lambda self, moment: np.full(moment.shape, len(self.moments) - 1))
    np.testing.assert_allclose(
        barred_alike(trained, log, runtime.score(log, earlier)), by_torch(trained, log, earlier, 7.0)[0], **NEAR
    )


def test_blocks_and_company_change_no_answer(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, log = load(trained.folder), trained.view.log
    asof = asof_of(log)
    together = runtime.score(log, asof)
    monkeypatch.setattr("regard.model.runtime.runtime.BLOCK_TOKENS", 40)
    np.testing.assert_allclose(runtime.score(log, asof), together, **NEAR)
    for customer in (0, 7):
        alone = runtime.score(log.take(np.array([customer])), asof[[customer]])
        np.testing.assert_allclose(alone[0], together[customer], **NEAR)
    assert runtime.score(log.take(np.arange(0)), asof[:0]).shape == (0, len(runtime.view_items))


def test_the_scores_of_some_items_are_those_among_all(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    asof, everything = asof_of(log), np.arange(len(log.items))
    items = np.random.default_rng(0).integers(-1, len(everything), size=(len(log), 7))
    items[:3] = -1
    scores = np.append(runtime.score(log, asof), np.full((len(log), 1), -np.inf), axis=1)
    np.testing.assert_allclose(
        runtime.score_of(log, asof, items), np.take_along_axis(scores, items % scores.shape[1], 1), **NEAR
    )


def test_what_is_no_merchandise_is_never_recommended(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    scores = runtime.score(log, asof_of(log))
    assert (scores[:, ~log.merchandise] == -np.inf).all() and np.isfinite(scores[:, log.merchandise]).all()
    assert runtime.view_items.ids.equals(log.items.ids)
    assert runtime.item_vectors.shape == (len(log.items), trained.loop.network.settings.width)


def test_propensities_rise_with_the_horizon(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    found = runtime.propensity(log, asof_of(log), np.array([0.5, 1.0, 7.0, 30.0, 365.0]))
    assert ((found >= 0) & (found <= 1)).all() and (np.diff(found, axis=1) >= 0).all()


def test_the_picture_of_attention_is_a_share_of_every_event(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    seen = runtime.attention(log, asof_of(log))
    heads = trained.loop.network.settings.heads
    for customer, picture in enumerate(seen):
        assert picture.shape == (heads, min(log.lengths[customer], trained.loop.network.settings.length))
        assert (picture >= 0).all() and (picture.sum(axis=1) <= 1 + 1e-5).all()


def test_a_picture_of_all_layers_shares_the_question_out_among_the_events(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    for row, picture in enumerate(runtime.pictures(log, asof_of(log))):
        length = min(int(log.lengths[row]), runtime.parts.settings.length)
        assert picture.now.shape == (length,) and picture.between.shape == (length, length)
        assert (picture.now >= 0).all() and abs(picture.now.sum() + picture.unread - 1) < 1e-4
        assert (np.triu(picture.between) == 0).all(), "an event read itself or a later one"


def test_the_last_layer_of_a_picture_is_what_answers_are_made_of(trained: Any) -> None:
    runtime, log = load(trained.folder), trained.view.log
    some = log.take(np.flatnonzero(log.lengths > 2)[:3])
    batch = runtime.batch(some, asof_of(some))
    found = layers(batch, runtime.parts.weights, runtime.parts.settings)
    _, _, last = forward.encode(batch, runtime.parts.weights, runtime.parts.settings)
    assert len(found) == runtime.parts.settings.layers
    np.testing.assert_allclose(found[-1][:, :, -1:], last, atol=2e-6)


def test_an_answer_needs_no_pytorch(trained: Any) -> None:
    code = (
        "import sys, numpy as np\n"
        "from regard.model.runtime import load\n"
        f"model = load({str(trained.folder)!r})\n"
        "assert len(model.view_items)\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'torch'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_runtime_is_named_after_its_folder(trained: Any) -> None:
    runtime: Runtime = load(str(trained.folder))
    assert runtime.name == trained.folder.name and runtime.target == ("view_item", "purchase")
