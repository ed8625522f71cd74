from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.customers.segments.people import People
from regard.customers.segments.rfm import CELLS, KINDS, cells, grid, score
from regard.errors import UsageError


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_scores_keep_the_order_and_treat_equals_alike(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=float)
    found = score(values)
    assert found.min() >= 1 and found.max() <= 5
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()
    assert all(len(set(found[values == value])) == 1 for value in set(numbers))


def test_values_without_ties_make_quintiles() -> None:
    assert np.bincount(score(np.random.default_rng(0).permutation(50).astype(float)))[1:].tolist() == [10] * 5


def test_the_best_are_champions_and_the_gone_are_lost() -> None:
    rank = np.arange(100.0)
    found = grid(-rank, rank, rank)
    assert set(found.cell[-20:]) == {"champions"} and set(found.cell[:20]) == {"lost"}
    assert KINDS[found.kind[-1]] == ("Important, to cherish", "重要价值客户")
    gone = grid(rank, rank, rank)  # the best customers of old, not seen for longest
    assert set(gone.cell[-20:]) == {"cannot_lose"} and set(gone.cell[:20]) == {"new"}


@pytest.mark.parametrize(
    ("recent", "often", "much", "kind"),
    [
        (True, True, True, "important_cherish"), (True, False, True, "important_develop"),
        (False, True, True, "important_keep"), (False, False, True, "important_win_back"),
        (True, True, False, "general_cherish"), (True, False, False, "general_develop"),
        (False, True, False, "general_keep"), (False, False, False, "general_win_back"),
    ],
)  # fmt: skip
def test_the_eight_kinds_are_what_chinese_marketing_means(recent: bool, often: bool, much: bool, kind: str) -> None:
    pairs = [np.array([9.0 if high else 1.0, 1.0, 9.0]) for high in (not recent, often, much)]
    assert grid(*pairs).kind[0] == kind


def test_cells_cover_everybody_once_in_both_languages() -> None:
    random = np.random.default_rng(0)
    people = People.of([str(n) for n in range(300)], value=random.gamma(2, 10, 300))
    found = grid(random.integers(0, 400, 300), random.integers(1, 9, 300), people.value)
    english, chinese = cells(found.cell, people), cells(found.cell, people, "zh")
    assert sum(cell.size for cell in english) == 300
    assert sum(cell.value for cell in english) == pytest.approx(people.value.sum())
    assert [cell.name for cell in english] == [CELLS[cell.cell][0] for cell in english]
    assert all("户" in cell.name for cell in chinese)


def test_what_is_no_number_is_refused() -> None:
    one = np.array([1.0])
    with pytest.raises(UsageError, match="must be numbers"):
        grid(one, one, np.array([np.nan]))
    with pytest.raises(UsageError, match="same customers"):
        grid(one, one, np.array([1.0, 2]))
