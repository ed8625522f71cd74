"""What was shown is noted off the answer's path, is found by customer, ages out, and what cannot be noted is counted."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import regard
from regard.events.store import Store
from regard.workspace.impressions import Impression, Impressions, Settings
from regard.workspace.recommending import Question

NOW = time.time_ns() // 1_000
DAY = 86_400_000_000
ALL = {"since_us": 0, "until_us": 2**62}


def buyer(shop: regard.Workspace) -> str:
    """Whoever bought most."""
    log = shop.log()
    return log.customers.id(int(np.bincount(log.owner[log.is_behaviour(("purchase",))]).argmax()))


def shown(number: int, *, customer: str | None = "ann", anonymous: str | None = None, at_us: int = NOW) -> Impression:
    return Impression(
        id=f"r{number}", at_us=at_us, customer=customer, anonymous=anonymous, scenario="home", edit=1, model="m1",
        level="model", share=0.5, items=(("lamp", 0.25), ("a/b 😀", None)),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Store.create(tmp_path / "shop")
    return tmp_path / "shop"


def test_what_was_noted_is_read_back(folder: Path) -> None:
    log = Impressions(folder)
    assert (list(log.read(**ALL)), log.of(["ann"]), log.unnoted(**ALL)) == ([], [], 0)
    wanted = [shown(n) for n in range(700)]
    assert all(log.note(one) for one in wanted)
    log.close()
    assert list(Impressions(folder).read(**ALL)) == wanted
    assert log.note(shown(1))
    log.close()  # a second time, by another thread of its own
    assert len(list(log.read(**ALL))) == 701 and not log.lost


def test_a_customer_s_are_found_by_either_id(folder: Path) -> None:
    log = Impressions(folder)
    for one in (shown(1), shown(2, customer=None, anonymous="a-1"), shown(3, customer=None), shown(4, customer="bob")):
        log.note(one)
    log.flush()
    assert [one.id for one in log.of(["a-1", "ann"])] == ["r2", "r1"]
    log.close()


def test_a_full_queue_is_counted_and_delays_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Impressions(folder, settings=Settings(queue=10, linger=0.0))
    gate = threading.Event()
    write = log._write
    monkeypatch.setattr(log, "_write", lambda taken, lost: (gate.wait(20), write(taken, lost)))
    noted = sum(log.note(shown(n)) for n in range(40))
    assert 10 <= noted < 40 and log.lost == 40 - noted  # some went to the writer, which waits for the disk
    gate.set()
    log.close()
    assert len(list(log.read(**ALL))) == noted
    assert Impressions(folder).unnoted(since_us=0, until_us=2**62) == 40 - noted


def test_what_the_disk_does_not_take_is_counted_and_the_next_are_noted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Impressions(folder, settings=Settings(linger=0.0))
    write, failing = log._write, [OSError("disk")]

    def once(taken: list[Impression], lost: int) -> None:
        if failing:
            raise failing.pop()
        write(taken, lost)

    monkeypatch.setattr(log, "_write", once)
    log.note(shown(1))
    log.flush()
    assert log.lost == 1
    log.note(shown(2))
    log.close()
    assert [one.id for one in log.read(**ALL)] == ["r2"] and Impressions(folder).unnoted(**ALL) == 1


def test_old_ones_are_deleted(folder: Path) -> None:
    log = Impressions(folder, settings=Settings(keep_days=10, aged=2))
    for n in range(5):
        log.note(shown(n, at_us=NOW - (20 - n) * DAY))
    log.note(shown(9))
    log.flush()
    for n in range(3):
        log.note(shown(100 + n))
        log.flush()
    assert [one.id for one in log.read(**ALL)] == ["r9", "r100", "r101", "r102"]
    log.close()


def test_an_answer_is_noted_with_its_model_and_its_chances(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train(steps=3)
    who = buyer(shop)
    told = shop.serve(Question(customer=who, n=3))
    guest = shop.serve(Question(anonymous="a-1", n=2, events=()))
    shop.impressions.close()
    first, second = shop.impressions.read(**ALL)
    assert (first.id, first.customer, first.model, first.level, first.share) == (
        told.recommendation_id, who, "m1", "model", 1.0,
    )  # fmt: skip
    assert [item for item, _ in first.items] == [item.item for item in told.answer.items]
    chances = [item.probability for item in told.answer.items]
    assert [chance for _, chance in first.items] == pytest.approx(chances, rel=1e-3)
    assert (second.id, second.customer, second.anonymous, second.scenario) == (guest.recommendation_id, None, "a-1", "")


def test_of_who_has_not_consented_no_id_is_noted(tmp_path: Path) -> None:
    events = pa.table(
        {
            "customer": ["yes", "yes", "no"],
            "item": ["a", "b", "c"],
            "behaviour": ["purchase"] * 3,
            "time": ["2026-03-01"] * 3,
        }
    )
    shop = regard.init(tmp_path / "shop")
    shop.ingest(events, customers=pa.table({"customer": ["yes", "no"], "consent": ["yes", "no"]}))
    told = shop.serve(Question(customer="no", n=2))
    shop.serve(Question(anonymous="nobody-asked", n=2))
    shop.impressions.close()
    noted = list(shop.impressions.read(**ALL))
    assert [(one.customer, one.anonymous) for one in noted] == [(None, None)] * 2
    assert told.answer.fallback_level == "recent popularity" and "does not consent" in told.answer.notes[0]
