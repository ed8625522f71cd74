"""What a customers table declares, by its kind."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.customers.segments.declared import TRUTHS, columns, typed
from regard.sequences.vocabulary import Vocabulary


@pytest.mark.parametrize("pair", TRUTHS)
@given(said=st.lists(st.sampled_from([True, False, None]), min_size=2))
def test_a_pair_of_yes_and_no_is_read_back(pair: tuple[str, str], said: list[bool | None]) -> None:
    spelled = [None if yes is None else pair[0].upper() if yes else f" {pair[1]} " for yes in said]
    told = typed(pa.array(spelled, pa.string()))
    if {True, False} <= set(said):
        assert told.to_pylist() == said
    else:
        assert told.to_pylist() in (said, spelled)


@pytest.mark.parametrize(
    "said",
    [
        ["NO", "NO", None],
        ["y"],
        ["yes", "false"],
        ["yes", "no", "maybe"],
        ["1", "0"],
        ["2024年13月1日"],
        ["2024年3月1日", "soon"],
        [None, None],
        [],
    ],
)
def test_what_may_be_something_else_stays_as_it_is(said: list[str | None]) -> None:
    column = pa.array(said, pa.string())
    assert typed(column).equals(column)


def test_days_are_told_however_two_tables_wrote_them() -> None:
    assert [str(day) for day in typed(pa.array(["2024年3月1日", "2023-12-09"])).to_pylist()] == [
        "2024-03-01",
        "2023-12-09",
    ]


def test_yes_alone_is_yes() -> None:
    assert typed(pa.array(["yes", None])).to_pylist() == [True, None]
    assert typed(pa.array(["FALSE"], pa.large_string())).to_pylist() == [False]
    numbers = pa.array([1, None])
    assert typed(numbers) is numbers


def test_columns_follow_the_customers_and_the_last_row_of_one_counts() -> None:
    table = pa.table({"customer": ["b", "x", "b"], "Spend": ["no", "yes", "yes"], "city": ["Ulm", "Bonn", "Jena"]})
    found = columns(Vocabulary(["a", "b"]), table, ["spend"])
    assert {name: column.to_pylist() for name, column in found.items()} == {
        "Spend_": [None, True],
        "city": [None, "Jena"],
    }
