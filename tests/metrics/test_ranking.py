from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from regard.metrics import ranking
from regard.metrics.ranking import MISS
from regard.sequences.ragged import Ragged


def test_ranks_count_ties_against_the_target() -> None:
    scores = np.array([[3.0, 2.0, 2.0, 2.0, 1.0]])
    assert ranking.ranks(scores, Ragged.of([[0, 1, 4]])).values.tolist() == [1, 4, 5]


def test_targets_that_tie_take_the_last_places_one_each() -> None:
    scores = np.array([[0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 0.0, 0.0]])
    places = ranking.ranks(scores, Ragged.of([[0, 1], [0, 1]]))
    assert sorted(places[0].tolist()) == [3, 4]
    assert sorted(places[1].tolist()) == [1, 2]


def test_unknown_masked_and_unscored_targets_are_misses() -> None:
    scores = ranking.masked(
        np.array([[5.0, 4.0, 3.0, -np.inf, np.nan]]),
        catalogue=np.array([False, True, True, True, True]),
        blocked=Ragged.of([[1, -1]]),
    )
    assert ranking.ranks(scores, Ragged.of([[-1, 0, 1, 2, 3, 4]])).values.tolist() == [MISS, MISS, MISS, 2, MISS, MISS]


def test_masking_leaves_the_scores_as_they_were() -> None:
    scores = np.ones((1, 2))
    ranking.masked(scores, catalogue=np.array([False, True]), blocked=Ragged.of([[1]]))
    assert scores.tolist() == [[1.0, 1.0]]


def test_a_collapsed_model_scores_nothing() -> None:
    places = ranking.ranks(np.zeros((1, 50), np.float32), Ragged.of([[0]]))
    assert ranking.hit_rate(places, 10).tolist() == [0.0]


def test_metrics_on_a_hand_worked_case() -> None:
    # three targets at ranks 1, 3 and 12; k = 10
    places = Ragged.of([[3, 12, 1]])
    dcg, ideal = 1 + 1 / np.log2(4), 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert ranking.hit_rate(places, 10)[0] == 1
    assert ranking.recall(places, 10)[0] == pytest.approx(2 / 3)
    assert ranking.ndcg(places, 10)[0] == pytest.approx(dcg / ideal)
    assert ranking.reciprocal_rank(places, 10)[0] == 1
    assert ranking.mean_average_precision(places, 10)[0] == pytest.approx((1 / 1 + 2 / 3) / 3)


def test_more_targets_than_places_can_still_be_perfect() -> None:
    places = Ragged.of([list(range(1, 25))])
    assert ranking.ndcg(places, 10)[0] == pytest.approx(1)
    assert ranking.mean_average_precision(places, 10)[0] == pytest.approx(1)
    assert ranking.recall(places, 10)[0] == pytest.approx(10 / 24)


def test_a_customer_without_targets_has_no_value_and_leaves_the_others_alone() -> None:
    places = Ragged.of([[1], [], [MISS]])
    for metric in (ranking.hit_rate, ranking.recall, ranking.ndcg, ranking.reciprocal_rank):
        assert np.array_equal(metric(places, 10), [1.0, np.nan, 0.0], equal_nan=True)
    assert np.array_equal(ranking.mean_average_precision(places, 10), [1.0, np.nan, 0.0], equal_nan=True)


def test_no_customers() -> None:
    places = ranking.ranks(np.empty((0, 4)), Ragged.of([]))
    assert ranking.ndcg(places, 10).shape == (0,)
    assert ranking.top_k(np.empty((0, 4)), 2).shape == (0, 2)


def test_top_k_skips_what_is_no_candidate() -> None:
    scores = np.array([[np.nan, 1.0, -np.inf, 2.0]])
    assert ranking.top_k(scores, 3).tolist() == [[3, 1, -1]]
    assert ranking.top_k(scores, 6).tolist() == [[3, 1, -1, -1, -1, -1]]


def test_coverage_counts_only_the_catalogue() -> None:
    assert ranking.coverage(np.array([[0, 3]]), np.array([True, True, False, False])) == 0.5
    assert np.isnan(ranking.coverage(np.array([[-1]]), np.array([False])))


def test_novelty_is_in_bits_and_ignores_empty_places() -> None:
    popularity = np.array([4.0, 2.0, 0.0, 2.0])
    shown = np.array([[0, -1], [0, 1], [2, -1], [-1, -1]])
    assert np.array_equal(ranking.novelty(shown, popularity), [1.0, 1.5, 3.0, np.nan], equal_nan=True)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows, items = draw(st.integers(1, 5)), draw(st.integers(2, 90))
    seed = draw(st.integers(0, 10_000))
    levels = draw(st.sampled_from([2, 5, 1000]))
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (rows, items)).astype(np.float32)
    wanted = rng.random((rows, items)) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    return scores, wanted


def _worst_order(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The plain reference: sort by score, unwanted before wanted where they tie."""
    return np.lexsort((wanted, -scores))


@given(_cases())
@settings(max_examples=80, deadline=None)
def test_ranks_are_those_of_the_worst_ordering(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, wanted = case
    places = ranking.ranks(scores, Ragged.of([np.flatnonzero(row) for row in wanted]))
    for row in range(len(scores)):
        order = _worst_order(scores[row], wanted[row])
        expected = np.flatnonzero(wanted[row][order]) + 1
        assert sorted(places[row].tolist()) == expected.tolist()


@given(_cases())
@settings(max_examples=50, deadline=None)
def test_ndcg_and_map_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, wanted = case
    items = scores.shape[1]
    for row in range(len(scores)):
        if not wanted[row].any():
            continue
        # their tie handling differs, so both see the worst ordering, written out without ties
        strict = np.empty(items)
        strict[_worst_order(scores[row], wanted[row])] = np.arange(items, 0, -1)
        places = ranking.ranks(scores[row : row + 1], Ragged.of([np.flatnonzero(wanted[row])]))
        assert ranking.ndcg(places, 10)[0] == pytest.approx(ndcg_score([wanted[row]], [strict], k=10))
        assert ranking.mean_average_precision(places, items)[0] == pytest.approx(
            average_precision_score(wanted[row], strict)
        )


@given(_cases(), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_metrics_lie_between_nothing_and_perfect(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    scores, wanted = case
    places = ranking.ranks(scores, Ragged.of([np.flatnonzero(row) for row in wanted]))
    hit, share = ranking.hit_rate(places, k), ranking.recall(places, k)
    for values in (hit, share, ranking.ndcg(places, k), ranking.mean_average_precision(places, k)):
        known = values[~np.isnan(values)]
        assert np.all((known >= 0) & (known <= 1 + 1e-12))
        assert np.array_equal(known > 0, hit[~np.isnan(hit)] > 0)
    perfect = ranking.ranks(np.where(wanted, 1e9, scores), Ragged.of([np.flatnonzero(row) for row in wanted]))
    assert np.nanmin(np.append(ranking.ndcg(perfect, k), 1.0)) == pytest.approx(1)
