"""Decision: the stage is told from sessions and the shop's silence, as a plain reading of the rules tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.customers.profile import Base
from regard.customers.profile.decision import DECIDING, LIVE_DAYS, LOOKED_AGAIN, decision
from regard.customers.profile.given import Column, Given
from regard.insight import Shop
from regard.sequences.log import Log

MINUTE = 1 / 1440
Make, With = Callable[..., Log], Callable[[Log], Shop]


def decided(shop: Shop, *, gap: int = 30, at: int | None = None) -> Column:
    base = Base(shop=shop, at=shop.now if at is None else at, session_gap=gap)
    (column,) = decision(Given.of(shop, base, np.arange(len(shop.log))))
    return column


def stages(make_log: Make, shop_with: With, rows: list[Any], **how: Any) -> dict[str, str | None]:
    shop = shop_with(make_log([*rows, ("zz", "search", None, 100.0)]))
    names = shop.log.customers.ids.to_pylist()
    return dict(zip(names, decided(shop, **how).values.to_pylist(), strict=True))


def minutes(name: str, *acts: tuple[int, str, str | None]) -> list[Any]:
    """Acts so many minutes before the end."""
    return [(name, behaviour, item, 100.0 - ago * MINUTE) for ago, behaviour, item in acts]


def test_a_cart_is_abandoned_when_the_session_has_ended(make_log: Make, shop_with: With) -> None:
    rows = [
        *minutes("here", (20, "view_item", "a"), (10, "add_to_cart", "a")),
        *minutes("left", (60, "view_item", "a"), (50, "add_to_cart", "a")),
        *minutes("back", (300, "add_to_cart", "a"), (5, "view_item", "b")),
        *minutes("paid", (60, "add_to_cart", "a"), (50, "purchase", "a")),
        *minutes("again", (90, "purchase", "a"), (20, "add_to_cart", "b")),
        *minutes("empty", (20, "add_to_cart", "a"), (10, "remove_from_cart", "a")),
        *minutes("twice", (30, "add_to_cart", "a"), (20, "remove_from_cart", "a"), (10, "add_to_cart", "a")),
        *minutes("other", (20, "add_to_cart", "a"), (10, "remove_from_cart", "b")),
        *minutes("long ago", (5 * 1440, "add_to_cart", "a")),
        *minutes("looks", (60, "view_item", "a")),
        *minutes("compares", (3000, "view_item", "a"), (60, "view_item", "a"), (50, "view_item", "a")),
        *minutes("bought, looks", (3000, "purchase", "a"), (60, "view_item", "a")),
    ]
    told = stages(make_log, shop_with, rows)
    assert told == {
        "here": "cart", "left": "abandoned_cart", "back": "abandoned_cart", "paid": "just_bought", "again": "cart",
        "empty": "browsing", "twice": "cart", "other": "cart", "long ago": None, "looks": "browsing",
        "compares": "considering", "bought, looks": "browsing", "zz": "browsing",
    }  # fmt: skip


def test_the_shops_own_silence_ends_a_session(make_log: Make, shop_with: With) -> None:
    rows = minutes("ann", (60, "view_item", "b"), (50, "add_to_cart", "a"))
    assert stages(make_log, shop_with, rows, gap=30)["ann"] == "abandoned_cart"
    assert stages(make_log, shop_with, rows, gap=60)["ann"] == "cart"


def test_evidence_is_what_makes_the_stage(make_log: Make, shop_with: With) -> None:
    rows = [
        *minutes("a", (90, "view_item", "a"), (80, "add_to_cart", "a"), (70, "add_to_cart", "b"), (60, "remove_from_cart", "b")),
        *minutes("b", (90, "view_item", "a"), (80, "purchase", "a"), (70, "view_item", "b")),
        *minutes("c", (9000, "view_item", "a")),
    ]  # fmt: skip
    column = decided(shop_with(make_log([*rows, ("zz", "search", None, 100.0)])))
    assert column.evidence.tolist() == [False, True, False, False, False, True, False, False, True]
    assert column.coverage.tolist() == pytest.approx([1 / 4, 1 / 3, 0, 1])


ACTS = st.tuples(
    st.integers(0, 2), st.sampled_from(["view_item", "add_to_cart", "remove_from_cart", "purchase", "view_cart"]),
    st.sampled_from("abc"), st.integers(0, 6 * 1440),
)  # fmt: skip


def plainly(events: list[tuple[str, str, float]], now: float, gap: float) -> str | None:
    """The same by reading one customer's (behaviour, item, minute), oldest first."""
    last = max((when for what, _, when in events if what == "purchase"), default=-np.inf)
    live = [one for one in events if one[2] > last and now - one[2] <= LIVE_DAYS * 1440]
    start = len(events) - 1
    while start > 0 and events[start][2] - events[start - 1][2] <= gap:
        start -= 1
    session = events[start:]
    filled = [
        one for at, one in enumerate(live)
        if one[0] in DECIDING
        and not (one[0] == "add_to_cart" and any(late[:2] == ("remove_from_cart", one[1]) for late in live[at + 1 :]))
    ]  # fmt: skip
    if any(one in session for one in filled) and now - events[-1][2] <= gap:
        return "cart"
    if filled:
        return "abandoned_cart"
    if any(one[0] == "purchase" and now - one[2] <= LIVE_DAYS * 1440 for one in session):
        return "just_bought"
    items = [one[1] for one in live]
    if any(items.count(item) >= LOOKED_AGAIN for item in items):
        return "considering"
    return "browsing" if live else None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTS, min_size=1, max_size=25, unique_by=lambda act: (act[0], act[3])), st.integers(1, 2000))
def test_it_is_what_a_plain_reading_tells_and_later_events_change_nothing(
    make_log: Make, shop_with: With, acts: list[tuple[int, str, str, int]], gap: int
) -> None:
    rows = [(f"c{who}", what, item, when * MINUTE) for who, what, item, when in acts]
    log = make_log(rows)
    now = sorted(log.time)[log.events // 2]
    shop, past = shop_with(log), shop_with(log.where(log.time <= now))
    column, before = decided(shop, gap=gap, at=int(now)), decided(past, gap=gap, at=int(now))
    assert column.values.equals(before.values) and (column.evidence == before.evidence).all()
    names = [log.behaviours[code] for code in past.log.behaviour]
    items = [log.items.id(int(code)) for code in past.log.item]
    for who, told in enumerate(column.values.to_pylist()):
        rows_of = range(past.log.offsets[who], past.log.offsets[who + 1])
        events = [(names[row], items[row], past.log.time[row] / 60) for row in rows_of]
        assert told == (plainly(events, now / 60, gap) if events else None)
