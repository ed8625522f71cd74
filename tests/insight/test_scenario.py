"""A scenario's list is the one that going down a full sort by hand would give, and each rule keeps its word."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from regard.errors import UsageError
from regard.insight import Answer, Ask, Ranker, Shop, candidates, recommend
from regard.insight.fallback import GENERAL, general
from regard.insight.picking import Rules
from regard.insight.scenario import Boost, Cap, Pin, Scenario, Split
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

V, WORDS = 60, 7
COLUMNS = ("category", "brand", "price")


@cache
def shop_of(seed: int, pairs: Any, log_of: Any, searching: Any) -> Shop:
    """A shop of 60 items, of which the model knows 50 and some customers have bought a few."""
    random = np.random.default_rng(seed)
    ids = [f"i{n}" for n in range(V)]
    rows = [
        (f"c{random.integers(9)}", str(random.choice(["view_item", "purchase"])), ids[random.integers(V - 8)], day)
        for day in range(40)
    ]
    table = pa.table(
        {
            "item": ids,
            "category": [None if n % 11 == 0 else f"k{random.integers(4)}" for n in range(V)],
            "brand": [f"b{random.integers(9)}" for _ in range(V)],
            "price": [math.nan if n % 13 == 0 else float(random.integers(5)) for n in range(V)],
            "product": [None if n % 5 else f"p{n // 15}" for n in range(V)],
            "tags": [["a"]] * V,
        }
    )
    words = [random.choice(WORDS, random.integers(0, 3), replace=False).tolist() for _ in ids]

    def content(items: Vocabulary, before: int | None) -> Content:
        from regard.sequences.ragged import Ragged

        return Content(tuple(f"word:{n}" for n in range(WORDS)), Ragged.of(words))

    pull = random.normal(size=(50, 50)).round(1)  # rounded: there are equals
    model = pairs(Vocabulary(ids[:50]), pull)
    ranker = Ranker(
        scorer=searching(model) if seed % 2 else model,
        items=model.view_items,
        behaviours=("view_item", "purchase"),
        version="m1",
    )
    log = log_of(rows, items=ids, not_sold=["i3"])
    return Shop.of(log, target=("purchase",), content_of=content, table=table, ranker=ranker)


@pytest.fixture(scope="module")
def made() -> Any:
    from tests.insight.conftest import PairModel, make_log
    from tests.insight.test_ranker import Finder

    return lambda seed: shop_of(seed, PairModel, make_log, Finder)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    some_ids = st.sampled_from([f"i{n}" for n in range(V)] + ["nowhere"])
    conditions = st.sampled_from(
        ['category = "k1"', "price > 2", 'brand in ("b1", "b2", "b3")', "category is null", "price < 9"]
    )
    positions = draw(st.lists(st.integers(1, 14), unique=True, max_size=4))
    pinned = draw(st.lists(some_ids, unique=True, min_size=len(positions), max_size=len(positions)))
    columns = draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=2))
    return Scenario(
        filter=draw(st.sampled_from(["", "", "price >= 1", 'not (brand = "b1")', "price > 99"])),
        exclude=tuple(draw(st.lists(some_ids, max_size=3))),
        pins=tuple(Pin(item=item, position=place) for item, place in zip(pinned, positions, strict=True)),
        boosts=tuple(
            Boost(when=when, factor=factor)
            for when, factor in draw(
                st.lists(st.tuples(conditions, st.sampled_from([0.1, 0.5, 3.0, 50.0])), max_size=3)
            )
        ),
        caps=tuple(Cap(column=column, most=draw(st.integers(1, 3))) for column in columns),
        variant_of=draw(st.sampled_from(["", "product"])),
        alike=draw(st.sampled_from([None, None, 0.0, 0.5, 0.9])),
    )


def ids(answer: Answer) -> list[str]:
    return [item.item for item in answer.items]


def answered(shop: Shop, ask: Ask, n: int, scenario: Scenario, exclude: str = "none") -> Answer:
    return recommend(shop, [ask], n=n, exclude=exclude, rules=Rules.of(scenario, shop))[0]


class ByHand:
    """The same list without any cleverness: one dict per item, every level sorted whole, one item after another."""

    def __init__(self, shop: Shop, scenario: Scenario) -> None:
        self.shop, self.scenario = shop, scenario
        self.rows = {row["item"]: row for row in shop.table.to_pylist()}
        self.content = shop.content_matrix.toarray()

    def met(self, item: str, condition: str) -> bool:
        return bool(candidates(self.shop, filter=condition)[self.shop.log.items.code(item)])

    def factor(self, item: str) -> float:
        return math.prod(boost.factor for boost in self.scenario.boosts if self.met(item, boost.when))

    def fits(self, item: str, picked: list[str]) -> bool:
        caps = [*self.scenario.caps] + [Cap(column="product", most=1)] * bool(self.scenario.variant_of)
        for cap in caps:
            value = self.rows[item][cap.column]
            same = [other for other in picked if self.rows[other][cap.column] == value]
            if value is not None and len(same) >= cap.most:
                return False
        code, codes = self.shop.log.items.code(item), self.shop.log.items.codes(picked)
        alike = self.scenario.alike
        return alike is None or not (self.content[codes] @ self.content[code] > alike + 1e-6).any()

    def stands(self, item: str, own: set[str]) -> bool:
        known = item in self.rows and item not in own and item != "i3" and item not in self.scenario.exclude
        return known and (not self.scenario.filter or self.met(item, self.scenario.filter))

    def levels(self, ask: Ask) -> list[dict[str, float]]:
        """item -> score by level, the answer's own first."""
        shop, names = self.shop, self.shop.log.items.ids.to_pylist()
        told: list[dict[str, float]] = []
        queries = shop.histories([ask])
        assert shop.ranker is not None
        if len(queries.item):
            scores = shop.ranker.score(queries, shop.asof(queries))[0]
            told.append({name: score + math.log(self.factor(name)) for name, score in zip(names, scores, strict=True)})
        told += [{n: s * self.factor(n) for n, s in zip(names, general(shop, level), strict=True)} for level in GENERAL]
        return [{name: score for name, score in level.items() if score > -math.inf} for level in told]

    def list(self, ask: Ask, n: int, own: set[str]) -> list[str]:
        picked: list[str] = []
        pinned: dict[str, int] = {}
        for pin in sorted(self.scenario.pins, key=lambda pin: pin.position):
            if pin.position <= n and self.stands(pin.item, own) and self.fits(pin.item, picked):
                picked.append(pin.item)
                pinned[pin.item] = pin.position
        for level in self.levels(ask):
            for item in sorted(level, key=lambda item: (-np.float32(level[item]), self.shop.log.items.code(item))):
                if len(picked) < n and item not in picked and self.stands(item, own) and self.fits(item, picked):
                    picked.append(item)
        rest = [item for item in picked if item not in pinned]
        for item, position in pinned.items():
            rest.insert(position - 1, item)
        return rest


