"""Popularity: against brute force, and a row knows only what was before its moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.sequences.log import DAY, Log
from regard.sequences.popularity import CONTRAST, half_lives_of, popularity
from regard.sequences.split import view_until
from regard.sequences.view import View

LogOf = Callable[..., Log]
BUY = ("purchase",)


def view_of(log: Log) -> View:
    return view_until(log, int(log.time.max()) + 1 if log.clock == "clock" else None, target=BUY)


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
            np.expm1(popular.table[row, :, :-1].T) / len(log.items) / CONTRAST, share, rtol=1e-3, atol=1e-5
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
    candle = popular.table[:, -1, log.items.code("candle")]
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
