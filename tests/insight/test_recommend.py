from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from regard.errors import UsageError
from regard.insight import Ask, Ranker, Shop, given, recommend
from regard.insight.ranker import top
from regard.insight.recommend import BLOCK_CELLS, blocks


def ids(answer) -> list[str]:
    return [item.item for item in answer.items]


def test_a_known_customer_is_answered_by_the_model(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="ann")], n=1, exclude="none")
    assert (ids(answer), answer.fallback_level, answer.model_version) == (["bulb"], "model", "m1")
    assert answer.items[0].score == 10.0  # looked at and bought: 5 each
    assert answer.items[0].name == "LED bulb"


def test_probabilities_are_the_model_s_over_its_catalogue(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="ann")], n=4, exclude="none")
    modelled = [item.probability for item in answer.items if item.level == "model"]
    assert sum(modelled) == pytest.approx(1.0)
    assert modelled[0] == pytest.approx(np.exp(10) / (np.exp(10) + 3), rel=1e-5)


@pytest.mark.parametrize(("rule", "barred"), [("none", set()), ("target", {"lamp"}), ("seen", {"lamp"})])
def test_exclude(shop: Shop, rule: str, barred: set[str]) -> None:
    (answer,) = recommend(shop, [Ask(customer="ann")], n=9, exclude=rule)
    assert answer.exclude == rule
    assert {"lamp", "bulb", "cup", "tea", "vase", "candle"} - set(ids(answer)) == barred


def test_seen_is_wider_than_target(shop: Shop) -> None:
    target, seen = (recommend(shop, [Ask(customer="cid")], n=9, exclude=rule)[0] for rule in ("target", "seen"))
    assert "tea" in ids(target) and "tea" not in ids(seen)


def test_the_default_rule_follows_repeats(shop: Shop) -> None:
    assert recommend(shop, [Ask(customer="ann")])[0].exclude == "none"  # bob bought tea twice: 1 of 5 lines
    once = replace(shop, log=shop.log.where(shop.log.time < 30 * 86_400))
    assert recommend(once, [Ask(customer="ann")])[0].exclude == "target"


def test_postage_is_never_recommended(shop: Shop) -> None:
    for ask in (Ask(customer="ann"), Ask(), Ask(events=given(["tea"])), Ask(interests=("kitchen",))):
        assert "post" not in ids(recommend(shop, [ask], n=20)[0])


def test_an_anonymous_basket_reads_its_events_and_is_not_offered_them(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(events=given(["lamp"]))], n=3)
    assert (answer.fallback_level, answer.customer, ids(answer)[0]) == ("history", None, "bulb")
    assert "lamp" not in ids(answer)


def test_an_open_basket_adds_to_what_is_known(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="dot", events=given([{"item": "lamp", "behaviour": "view_item"}]))], n=1)
    assert (answer.fallback_level, ids(answer)) == ("model", ["bulb"])


def test_only_unknown_items_fall_back_to_content(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="eve")], n=2, why=True)
    assert answer.fallback_level == "similar"
    assert set(ids(answer)) <= {"lamp", "bulb", "candle"}
    assert answer.items[0].reasons[0].text == "similar to old vase"
    assert answer.model_version is None


@pytest.mark.parametrize("interest", ["lights", "category=home > lights", "LIGHTS ", "home > lights"])
def test_declared_interests(shop: Shop, interest: str) -> None:
    (answer,) = recommend(shop, [Ask(customer="new", interests=(interest,))], n=3, why=True)
    assert answer.fallback_level == "interests"
    assert ids(answer)[0] == "lamp"  # the only one of the category that sold
    assert answer.items[0].reasons[0].text == f"matches your interest in {interest}"


def test_an_interest_that_matches_nothing_is_said(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(interests=("boats",))])
    assert answer.fallback_level == "recent popularity"
    assert answer.notes[0] == "nothing in the catalogue matches: boats"


def test_a_stranger_gets_what_sells_now(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(customer="nobody")], n=6, why=True)
    assert answer.fallback_level == "recent popularity"
    assert ids(answer)[0] == "tea"
    assert answer.items[0].reasons[0].text == "wanted by 2 customers in the last 30 days"
    assert [item.level for item in answer.items] == [
        "recent popularity",
        "popularity",
        "popularity",
        "new",
        "new",
        "new",
    ]


def test_a_stranger_is_called_one(shop: Shop, log_of) -> None:
    (answer,) = recommend(shop, [Ask(customer="nobody")], n=3)
    assert answer.notes == ("nothing is known of customer 'nobody'",)
    (answer,) = recommend(replace(shop, language="zh"), [Ask(customer="nobody")], n=3)
    assert answer.notes == ("没有顾客“nobody”的任何记录",)
    assert [recommend(shop, [ask], n=3)[0].notes for ask in (Ask(), Ask(customer="ann"))] == [(), ()]


def test_unknown_items_of_a_basket_are_named(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask(events=given(["lamp", "lampe", "lampe"]))], n=3)
    assert (answer.fallback_level, answer.notes) == ("history", ("not in the catalogue, ignored: lampe",))


