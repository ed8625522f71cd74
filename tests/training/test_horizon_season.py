"""Season: what a year ago was busier or quieter than the days before it is expected to be so again."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from regard.model.runtime.facts import Facts, Inputs, facts_of
from regard.model.runtime.head import SEASON_DAYS, Forecast, Head, Tuning
from regard.model.runtime.horizon import HorizonModel
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.training.horizon_season import YEAR, season

START, SPAN, EVERY = 1_600_000_000 // DAY * DAY, 700, 10.0


def shop(busy: tuple[int, int] | None, *, factor: float = 3.0, customers: int = 400) -> Log:
    """Customers who order every ten days on average, `factor` times as often on the days of a year between those of `busy`."""
    rng = np.random.default_rng(3)
    rate = np.full(SPAN, 1 / EVERY)
    if busy is not None:
        rate[(np.arange(SPAN) % YEAR >= busy[0]) & (np.arange(SPAN) % YEAR < busy[1])] *= factor
    came = rng.random((customers, SPAN)) < rate
    owner, day = np.nonzero(came)
    offsets = np.searchsorted(owner, np.arange(customers + 1)).astype(np.int64)
    count = len(owner)
    return Log(
        customers=Vocabulary([f"c{person}" for person in range(customers)]), items=Vocabulary(["thing"]),
        behaviours=("purchase",), offsets=offsets, item=np.zeros(count, np.int32), behaviour=np.zeros(count, np.int16),
        time=START + day.astype(np.int64) * DAY, basket=(np.arange(count) - offsets[owner]).astype(np.int32),
        quantity=np.ones(count, np.float32), value=np.ones(count, np.float32), merchandise=np.ones(1, np.bool_),
    )  # fmt: skip


class Steady(Head):
    """Foretells an order every ten days of everybody, whatever the time of the year."""

    def forecast(self, facts: Facts, days: np.ndarray) -> Forecast:
        busy = np.tile(np.atleast_2d(days) / EVERY, (len(facts), 1))
        one = np.ones((len(facts), 1))
        return Forecast(alive=one, busy=busy, shape=one, value=one, spread=np.ones(busy.shape))


def steady() -> Steady:
    nothing = np.zeros(0, np.float32)
    return Steady(
        inputs=Inputs(columns=(), flagged=(), states=0, center=nothing, scale=nothing), members=(), prior=False
    )


def seen(log: Log, days: int) -> View:
    cut = START + days * DAY
    return view_until(log.where(log.time < cut), cut, target=("purchase",))


@pytest.mark.parametrize(("busy", "stretch"), [((180, 210), 0), ((210, 270), 1)])
def test_what_was_busy_a_year_ago_is_busy_again(busy: tuple[int, int], stretch: int) -> None:
    found = season(steady(), seen(shop(busy), YEAR + 180), 60)
    assert len(found) == len(SEASON_DAYS)
    assert found[stretch] == pytest.approx(3.0, rel=0.1)
    assert [factor for place, factor in enumerate(found) if place != stretch] == pytest.approx([1.0] * 3, abs=0.12)


def test_a_shop_that_is_always_busier_than_foretold_has_no_season() -> None:
    crowded = shop((0, YEAR))
    assert season(steady(), seen(crowded, YEAR + 180), 60) == pytest.approx([1.0] * 4, abs=0.05)


def test_what_chance_could_have_made_is_drawn_to_one() -> None:
    few = shop(None, customers=120)
    assert season(steady(), seen(few, YEAR + 180), 60) == pytest.approx([1.0] * 4, abs=0.1)
    assert season(steady(), seen(shop(None, customers=30), YEAR + 180), 60) == ()


def test_a_step_no_larger_than_its_doubt_is_none() -> None:
    log = shop(None, customers=250)
    found = []
    for seed in range(4):
        rare = log.where(np.random.default_rng(seed).random(log.events) < 0.1)  # some seventy orders in a month
        found += season(steady(), seen(rare, YEAR + 180), 60)
    assert np.mean(np.array(found) == 1.0) > 0.4 and max(found) < 1.6 and min(found) > 1 / 1.6


def test_a_log_of_little_more_than_a_year_says_nothing_and_the_future_is_not_read() -> None:
    log = shop((180, 210))
    assert season(steady(), seen(log, YEAR + 100), 60) == ()
    view = seen(log, YEAR + 180)
    whole = View(log=log, target=view.target, cut=view.cut, content=view.content)
    assert season(steady(), whole, 60) == season(steady(), view, 60)


@pytest.mark.parametrize("factors", [(3.0, 0.2, 1.0, 5.0), (0.01, 0.01, 0.01, 0.01)])
def test_a_longer_horizon_never_holds_less_and_a_season_is_kept_with_the_model(factors: tuple[float, ...]) -> None:
    log = shop(None, customers=30)
    facts = facts_of(log, np.full(len(log), START + SPAN * DAY), target=("purchase",))
    rng = np.random.default_rng(0)
    width = len(facts.table.names[:2])
    member = {
        "out.weight": rng.normal(size=(5, width)), "out.bias": np.array([-1.0, 0, 0, 0, 2]), "level": np.array(0.0),
        "lag": np.array(3.0), "reach": np.array(3.0), "stretch": np.array(0.5), "bend": np.array(-0.3), "calm": np.array(0.0),
    }  # fmt: skip
    inputs = Inputs(
        columns=facts.table.names[:2], flagged=(), states=0, center=np.zeros(width, np.float32), scale=np.ones(width, np.float32)
    )  # fmt: skip
    usual = Head(inputs=inputs, members=({k: v.astype(np.float32) for k, v in member.items()},), prior=True)
    cut = START + SPAN * DAY
    head = replace(usual, tuning=Tuning(season=factors, cut=cut))
    days = np.array([1.0, 29, 30, 31, 89, 90, 179, 181, 364, 366, 900])
    told, plain = head.forecast(facts, days), usual.forecast(facts, days)
    assert np.all(np.diff(told.busy, axis=1) > 0)
    np.testing.assert_allclose(told.busy[:, :3], factors[0] * plain.busy[:, :3], rtol=1e-5)
    np.testing.assert_allclose(np.diff(told.busy[:, -2:]), np.diff(plain.busy[:, -2:]), rtol=1e-3)
    for asked, edges, wanted in (
        (10, (20.0, 21.0), factors[:2]),  # ten days of the first stretch are over
        (-10, (10.0, 15.0), (1.0, factors[0])),  # ten days are left until it begins
        (400, (30.0, 90.0), (1.0, 1.0)),  # a year ago nothing is known of that time
    ):
        then = replace(facts, asof=facts.asof + asked * DAY)
        stretches = [np.diff(one.forecast(then, np.array(edges)).busy, prepend=0.0) for one in (head, usual)]
        np.testing.assert_allclose(stretches[0] / stretches[1], np.tile(wanted, (len(facts), 1)), rtol=1e-3)
    answers = dict.fromkeys(("churn", "orders", "spend"), "model")
    model = HorizonModel(heads={"model": head}, answers=answers, target=("purchase",), money=True, report={})
    again = HorizonModel.restore(model.settings, model.weights)
    assert dataclasses.asdict(again.heads["model"].tuning) == dataclasses.asdict(head.tuning)
    np.testing.assert_array_equal(again.heads["model"].forecast(facts, days).busy, told.busy)
