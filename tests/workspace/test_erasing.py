"""Who is joined, who withdraws and who is erased while a shop answers: the next answer knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import regard
from regard.errors import ConsentError, UsageError
from regard.events.live.seal import seal
from regard.workspace.recommending import Question


def act(customer: str, item: str, at: int) -> dict[str, Any]:
    return {"customer": customer, "behaviour": "purchase", "item": item, "time": 1_700_000_000 + 86_400 * at}


@pytest.fixture
def shop(tmp_path: Path) -> regard.Workspace:
    """Who buys x buys y next, who buys z buys w."""
    shop = regard.init(tmp_path / "shop")
    with shop.live() as live:
        records = [act(f"c{n}", item, at) for n in range(12) for at, item in enumerate(("xy", "zw")[n % 2])]
        live.submit([*records, act("a-1", "x", 3), act("ann", "q", 0), act("q2", "q", 0)]).result(30)
    assert seal(shop.store) is not None
    return shop


def said(live: Any, customer: str, anonymous: str | None = None, **traits: Any) -> None:
    record = {"kind": "identify", "customer": customer, "anonymous": anonymous, "traits": traits}
    assert live.submit([record]).result(30)[0].status == "accepted"


def test_an_answer_knows_who_was_joined_before_and_after_the_seal(shop: regard.Workspace) -> None:
    def shown(customer: str) -> list[str]:
        return [one.item for one in shop.recommend(customer, n=5, exclude="seen").items]

    with shop.live() as live:
        before = shown("ann")
        assert "x" in before
        said(live, "ann", "a-1")
        joined = shown("ann")
        assert "x" not in joined and joined == shown("a-1")
        assert shop.recommend("a-1").customer == "a-1"
        assert seal(shop.store) is None
        shop.refresh()
        assert shown("ann") == joined == shown("a-1")
    shop.separate("a-1", "ann")
    assert shown("ann") == before and "x" not in shown("a-1")


def test_a_withdrawal_holds_for_the_next_answer_and_every_list(shop: regard.Workspace) -> None:
    with shop.live() as live:
        assert shop.recommend("c0").fallback_level == "counting"
        said(live, "c0", consent=False)
        assert shop.recommend("c0").notes and shop.recommend("c0").fallback_level != "counting"
        with pytest.raises(ConsentError):
            shop.intent("c0")
        assert shop.recommend("c2").fallback_level == "counting"  # nobody else was asked
        shop.refresh()
        assert "c0" not in shop.log().customers
        said(live, "c0", consent=True)
        assert seal(shop.store) is None
        shop.refresh()
        assert shop.recommend("c0").fallback_level == "counting"


def test_an_erased_customer_is_nobody_to_whoever_read_the_store_before(shop: regard.Workspace) -> None:
    with shop.live() as live:
        assert shop.recommend("c0").fallback_level == "counting"
        other = regard.open(shop.folder)
        proof = other.erase("c0")
        assert proof.done and [one.number for one in other.erasures()] == [1]
        assert shop.recommend("c0").notes and shop.recommend("c0").fallback_level != "counting"
        live.submit([{"customer": "c0", "behaviour": "purchase", "item": "z"}]).result(30)
        shop.refresh()
        assert shop.recommend("c0", n=1).items[0].item == "w"  # begun anew
    assert [row["item"] for row in shop.export("c0")["places"]["tail"]] == ["z"]
    with pytest.raises(UsageError, match="empty id"):
        shop.erase(" ")


def test_what_was_shown_a_moment_ago_is_erased_too(shop: regard.Workspace) -> None:
    shop.serve(Question(customer="ann", n=2))
    shop.erase("ann")
    shop.impressions.flush()
    assert shop.impressions.of(["ann"]) == []
    shop.impressions.close()
