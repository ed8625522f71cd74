"""Counts: against brute force, and no edition that a training question may read knows its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.events.schema import NEVER_TARGET
from regard.sequences.counts import CONTRAST, FOLDS, SNAPSHOTS, Neighbours, half_lives_of, neighbours, popularity
from regard.sequences.log import DAY, Log
from regard.sequences.questions import ask
from regard.sequences.split import view_until
from regard.sequences.view import View

LogOf = Callable[..., Log]
BUY = ("purchase",)


def view_of(log: Log) -> View:
    return view_until(log, int(log.time.max()) + 1 if log.clock == "clock" else None, target=BUY)


def near_plainly(view: View, counted: Callable[[int, int], bool]) -> np.ndarray:
    """[V, V] weights over the pairs of which `counted` (customer, time of the later basket) holds."""
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
        if not counted(key[0], int(log.time[lines[0]])):
            continue
        for back in range(min(reach, later) + 1):
            before = keys[later - back]
            if before[0] != key[0]:
                break
            share = 1 / np.sqrt(len(baskets[before]) * len(lines))
            for a in log.item[baskets[before]]:
                for b in log.item[lines]:
                    if a == b:
                        continue
                    if back == 0:
                        count[a, b] += share
                    else:
                        count[a, b] += share / back
                        count[b, a] += share / back / 2
    return count / (count.sum(axis=1, keepdims=True) + 1) * V


def dense(near: Neighbours, edition: int) -> np.ndarray:
    V = near.items.shape[1]
    table = np.zeros((V, V + 1))
    np.add.at(table, (np.arange(V)[:, None], near.items[edition]), near.weights[edition])
    assert (table[:, V] == 0).all()
    return table[:, :V]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 20), clock=st.sampled_from(["clock", "order", "none"]))
def test_every_edition_is_what_brute_force_counts_for_it(draw_log: LogOf, seed: int, clock: str) -> None:
    view = view_of(draw_log(seed=seed, customers=9, clock=clock))
    near = neighbours(view, width=99)
    assert near.full == len(near.items) - 1
    np.testing.assert_allclose(
        dense(near, near.full), near_plainly(view, lambda customer, time: True), rtol=1e-4, atol=1e-5
    )
    for edition in range(near.full):
        if near.moments is None:
            expected = near_plainly(view, lambda customer, time, e=edition: customer % FOLDS != e)
        else:
            expected = near_plainly(view, lambda customer, time, until=near.moments[edition]: time < until)
        np.testing.assert_allclose(dense(near, edition), expected, rtol=1e-4, atol=1e-5)
    assert near.full == (SNAPSHOTS if clock == "clock" else FOLDS)


def test_only_the_strongest_are_kept(draw_log: LogOf) -> None:
    view = view_of(draw_log(customers=60))
    wide, narrow = neighbours(view, width=99), neighbours(view, width=3)
    assert narrow.items.shape[2] == 3
    np.testing.assert_array_equal(narrow.weights, -np.sort(-wide.weights, axis=2)[:, :, :3])


def test_a_dated_edition_knows_nothing_from_its_moment_on(draw_log: LogOf) -> None:
    view = view_of(draw_log(customers=40))
    log, near = view.log, neighbours(view, width=5)
    assert near.moments is not None
    questions = ask(view)
    edition = near.edition(questions.customer, questions.until)
    assert (edition < near.full).all() and (near.moments[edition[edition >= 0]] <= questions.until[edition >= 0]).all()
    assert (questions.until[edition < 0] < near.moments[0]).all() and len(set(edition.tolist())) > 4
    for e in (0, 3, near.full - 1):
        late = (log.time >= near.moments[e]) & log.merchandise[log.item] & (log.item >= 0)
        swapped = np.where(late, log.item[::-1], log.item)
        item = np.where((swapped >= 0) & log.merchandise[swapped], swapped, log.item).astype(np.int32)
        assert (item != log.item).any()
        other = neighbours(replace(view, log=replace(log, item=item)), width=5)
        assert np.array_equal(other.items[: e + 1], near.items[: e + 1]) and np.array_equal(
            other.weights[: e + 1], near.weights[: e + 1]
        )
        assert not np.array_equal(other.weights[near.full], near.weights[near.full])


def test_a_fold_edition_knows_nothing_of_its_customers(draw_log: LogOf) -> None:
    view = view_of(draw_log(customers=40, clock="order"))
    log, near = view.log, neighbours(view, width=99)
    for customer in range(FOLDS):
        mine = (log.owner % FOLDS == customer) & (log.item >= 0) & log.merchandise[log.item]
        table = np.arange(len(log.items))
        free = np.flatnonzero(log.merchandise)
        table[free] = np.roll(free, 1)
        item = np.where(mine, table[log.item], log.item).astype(np.int32)
        other = neighbours(replace(view, log=replace(log, item=item)), width=99)
        edition = int(near.edition(np.array([customer]), np.array([0]))[0])
        assert np.array_equal(dense(near, edition), dense(other, edition))
        assert not np.array_equal(dense(near, near.full), dense(other, other.full))


def popular_plainly(
    view: View, moment: int, lives: tuple[float, ...], step: float, seen_until: dict[int, int]
) -> np.ndarray:
    """[V, len(lives)] shares at a moment, with ages in whole steps of the grid."""
    log = view.log
    table = np.zeros((len(log.items), len(lives)))
    for n in np.flatnonzero(view.targets):
        if log.time[n] < moment:
            age = round((moment - seen_until[int(n)]) / step)
            table[log.item[n]] += 0.5 ** (age * step / DAY / np.array(lives))
    return table / (table.sum(axis=0) + 1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_popularity_is_what_was_wanted_before_each_moment(draw_log: LogOf, seed: int) -> None:
    view = view_of(draw_log(seed=seed, customers=15))
    log, popular = view.log, popularity(view)
    assert popular is not None and popular.moments[-1] == view.cut
    step = float(view.cut - int(log.time.min())) / (len(popular.moments) - 1)  # type: ignore[operator]
    wanted = np.flatnonzero(view.targets)
    first = {int(n): int(popular.moments[popular.moments > log.time[n]].min()) for n in wanted}
    for row in (0, len(popular.moments) // 2, len(popular.moments) - 1):
        share = popular_plainly(view, int(popular.moments[row]), popular.half_lives, step, first)
        np.testing.assert_allclose(
            np.expm1(popular.table[row]) / len(log.items) / CONTRAST, share, rtol=1e-3, atol=1e-5
        )


def test_a_popularity_row_knows_only_what_was_before_its_moment(draw_log: LogOf) -> None:
    view = view_of(draw_log(customers=30))
    log, popular = view.log, popularity(view)
    assert popular is not None
    for moment in np.quantile(log.time, [0.1, 0.5, 0.8]).astype(np.int64):
        row = int(popular.row(moment))
        assert popular.moments[row] <= moment < popular.moments[row + 1]
        late = (log.time >= moment) & (log.time > log.time.min()) & (log.item >= 0)
        item = np.where(late, (log.item + 1) % len(log.items), log.item).astype(np.int32)
        other = popularity(replace(view, log=replace(log, item=item)))
        assert other is not None
        assert np.array_equal(other.table[: row + 1], popular.table[: row + 1])
        assert not np.array_equal(other.table[-1], popular.table[-1])


def test_a_season_counts_for_the_same_season_of_the_next_year(log_of: LogOf) -> None:
    weekly = [f"2023-{month:02d}-15T10:00 pen" for month in range(1, 13)] + [
        f"2024-{month:02d}-15T10:00 pen" for month in range(1, 13)
    ]
    winter = ["2023-11-10T10:00 candle", "2023-11-11T10:00 candle"]
    log = log_of({"ann": weekly, "bob": winter})
    popular = popularity(view_until(log, int(log.time.max()) + 1, target=BUY))
    assert popular is not None and popular.channels == len(popular.half_lives) + 1
    candle = popular.table[:, log.items.code("candle"), -1]
    on = {int(moment): value for moment, value in zip(popular.moments, candle, strict=True)}
    lifted = [moment for moment, value in on.items() if value > 0]
    year = 365 * DAY
    bought = [int(t) for t, n in zip(log.time, log.item, strict=True) if n == log.items.code("candle")]
    assert min(bought) + year - 26 * DAY <= min(lifted) <= min(bought) + year - 23 * DAY
    assert max(bought) + year + 3 * DAY <= max(lifted) <= max(bought) + year + 6 * DAY


def test_no_clock_or_no_wish_no_popularity(draw_log: LogOf) -> None:
    assert popularity(view_of(draw_log(clock="order"))) is None
    assert popularity(replace(view_of(draw_log()), target=("nothing",))) is None


@given(st.floats(0.01, 5_000))
def test_half_lives_rise_at_least_twofold_from_a_day_on(span: float) -> None:
    lives = half_lives_of(span)
    assert 1 <= len(lives) <= 4 and lives[0] >= 1
    assert all(b >= 2 * a for a, b in pairwise(lives))
    assert lives[-1] <= max(1.0, span / 2)
