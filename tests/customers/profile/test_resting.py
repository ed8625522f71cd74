"""Resting: shares of an answer are what a model whose scores can be worked out by hand loses without an interest's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from regard.customers.profile import Base, profile, table
from regard.customers.profile.given import Given
from regard.customers.profile.resting import of_interest, resting
from regard.insight import Ranker, Shop
from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary


@dataclass
class Adding:
    """Every event on item i adds weight[i, j] to the score of j."""

    view_items: Vocabulary
    behaviours: tuple[str, ...]
    weight: np.ndarray
    name: str = "adding"
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def item_vectors(self) -> np.ndarray:
        return np.eye(len(self.view_items), dtype=np.float32)

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(queries), len(self.view_items)), dtype=np.float32)
        met = queries.item >= 0
        np.add.at(scores, queries.owner[met], self.weight[queries.item[met]])
        return scores

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        return np.full((len(queries), len(horizons_days)), 0.1, dtype=np.float32)


Made = Callable[[np.ndarray], Shop]


@pytest.fixture
def adding(make_log: Callable[..., Log], shop_with: Callable[[Log], Shop]) -> Made:
    """Weights [6, 6] -> a shop of whom ann looked four times at a cup and twice at a light, of six items."""
    rows = [("ann", "view_item", "a", float(day)) for day in range(4)]
    rows += [("ann", "view_item", "b", 10.0), ("ann", "view_item", "b", 11.0), ("ann", "search", None, 12.0)]
    rows += [("bob", "view_item", "c", float(day)) for day in range(9)]

    def make(weight: np.ndarray) -> Shop:
        shop = shop_with(make_log(rows, items="abcdef"))
        scorer = Adding(shop.log.items, shop.log.behaviours, weight.astype(np.float32))
        ranker = Ranker(scorer=scorer, items=shop.log.items, behaviours=shop.log.behaviours, version="m1")
        return replace(shop, ranker=ranker)

    return make


def ann(shop: Shop) -> Given:
    return Given.of(shop, Base(shop=shop, at=shop.now), np.array([0]))


def weights(**of: float) -> np.ndarray:
    """'ad' = what an event on item a adds to item d."""
    table = np.zeros((6, 6))
    for pair, much in of.items():
        table["abcdef".index(pair[0]), "abcdef".index(pair[1])] = much
    return table


def test_an_answer_rests_on_the_events_that_carry_it(adding: Made) -> None:
    given = ann(adding(weights(ad=0.5, af=-0.1)))
    cups, lights = of_interest(given, [given.base.feature_place["category", word] for word in ("cups", "lights")])
    assert (cups.sum(), lights.sum(), (cups & lights).any()) == (4, 2, False)
    found = resting(given, np.array([3]), [cups, lights, np.zeros_like(cups)])
    assert found is not None and found == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_two_interests_share_it_by_what_is_lost_without_each(adding: Made) -> None:
    given = ann(adding(weights(ad=0.5, bd=0.5)))
    groups = of_interest(given, [given.base.feature_place["category", word] for word in ("lights", "cups")])

    found = resting(given, np.array([3, 4]), groups)
    assert found == pytest.approx(
        [1 / 3, 2 / 3], abs=1e-5
    )  # d loses 1 of 3 logits without the lights and 2 without the cups
    assert resting(given, np.array([4, 3]), groups[::-1]) == pytest.approx([2 / 3, 1 / 3], abs=1e-5)


def test_where_the_history_speaks_against_the_answer_nothing_rests_on_it(adding: Made) -> None:
    given = ann(adding(weights(ad=-0.5, ae=0.5)))
    assert resting(given, np.array([3]), of_interest(given, [0])) is None


def test_the_single_profile_tells_it_and_the_batch_does_not(adding: Made) -> None:
    shop = adding(weights(ad=0.5, be=0.2))
    base = Base(shop=shop, at=shop.now)
    long = profile(shop, base, 0).fields["interests_long"]
    shares = {one["word"]: one["of_answer"] for one in long.value}
    assert set(shares) >= {"cups", "lights"} and shares["cups"] > 0.5 > shares["lights"] >= 0
    assert "next best items rest on: cups" in long.text
    chinese = profile(replace(shop, language="zh"), base, 0).fields["interests_long"].text
    assert "推荐依据：cups" in chinese
    row = table(shop, base, np.array([0]))["interests_long"].to_pylist()[0]
    assert row and all("of_answer" not in one for one in row)


def test_counting_has_no_model_whose_answer_could_rest_on_anything(adding: Made) -> None:
    shop = replace(adding(weights()), ranker=None)
    told = profile(shop, Base(shop=shop, at=shop.now), 0).fields["interests_long"]
    assert told.value and all(one["of_answer"] is None for one in told.value) and "rest on" not in told.text
