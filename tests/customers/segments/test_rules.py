from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.customers.segments.people import People
from regard.customers.segments.rules import Rule, counts, members, some
from regard.errors import UsageError

PROFILE = pa.table(
    {
        "churn_30d": [0.9, 0.5, 0.1, None, float("nan")],
        "value_tier": ["gold", "silver", "gold", "gold", "gold"],
        "orders": [1, 2, 3, 4, 5],
        "interests": [["lights"], ["bath"], [], None, ["lights", "bath"]],
        "城市": ["上海", "北京", None, "上海", "上海"],
    }
)
PEOPLE = People.of([f"c{n}" for n in range(5)], profile=PROFILE)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('churn_30d > 0.4 and value_tier = "gold"', [0]),
        ("not churn_30d > 0.4", [2]),
        ("churn_30d is null", [3, 4]),
        ('interests contains "lights" or orders >= 4', [0, 3, 4]),
        ('城市 = "上海" and orders in (1, 5)', [0, 4]),
        ("orders > 9", []),
    ],
)
def test_a_rule_finds_whom_a_reader_expects(text: str, rows: list[int]) -> None:
    rule = Rule.of("r", text)
    assert np.flatnonzero(members(rule, PEOPLE)).tolist() == rows
    assert counts([rule], PEOPLE) == {"r": len(rows)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("chrun_30d > 0.4", r"no column 'chrun_30d' \(did you mean 'churn_30d'\?\)"),
        ('churn_30d > "high"', "'churn_30d' is a number, but it is compared with a text"),
        ("value_tier > 3", "'value_tier' is a text, but it is compared with a number"),
        ("churn_30d > 0.4 and", "expected a column, found the end"),
    ],
)
def test_what_is_wrong_is_one_clear_line(text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        members(Rule.of("r", text), PEOPLE)
    assert "\n" not in str(caught.value)


def test_a_rule_that_nobody_meets_says_which_part_leaves_nobody() -> None:
    with pytest.raises(UsageError, match=r"nobody meets the rule .*alone: churn_30d 2; orders 0"):
        some(Rule.of("r", "churn_30d > 0.4 and orders > 9"), PEOPLE)
    with pytest.raises(UsageError, match="widen it"):
        some(Rule.of("r", "orders > 9"), PEOPLE)
    assert some(Rule.of("r", "orders > 4"), PEOPLE).sum() == 1


@given(st.floats(0, 1), st.integers(0, 100), st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_rules_agree_with_python(churn: float, orders: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [(float(random.random()), int(random.integers(0, 100)), bool(random.random() < 0.7)) for _ in range(40)]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("churn", "orders", "consent"))}
    people = People.of([str(n) for n in range(40)], profile=pa.table(columns))
    rule = Rule.of("r", f"churn > {churn!r} or not (orders <= {orders})")
    wanted = [c > churn or o > orders for c, o, consent in rows if consent]
    assert members(rule, people).tolist() == wanted
