"""What a chance, a risk or a value rests on, with a model whose every answer is a sum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from regard.errors import ModelError, UsageError
from regard.insight import Shop, explain, grounds
from regard.insight.intent import base_rate
from regard.sequences.log import Log


@dataclass(frozen=True)
class Told:
    spend: np.ndarray


class Sums:
    """Every purchase adds one to the log-odds of another; a purchase is worth ten."""

    money = True

    def facts(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        return np.bincount(queries.owner[queries.is_behaviour(("purchase",))], minlength=len(queries)).astype(float)

    def chances(self, bought: np.ndarray, days: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
        return 1 / (1 + np.exp(2 - bought))[:, None]

    def predict(self, queries: Log, asof: np.ndarray, days: np.ndarray) -> Told:
        bought = self.facts(queries, asof)
        return Told(spend=np.where(bought > 0, 10 * bought, np.nan)[:, None])


@pytest.fixture
def known(shop: Shop, pairs: Any) -> Shop:
    pairs.horizon = Sums()
    return shop


def test_churn_rests_on_what_was_bought(known: Shop) -> None:
    told = grounds(known, "bob", "churn_30d")
    assert told.value == pytest.approx(1 / (1 + np.exp(1))) and told.model_version == "m1"  # three purchases
    assert [(reason.item, reason.effect) for reason in told.reasons] == [
        ("tea", pytest.approx(-2.0, abs=1e-5)),
        ("cup", pytest.approx(-1.0, abs=1e-5)),
    ]
    assert told.reasons[0].text == "you bought green tea 2 times, last on 10 February"
    assert told.boundary == pytest.approx(1 - base_rate(known, 30))


def test_the_fewest_events_bring_the_answer_across_the_boundary(known: Shop) -> None:
    told = grounds(known, "bob", "value_90d")
    assert (told.value, told.boundary) == (pytest.approx(30.0, rel=1e-5), pytest.approx(15.0, rel=1e-5))
    assert told.fewest is not None and [reason.item for reason in told.fewest] == ["tea"]
    assert told.without == pytest.approx(10.0, rel=1e-5)


def test_an_intent_is_what_churn_lacks_to_one(known: Shop) -> None:
    intent, churn = (grounds(known, "bob", of) for of in ("intent_30d", "churn_30d"))
    assert intent.value == pytest.approx(1 - churn.value) and intent.boundary == pytest.approx(1 - churn.boundary)
    assert [(one.item, one.effect) for one in intent.reasons] == [
        (one.item, -(one.effect or 0)) for one in churn.reasons
    ]


def test_a_chance_that_no_event_moves_rests_on_none(shop: Shop) -> None:
    told = grounds(shop, "bob", "intent_7d")
    assert told.value == pytest.approx(1 - np.exp(-0.7), rel=1e-4)
    assert all(abs(reason.effect or 0) > 1e-4 for reason in told.reasons)


def test_who_has_not_bought_has_no_churn(known: Shop, log_of: Any) -> None:
    log = log_of(
        [("eve", "view_item", "lamp", 3), ("bob", "purchase", "tea", 4)], items=known.log.items.ids.to_pylist()
    )
    looked = Shop.of(log, target=("purchase",), ranker=known.ranker)
    with pytest.raises(UsageError, match="'eve' has not bought yet"):
        grounds(looked, "eve", "churn_30d")


@pytest.mark.parametrize("of", ["churn", "churn_0d", "love_30d", "churn_30d;", "value_30", ""])
def test_only_what_has_a_name_is_explained(known: Shop, of: str) -> None:
    with pytest.raises(UsageError, match="cannot be explained"):
        grounds(known, "bob", of)


def test_a_model_without_a_horizon_says_so(shop: Shop) -> None:
    with pytest.raises(ModelError, match="has not learned churn"):
        grounds(shop, "bob", "churn_30d")
    with pytest.raises(UsageError, match="nothing is known of customer 'nobody'"):
        grounds(shop, "nobody", "intent_7d")
    with pytest.raises(ModelError, match="nothing has learned intent"):
        grounds(replace(shop, ranker=type(shop.ranker).counting(shop.log, shop.target)), "bob", "intent_7d")


def test_the_fewest_events_that_keep_an_item_first(shop: Shop, pairs: Any) -> None:
    assert explain(shop, "bob", "tea", exclude="none").fewest is None  # without all of them, nothing else is better
    pairs.pull[1, 0] = 2.0  # a cup now speaks for bulbs more than for tea
    told = explain(shop, "bob", "tea", exclude="none")
    assert told.rank == 1 and told.fewest is not None and told.rank_without == 2
    assert [reason.item for reason in told.fewest] == ["tea"]


def test_without_any_event_the_chance_is_that_of_all_customers(known: Shop, log_of: Any) -> None:
    log = log_of([("eve", "purchase", "tea", 3), ("bob", "purchase", "tea", 4)], items=known.log.items.ids.to_pylist())
    bare = Shop.of(log, target=("purchase",), ranker=known.ranker)
    (reason,) = grounds(bare, "eve", "churn_30d").reasons
    average = np.clip(1 - base_rate(bare, 30), 1e-6, 1 - 1e-6)
    assert reason.effect == pytest.approx(
        1.0 - np.log(average / (1 - average)), abs=1e-4
    )  # log-odds of churn with one order are 1
