from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from regard.customers.segments.clusters import Clusters, Settings
from regard.customers.segments.identity import Segments, _renewed, brought, found, refit
from regard.customers.segments.moves import Flow, Moves
from regard.customers.segments.people import People

QUICK = Settings(counts=(2, 3, 4, 5), widths=(4,), screen=3, rerun=6, proof=6)
WIDTH = 8


def _people(who: np.ndarray, *, ids: list[str] | None = None, seed: int = 0, noise: float = 0.15) -> People:
    random = np.random.default_rng(seed)
    states = np.eye(WIDTH)[who] + noise * random.normal(size=(len(who), WIDTH))
    return People.of(ids or [f"c{n}" for n in range(len(who))], states=states)


def _turned(people: People, seed: int = 0) -> People:
    """As another training would see them: the space turned about, a little noise in it."""
    random = np.random.default_rng(seed)
    states = people.states @ ortho_group.rvs(WIDTH, random_state=random) * 3
    return replace(people, states=(states + 0.1 * random.normal(size=states.shape)).astype(np.float32))


@pytest.fixture(scope="module")
def former() -> Segments:
    return found(_people(np.repeat([0, 1, 2], [150, 100, 70])), QUICK)


def test_a_turned_space_is_turned_back(former: Segments) -> None:
    people = _turned(_people(np.repeat([0, 1, 2], [150, 100, 70])))
    rows = np.arange(len(people))
    back = brought(former, people.states, np.where(rows % 2, rows, -1))
    gap = np.linalg.norm(back - former.states, axis=1)
    assert gap.mean() < 0.2 < np.linalg.norm(people.states - former.states, axis=1).mean()


def test_a_stretched_space_is_brought_back_better_by_many_than_by_few(former: Segments) -> None:
    people = _people(np.repeat([0, 1, 2], [150, 100, 70]))
    states = people.states * np.linspace(0.4, 2.5, WIDTH).astype(np.float32)
    rows = np.arange(len(people))
    many, few = (brought(former, states, np.where(rows % every == 0, rows, -1)) for every in (1, 20))
    gap = [float(np.linalg.norm(back - former.states, axis=1).mean()) for back in (many, few)]
    assert gap[0] < 0.2 and gap[0] < 0.8 * gap[1]


def test_week_upon_week_of_noise_does_not_draw_customers_together(former: Segments) -> None:
    people = _people(np.repeat([0, 1, 2], [150, 100, 70]))
    rows, segments = np.arange(len(people)), former
    for week in range(20):
        segments = replace(segments, states=brought(segments, _turned(people, seed=week).states, rows))
    assert segments.states.var(axis=0).sum() == pytest.approx(former.states.var(axis=0).sum(), rel=0.01)


def test_customers_keep_their_segments_in_a_turned_space(former: Segments) -> None:
    people = _turned(_people(np.repeat([0, 1, 2], [150, 100, 70])))
    again = refit(former, people, settings=QUICK)
    assert again.segments.ids == former.ids == ("s1", "s2", "s3")
    assert not again.renewed and again.stayed > 0.98
    assert [change.kind for change in again.log] == ["kept"] * 3
    assert again.segments.of(["c0", "c319", "stranger"]) == [*former.of(["c0", "c319"]), None]


def test_flows_count_every_present_customer_once(former: Segments) -> None:
    who = np.repeat([0, 1, 2, 2], [140, 100, 70, 20])
    ids = [f"c{n}" for n in range(10, 320)] + [f"new{n}" for n in range(20)]
    moved = np.arange(len(who)) < 15
    people = _turned(_people(np.where(moved, 1, who), ids=ids))
    again = refit(former, people, unchanged=~moved, settings=QUICK)
    moves = again.moves
    assert moves.customers.sum() == len(people)
    assert moves.customers[-1].sum() == 20  # new customers
    assert Flow(segment="s1", customers=15) in moves.into("s2") and moves.growth("s1") == pytest.approx(-15 / 140)
    assert Flow(segment="new", customers=20) in moves.into("s3")
    assert again.stayed > 0.98


