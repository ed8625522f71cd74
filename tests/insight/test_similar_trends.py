from __future__ import annotations

import numpy as np
import pytest

from regard.errors import UsageError
from regard.insight import Shop, new, similar, trending


def test_witnesses_are_named(shop: Shop) -> None:
    (answer,) = similar(shop, ["tea"], n=5)
    assert answer.items[0].item == "cup"
    assert set(answer.items[0].witnesses) == {"model", "customers", "content"}
    assert answer.name == "green tea"
    assert "tea" not in [item.item for item in answer.items]


def test_an_item_without_events_is_known_by_content(shop: Shop) -> None:
    (answer,) = similar(shop, ["candle"])
    assert {item.item for item in answer.items} == {"lamp", "bulb", "vase"}
    assert all(item.witnesses == ("content",) for item in answer.items)


def test_an_unknown_item_is_refused_with_the_nearest(shop: Shop) -> None:
    with pytest.raises(UsageError, match="did you mean 'lamp'"):
        similar(shop, ["lampe"])


def test_covisit_is_a_symmetric_cosine_damped_by_evidence(shop: Shop) -> None:
    everything = shop.covisit(np.arange(len(shop.log.items)))
    assert np.allclose(everything, everything.T)
    assert (everything >= 0).all() and (everything < 1).all()
    tea, cup = shop.log.items.codes(["tea", "cup"])
    assert everything[tea, cup] > 0


def growing(log_of, recent: int, earlier: int) -> Shop:
    rows = [(f"e{n}", "purchase", "steady", 1 + n % 20) for n in range(60)]
    rows += [(f"l{n}", "purchase", "steady", 22 + n % 6) for n in range(20)]
    rows += [(f"g{n}", "purchase", "rising", 22 + n % 6) for n in range(recent)]
    rows += [(f"h{n}", "purchase", "rising", 1 + n % 20) for n in range(earlier)]
    rows += [("end", "purchase", "steady", 28)]
    return Shop.of(log_of(rows), target=("purchase",))


def test_growth_beyond_luck_is_listed(log_of) -> None:
    (item,) = trending(growing(log_of, 15, 3)).items
    assert item.item == "rising"
    assert item.growth > item.at_least > 1
    assert (item.customers, item.expected) == (15, pytest.approx(3 * 36 / 63))


def test_luck_is_not_growth(log_of) -> None:
    assert trending(growing(log_of, 2, 3)).items == ()


def test_one_customer_s_bulk_is_no_trend(log_of) -> None:
    rows = [(f"e{n}", "purchase", "steady", 1 + n % 28) for n in range(60)]
    rows += [("bulk", "purchase", "rising", 22 + n % 6) for n in range(40)]
    assert "rising" not in [item.item for item in trending(Shop.of(log_of(rows), target=("purchase",))).items]


@pytest.mark.parametrize("recent", [1, 5, 20, 40])
@pytest.mark.parametrize("earlier", [0, 1, 10, 40])
def test_the_bound_never_passes_the_growth(log_of, recent: int, earlier: int) -> None:
    for item in trending(growing(log_of, recent, earlier)).items:
        assert item.growth is None or item.at_least <= item.growth


def test_trends_need_a_clock(log_of) -> None:
    with pytest.raises(UsageError, match="events with times"):
        trending(Shop.of(log_of([("a", "purchase", "x", 1)], clock="order"), target=("purchase",)))


def test_trends_without_an_earlier_period_say_which_days_have_one(log_of) -> None:
    def shop(*days: int) -> Shop:
        return Shop.of(log_of([("a", "purchase", "x", day) for day in days]), target=("purchase",))

    with pytest.raises(UsageError, match="more than a day of history"):
        trending(shop(1))
    for log, days in ((shop(1, 4), 3), (shop(1, 101), 100)):  # too short; nothing in the 21 days before the last 7
        with pytest.raises(UsageError, match=f"ask with --days {days}"):
            trending(log)
        assert trending(log, days=days).days == days
    for verb in (trending, new):
        with pytest.raises(UsageError, match="whole number"):
            verb(shop(1, 4), days=3, n=2.5)
    with pytest.raises(UsageError, match="whole number"):
        similar(shop(1), ["x"], n=0)


def test_new_items_most_wanted_first_then_untouched(shop: Shop) -> None:
    answer = new(shop, days=20)
    assert [item.item for item in answer.items] == ["vase", "bulb", "candle"]
    assert answer.items[0].since == "1970-02-11T00:00:00Z"
    assert answer.items[-1].since is None