ASKS = st.sampled_from([Ask(customer="c1"), Ask(customer="c5"), Ask(customer="nobody")])


@settings(max_examples=40, deadline=None)
@drawn(scenario=scenarios(), seed=st.integers(0, 3), ask=ASKS, n=st.integers(1, 25))
def test_the_list_is_what_a_full_sort_would_give(made: Any, scenario: Scenario, seed: int, ask: Ask, n: int) -> None:
    shop = made(seed)
    assert ids(answered(shop, ask, n, scenario)) == ByHand(shop, scenario).list(ask, n, set())


@settings(max_examples=40, deadline=None)
@drawn(scenario=scenarios(), seed=st.integers(0, 3), ask=ASKS, n=st.integers(1, 25))
def test_no_cap_is_exceeded_and_no_two_are_too_alike(
    made: Any, scenario: Scenario, seed: int, ask: Ask, n: int
) -> None:
    shop = made(seed)
    rows = {row["item"]: row for row in shop.table.to_pylist()}
    found = ids(answered(shop, ask, n, scenario))
    assert len(found) == len(set(found)) <= n and not set(found) & set(scenario.exclude)
    caps = [(cap.column, cap.most) for cap in scenario.caps] + [("product", 1)] * bool(scenario.variant_of)
    for column, most in caps:
        values = [rows[item][column] for item in found]
        assert all(values.count(value) <= most for value in values if value is not None and value == value)
    if scenario.alike is not None:
        unit = shop.content_matrix.toarray()[shop.log.items.codes(found)]
        cosine = unit @ unit.T - np.eye(len(unit)) * 9
        assert (cosine <= scenario.alike + 1e-5).all()


