"""Refreshing: a better model takes the place of the one in service; whatever fails on the way leaves it where it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regard
from regard.errors import InputError, ModelError, RegardError, WorkspaceError
from regard.workspace import canary, gate, learning, refresh


def rows(shop_folder: Path, *, days: int, customers: int = 60, seed: int = 5) -> pd.DataFrame:
    """What happens after the last event of the shop: everybody comes back."""
    shop = regard.open(shop_folder)
    log = shop.log()
    start = pd.Timestamp(int(log.time.max()), unit="s").normalize() + pd.Timedelta(days=1)
    rng = np.random.default_rng(seed)
    names, items = log.customers.ids.to_pylist()[:customers], log.items.ids.to_pylist()
    times = [start + pd.Timedelta(hours=int(hours)) for hours in rng.integers(0, 24 * days, size=8 * customers)]
    return pd.DataFrame(
        {
            "customer": np.resize(names, len(times)), "behaviour": "purchase", "item": rng.choice(items, len(times)),
            "time": [time.isoformat() for time in times],
        }
    )  # fmt: skip


@pytest.fixture
def shop(shop_folder: Path, stand_in: None) -> regard.Workspace:
    """A shop whose model was trained nine days ago."""
    shop = regard.open(shop_folder)
    shop.train()
    shop.ingest(rows(shop_folder, days=9))
    return shop


def states(shop: regard.Workspace) -> dict[str, str]:
    return {model.id: model.state for model in shop.models.all()}


@pytest.fixture
def any_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MARGIN", 100.0)
    monkeypatch.setattr("regard.evaluation.verdict.SMALL", 0)
    monkeypatch.setattr("regard.workspace.refresh.Ranker.counting", classmethod(lambda *_: None))


def test_the_contender_learns_before_the_cut_and_the_model_from_everything(
    shop: regard.Workspace, any_passes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    plain = learning._fit

    def watched(view: Any, **how: Any) -> None:
        start = how.get("start")
        seen.append((view.cut, bool(how.get("ahead")), None if start is None else start.name))
        plain(view, **how)

    monkeypatch.setattr(learning, "_fit", watched)
    found = shop.retrain(budget=60)
    assert found.outcome == "promoted" and found.new == found.model == "m2" and found.gate is not None
    log = shop.log()
    end = int(pd.Timestamp(int(log.time.max()), unit="s").normalize().timestamp()) + 86_400
    (cut, ahead, start), (last, whole, on) = seen
    assert (cut, ahead, start) == (end - 3 * 86_400, False, "m1") and (last, whole) == (end, True)
    assert on is not None and on != "m1" and found.gate["split"]["days"] == 3
    assert states(shop) == {"m2": "serving", "m1": "previous"}
    assert shop.recommend(log.customers.id(0)).model_version == "m2"
    kept = shop.models.get("m2").gate
    assert kept is not None and kept["canary"]["model"] == "m2" and kept["difference"]["n"] > 0


def test_a_worse_one_is_not_even_made(shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(*_: Any, **__: Any) -> gate.Gate:
        return gate.Gate(passed=False, finding="worse", serving="m1", figures={}, split={})

    monkeypatch.setattr(refresh, "judge", worse)
    found = shop.retrain(budget=60)
    assert (found.outcome, found.model, found.new) == ("kept", "m1", None)
    assert states(shop) == {"m1": "candidate"} and shop.models.switches()[0].what == "kept"


def test_the_first_model_needs_no_comparison(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    found = shop.retrain(budget=60)
    assert (found.outcome, found.model, found.gate) == ("promoted", "m1", None) and states(shop) == {"m1": "serving"}


def test_without_new_days_there_is_nothing_to_compare_on(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    with pytest.raises(InputError, match="too few to compare on"):
        shop.retrain(budget=60)
    assert states(shop) == {"m1": "candidate"}


class BrokenError(RuntimeError):
    """What no room raises on purpose."""


def at_train(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = learning._fit

    def fit(view: Any, *, ahead: bool = False, **how: Any) -> None:
        if ahead:
            raise BrokenError("no memory")
        plain(view, ahead=ahead, **how)

    monkeypatch.setattr(learning, "_fit", fit)


def at_export(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = learning._fit

    def fit(view: Any, *, folder: Path, ahead: bool = False, **how: Any) -> None:
        plain(view, folder=folder, ahead=ahead, **how)
        if ahead:
            path = folder / "model.json"
            path.write_text(path.read_text()[:100])

    monkeypatch.setattr(learning, "_fit", fit)


def at_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def finite(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(canary, "_finite", finite)


def at_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "MOST_SECONDS", -1.0)


@pytest.mark.parametrize("fail", [at_train, at_export, at_warm_up, at_canary])
def test_whatever_fails_the_model_in_service_stays(
    shop: regard.Workspace, any_passes: None, monkeypatch: pytest.MonkeyPatch, fail: Any
) -> None:
    who = shop.log().customers.id(0)
    with shop.live():
        assert shop.recommend(who).model_version == "m1"
        with monkeypatch.context() as spoiled:
            fail(spoiled)
            with suppress(BrokenError, ModelError):
                assert shop.retrain(budget=60).outcome == "refused"
            shop.refresh()
            assert shop.recommend(who).model_version == "m1" and not shop.recommend(who).notes
        assert {name for name, state in states(shop).items() if state != "refused"} == {"m1"}
        found = shop.retrain(budget=60)
        assert found.outcome == "promoted"
        shop.refresh()
        assert shop.recommend(who).model_version == found.new


def test_who_switches_by_hand_meanwhile_is_not_overruled(
    shop: regard.Workspace, any_passes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.train()
    plain = refresh.Refreshing.check

    def check(self: Any, name: str) -> Any:
        self._models.promote("m1", why="by hand")
        return plain(self, name)

    monkeypatch.setattr(refresh.Refreshing, "check", check)
    monkeypatch.setattr(refresh, "_cut", lambda model: int(shop.log().time.max()) - 9 * 86_400)
    found = shop.retrain(budget=60)
    assert (found.outcome, found.model) == ("kept", "m1") and "does not serve any more" in found.why


def test_two_trainings_do_not_take_each_others_folder(shop: regard.Workspace) -> None:
    with shop.models.training():
        for train in (shop.train, shop.retrain):
            with pytest.raises(WorkspaceError, match="another training"):
                train()
    assert shop.train().model == "m2"


def test_a_promotion_by_hand_passes_the_canary_first(shop: regard.Workspace) -> None:
    shop.train()
    (shop.models.get("m2").folder / "model.json").write_text("{")
    with pytest.raises(RegardError):
        shop.promote("m2")
    assert states(shop) == {"m2": "candidate", "m1": "candidate"}
    assert shop.promote("m1", why="the newer is damaged").why == "the newer is damaged"
    with pytest.raises(ModelError, match="no model 'm7'"):
        shop.promote("m7")
    shop.train()
    shop.promote("m3")
    assert shop.roll_back(why="no better").id == "m1"
    assert shop.recommend(shop.log().customers.id(0)).model_version == "m1"


@pytest.mark.slow
def test_a_real_model_is_refreshed_warm(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    shop.train(steps=30)
    shop.ingest(rows(shop_folder, days=9))
    found = shop.retrain(budget=30)
    assert found.gate is not None and found.gate["split"]["days"] == 3
    if found.outcome == "promoted":
        card = shop._load(shop.models.get("m2").folder).card
        assert card["went_on"] == 2 and card["cold_steps"] == 30
