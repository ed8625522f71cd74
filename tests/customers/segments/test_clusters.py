from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from regard.customers.segments.clusters import Settings, cluster, jaccard, overlap
from regard.customers.segments.kmeans import kmeans, lloyd, nearest
from regard.customers.segments.space import spaces, unit
from regard.errors import UsageError

QUICK = Settings(counts=(2, 3, 4, 5, 6), widths=(4,), screen=3, rerun=8, proof=10)


def _groups(sizes: list[int], width: int = 12, noise: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States about centres at right angles, and whose each is."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(sizes)), sizes)
    return (np.eye(len(sizes), width)[who] + noise * random.normal(size=(len(who), width))).astype(np.float32), who


def test_kmeans_is_as_tight_as_scikit_learns() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(600, 5)).astype(np.float32)
    ours = nearest(points, kmeans(points, 7, random, starts=8))[1].sum()
    theirs = KMeans(7, n_init=8, random_state=0).fit(points).inertia_
    assert ours <= theirs * 1.01


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(6, 40))
@settings(max_examples=40, deadline=None)
def test_lloyd_never_loosens_and_leaves_no_cluster_empty(seed: int, count: int, size: int) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size=(size, 3)).astype(np.float32)
    start = points[random.permutation(size)[:count]]
    centroids, total = lloyd(points, start)
    label, gap = nearest(points, centroids)
    assert total <= nearest(points, start)[1].sum() * (1 + 1e-5)
    assert np.bincount(label, minlength=count).min() > 0
    slow = ((points[:, None] - centroids[None]) ** 2).sum(axis=2)
    assert np.allclose(gap, slow.min(axis=1), atol=1e-4)


def test_lloyd_gives_an_empty_cluster_the_farthest_point() -> None:
    points = np.array([[0.0], [1], [2], [9]], dtype=np.float32)
    centroids, _ = lloyd(points, np.array([[1.0], [50]], dtype=np.float32))
    assert sorted(centroids[:, 0].tolist()) == [1, 9]


def test_a_whitened_space_has_equal_variance_and_no_more_axes_than_the_states() -> None:
    random = np.random.default_rng(0)
    states = (random.normal(size=(300, 3)) * (5, 1, 0.2) @ random.normal(size=(3, 10))).astype(np.float32)
    plain, white = spaces(states, (16,))
    assert plain.axes.shape[1] == white.axes.shape[1] <= 4
    assert np.allclose(np.cov(white.points(states).T, bias=True), np.eye(white.axes.shape[1]), atol=1e-2)
    assert np.allclose(plain.points(states).mean(axis=0), 0, atol=1e-5)
    assert np.allclose(np.linalg.norm(unit(states), axis=1), 1, atol=1e-5)


def test_true_groups_are_found_and_offered() -> None:
    states, who = _groups([120, 100, 80, 60])
    found = cluster(states, QUICK)
    assert found.offered == 4
    assert (jaccard(who, found.label, 4, 4).max(axis=1) > 0.95).all()
    assert (found.stability > 0.95).all()
    assert np.array_equal(found.assign(states), found.label)
    sizes = np.bincount(found.label)
    assert (np.diff(sizes) <= 0).all()


def test_noise_is_not_offered_beside_a_group() -> None:
    random = np.random.default_rng(3)
    states = random.normal(size=(500, 16)).astype(np.float32)
    found = cluster(states, Settings(counts=(4, 5, 6), widths=(16,), screen=3, rerun=8, proof=10))
    assert found.offered == 0
    assert (found.label == -1).all()


def test_reported_stability_is_measured_on_draws_that_chose_nothing() -> None:
    states, _ = _groups([90, 90, 90], noise=0.45)
    one, other = (cluster(states, Settings(counts=(3,), widths=(4,), proof=proof, seed=0)) for proof in (20, 21))
    assert np.array_equal(one.label, other.label)
    assert not np.array_equal(one.stability, other.stability)


def test_the_same_customers_give_the_same_clusters() -> None:
    states, _ = _groups([70, 60, 50], noise=0.4)
    one, other = cluster(states, QUICK), cluster(states, QUICK)
    assert np.array_equal(one.label, other.label) and np.array_equal(one.stability, other.stability)


@pytest.mark.parametrize(
    ("states", "message"), [(np.ones((10, 3)), "10 customers are too few"), (np.ones((200, 3)), "look alike")]
)
def test_too_little_is_one_clear_line(states: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cluster(states.astype(np.float32))


@given(st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_jaccard_agrees_with_sets(seed: int) -> None:
    random = np.random.default_rng(seed)
    left, right = random.integers(-1, 3, 30), random.integers(-1, 4, 30)
    for a in range(3):
        for b in range(4):
            mine, yours = set(np.flatnonzero(left == a)), set(np.flatnonzero(right == b))
            assert overlap(left, right, 3, 4)[a, b] == len(mine & yours)
            wanted = len(mine & yours) / len(mine | yours) if mine | yours else 0
            assert jaccard(left, right, 3, 4)[a, b] == pytest.approx(wanted)