@settings(max_examples=40, deadline=None)
@drawn(scenario=scenarios(), seed=st.integers(0, 3), ask=ASKS, n=st.integers(1, 25), order=st.randoms())
def test_the_order_in_which_rules_are_written_does_not_matter(
    made: Any, scenario: Scenario, seed: int, ask: Ask, n: int, order: Any
) -> None:
    def stirred(rules: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(order.sample(rules, len(rules)))

    parts = {name: stirred(getattr(scenario, name)) for name in ("exclude", "pins", "boosts", "caps")}
    one, other = answered(made(seed), ask, n, scenario), answered(made(seed), ask, n, replace(scenario, **parts))
    assert one == other


@settings(max_examples=60, deadline=None)
@drawn(scenario=scenarios(), seed=st.integers(0, 3), n=st.integers(1, 25))
def test_pins_stand_where_it_is_said(made: Any, scenario: Scenario, seed: int, n: int) -> None:
    free = replace(scenario, filter="", exclude=(), caps=(), variant_of="", alike=None)
    found = answered(made(seed), Ask(customer="c1"), n, free)
    for pin in free.pins:
        if pin.position <= n and pin.item not in ("nowhere", "i3"):
            assert ids(found)[pin.position - 1] == pin.item
            assert found.items[pin.position - 1].level == "pinned"
        else:
            assert all(item.level != "pinned" for item in found.items if item.item == pin.item)


@settings(max_examples=30, deadline=None)
@drawn(seed=st.integers(0, 3), ask=ASKS, n=st.integers(1, 80), exclude=st.sampled_from(["none", "target", "seen"]))
def test_an_empty_scenario_changes_nothing(made: Any, seed: int, ask: Ask, n: int, exclude: str) -> None:
    plain = recommend(made(seed), [ask], n=n, exclude=exclude)[0]
    assert answered(made(seed), ask, n, Scenario(), exclude) == plain


def test_a_boost_multiplies_odds_and_leaves_the_probability_alone(made: Any) -> None:
    shop, boost = made(0), Scenario(boosts=(Boost(when='brand = "b1"', factor=4.0),))
    plain = {item.item: item for item in answered(shop, Ask(customer="c1"), 60, Scenario()).items}
    met = candidates(shop, filter='brand = "b1"')
    modelled = 0
    for item in answered(shop, Ask(customer="c1"), 60, boost).items:
        if item.level == "model":
            modelled += 1
            lift = 4.0 if met[shop.log.items.code(item.item)] else 1.0
            assert item.score == pytest.approx(plain[item.item].score + math.log(lift), abs=1e-5)
            assert item.probability == pytest.approx(plain[item.item].probability)
    assert modelled > 40
    counted = answered(shop, Ask(), 60, boost).items
    popular = {item.item: item.score for item in answered(shop, Ask(), 60, Scenario()).items}
    for item in counted:
        assert item.score == popular[item.item] * (4.0 if met[shop.log.items.code(item.item)] else 1.0)


def test_pins_say_who_placed_them_and_the_others_keep_their_reasons(made: Any) -> None:
    shop = made(0)
    rules = Rules.of(Scenario(pins=(Pin(item="i9", position=1), Pin(item="i11", position=3))), shop)
    plain = {item.item: item.reasons for item in recommend(shop, [Ask(customer="c1")], n=8, why=True)[0].items}
    found = recommend(shop, [Ask(customer="c1")], n=5, rules=rules, why=True)[0].items
    assert [item.reasons[0].kind for item in found if item.level == "pinned"] == ["pinned", "pinned"]
    assert found[0].reasons[0].text == "placed here by the shop" and found[0].score > -100
    assert all(item.reasons == plain[item.item] for item in found if item.level != "pinned")


def test_a_pin_that_was_bought_is_left_out_and_the_list_closes_up(made: Any) -> None:
    shop = made(1)
    log = shop.log
    own = log.items.id(int(log.item[log.is_behaviour(("purchase",))][0]))
    who = Ask(customer=log.customers.id(int(log.owner[log.is_behaviour(("purchase",))][0])))
    pinned = Scenario(pins=(Pin(item=own, position=2),))
    assert ids(answered(shop, who, 6, pinned, "none"))[1] == own
    assert ids(answered(shop, who, 6, pinned, "target")) == ids(recommend(shop, [who], n=6, exclude="target")[0])


def test_json_goes_there_and_back() -> None:
    whole = Scenario(
        filter="price > 1", exclude=("a",), pins=(Pin(item="b", position=2),), boosts=(Boost(when="price > 2", factor=0.5),),
        caps=(Cap(column="brand", most=2),), variant_of="product", alike=0.0, starts=datetime(2026, 3, 1, tzinfo=UTC),
        ends=datetime(2026, 4, 1, tzinfo=UTC), split=Split(model="m2", share=0.25, salt="x"),
    )  # fmt: skip
    assert Scenario.of(whole.to_json()) == whole
    assert Scenario().to_json() == {"version": 1} and Scenario.of({}) == Scenario()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"filters": "a"}, "knows no 'filters'"),
        ({"version": 2}, "version 2"),
        ({"pins": [{"item": "a"}]}, "entry 1 needs 'position'"),
        ({"pins": [{"item": "a", "position": True}]}, "whole number"),
        ({"pins": [{"item": "a", "position": 0}]}, "position is 1 to 200"),
        ({"pins": [{"item": "a", "position": 1}, {"item": "b", "position": 1}]}, "position '1'"),
        ({"pins": [{"item": "a", "position": 1}, {"item": "a", "position": 2}]}, "item 'a'"),
        ({"boosts": [{"when": "x = 1", "factor": 0}]}, "a factor is 0.001 to 1000"),
        ({"boosts": [{"when": "x = 1", "factor": 10**400}]}, "is a number"),
        ({"caps": [{"column": "brand", "most": 0}]}, "leaves nothing"),
        ({"caps": {"column": "brand"}}, "is a list"),
        ({"alike": 2}, "alike is 0 to 1"),
        ({"alike": "much"}, "is a number"),
        ({"starts": "soon"}, "is a time"),
        ({"starts": "0001-01-01T00:00:00+14:00"}, "is a time"),
        ({"starts": "2026-03-01", "ends": "2026-02-01"}, "ends after it starts"),
        ({"split": {"model": "m1", "share": 1}}, "between 0 and 1"),
        ({"filter": "a" * 5_000}, "4,096 characters"),
        ({"pins": 3}, "is a list"),
        ({"split": 3}, "is an object"),
    ],
)
def test_what_is_no_scenario_is_said_in_one_line(body: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Scenario.of(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"filter": "colour = 1"}, "no column 'colour'"),
        ({"filter": "price ="}, "expected"),
        ({"boosts": [{"when": "price = 'x'", "factor": 2}]}, "is a number"),
        ({"caps": [{"column": "brands", "most": 1}]}, "did you mean 'brand'"),
        ({"variant_of": "tags"}, "is a list"),
    ],
)
def test_what_does_not_fit_the_items_table_is_said(made: Any, body: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Rules.of(Scenario.of(body), made(0))


def test_a_scenario_runs_from_its_start_to_before_its_end() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    scenario = Scenario(starts=start, ends=start + timedelta(days=1))
    moments = [start - timedelta(seconds=1), start, start + timedelta(hours=23), start + timedelta(days=1)]
    assert [scenario.runs(at) for at in moments] == [False, True, True, False]
    assert Scenario().runs(start)


def test_a_customer_is_always_on_the_same_side_of_a_split() -> None:
    split = Split(model="m2", share=0.3, salt="spring")
    people = [f"顾客{n}" for n in range(3_000)] + ["\ud800"]
    taken = [split.takes(name) for name in people]
    assert taken == [split.takes(name) for name in people]
    assert abs(np.mean(taken) - 0.3) < 0.04
    assert taken != [replace(split, salt="autumn").takes(name) for name in people]
    grown = [replace(split, share=0.6).takes(name) for name in people]
    assert all(
        after for before, after in zip(taken, grown, strict=True) if before
    )  # a larger share keeps who was in it
