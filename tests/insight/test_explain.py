from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from regard.errors import UsageError
from regard.insight import Ask, Deletion, Shop, effects, explain, given, recommend


def test_effects_are_what_each_event_pulls(shop: Shop) -> None:
    query = shop.log.take(np.array([0]))  # ann: looked at lamp, bought lamp, paid postage
    bulb = shop.log.items.codes(["bulb"])
    single = effects(shop.ranker, query, shop.now, bulb, grouped=False)
    assert single.effect[:, 0].tolist() == [0.0, 5.0, 5.0]  # newest first
    assert single.groups.values.tolist() == [2, 1, 0]


def test_groups_delete_all_of_one_behaviour_on_one_item(shop: Shop) -> None:
    bob = shop.log.take(np.array([1]))  # cup and tea together, later tea again
    tea = shop.log.items.codes(["tea"])
    found = effects(shop.ranker, bob, shop.now, tea)
    assert [sorted(rows.tolist()) for rows in found.groups] == [[1, 2], [0]]
    assert found.effect[:, 0].tolist() == [6.0, 1.0]


def test_only_the_latest_events_are_looked_at(shop: Shop) -> None:
    bob = shop.log.take(np.array([1]))
    found = effects(shop.ranker, bob, shop.now, shop.log.items.codes(["tea"]), grouped=False, latest=2)
    assert found.groups.values.tolist() == [2, 1]


def test_blocks_do_not_change_effects(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bob, tea = shop.log.take(np.array([1])), shop.log.items.codes(["tea", "cup"])
    whole = effects(shop.ranker, bob, shop.now, tea).effect
    monkeypatch.setattr(sys.modules["regard.insight.deletion"], "BLOCK_EVENTS", 1)
    monkeypatch.setattr(sys.modules["regard.insight.ranker"], "BLOCK_CELLS", 1)
    assert np.array_equal(effects(shop.ranker, bob, shop.now, tea).effect, whole)


def test_reasons_are_readable_lines(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="bob")], n=1, why=True)
    assert [reason.text for reason in answer.items[0].reasons] == [
        "because you bought it 2 times, last on 10 February",
        "because you bought blue cup on 4 January",
    ]
    first = answer.items[0].reasons[0]
    assert (first.item, first.behaviour, first.times, first.effect) == ("tea", "purchase", 2, 6.0)


def test_reasons_in_chinese(shop: Shop) -> None:
    (answer,) = recommend(replace(shop, language="zh"), [Ask(customer="bob")], n=1, why=True)
    assert answer.items[0].reasons[0].text == "因为您2次购买了它，最近一次是2月10日"


def test_an_item_that_nothing_speaks_for_says_that_others_want_it(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="ann")], n=4, why=True, exclude="none")
    tea = next(item for item in answer.items if item.item == "tea")
    assert [reason.kind for reason in tea.reasons] == ["popularity"]


def test_customers_together_are_explained_as_each_alone(shop: Shop) -> None:
    everyone = np.arange(len(shop.log))
    queries = shop.log.take(everyone).where(shop.log.owner != 2)  # one without a history among them
    items = np.array(
        [[0, 3, 5], [3, 2, -1], [3, 5, 2], [-1, -1, -1], [4, 0, 3]]
    )  # some ask about fewer; 4 is unknown to the model
    for grouped in (True, False):
        together = effects(shop.ranker, queries, shop.asof(queries), items, grouped=grouped)
        for customer in everyone:
            query = queries.take(np.array([customer]))
            alone = effects(shop.ranker, query, shop.asof(query), items[customer], grouped=grouped)
            groups, effect = together.of(customer)
            assert np.array_equal(effect, alone.effect) and np.isfinite(effect).all()
            assert np.array_equal(groups.offsets, alone.groups.offsets)
            assert np.array_equal(groups.values - queries.offsets[customer], alone.groups.values)


def test_a_scorer_of_some_items_is_asked_for_these_alone(shop: Shop, pairs) -> None:
    bob, items = shop.log.take(np.array([1])), shop.log.items.codes(["tea", "vase", "cup"])
    plain = effects(shop.ranker, bob, shop.now, items).effect

    class Selective(type(pairs)):  # type: ignore[misc]
        def score_of(self, queries, asof, items, edition_of):
            assert edition_of.tolist() == [0, 0, 0]
            self.asked.append(items.shape)
            return np.where(items < 0, -np.inf, np.take_along_axis(super().score(queries, asof), items, axis=1))

    chosen = Selective(pairs.view_items, pairs.pull)
    found = effects(replace(shop.ranker, scorer=chosen), bob, shop.now, items)
    assert np.array_equal(found.effect, plain) and chosen.asked[0] == (3, 3)


def test_reasons_cost_one_question_per_deletion(shop: Shop, pairs) -> None:
    recommend(shop, [Ask(customer="bob"), Ask(customer="eve"), Ask(customer="ann")], n=3, why=True)
    assert pairs.asked == [
        2,
        7,
    ]  # the answers; bob's and ann's histories as they are, and without each of their 2 and 3 groups


