"""Co-visits: against brute force, and coordinates in which what belongs together lies together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.events.schema import NEVER_TARGET
from regard.sequences.covisits import coordinates, covisits, neighbours
from regard.sequences.log import Log
from regard.sequences.split import view_until
from regard.sequences.view import View

LogOf = Callable[..., Log]


def view_of(log: Log) -> View:
    return view_until(log, int(log.time.max()) + 1 if log.clock == "clock" else None, target=("purchase",))


def counted_plainly(view: View) -> np.ndarray:
    """[V, V] by looking at every pair of lines."""
    log, V = view.log, len(view.log.items)
    rows = [
        n for n in range(log.events)
        if log.item[n] >= 0 and log.merchandise[log.item[n]] and log.behaviours[log.behaviour[n]] not in NEVER_TARGET
    ]  # fmt: skip
    baskets: dict[tuple[int, int], list[int]] = {}
    owner = log.owner
    for n in rows:
        baskets.setdefault((int(owner[n]), int(log.basket[n])), []).append(n)
    keys = sorted(baskets)
    reach = int(np.clip(round(10 / np.sqrt(np.mean([len(baskets[key]) for key in keys]))), 2, 10))
    count = np.zeros((V, V))
    for later, key in enumerate(keys):
        lines = baskets[key]
        for back in range(min(reach, later) + 1):
            before = keys[later - back]
            if before[0] != key[0]:
                break
            share = (len(baskets[before]) * len(lines)) ** (-1 / 3)
            for a in log.item[baskets[before]]:
                for b in log.item[lines]:
                    if a == b:
                        continue
                    if back == 0:
                        count[a, b] += share
                    else:
                        count[a, b] += share / np.sqrt(back)
                        count[b, a] += share / np.sqrt(back) / 10
    return count


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 20), clock=st.sampled_from(["clock", "order", "none"]))
def test_the_counts_are_those_of_brute_force(draw_log: LogOf, seed: int, clock: str) -> None:
    view = view_of(draw_log(seed=seed, customers=9, clock=clock))
    np.testing.assert_allclose(covisits(view).toarray(), counted_plainly(view), rtol=1e-4, atol=1e-5)


def test_of_a_long_log_some_customers_are_counted_whole(draw_log: LogOf, monkeypatch: pytest.MonkeyPatch) -> None:
    view = view_of(draw_log(customers=60))
    whole = covisits(view).toarray()
    monkeypatch.setattr("regard.sequences.covisits.COUNTED", view.log.events // 2)
    some = covisits(view).toarray()
    assert some.shape == whole.shape and 0.2 * whole.sum() < some.sum() < 0.8 * whole.sum()
    assert np.array_equal(some, covisits(view).toarray())
    monkeypatch.setattr("regard.sequences.covisits.COUNTED", view.log.events)
    assert np.array_equal(covisits(view).toarray(), whole)


def test_neighbours_are_each_items_largest_shares(draw_log: LogOf) -> None:
    counts = covisits(view_of(draw_log(customers=60)))
    V, share = counts.shape[0], counts.toarray() / (counts.sum(axis=1).A1[:, None] + counts.sum() / counts.shape[0])
    near = neighbours(counts, width=3)
    assert near.items.shape == near.weights.shape == (V, 3)
    np.testing.assert_allclose(near.weights, V * -np.sort(-share, axis=1)[:, :3], rtol=1e-5)
    kept = near.weights > 0
    assert (near.items[~kept] == V).all()
    np.testing.assert_allclose(share[np.nonzero(kept)[0], near.items[kept]] * V, near.weights[kept], rtol=1e-5)


def test_what_is_wanted_together_lies_together(log_of: LogOf) -> None:
    worlds = {"tea": ["tea1", "tea2", "tea3", "tea4"], "ink": ["ink1", "ink2", "ink3", "ink4"]}
    random = np.random.default_rng(0)
    people = {
        f"{world}{n}": [f"2024-01-{day + 1:02d}T10:00 {name}" for day, name in enumerate(random.permutation(names))]
        for world, names in worlds.items()
        for n in range(20)
    }
    view = view_of(log_of(people))
    place = coordinates(covisits(view), width=4)
    assert np.isclose(np.mean(place**2), 1)
    like = place @ place.T
    same = np.array([[a[:3] == b[:3] for a in view.log.items.ids.to_pylist()] for b in view.log.items.ids.to_pylist()])
    assert like[same & ~np.eye(len(same), dtype=bool)].min() > like[~same].max()


def test_lonely_items_begin_at_zero_and_the_others_at_size_one_in_any_crowd(log_of: LogOf) -> None:
    people = {f"lonely{n}": [f"2024-01-01T10:00 a{n:03d}"] for n in range(90)}
    people |= {f"p{n}": [f"2024-01-0{day}T10:00 z{(n + day) % 10}" for day in range(1, 4)] for n in range(10)}
    view = view_of(log_of(people))
    place = coordinates(covisits(view), width=8)
    lonely = np.array([name.startswith("a") for name in view.log.items.ids.to_pylist()])
    assert lonely.sum() == 90 and not place[lonely].any()
    assert np.isclose(np.mean(place[~lonely] ** 2), 1)


def test_items_without_company_have_no_coordinates(log_of: LogOf) -> None:
    view = view_of(log_of({"ann": ["2024-01-01T10:00 pen", "2024-01-02T10:00 cup"], "bob": ["2024-01-03T10:00 jar"]}))
    place = coordinates(covisits(view), width=6)
    assert place.shape == (3, 6) and not place[view.log.items.code("jar")].any()
    assert place[view.log.items.code("pen")].any()
    alone = view_of(log_of({"bob": ["2024-01-03T10:00 jar"]}))
    assert not coordinates(covisits(alone), width=2).any()
