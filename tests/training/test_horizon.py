"""Learning horizons: nothing of the future is read, what is told comes true, and simple rules are given their due."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from regard.errors import ModelError, RegardError, UsageError
from regard.metrics import auroc
from regard.model.runtime.horizon import HorizonModel
from regard.sequences.attributes import Attributes, attributes_of
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.training import horizon, horizon_lessons
from regard.training.horizon import fit_horizon
from regard.training.horizon_fit import Recipe
from regard.training.horizon_lessons import Outcomes, lessons
from regard.training.horizon_worth import worth

START = 1_600_000_000 // DAY * DAY
CUT, AHEAD = 300, 120


def shop(customers: int = 900, *, days: int = CUT + AHEAD, seed: int = 0) -> Log:
    """Customers who buy at rates of their own, stop at rates of their own and pay sums of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(customers):
        begun, rate, life = rng.uniform(0, 120), rng.gamma(1.0, 1 / 25), rng.exponential(rng.gamma(1.5, 150))
        gaps = rng.exponential(1 / rate, 400).cumsum()
        times = begun + np.append(0, gaps[gaps < life])
        worth = rng.lognormal(3, 0.6)
        rows += [(person, int(t), worth * rng.lognormal(0, 0.3)) for t in np.unique(times[times < days].astype(int))]
    owner, day, value = (np.array(column) for column in zip(*rows, strict=True))
    count = len(owner)
    offsets = np.searchsorted(owner, np.arange(customers + 1)).astype(np.int64)
    return Log(
        customers=Vocabulary([f"c{person}" for person in range(customers)]),
        items=Vocabulary(["thing"]),
        behaviours=("purchase",),
        offsets=offsets,
        item=np.zeros(count, np.int32),
        behaviour=np.zeros(count, np.int16),
        time=START + day.astype(np.int64) * DAY,
        basket=(np.arange(count) - offsets[owner]).astype(np.int32),
        quantity=np.ones(count, np.float32),
        value=value.astype(np.float32),
        merchandise=np.ones(1, np.bool_),
    )