def test_an_explanation_names_what_speaks_for_and_against(shop: Shop, pairs) -> None:
    pairs.pull[2, 1] = -4.0  # a lamp speaks against cups
    answer = explain(shop, "ann", "cup")
    assert [(reason.item, reason.effect) for reason in answer.reasons][:2] == [("lamp", -4.0), ("lamp", -4.0)]
    assert answer.reasons[0].text == "you bought red lamp on 3 January"
    assert (answer.rank, answer.score, answer.model_version) == (4, -8.0, "m1")


def test_where_nothing_is_left_to_recommend_nothing_is_explained(shop: Shop) -> None:
    with pytest.raises(UsageError, match="nothing is left to recommend to customer 'ann'"):
        explain(shop, "ann", "")


def test_a_return_is_told_as_its_purchase(shop: Shop, log_of) -> None:
    rows = [("ann", "purchase", "lamp", 2), ("ann", "refund", "lamp", 9), ("ann", "refund", "tea", 9)]
    log = log_of(rows, items=["lamp", "post", "cup", "tea", "vase", "bulb"])
    counted = replace(shop, log=log, ranker=replace(shop.ranker, behaviours=("purchase", "refund")))
    found = effects(counted.ranker, log, counted.now, log.items.codes(["bulb"]))
    assert [sorted(group.tolist()) for group in found.groups] == [[2], [0, 1]]
    (reason,) = recommend(counted, [Ask(customer="ann")], n=1, why=True)[0].items[0].reasons
    assert (reason.text, reason.behaviour, reason.times) == ("because you bought red lamp on 3 January", "purchase", 1)
    assert reason.effect == 10.0  # both events pull the bulb


def told(shop: Shop, *events: object, language: str = "en", customer: str | None = None) -> list[tuple]:
    """The first item's reasons in a shop that knows nothing but purchases."""
    bought = replace(shop, log=shop.log.where(shop.log.is_behaviour(("purchase",))), language=language)
    bought = replace(bought, ranker=replace(shop.ranker, behaviours=("purchase",)))
    (answer,) = recommend(bought, [Ask(customer=customer, events=given(events))], n=1, why=True)
    return [(reason.text, reason.behaviour, reason.time) for reason in answer.items[0].reasons]


def test_what_is_told_is_called_what_it_was_whatever_it_is_read_as(shop: Shop) -> None:
    looked = {"item": "lamp", "behaviour": "view_item"}
    assert told(shop, "lamp") == [("because red lamp is in your basket", "add_to_cart", None)]
    assert told(shop, looked) == [("because you looked at red lamp", "view_item", None)]
    assert told(shop, "lamp", language="zh")[0][0] == "因为red lamp在您的购物车里"
    assert told(shop, looked, language="zh")[0][0] == "因为您浏览了red lamp"


def test_a_view_is_not_mixed_up_with_the_purchases_it_is_read_as(shop: Shop) -> None:
    assert sorted(told(shop, {"item": "lamp", "behaviour": "view_item"}, customer="ann")) == [
        ("because you bought red lamp on 3 January", "purchase", "1970-01-03T00:00:00+00:00"),
        ("because you looked at red lamp", "view_item", None),
    ]


def test_an_item_that_is_no_candidate_has_no_rank(shop: Shop) -> None:
    assert explain(shop, "ann", "lamp", exclude="target").rank is None


def test_what_cannot_be_explained_is_refused(shop: Shop) -> None:
    with pytest.raises(UsageError, match="customer 'nobody'"):
        explain(shop, "nobody", "cup")
    with pytest.raises(UsageError, match="'post' is not merchandise"):
        explain(shop, "ann", "post")
    with pytest.raises(UsageError, match="never seen item 'vase'"):
        explain(shop, "ann", "vase")


def test_events_are_named_in_the_order_people_are_told(shop: Shop) -> None:
    bob = shop.log.take(np.array([1, 0]))
    tea, bulb = shop.log.items.codes(["tea", "bulb"])
    named = Deletion(ranker=shop.ranker).explain(bob, shop.asof(bob), np.array([tea, bulb]))
    assert [row.tolist() for row in named] == [[2, 1, 0], [1, 0, 2]]


def test_deletion_closes_the_gap_where_there_is_only_order(shop: Shop, log_of, pairs, monkeypatch) -> None:
    log = log_of(
        [("a", "purchase", "tea", 0), ("a", "purchase", "cup", 1), ("a", "purchase", "lamp", 2)], clock="order"
    )
    times = []
    plain = pairs.score

    def watched(queries, asof):
        times.append(
            (
                [queries.time[s:e].tolist() for s, e in zip(queries.offsets, queries.offsets[1:], strict=False)],
                asof.tolist(),
            )
        )
        return plain(queries, asof)

    monkeypatch.setattr(pairs, "score", watched)
    effects(shop.ranker, log, 2, np.array([0]), grouped=False)
    assert times[0] == ([[0, 1, 2]] + [[0, 1]] * 3, [2] + [1] * 3)
