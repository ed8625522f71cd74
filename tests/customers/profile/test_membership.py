"""Membership: what was registered is told, with its own moment, and nothing is said of who was not looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from regard.customers.profile import Base, profile, table
from regard.customers.profile.membership import Memberships, Segment
from regard.insight import Shop
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged

START = 1_700_000_000 // DAY * DAY


@pytest.fixture
def shop(make_log: Callable[..., Log], shop_with: Callable[[Log], Shop]) -> Shop:
    rows = [(name, "view_item", "a", float(day)) for name in ("ann", "bob", "cid") for day in range(0, 40, 10)]
    return shop_with(make_log(rows))


@pytest.fixture
def base(shop: Shop) -> Base:
    """Ann is in a cluster and a rule, Bob in none, Cid was not there yet."""
    segments = (
        Segment(id="s2", en="cups", zh="杯子", kind="cluster", at=START + 15 * DAY),
        Segment(id="gold", en="gold", zh="gold", kind="rule", at=START + 25 * DAY),
    )
    members = Ragged.of([np.array([0, 1]), np.array([], dtype=np.int64), np.array([], dtype=np.int64)])
    known = np.array([True, True, False])
    return Base(shop=shop, at=shop.now).warm().with_segments(Memberships(segments=segments, of=members, known=known))


def test_each_segment_has_its_id_name_and_moment(shop: Shop, base: Base) -> None:
    told = profile(shop, base, 0).fields["segments"]
    assert [(one["id"], one["name"], one["kind"]) for one in told.value] == [
        ("s2", "cups", "cluster"), ("gold", "gold", "rule"),
    ]  # fmt: skip
    assert told.text == "cups (s2), gold"
    moments = [datetime.fromisoformat(one["as_of"]).timestamp() for one in told.value]
    assert moments == [START + 15 * DAY, START + 25 * DAY]
    assert told.as_of == told.value[0]["as_of"]  # the oldest: what is not said rests on it too
    assert datetime.fromisoformat(told.expires or "").timestamp() == START + 22 * DAY
    assert (told.events, told.coverage) == (2, 0.5)  # the events by then
    assert profile(replace(shop, language="zh"), base, 0).fields["segments"].text == "杯子（s2）、gold"


def test_none_is_not_the_same_as_unknown(shop: Shop, base: Base) -> None:
    bob, cid = (profile(shop, base, code).fields["segments"] for code in (1, 2))
    assert (bob.value, bob.text) == ([], "none")
    assert (cid.value, cid.text, cid.events) == (None, "", 0)
    assert "segments" not in profile(shop, Base(shop=shop, at=shop.now), 0).fields


def test_nothing_is_said_of_who_came_after_a_rule_was_asked(
    make_log: Callable[..., Log], shop_with: Callable[[Log], Shop]
) -> None:
    came = {"old": 0.0, "new": 30.0, "met": 30.0}
    shop = shop_with(make_log([(name, "view_item", "a", day) for name, day in came.items()]))
    members = Ragged.of(
        [np.array([0]) if name == "met" else np.array([], np.int64) for name in shop.log.customers.ids.to_pylist()]
    )
    rule = Segment(id="gold", en="gold", zh="gold", kind="rule", at=START + 25 * DAY)
    base = Base(shop=shop, at=shop.now).warm()
    base = base.with_segments(Memberships(segments=(rule,), of=members, known=np.ones(3, dtype=bool)))
    said = {name: profile(shop, base, shop.log.customers.code(name)).fields["segments"].text for name in came}
    assert said == {"old": "none", "new": "", "met": "gold"}


def test_the_batch_says_the_same(shop: Shop, base: Base) -> None:
    rows = table(shop, base, np.array([2, 0, 1]))["segments"].to_pylist()
    assert rows[0] is None and rows[2] == [] and rows[1] == profile(shop, base, 0).fields["segments"].value


def test_nothing_made_of_the_shop_is_lost_with_other_segments(shop: Shop) -> None:
    made = Base(shop=shop, at=shop.now).warm()
    later = made.with_segments(Memberships(segments=(), of=Ragged.of([]), known=np.ones(3, dtype=bool)))
    assert later.transitions is made.transitions and later.features is made.features
