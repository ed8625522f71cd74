"""Scenarios are kept with every edit, checked when they are saved, and answer from the next question on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import regard
from regard.errors import UsageError
from regard.insight.scenario import Boost, Cap, Pin, Scenario, Split
from regard.workspace.recommending import Question
from regard.workspace.scenarios import ChangedError, Scenarios


def buyer(shop: regard.Workspace) -> str:
    """Whoever bought most."""
    log = shop.log()
    return log.customers.id(int(np.bincount(log.owner[log.is_behaviour(("purchase",))]).argmax()))


def test_an_edit_is_a_row_and_the_latest_holds(shop_folder: Path) -> None:
    kept = Scenarios(shop_folder)
    assert (kept.all(), kept.find("home"), kept.history("home")) == ([], None, [])
    first = kept.save("home", Scenario(filter="price > 1"), by="ann")
    second = kept.save(" home ", Scenario(filter="price > 2"), by="bob", on=first.number)
    other = Scenarios(shop_folder)  # as another process reads them
    assert other.get("home") == second and [edit.by for edit in other.history("home")] == ["bob", "ann"]
    gone = other.remove("home", by="cid", on=second.number)
    assert gone.removed and kept.find("home") is None and kept.all() == []
    again = kept.save("home", Scenario(), on=0)
    assert again.number > gone.number and [edit.name for edit in kept.all()] == ["home"]


def test_who_edits_what_has_changed_meanwhile_is_told(shop_folder: Path) -> None:
    kept = Scenarios(shop_folder)
    first = kept.save("home", Scenario())
    kept.save("home", Scenario(filter="price > 2"))
    for on in (0, first.number, 999):
        with pytest.raises(ChangedError, match="not at edit"):
            kept.save("home", Scenario(), on=on)
    with pytest.raises(ChangedError):
        kept.remove("home", on=first.number)
    with pytest.raises(ChangedError):
        kept.save("new one", Scenario(), on=first.number)
    assert len(kept.history("home")) == 2


def test_names_and_columns_are_checked(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    for name in ("", "  ", "a\nb", "x" * 81):
        with pytest.raises(UsageError, match="name"):
            shop.save_scenario(name, Scenario())
    with pytest.raises(UsageError, match="no column 'colour'"):
        shop.save_scenario("home", Scenario(filter="colour = 'red'"))
    shop.save_scenario("Startseite/主页", Scenario())
    with pytest.raises(UsageError, match=r"no scenario 'Startseite' .*Startseite/主页"):
        shop.serve(Question(), "Startseite")


def test_a_scenario_answers_until_it_ends(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    who = buyer(shop)
    pinned = shop.serve(Question(customer=who, n=5), note=False).answer.items[-1].item
    now = datetime.now(UTC)
    running = Scenario(pins=(Pin(item=pinned, position=1),), ends=now + timedelta(hours=1))
    shop.save_scenario("home", running)
    told = shop.serve(Question(customer=who, n=5), "home", note=False)
    assert (told.answer.items[0].item, told.answer.items[0].level) == (pinned, "pinned")
    shop.save_scenario("home", replace(running, starts=now - timedelta(hours=2), ends=now - timedelta(hours=1)))
    over = shop.serve(Question(customer=who, n=5, language="zh"), "home", note=False)
    plain = shop.serve(Question(customer=who, n=5, language="zh"), note=False)
    assert over.answer.items == plain.answer.items and over.answer.notes[0] == "方案“home”当前未生效"


def test_what_the_question_adds_is_obeyed_beside_the_scenario(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    categories = shop.store.items()["category"].to_pylist()
    shop.save_scenario("home", Scenario(caps=(Cap(column="category", most=2),)))
    plain = [item.item for item in shop.serve(Question(n=8), "home", note=False).answer.items]
    asked = Question(
        n=8, page=plain[0], without=(plain[1],), filter="price > 0", boosts=(Boost(when="price > 5", factor=9),)
    )
    found = [item.item for item in shop.serve(asked, "home", note=False).answer.items]
    assert not {plain[0], plain[1]} & set(found)
    rows = dict(zip(shop.store.items()["item"].to_pylist(), categories, strict=True))
    held = [rows[item] for item in found]
    assert found and all(held.count(value) <= 2 for value in held if value is not None)


def test_a_preview_shows_both_lists_and_notes_nothing(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    who = buyer(shop)
    late = Scenario(filter="price > 3", starts=datetime(2100, 1, 1, tzinfo=UTC))
    one, stranger = shop.preview(late, [who, None], n=4)
    prices = dict(zip(*(shop.store.items()[name].to_pylist() for name in ("item", "price")), strict=True))
    assert (one.customer, stranger.customer) == (who, None)
    assert all(prices[item.item] > 3 for item in (*one.after.items, *stranger.after.items))
    assert one.before == shop.recommend(who, n=4)
    assert shop.scenarios.all() == [] and shop.impressions.waiting == 0
    with pytest.raises(UsageError, match="no column"):
        shop.preview(Scenario(filter="colour = 1"))


def test_two_models_share_the_customers(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train(steps=3)
    shop.train(steps=4)
    shop.save_scenario("home", Scenario(split=Split(model="m1", share=0.5)))
    names = shop.log().customers.ids.to_pylist()[:40]
    told = {name: shop.serve(Question(customer=name, n=2), "home") for name in names}
    shop.impressions.flush()
    split = Split(model="m1", share=0.5)
    answered = [name for name, answer in told.items() if answer.answer.model_version]
    assert {told[name].answer.model_version for name in answered} == {"m1", "m2"}
    assert all((told[name].answer.model_version == "m1") == split.takes(name) for name in answered)
    shown = list(shop.impressions.read(since_us=0, until_us=2**62, scenario="home"))
    assert {one.share for one in shown} == {0.5}
    shop.save_scenario("home", Scenario(split=Split(model="m9", share=0.5)))
    lost = next(name for name in answered if split.takes(name))
    missing = shop.serve(Question(customer=lost, n=2), "home")
    assert missing.answer.notes[0] == "model m9 cannot be used; the current one answers"
    assert missing.answer.model_version == "m2"


def test_a_body_of_another_version_is_said(shop_folder: Path) -> None:
    kept = Scenarios(shop_folder)
    kept.save("home", Scenario())
    with kept._asking.link() as link:
        link.execute("UPDATE scenarios SET body = ?", (json.dumps({"version": 9}),))
    with pytest.raises(UsageError, match="version 9"):
        Scenarios(shop_folder).get("home")
