"""A training that goes on begins with the answers of the model before it, whatever was added or reordered meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regard.model.artefact import load as load_parts
from regard.model.runtime import load
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary
from regard.training import fit, warm
from regard.training.fitting import to_artefact
from regard.training.setup import set_up
from regard.training.trial import Trial, judge


@pytest.fixture(scope="module")
def view(view_of: Callable[..., View]) -> View:
    """With two features a item, so that items have more than their ids."""
    plain = view_of()
    V = len(plain.log.items)
    values = np.stack([np.arange(V) % 3, 3 + np.arange(V) % 2], axis=1).reshape(-1)
    content = Content(tuple(f"f{n}" for n in range(5)), Ragged(np.arange(V + 1) * 2, values))
    return replace(plain, content=content)


@pytest.fixture(scope="module")
def first(view: View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "m1"
    torch.set_num_threads(1)
    fit(view, folder=folder, steps=40)
    return folder


def moved(view: View) -> View:
    """The same events over another catalogue: items in reverse order with a new one before them, features reordered."""
    log, V = view.log, len(view.log.items)
    names = ["new", *reversed(log.items.ids.to_pylist())]
    item = np.where(log.item >= 0, V - log.item, -1).astype(np.int32)
    merchandise = np.append(True, log.merchandise[::-1])
    order = np.array([4, 2, 0, 1, 3])
    place = np.argsort(order)
    rows = [
        [0],
        *([place[code] for code in view.content.features.values[2 * n : 2 * n + 2]] for n in reversed(range(V))),
    ]
    features = Ragged(np.cumsum([0, *map(len, rows)]), np.concatenate(rows).astype(np.int64))
    words = log.behaviours[::-1]
    behaviour = (len(words) - 1 - log.behaviour).astype(np.int16)
    changed = replace(
        log, items=Vocabulary(names), item=item, merchandise=merchandise, behaviours=words, behaviour=behaviour
    )
    return replace(view, log=changed, content=Content(tuple(view.content.names[n] for n in order), features))


def begun(view: View, start: warm.Start) -> np.ndarray:
    """The item table of a loop that was begun there and has taken no step."""
    setup = set_up(view)
    loop = setup.loop(7)
    warm.begin(loop, start, view)
    return np.asarray(to_artefact(loop, setup, trial=Trial(steps=1), facts={}).weights["items"])


def test_before_its_first_step_it_is_the_model_it_goes_on_from(view: View, first: Path) -> None:
    start = warm.Start.of(first)
    setup = set_up(view)
    loop = setup.loop(7)
    warm.begin(loop, start, view)
    now = to_artefact(loop, setup, trial=Trial(steps=1, covisits=float(start.model.weights["covisits"][0])), facts={})
    assert set(now.weights) == set(start.model.weights)
    for name, value in start.model.weights.items():
        np.testing.assert_allclose(now.weights[name], value, atol=1e-5, err_msg=name)


def test_items_features_and_behaviours_are_found_by_their_names(view: View, first: Path) -> None:
    start = warm.Start.of(first)
    there = start.model.weights["items"]
    np.testing.assert_allclose(begun(moved(view), start)[1:], there[::-1], atol=1e-5)
    changed = moved(view)
    loop = set_up(changed).loop(7)
    warm.begin(loop, start, changed)
    state = loop.network.state_dict()
    names = list(start.model.words["behaviours"])
    for place, word in enumerate(changed.log.behaviours):
        np.testing.assert_allclose(
            state["behaviour.weight"][place].numpy(), start.model.weights["behaviour.weight"][names.index(word)]
        )


def test_it_takes_fewer_steps_and_says_where_it_comes_from(view: View, first: Path, tmp_path: Path) -> None:
    report = fit(view, folder=tmp_path / "m2", start=first, budget_seconds=600)
    assert report.steps == 10 and report.facts["went_on_from"] == "m1" and report.facts["went_on"] == 1
    again = fit(view, folder=tmp_path / "m3", start=tmp_path / "m2", budget_seconds=600)
    assert (again.steps, again.facts["went_on"]) == (10, 2)
    assert again.facts["calibration"] == report.facts["calibration"] and "went on from m2" in _card(tmp_path / "m3")
    assert load(tmp_path / "m3").card["cold_steps"] == 40


def _card(folder: Path) -> str:
    return (folder / "card.md").read_text()


def test_a_model_of_another_shape_is_not_gone_on_from(view: View, first: Path, tmp_path: Path) -> None:
    start = warm.Start.of(first)
    other = replace(start.model.settings, width=2 * start.model.settings.width)
    assert start.fits(start.model.settings) and not start.fits(other)


def test_a_warm_start_knows_more_than_a_cold_one_after_as_many_steps(
    view: View, first: Path, draw_log: Callable[..., Log]
) -> None:
    from regard.sequences.split import leave_one_out

    split = leave_one_out(view.log, target=view.target, mask=None)
    setup, figures = set_up(split.view), []
    for start in (None, warm.Start.of(first)):
        loop = setup.loop(3)
        if start is not None:
            warm.begin(loop, start, split.view)
        loop.run(2)
        figures.append(judge(loop, split).mean(axis=1).max())
    assert figures[1] > figures[0]


def test_the_features_vectors_change_no_answer(first: Path) -> None:
    parts = load_parts(first)
    assert warm.FEATURES in parts.weights and parts.weights[warm.FEATURES].shape[0] == 5
