"""A tree as text, and back."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.events.filter_parse import parse
from regard.events.filter_text import text
from regard.events.filter_tree import OPERATORS, And, Compare, Contains, In, IsNull, Not, Or, StartsWith, Tree

NAMES = st.sampled_from(["price", "类目", "or", 'a "b"', "`x`", "Not"]) | st.text(min_size=1, max_size=5)
MOMENTS = st.datetimes(min_value=dt.datetime(1000, 1, 1), timezones=st.just(dt.UTC))
VALUES = (
    st.text(max_size=5)
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.dates(min_value=dt.date(1000, 1, 1))
    | MOMENTS
)
TESTS = st.one_of(
    st.builds(Compare, NAMES, st.sampled_from(OPERATORS), VALUES),
    st.builds(In, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(IsNull, NAMES),
    st.builds(Contains, NAMES, VALUES),
    st.builds(StartsWith, NAMES, st.text(max_size=5)),
)
TREES = st.recursive(
    TESTS,
    lambda part: (
        part.map(Not)
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_is_read_as_the_same_tree(tree: Tree) -> None:
    assert parse(text(tree)) == tree


@pytest.mark.parametrize(
    "rule",
    [
        'churn_30d > 0.4 and value_tier = "gold"',
        'city not in ("Ulm", "Bonn") or orders is not null',
        'not (orders < 2 or name starts with "A")',
        "seen >= 2024-03-01T08:30:00+00:00 and active = true",
    ],
)
def test_a_plain_rule_reads_as_it_was_written(rule: str) -> None:
    assert text(parse(rule)) == rule