@pytest.mark.parametrize("ask", [{"customer": "ann"}, {"customer": "eve"}, {"events": given(["lamp"])}])
def test_interests_that_are_not_used_are_said(shop: Shop, ask: dict) -> None:
    (answer,) = recommend(shop, [Ask(interests=("kitchen",), **ask)], n=3)
    assert answer.notes == ("interests were not used: they are for newcomers, and here events answer",)
    assert recommend(shop, [Ask(interests=("kitchen",))], n=3)[0].notes == ()


def test_a_list_too_long_to_fill_says_so(shop: Shop) -> None:
    (answer,) = recommend(shop, [Ask()], n=50)
    assert len(answer.items) == 6
    assert answer.notes == ("only 6 of 50: no more items pass the conditions",)


def test_without_a_ranker_everybody_is_answered(plain_shop: Shop) -> None:
    ann, basket, stranger = recommend(plain_shop, [Ask(customer="ann"), Ask(events=given(["cup"])), Ask()], n=3)
    assert (ann.fallback_level, basket.fallback_level, stranger.fallback_level) == (
        "similar",
        "similar",
        "recent popularity",
    )
    assert ids(basket)[0] == "tea"


def test_an_empty_shop_answers(log_of) -> None:
    empty = Shop.of(log_of([], items=["a", "b"]), target=("purchase",))
    (answer,) = recommend(empty, [Ask(customer="x")], n=2)
    assert (answer.fallback_level, sorted(ids(answer))) == ("new", ["a", "b"])


def test_logs_without_a_clock(shop: Shop, log_of) -> None:
    log = log_of(
        [("a", "purchase", "tea", 0), ("a", "purchase", "cup", 1)], clock="order", items=["tea", "cup", "lamp"]
    )
    ordered = Shop.of(log, target=("purchase",), ranker=shop.ranker)
    known, basket = recommend(ordered, [Ask(customer="a"), Ask(events=given(["tea"]))], n=2, why=True)
    assert (known.fallback_level, basket.fallback_level) == ("model", "history")
    assert known.items[0].reasons[0].time is None


def test_one_or_many_are_the_same_call(shop: Shop) -> None:
    asks = [Ask(customer=name) for name in ("ann", "bob", "eve", "nobody", "cid")] + [Ask(events=given(["tea"]))]
    together = recommend(shop, asks, n=4, why=True)
    assert together == [recommend(shop, [ask], n=4, why=True)[0] for ask in asks]


def test_blocks_do_not_change_answers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = [Ask(customer=name) for name in ("ann", "bob", "cid", "dot", "eve")]
    whole = recommend(shop, asks)
    monkeypatch.setattr(sys.modules["regard.insight.recommend"], "BLOCK_CELLS", 1)
    assert recommend(shop, asks) == whole


def test_answers_are_json(shop: Shop) -> None:
    text = json.dumps(recommend(shop, [Ask(customer="eve")], why=True)[0].to_json(), allow_nan=False)
    assert json.loads(text)["customer"] == "eve"


def test_wrong_words_are_refused(shop: Shop) -> None:
    with pytest.raises(UsageError, match="none, target or seen"):
        recommend(shop, [Ask()], exclude="all")
    with pytest.raises(UsageError, match="at least one"):
        recommend(shop, [Ask()], n=0)
    with pytest.raises(UsageError, match="whole number"):
        recommend(shop, [Ask()], n=2.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not 'when'"):
        given([{"item": "a", "when": 3}])


@hypothesis_given(st.lists(st.integers(-3, 3), max_size=40), st.integers(1, 50))
def test_top_is_a_sort(values: list[int], n: int) -> None:
    scores = np.array(values, dtype=np.float64)
    scores[scores == -3] = -np.inf
    expected = [i for i in sorted(range(len(values)), key=lambda i: (-scores[i], i)) if scores[i] > -np.inf][:n]
    assert top(scores, n).tolist() == expected


@hypothesis_given(st.integers(0, 5000), st.integers(0, 10**8))
def test_blocks_cover_all_rows_once(rows: int, width: int) -> None:
    parts = list(blocks(rows, width))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    assert all((part.stop - part.start) * width <= max(BLOCK_CELLS, width) for part in parts)


def test_counting_answers_where_there_is_no_model(plain_shop: Shop) -> None:
    ranker = Ranker.counting(plain_shop.log, plain_shop.target)
    counted = replace(plain_shop, ranker=ranker)
    (answer,) = recommend(counted, [Ask(customer="bob")], n=6, why=True)
    assert (answer.fallback_level, answer.model_version) == ("counting", None)
    assert ids(answer)[:2] == ["tea", "cup"]
    assert {item.level for item in answer.items[:3]} >= {"counting"}
    assert answer.items[0].reasons[0].text == "because you bought it 2 times, last on 10 February"
    assert recommend(counted, [Ask(events=given(["cup"]))], n=1)[0].fallback_level == "history"


def test_nothing_to_count(log_of) -> None:
    assert Ranker.counting(log_of([("a", "view_item", "x", 1)]), ("purchase",)) is None
