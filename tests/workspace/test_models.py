"""Which model answers: the newest until one is promoted, then the one in service; none that fails ever gets near a caller."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regard
from regard.errors import ModelError
from regard.events.store import Store
from regard.workspace import answering, canary
from regard.workspace.models import Models


@pytest.fixture
def shop(shop_folder: Path, stand_in: None) -> regard.Workspace:
    return regard.open(shop_folder)


def trained(shop: regard.Workspace, count: int) -> list[str]:
    return [shop.train().model for _ in range(count)]


def states(models: Models) -> dict[str, str]:
    return {model.id: model.state for model in models.all()}


def version(shop: regard.Workspace) -> str | None:
    return shop.recommend(shop.log().customers.id(0)).model_version


def test_the_newest_answers_until_one_is_promoted_and_then_the_promoted(shop: regard.Workspace) -> None:
    trained(shop, 2)
    assert version(shop) == "m2" and not shop.models.promoted()
    shop.models.promote("m1", why="by hand")
    assert version(shop) == "m1" and states(shop.models) == {"m2": "previous", "m1": "serving"}
    trained(shop, 1)
    assert version(shop) == "m1" and states(shop.models)["m3"] == "candidate"
    shop.models.promote("m3", why="by hand")
    assert version(shop) == "m3"
    assert states(shop.models) == {"m3": "serving", "m2": "candidate", "m1": "previous"}


def test_a_rollback_brings_the_previous_back_and_bars_what_failed(shop: regard.Workspace) -> None:
    trained(shop, 2)
    with pytest.raises(ModelError, match="no previous model"):
        shop.models.roll_back(why="worse")
    shop.models.promote("m1", why="first")
    shop.models.promote("m2", why="better")
    back = shop.models.roll_back(why="customers complained")
    assert back.id == "m1" and version(shop) == "m1"
    assert states(shop.models) == {"m1": "serving", "m2": "refused"}
    assert [(one.what, one.model) for one in shop.models.switches()] == [
        ("rolled back", "m2"), ("promoted", "m2"), ("promoted", "m1"),
    ]  # fmt: skip
    with pytest.raises(ModelError, match="no previous model"):
        shop.models.roll_back(why="again")
    shop.models.promote("m2", why="it was not its fault")
    assert version(shop) == "m2" and states(shop.models)["m1"] == "previous"


def test_a_refused_model_does_not_answer_even_as_the_newest(shop: regard.Workspace) -> None:
    trained(shop, 2)
    shop.models.refuse("m2", why="worse", gate={"difference": -0.1})
    assert version(shop) == "m1"
    assert shop.models.get("m2").gate == {"difference": -0.1}
    shop.models.promote("m1", why="by hand")
    with pytest.raises(ModelError, match="m1 is in service"):
        shop.models.refuse("m1", why="worse")
    with pytest.raises(ModelError, match="no model 'm9'"):
        shop.models.promote("m9", why="by hand")
    assert states(shop.models) == {"m2": "refused", "m1": "serving"}


@settings(max_examples=12)
@given(steps=st.lists(st.tuples(st.sampled_from(["promote", "rollback", "refuse"]), st.integers(1, 4)), max_size=8))
def test_at_most_one_serves_and_at_most_one_is_previous(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("models") / "shop"
    Store.create(folder)
    models, promoted = Models(folder), False
    for number in range(1, 5):
        models.add(f"m{number}", 0)
    for what, number in steps:
        try:
            if what == "promote":
                models.promote(f"m{number}", why="w")
                promoted = True
            elif what == "rollback":
                models.roll_back(why="w")
            else:
                models.refuse(f"m{number}", why="w")
        except ModelError:
            continue
        found = [model.state for model in models.all()]
        assert found.count("serving") == promoted and found.count("previous") <= 1
        assert all(model.state != "refused" for model in models.in_order())
        if promoted:
            assert models.in_order()[0].state == "serving"


def test_a_model_in_service_that_is_damaged_leaves_its_place_to_the_previous(shop: regard.Workspace) -> None:
    trained(shop, 2)
    shop.models.promote("m1", why="w")
    shop.models.promote("m2", why="w")
    (shop.models.get("m2").folder / "model.json").write_text("{")
    answer = regard.open(shop.folder).recommend(shop.log().customers.id(0))
    assert answer.model_version == "m1" and "m2 cannot be read" in answer.notes[0]


def held(shop: regard.Workspace) -> answering.Answering:
    """A server's way of answering: nothing is looked at anew but by `refresh`."""
    shop._answering.hold()
    return shop._answering


