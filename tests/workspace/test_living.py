from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest

import regard
from regard.errors import InputError, UsageError
from regard.events.live.seal import seal
from regard.workspace import Workspace

DAYS = 86_400


def sent(shop: Workspace, *records: dict) -> None:
    with shop.live() as live:
        assert all(result.status == "accepted" for result in live.submit(records).result())


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """People buy a lamp, then a bulb."""
    now = int(time.time())
    shop = regard.init(tmp_path / "shop")
    rows = [
        {
            "customer": f"c{n}",
            "behaviour": "purchase",
            "item": item,
            "time": now - (20 - n - 5 * (item == "bulb")) * DAYS,
        }
        for n in range(6)
        for item in ("lamp", "bulb")
    ]
    sent(shop, *rows)
    assert seal(shop.store) is not None
    return shop


def items(shop: Workspace, customer: str) -> list[str]:
    return [one.item for one in shop.recommend(customer, n=5).items]


def test_an_answer_knows_the_newest_event(shop: Workspace) -> None:
    with shop.live() as live:
        assert "lamp" in items(shop, "newcomer")
        live.submit([{"customer": "newcomer", "behaviour": "purchase", "item": "lamp"}]).result()
        assert "lamp" not in items(shop, "newcomer")


def test_a_newcomer_whose_events_are_in_the_tail_is_no_stranger(shop: Workspace) -> None:
    assert shop.recommend("newcomer").notes
    sent(shop, {"customer": "newcomer", "behaviour": "view_item", "item": "lamp"})
    assert not any("newcomer" in note for note in shop.recommend("newcomer", n=1).notes)


def test_sealing_changes_no_answer(shop: Workspace) -> None:
    sent(shop, {"customer": "c9", "behaviour": "purchase", "item": "lamp"})
    with shop.live():
        before = items(shop, "c9")
        assert seal(shop.store) is not None
        assert items(shop, "c9") == before  # still of the version before, and the sealed event once more from the tail
        shop.refresh()
        assert items(shop, "c9") == before
    assert items(shop, "c9") == before and int(shop.log().lengths[shop.log().customers.code("c9")]) == 1


def test_a_new_model_answers_after_a_refresh(shop: Workspace, tmp_path: Path) -> None:
    with shop.live() as live:
        live.submit([{"customer": "c9", "behaviour": "view_item", "item": "sofa"}]).result()
        seal(shop.store)
        assert "sofa" not in shop._answering.shop()[0].log.items
        shop.refresh()
        assert "sofa" in shop._answering.shop()[0].log.items


def test_one_explains_what_has_just_arrived(shop: Workspace) -> None:
    with pytest.raises(UsageError, match="nothing is known"):
        shop.explain("newcomer", "bulb")
    sent(shop, {"customer": "c0", "behaviour": "purchase", "item": "lamp"})
    told = shop.explain("c0", "lamp")
    assert any(reason.times == 2 for reason in told.reasons)


def test_events_without_times_do_not_live(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pa.table({"customer": ["a", "a"], "item": ["x", "y"], "behaviour": ["view_item"] * 2}))
    with pytest.raises(UsageError, match="no times"):
        shop.live()


def test_a_profile_knows_the_newest_event(shop: Workspace) -> None:
    before = shop.profile("c0").fields["orders"]
    sent(shop, {"customer": "c0", "behaviour": "purchase", "item": "lamp"})
    assert shop.profile("c0").fields["orders"].value == before.value + 1
    assert shop.profile("c1").fields["orders"].value == before.value


def test_a_profile_waits_until_somebody_is_known(shop: Workspace) -> None:
    sent(shop, {"customer": "newcomer", "behaviour": "purchase", "item": "lamp"})
    with pytest.raises(InputError, match="just arrived"):
        shop.profile("newcomer")
    with pytest.raises(InputError, match="no customer"):
        shop.profile("nobody")
