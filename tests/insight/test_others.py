"""Candidates, intent, batch and ranker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from regard.errors import UsageError, WorkspaceError
from regard.insight import Ask, Ranker, Shop, candidates, given, intent, recommend, recommend_all
from regard.insight.history import histories
from regard.insight.intent import _items_per_order, base_rate, wares
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content


def names(shop: Shop, mask: np.ndarray) -> set[str]:
    return set(shop.log.items.names(np.flatnonzero(mask)))


def test_lists(shop: Shop) -> None:
    assert names(shop, candidates(shop, allow=["lamp", "post", "not here"])) == {"lamp"}
    assert names(shop, candidates(shop, deny=["lamp", "not here"])) == {"cup", "tea", "vase", "bulb", "candle"}
    assert names(shop, candidates(shop, stock={"lamp": 3, "cup": 0})) == {"lamp"}
    assert names(shop, candidates(shop, stock=["tea"], deny=["tea"])) == set()


def test_filter_and_items_without_a_row(shop: Shop) -> None:
    assert names(shop, candidates(shop, filter='category = "kitchen" and price < 6')) == {"tea"}
    assert "post" not in names(shop, candidates(shop, filter="not (price > 1000)"))


def test_filter_with_an_unknown_column(shop: Shop) -> None:
    with pytest.raises(UsageError, match="colour"):
        candidates(shop, filter='colour = "red"')


def test_intent_of_the_known_and_the_unknown(shop: Shop) -> None:
    known, unknown = intent(shop, [Ask(customer="ann"), Ask(customer="nobody")], horizons=(30, 7, 7))
    assert [p.days for p in known.propensities] == [7, 30]
    assert known.propensities[1].probability == pytest.approx(1 - np.exp(-3), rel=1e-5)
    assert (known.fallback_level, unknown.fallback_level) == ("model", "base rate")
    assert (known.model_version, unknown.model_version) == ("m1", None)
    assert unknown.propensities[1].probability == pytest.approx(1 / 2)  # of ann and bob, bob came back


def test_notes_of_an_intent(shop: Shop) -> None:
    known, unknown = intent(shop, [Ask(customer="ann"), Ask(customer="nobody")], horizons=(7, 30), unproven={30, 90})
    assert known.notes == ("within 30 days: not shown to be better than a simple rule in the last evaluation",)
    assert unknown.notes == ("nothing is known of customer 'nobody'",)
    assert intent(shop, [Ask(customer="ann")])[0].notes == ()


def test_base_rates_never_fall_with_the_horizon_however_short_the_log(shop: Shop) -> None:
    (unknown,) = intent(shop, [Ask(customer="nobody")], horizons=(1, 7, 30, 90, 365))
    chances = [p.probability for p in unknown.propensities]
    assert chances == sorted(chances) and chances[2:] == [0.5] * 3


def test_base_rate_of_a_short_log_is_zero(shop: Shop) -> None:
    assert base_rate(shop, 1000) == 0.0


def test_intent_of_an_item_and_of_a_category(shop: Shop) -> None:
    asks = [Ask(customer=customer) for customer in ("ann", "bob", "nobody")]
    sought = ("item:tea", "category:Kitchen", None)
    tea, kitchen, anything = (
        [[p.probability for p in one.propensities] for one in intent(shop, asks, of=of)] for of in sought
    )
    assert np.all((np.array(tea) <= kitchen) & (np.array(kitchen) <= anything) & (np.array(tea) > 0))
    parts = ("category:kitchen", "category:home > lights")
    halves = [
        np.log1p(-np.array([p.probability for p in intent(shop, asks[:1], of=of)[0].propensities])) for of in parts
    ]
    assert np.all(np.isfinite(halves)) and np.all(np.diff(halves[0]) < 0)
    assert kitchen[2][1] == pytest.approx(1 / 2) and intent(shop, asks[:1], of="item:tea")[0].of == "item:tea"


def test_what_is_spelled_twice_in_the_catalogue_is_all_meant(shop: Shop) -> None:
    content = Content(
        ("brand:ACME", "brand:Acme"), Ragged.of([[0], [1], *([] for _ in range(len(shop.log.items) - 2))])
    )
    twice = replace(shop, content_of=lambda items, before: content)
    assert names(twice, wares(twice, "brand:acme")) == set(shop.log.items.names(np.array([0, 1])))


def test_a_line_twice_in_an_order_is_one_item_of_it(log_of: Callable[..., Log]) -> None:
    rows = [("a", "purchase", "x", 0), ("a", "purchase", "y", 0), ("b", "purchase", "x", 1)]
    once, twice = (Shop.of(log_of([*rows, *more]), target=("purchase",)) for more in ([], [rows[0], rows[0]]))
    assert _items_per_order(once) == _items_per_order(twice) == 1.5


@pytest.mark.parametrize(
    ("of", "hint"),
    [("item:te", "tea"), ("category:kitchn", "category:kitchen"), ("colour:red", "item:ID"), ("", "item:ID")],
)
def test_intent_of_what_nobody_sells(shop: Shop, of: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        intent(shop, [Ask(customer="ann")], of=of)
    assert hint in error.value.hint


def test_a_share_of_the_orders_is_thinned_as_a_poisson_stream(shop: Shop) -> None:
    assert shop.ranker is not None
    queries = shop.histories([Ask(customer="ann"), Ask(customer="bob")])
    days = np.array([7.0, 30.0])
    whole, half, none = (
        shop.ranker.propensity(queries, shop.asof(queries), days, np.full(2, share)) for share in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(whole, shop.ranker.propensity(queries, shop.asof(queries), days))
    np.testing.assert_allclose(half, 1 - np.sqrt(1 - whole), rtol=1e-4)
    assert not none.any()


def test_intent_refuses_nonsense(shop: Shop, log_of) -> None:
    with pytest.raises(UsageError, match="positive"):
        intent(shop, [Ask()], horizons=(0,))
    with pytest.raises(UsageError, match="events with times"):
        intent(Shop.of(log_of([("a", "purchase", "x", 0)], clock="none"), target=("purchase",)), [Ask()])


def test_batch_equals_asking_one_by_one(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["regard.insight.recommend"], "BLOCK_CELLS", 12)
    batch = recommend_all(shop, tmp_path / "all.parquet", n=3, why=True)
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert (batch.customers, batch.rows) == (5, len(rows))
    one = recommend(shop, [Ask(customer="bob")], n=3, why=True)[0]
    mine = [row for row in rows if row["customer"] == "bob"]
    assert [row["item"] for row in mine] == [item.item for item in one.items]
    assert [row["rank"] for row in mine] == [1, 2, 3]
    assert mine[0]["reason"] == one.items[0].reasons[0].text


def test_batch_leaves_nothing_behind_when_it_fails(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "all.parquet").write_bytes(b"old")
    monkeypatch.setattr("regard.insight.batch._table", broken)
    with pytest.raises(WorkspaceError, match="No space left"):
        recommend_all(shop, tmp_path / "all.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]
    assert (tmp_path / "all.parquet").read_bytes() == b"old"


def test_ranker_speaks_the_scorer_s_codes(shop: Shop, pairs) -> None:
    aligned = shop.ranker.aligned(shop.log)
    assert aligned.items is pairs.view_items
    assert aligned.behaviours == ("view_item", "purchase")
    lamp, vase = pairs.view_items.code("lamp"), shop.log.items.code("vase")
    assert aligned.item[0] == lamp
    assert (aligned.item[shop.log.item == vase] == -1).all()


def test_ranker_leaves_out_behaviours_it_never_learned(shop: Shop, pairs) -> None:
    narrow = Ranker(scorer=pairs, items=pairs.view_items, behaviours=("purchase",), version="m1")
    assert narrow.aligned(shop.log).events == int(shop.log.is_behaviour(("purchase",)).sum())


def test_unknown_items_score_minus_infinity(shop: Shop) -> None:
    scores = shop.ranker.score(shop.log, shop.asof(shop.log))
    assert scores.shape == (len(shop.log), len(shop.log.items))
    assert np.isneginf(scores[:, shop.log.items.codes(["post", "vase", "candle"])]).all()


def test_told_events_come_after_stored_ones_whatever_their_time(shop: Shop) -> None:
    queries = histories(shop.log, [Ask(customer="bob", events=given([{"item": "lamp", "time": 0}])), Ask()], shop.now)
    assert queries.lengths.tolist() == [4, 0]
    assert (np.diff(queries.time) >= 0).all()
    assert queries.items.id(int(queries.item[-1])) == "lamp"
    assert queries.behaviours[queries.behaviour[-1]] == "view_item"  # this shop has no baskets