def test_a_server_answers_from_what_it_saw_until_it_looks_again(shop: regard.Workspace) -> None:
    trained(shop, 2)
    shop.models.promote("m1", why="w")
    found = held(shop)
    shop.models.promote("m2", why="w")
    assert version(shop) == "m1"
    assert found.refresh() is None and version(shop) == "m2"
    assert shop.recommend(shop.log().customers.id(0), model="m1").model_version == "m1"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda raw: "{", "damaged"),
        (lambda raw: json.dumps({**raw, "popularity": [float("nan")] * len(raw["popularity"])}), "no numbers"),
        (lambda raw: json.dumps({**raw, "popularity": raw["popularity"][:-1]}), "fails when it is asked"),
    ],
)
def test_a_new_model_that_fails_where_it_is_adopted_is_taken_back(
    shop: regard.Workspace, spoil: object, said: str
) -> None:
    """The one that answered goes on, also for a process that is started afterwards."""
    trained(shop, 2)
    shop.models.promote("m1", why="w")
    found, path = held(shop), shop.models.get("m2").folder / "model.json"
    path.write_text(spoil(json.loads(path.read_text())))  # type: ignore[operator]
    shop.models.promote("m2", why="w")
    who, stop, seen = shop.log().customers.id(0), threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            seen.append(shop.recommend(who).model_version)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        why = found.refresh()
    finally:
        stop.set()
        asking.join()
    assert why is not None and said in why
    assert set(seen) <= {"m1"} and version(shop) == "m1"
    assert states(shop.models) == {"m2": "refused", "m1": "serving"} and shop.models.get("m2").why == why
    assert regard.open(shop.folder).recommend(who).model_version == "m1"


def test_two_models_take_turns_without_being_read_again(
    shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(shop, 2)
    who, loads = shop.log().customers.id(0), []
    load = shop._answering._load
    monkeypatch.setattr(shop._answering, "_load", lambda folder: loads.append(folder.name) or load(folder))
    for name in ("m1", "m2") * 3:
        assert shop.recommend(who, model=name).model_version == name
    assert loads == ["m1", "m2"]
    ours, theirs = (shop._answering.shop(model=name)[0] for name in ("m1", "m2"))
    assert ours is not theirs and ours.log is theirs.log
    _ = ours.first_seen
    assert "first_seen" in vars(shop._answering.shop(model="m2")[0])


def test_only_so_many_models_are_kept_in_memory(shop: regard.Workspace) -> None:
    names = trained(shop, answering.KEPT + 2)
    for name in names:
        shop.recommend(None, model=name)
    assert list(shop._answering._rankers) == names[-answering.KEPT :]
    seen = shop._answering._seen
    assert seen is not None and {of.version for of, _ in seen.shops.values() if of} <= set(names[-answering.KEPT :])


def test_the_canary_asks_for_some_likeness_where_chance_gives_none(
    shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(shop, 1)
    ours = shop._answering.shop(model="m1")[0]
    monkeypatch.setattr(canary, "LARGE", 1)
    assert canary.check(ours, ours).overlap == 1.0
    monkeypatch.setattr(canary, "_overlap", lambda one, other: 0.0)
    with pytest.raises(ModelError, match="shares 0"):
        canary.check(ours, ours)
    monkeypatch.setattr(canary, "MOST_SECONDS", 0.0)
    with pytest.raises(ModelError, match="for an answer"):
        canary.check(ours)


def test_the_canary_refuses_a_model_that_scores_everything_alike(shop: regard.Workspace) -> None:
    trained(shop, 1)
    asked = shop._answering.shop(model="m1")[0]
    assert asked.ranker is not None
    flat = type(asked.ranker.scorer)
    before = flat.score
    flat.score = lambda self, queries, asof: np.ones((len(queries), len(self.view_items)), np.float32)  # type: ignore[method-assign]
    try:
        with pytest.raises(ModelError, match="alike"):
            canary.check(asked)
    finally:
        flat.score = before  # type: ignore[method-assign]