@pytest.fixture(scope="module")
def log() -> Log:
    return shop()


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Any:
    """Fewer moments and steps: the shop is simple."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(horizon_lessons, "CUTS", 6)
        patch.setattr(horizon, "Recipe", lambda **how: Recipe(**{"steps": 250, "members": 1, "width": 8, **how}))
        patch.setattr(horizon, "RULES", {name: replace(rule, steps=60) for name, rule in horizon.RULES.items()})
        yield


@pytest.fixture(scope="module")
def view(log: Log) -> View:
    return view_until(log, START + CUT * DAY, target=("purchase",))


@pytest.fixture(scope="module")
def model(view: View, _quick: Any) -> HorizonModel:
    return fit_horizon(view, horizon_days=AHEAD)


def asked(view: View) -> tuple[Log, np.ndarray]:
    return view.log, np.full(len(view.log), START + CUT * DAY, dtype=np.int64)


def test_what_is_told_comes_true(log: Log, view: View, model: HorizonModel) -> None:
    told = model.predict(*asked(view), np.array([30, AHEAD]))
    people = log.customers.codes(view.log.customers.ids.to_pylist())
    for column, days in enumerate((30, AHEAD)):
        orders, spend = Outcomes(log, ("purchase",)).within(people, START + CUT * DAY, days)
        assert told.p_order[:, column].mean() == pytest.approx((orders > 0).mean(), abs=0.08)
        assert told.orders[:, column].sum() == pytest.approx(orders.sum(), rel=0.3)
        assert auroc(orders > 0, told.p_order[:, column]) > 0.8
        within = (spend >= told.spend_low[:, column]) & (spend <= told.spend_high[:, column])
        assert within.mean() > 0.7
    assert np.all(told.spend_low <= told.spend_high)


def test_the_next_order_is_as_likely_as_not_by_its_day(view: View, model: HorizonModel) -> None:
    queries, asof = asked(view)
    day = model.predict(queries, asof, np.array([30])).next_order_days
    rows = np.flatnonzero(np.isfinite(day) & (day > 0.3))[:20]
    assert len(rows) and np.isinf(day).any()
    for row in rows:
        chance = model.predict(queries.take(rows), asof[rows], day[[row]]).p_order
        assert chance[list(rows).index(row), 0] == pytest.approx(0.5, abs=0.01)


def test_nothing_after_the_cut_is_read(log: Log, view: View, model: HorizonModel) -> None:
    later = log.like(view.log)
    people = later.customers.codes(view.log.customers.ids.to_pylist())
    whole, asof = later.take(people), asked(view)[1] - 1
    one, two = (model.predict(queries, asof, np.array([60])) for queries in (view.log, whole))
    np.testing.assert_array_equal(one.spend, two.spend)
    end = START + 150 * DAY
    early, late = (lessons(some, end, target=("purchase",)) for some in (view.log, view.log.where(view.log.time < end)))
    np.testing.assert_array_equal(early.facts.table.values, late.facts.table.values)
    assert np.all(early.cut + early.room * DAY <= end) and early.room.min() > 0


def test_what_is_saved_answers_alike_and_half_of_it_is_refused(view: View, model: HorizonModel) -> None:
    settings, weights = json.loads(json.dumps(model.settings)), model.weights
    again = HorizonModel.restore(settings, weights)
    one, two = (some.predict(*asked(view), np.array([10, 400])) for some in (model, again))
    np.testing.assert_array_equal(one.spend_high, two.spend_high)
    with pytest.raises(ModelError):
        HorizonModel.restore(settings, {name: array for name, array in weights.items() if "center" not in name})
    with pytest.raises(ModelError):
        HorizonModel.restore({**settings, "answers": {}}, weights)


def test_customers_who_never_ordered_have_no_outlook(view: View, model: HorizonModel) -> None:
    queries, asof = asked(view)
    told = model.predict(queries, np.where(np.arange(len(asof)) == 3, START - DAY, asof), np.array([30]))
    assert np.isnan(told.p_order[3, 0]) and np.isnan(told.next_order_days[3])
    assert np.isfinite(np.delete(told.spend, 3, axis=0)).all()


def test_who_never_ordered_has_a_chance_too_and_it_comes_true(log: Log) -> None:
    first = np.zeros(log.events, dtype=bool)
    first[log.offsets[:-1][log.lengths > 0]] = True
    looks = replace(log, behaviours=("view", "purchase"), behaviour=np.where(first, 0, 1).astype(np.int16))
    cut = START + CUT * DAY
    view = view_until(looks.where(looks.time < cut), cut, target=("purchase",))
    model = fit_horizon(view, horizon_days=60)
    facts = model.facts(view.log, np.full(len(view.log), cut - 1))
    told, never = model.chances(facts, np.array([7, 60])), facts.bought == 0
    assert never.sum() > 50 and np.all((told > 0) & (told < 1)) and np.all(told[:, 1] > told[:, 0])
    some = model.chances(facts, np.array([7, 60]), np.full(len(facts), 0.3))
    assert np.all((some < told) & (some > 0.3 * told * (1 - told)))
    outlook = model.outlook(facts, np.array([7, 60]))
    np.testing.assert_array_equal(told[~never], outlook.p_order[~never])
    assert np.isnan(outlook.p_order[never]).all()
    orders, _ = Outcomes(looks, ("purchase",)).within(np.arange(len(looks)), cut, 60)
    assert abs(told[never, 1].mean() - (orders[never] > 0).mean()) < 0.1


def test_of_too_many_customers_half_of_those_drawn_have_bought(log: Log) -> None:
    looks = replace(log, behaviours=("view", "purchase"), behaviour=(log.owner % 4 == 0).astype(np.int16))
    for most in (100, 500):
        drawn, facts = horizon_lessons.customers_at(
            looks, START + CUT * DAY, target=("purchase",), states=None, most=most
        )
        assert len(np.unique(drawn)) == len(facts) == most
        assert (facts.bought > 0).sum() == min(most // 2, len(np.unique(looks.owner[looks.behaviour == 1])))


def test_the_rehearsal_judges_every_rule_and_says_whether_counting_is_enough(model: HorizonModel) -> None:
    report = model.report
    assert set(report["heads"]) == {"model", *horizon.RULES}
    assert report["heads"]["model"]["churn_log_loss"] < report["heads"]["counts"]["churn_log_loss"]
    assert report["counting_is_enough"]["churn"] is False and report["states_used"] is False


def test_a_rule_that_is_better_by_more_than_chance_answers() -> None:
    def judged(shift: float) -> horizon._Judged:
        noise = np.random.default_rng(0).normal(size=500)
        return horizon._Judged(losses=dict.fromkeys(horizon.ANSWERS, noise + shift), figures={})

    rules = {name: judged(0.5) for name in horizon.RULES}
    assert horizon._chosen({"model": judged(0.0), **rules}, "churn") == "model"
    rules["rfm"], rules["recency"] = judged(-0.2), judged(-0.1)
    assert horizon._chosen({"model": judged(0.0), **rules}, "churn") == "rfm"


def test_outcomes_are_those_of_a_plain_count(log: Log) -> None:
    rng = np.random.default_rng(1)
    customers = rng.integers(0, len(log), 200)
    start, days = START + rng.integers(-20, CUT + AHEAD + 20, 200) * DAY, rng.integers(1, 200, 200)
    orders, spend = Outcomes(log, ("purchase",)).within(customers, start, days)
    for row, customer in enumerate(customers):
        own = (log.owner == customer) & (log.time >= start[row]) & (log.time < start[row] + days[row] * DAY)
        assert orders[row] == own.sum()
        assert spend[row] == pytest.approx(log.value[own].sum(), rel=1e-4, abs=1e-3)


def test_a_log_without_money_has_orders_and_no_spend(view: View) -> None:
    bare = replace(view, log=replace(view.log, value=np.full_like(view.log.value, np.nan)))
    told = fit_horizon(bare, horizon_days=60).predict(*asked(bare), np.array([60]))
    assert np.isfinite(told.orders).all() and np.isnan(told.spend).all() and np.isnan(told.spend_low).all()


def test_what_cannot_be_asked_is_said(view: View, model: HorizonModel) -> None:
    with pytest.raises(UsageError):
        fit_horizon(view, horizon_days=0)
    with pytest.raises(UsageError):
        fit_horizon(replace(view, cut=None))
    with pytest.raises(UsageError):
        model.predict(*asked(view), np.array([30, 0]))
    with pytest.raises(RegardError):
        fit_horizon(view_until(view.log, START + 10 * DAY, target=("purchase",)))


def known(log: Log, view: View, noise: bool) -> Attributes:
    """Of each customer a number: what they will order after the cut, or nothing that matters; of a tenth none."""
    people, rng = log.customers.codes(view.log.customers.ids.to_pylist()), np.random.default_rng(3)
    orders, _ = Outcomes(log, ("purchase",)).within(people, START + CUT * DAY, AHEAD)
    number = rng.permutation(orders) if noise else orders
    number = np.where(rng.random(len(number)) < 0.1, np.nan, number)
    return attributes_of(scores=pa.table({"customer": view.log.customers.ids, "wish": number}))


def test_what_is_known_beside_the_events_is_read_where_it_helps_and_its_worth_is_told(log: Log, view: View) -> None:
    # Rehearsed on the last days before the cut, of which the number of orders to come tells who is alive.
    about = known(log, view, noise=False)
    model = fit_horizon(view, horizon_days=AHEAD, about=about)
    found = model.report
    assert found["about"]["used"] is True and found["about"]["score"]["columns"] == 1
    assert 0.8 < found["about"]["score"]["covered"] < 1
    mean, low, high = found["without_about"]["churn"]
    assert low < mean < high and low > 0
    assert found["heads"]["model"]["churn_log_loss"] < found["heads"]["aggregates"]["churn_log_loss"]
    assert "used" in worth(found)[0] and "已采用" in worth(found, "zh")[0]
    queries, asof = asked(view)
    told = model.predict(queries, asof, np.array([AHEAD]))
    again = HorizonModel.restore(model.settings, model.weights, about=about).predict(queries, asof, np.array([AHEAD]))
    np.testing.assert_array_equal(told.p_order, again.p_order)
    alone = HorizonModel.restore(model.settings, model.weights).predict(queries, asof, np.array([AHEAD]))
    assert np.isfinite(alone.p_order[np.isfinite(told.p_order)]).all()  # its absence is fine
    assert not np.array_equal(told.p_order, alone.p_order)


def test_a_larger_head_is_tried_where_enough_are_asked_and_kept_where_it_pays(
    view: View, model: HorizonModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "without_larger" not in model.report and model.report["steps"] == 250
    monkeypatch.setattr(horizon, "TELLING", 1)
    monkeypatch.setattr(horizon, "LARGER", {"steps": 2})
    told = fit_horizon(view, horizon_days=60).report
    assert min(told["without_larger"]["churn"]) < 0 and told["steps"] == 250


def test_what_does_not_help_changes_nothing(log: Log, view: View, model: HorizonModel) -> None:
    same = fit_horizon(view, horizon_days=AHEAD, about=known(log, view, noise=True))
    assert same.report["about"]["used"] is False and "not used" in worth(same.report)[0]
    one, two = (some.predict(*asked(view), np.array([30, AHEAD])) for some in (model, same))
    np.testing.assert_array_equal(one.spend_high, two.spend_high)
    assert same.settings["heads"] == model.settings["heads"]
    lost = [
        one["churn_log_loss"]
        for one in (*(m.report["heads"]["model"] for m in (same, model)), same.report["heads"]["with_about"])
    ]
    assert lost[0] == lost[1] != lost[2]
