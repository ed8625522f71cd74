"""What a person sees of a workspace: who is there, what one did, what is on sale."""

from __future__ import annotations

from pathlib import Path

import pytest

import regard
from regard.errors import InputError, UsageError


@pytest.fixture
def shop(shop_folder: Path) -> regard.Workspace:
    return regard.open(shop_folder)


def test_the_same_id_is_found_first_then_those_that_begin_with_it(shop: regard.Workspace) -> None:
    ids = [one.customer for one in shop.find("c0000", 5)]
    assert ids and all("C0000" in id for id in ids)
    assert shop.find(ids[-1])[0].customer == ids[-1]
    assert shop.find("nobody") == ()


def test_without_words_the_latest_active_are_found(shop: regard.Workspace) -> None:
    last = [one.last for one in shop.find("", 10)]
    assert last == sorted(last, reverse=True) and len(last) == 10


def test_a_timeline_ends_with_the_newest_event_and_counts_the_rest(shop: regard.Workspace) -> None:
    id = shop.find("", 1)[0].customer
    whole, some = shop.timeline(id), shop.timeline(id, 3)
    assert some.events == whole.events[-3:] and some.earlier == len(whole.events) + whole.earlier - 3
    with shop.live() as live:
        live.submit([{"customer": id, "behaviour": "purchase", "item": "x", "event_id": "new"}]).result()
        assert shop.timeline(id, 1).events[0].behaviour == "purchase"
    with pytest.raises(InputError, match="no customer"):
        shop.timeline("nobody")


def test_days_count_every_event_once(shop: regard.Workspace) -> None:
    days = shop.daily(10_000)
    log = shop.log()
    assert sum(day.events for day in days) == log.events
    assert sum(day.wanted for day in days) == int(log.is_behaviour(shop.target).sum())
    assert shop.daily(5) == days[-5:]


def test_the_catalogue_is_searched_filtered_and_cut_into_pages(shop: regard.Workspace) -> None:
    whole = shop.catalogue(n=1000)
    assert whole.found == whole.all == len(whole.items) and whole.unlisted == 0
    assert shop.catalogue(first=5, n=3).items == whole.items[5:8]
    cheap = shop.catalogue(filter="price < 20", n=1000)
    assert {ware.item for ware in cheap.items} == {ware.item for ware in whole.items if ware.row["price"] < 20}
    one = whole.items[0]
    assert one in shop.catalogue(one.name, n=1000).items and shop.ware(one.item) == one
    with pytest.raises(UsageError, match="no column"):
        shop.catalogue(filter="colour = 3")


def test_fields_of_rules_know_their_kinds_and_few_words(shop: regard.Workspace) -> None:
    fields = {field.name: field for field in shop.rule_fields()}
    assert fields["orders"].kind == "number" and fields["last_seen"].kind == "time" and "customer" not in fields
    assert "loyal" in fields["lifecycle"].values
    assert {field.name for field in shop.item_fields()} >= {"price", "category"}


def test_without_a_model_there_is_nothing_to_draw(shop: regard.Workspace) -> None:
    assert shop.look(shop.find("", 1)[0].customer) is None
