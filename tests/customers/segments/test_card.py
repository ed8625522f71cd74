"""What over-indexes, names and cards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from regard.customers.segments.card import cards
from regard.customers.segments.moves import Moves
from regard.customers.segments.naming import Name, names, weights
from regard.customers.segments.people import People
from regard.customers.segments.tgi import Traits, lower, table
from regard.errors import UsageError
from regard.sequences.ragged import Ragged

WORDS = ("category:home > lights", "category:bath", "brand:acme", "word:gift", "price:3")


def _people() -> tuple[People, np.ndarray]:
    """Lamp people who are few and spend much, bath people, and a gift for everybody."""
    who = np.repeat([0, 1, -1], [40, 120, 40])
    words = [[0, 2, 3, 4] if w == 0 else [1, 3] if w == 1 else [3] for w in who]
    profile = pa.table(
        {
            "customer": [f"c{n}" for n in range(200)],
            "city": ["Ulm" if w == 0 and n % 2 else "Bonn" for n, w in enumerate(who)],
            "churn_30d": np.where(who == 1, 0.8, 0.2) + np.arange(200) / 10_000,
            "note": [f"free text {n}" for n in range(200)],
            "nothing": pa.nulls(200),
        }
    )
    value = np.where(who == 0, 300.0, 20)
    value[0] = np.nan
    return (
        People.of(
            [f"c{n}" for n in range(200)], words=Ragged.of(words), word_names=WORDS, value=value, profile=profile
        ),
        who,
    )


def test_the_tgi_table_counts_what_it_says() -> None:
    people, who = _people()
    lamps, baths = table(Traits.of(people), who, 2)
    row = next(index for index in lamps if index.level == "home > lights")
    assert (row.field, row.customers, row.share, row.base) == ("category", 40, 1.0, 0.2)
    assert row.tgi == pytest.approx(500) and 100 < row.at_least < 500
    assert [index.at_least for index in lamps] == sorted((index.at_least for index in lamps), reverse=True)
    assert {index.field for index in baths} >= {"category", "churn_30d"}
    told = {(index.field, index.level) for index in (*lamps, *baths)}
    assert not any(level == "gift" or field in ("customer", "note", "nothing") for field, level in told)
    assert ("city", "Ulm") in told


def test_wilsons_bound_is_below_the_share_and_nears_it() -> None:
    some, many = lower(np.array([5.0]), 10)[0], lower(np.array([5000.0]), 10_000)[0]
    assert some == pytest.approx(0.2366, abs=1e-4)  # the textbook's 5 of 10
    assert some < many < 0.5
    assert lower(np.array([0.0]), 0)[0] == 0


def test_words_that_all_share_weigh_less_than_words_of_one() -> None:
    weight = weights(np.array([[9.0, 9, 0], [9, 0, 9], [9, 0, 0]]))
    assert weight[0, 1] > weight[0, 0] > weight[0, 2] == 0


def test_names_are_made_of_what_sets_a_segment_apart() -> None:
    people, who = _people()
    lamps, baths = names(Traits.of(people), who, 2, spending=np.array([3.0, 0.3]))
    assert lamps.en == "Big spenders: lights, acme" and lamps.zh == "高消费：lights、acme"
    assert baths.en == "Small spenders: bath" and baths.words == ("bath",)


def test_no_two_names_are_alike_and_where_nothing_tells_the_number_does() -> None:
    people, who = _people()
    halves = np.where(who == 0, np.arange(200) % 2, -1)
    one, other = names(Traits.of(people), halves, 2)
    assert one.en != other.en and one.zh != other.zh
    bare = People.of([f"c{n}" for n in range(60)])
    assert [name.en for name in names(Traits.of(bare), np.arange(60) % 2, 2)] == ["Segment 1", "Segment 2"]
    assert [name.zh for name in names(Traits.of(bare), np.arange(60) % 2, 2)] == ["客群1", "客群2"]


def test_a_card_says_who_what_and_how_much() -> None:
    people, who = _people()
    lamps, baths = cards(people, who, ["s1", "s2"], stability=np.array([0.9, 0.7]))
    assert (lamps.id, lamps.size, lamps.share) == ("s1", 40, 0.2)
    assert lamps.value == pytest.approx(39 * 300) and lamps.value_each == pytest.approx(300)
    assert lamps.value_share == pytest.approx(39 * 300 / (39 * 300 + 160 * 20))
    assert lamps.growth is None and lamps.flows_in == () and lamps.stability == 0.9
    assert len(lamps.examples) == 3
    assert all(int(member.customer[1:]) < 40 for member in lamps.examples)
    assert "category home > lights (TGI 500)" in lamps.examples[0].reasons
    assert lamps.use.startswith("Reward") and baths.use.startswith("Develop")
    assert lamps.warnings == () and "0.70" in baths.warnings[0]
    assert lamps.to_json()["over_indexes"][0]["tgi"] > 100


def test_a_card_in_chinese_keeps_the_name_it_is_given() -> None:
    people, who = _people()
    card = cards(
        people, np.where(who == 0, 0, -1)[:], ["s1"], called=[Name(en="Lamps", zh="灯具控", words=())], language="zh"
    )[0]
    assert card.name == "灯具控" and card.use.startswith("维护")
    assert any("品类 home > lights（TGI 500）" in member.reasons for member in card.examples)


def test_a_card_tells_growth_and_flows() -> None:
    people, who = _people()
    flows = np.array([[30, 5, 1], [6, 100, 0], [0, 10, 30], [4, 5, 9]])
    moves = Moves(before=("s1", "s2"), after=("s1", "s2"), customers=flows)
    lamps = cards(people, who, ["s1", "s2"], moves=moves)[0]
    assert lamps.growth == pytest.approx(40 / 36 - 1)
    assert [(flow.segment, flow.customers) for flow in lamps.flows_in] == [("s2", 6), ("new", 4)]
    assert [(flow.segment, flow.customers) for flow in lamps.flows_out] == [("s2", 5), (None, 1)]


def test_small_and_empty_segments_say_so() -> None:
    people, _ = _people()
    label = np.full(200, -1)
    label[:3] = 0
    few, none = cards(people, label, ["few", "none"])
    assert "only 3 customers" in few.warnings[0]
    assert (none.size, none.value, none.examples) == (0, None, ())
    with pytest.raises(UsageError, match="3 labels, but 200 customers"):
        cards(people, label[:3], ["few"])