def test_near_a_border_the_former_place_counts_for_who_did_nothing(former: Segments) -> None:
    first, second = (_people(np.repeat([0, 1, 2], [150, 100, 70]), seed=seed, noise=0.4) for seed in (1, 2))
    before = refit(former, first, settings=QUICK).segments
    everybody, nobody = np.ones(len(first), dtype=bool), None
    told, untold = (refit(before, second, unchanged=flag, settings=QUICK) for flag in (everybody, nobody))
    assert untold.stayed + 0.02 < told.stayed < 1
    assert np.allclose(told.segments.states, brought(before, second.states, np.arange(len(first))))
    acted = everybody.copy()
    acted[:60] = False
    moved = refit(before, second, unchanged=acted, settings=QUICK).segments
    assert (moved.label[:60] == untold.segments.label[:60]).mean() > 0.9


def test_who_moved_is_not_counted_as_having_stayed(former: Segments) -> None:
    who = np.repeat([0, 1, 2], [150, 100, 70])
    moved = np.arange(len(who)) < 30
    people = _people(np.where(moved, 1, who), seed=1)
    told, untold = (refit(former, people, unchanged=flag, settings=QUICK) for flag in (~moved, None))
    assert told.stayed > 0.99
    assert untold.stayed == pytest.approx(1 - 30 / len(who), abs=0.02)


def test_segments_that_a_fresh_look_no_longer_finds_give_way() -> None:
    before = found(_people(np.arange(300) % 2), QUICK)
    people = _people(2 + np.arange(300) // 2 % 5)
    again = refit(before, people, settings=QUICK)
    assert again.renewed and len(again.segments) == 5
    assert not set(again.segments.ids) & set(before.ids)
    assert {change.kind for change in again.log} == {"ended", "new"}
    assert again.stayed == 0


def test_splits_and_merges_are_logged_and_ids_not_used_again(former: Segments) -> None:
    who = np.concatenate([np.repeat([0, 4], 75), np.full(170, 1)])
    people = _people(who)
    fresh = found(people, QUICK)
    clusters = _as_clusters(fresh)
    rows = np.arange(len(people))
    segments, log = _renewed(former, rows, clusters, people)
    told = {(change.kind, change.before, change.after) for change in log}
    old_pair, new_halves = {"s2", "s3"}, set(segments.ids) - set(former.ids)
    assert len(new_halves) == 2 and not new_halves & {"s1", "s2", "s3"}
    assert segments.number == former.number + 2
    assert any(kind == "split" and before == ("s1",) and len(after) == 2 for kind, before, after in told)
    assert any(kind == "merged" and set(before) == old_pair for kind, before, _ in told)
    assert ("ended", ("s1",), ()) in told


def _as_clusters(segments: Segments) -> Clusters:
    return Clusters(
        space=segments.space, centroids=segments.centroids, offered=len(segments), label=segments.label,
        stability=segments.stability,
    )  # fmt: skip


@pytest.mark.parametrize(("width", "known"), [(WIDTH, 4), (5, 320)])
def test_spaces_that_cannot_be_compared_are_matched_by_who_is_in_them(former: Segments, width: int, known: int) -> None:
    who = np.repeat([0, 1, 2], [150, 100, 70])
    ids = [f"c{n}" if n % 150 < known else f"new{n}" for n in range(320)]
    people = _people(who, ids=ids)
    people = replace(people, states=people.states[:, :width])
    again = refit(former, people, settings=QUICK)
    assert again.renewed and again.stayed > 0.95
    assert set(again.segments.ids) == set(former.ids)
    places = [ids.index(name) for name in ("c0", "c151")]
    assert again.segments.of([ids[place] for place in places]) == former.of([ids[place] for place in places])


def test_ids_given_before_are_not_given_again() -> None:
    assert found(_people(np.arange(200) % 2), QUICK, number=7).ids == ("s8", "s9")


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-1, 3)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_moves_count_everybody_and_what_comes_is_what_goes(pairs: list[tuple[int, int]]) -> None:
    was, now = np.array(pairs).T
    moves = Moves.of(["a", "b", "c"], ["a", "b", "c", "d"], was, now)
    assert moves.customers.sum() == len(pairs)
    for place, name in enumerate(moves.after):
        stayed = int(((was == place) & (now == place)).sum())
        assert stayed + sum(flow.customers for flow in moves.into(name)) == (now == place).sum()
        before = int((was == place).sum())
        if name in moves.before:
            assert stayed + sum(flow.customers for flow in moves.out_of(name)) == before
        growth = moves.growth(name)
        assert growth is None if not before else growth == pytest.approx((now == place).sum() / before - 1)
