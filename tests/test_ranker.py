"""The boosted ranker sees no later day, says the same of a customer whoever is asked with her, and learns what counting cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import ranker
from benchmarks.ranker_features import describe, know

from regard.evaluation.baselines import NearestCustomers
from regard.evaluation.measure import mean_ndcg
from regard.sequences.log import DAY, Log
from regard.sequences.split import leave_one_out, time_split
from regard.sequences.view import Split
from regard.sequences.vocabulary import Vocabulary

START = 1_700_000_000 // DAY * DAY
TARGET = ("purchase",)


@pytest.fixture(scope="module")
def rhythms() -> Log:
    """Customers who each buy five items, every one at a rhythm of its own: what is due next is not what was bought most or last."""
    chance = np.random.default_rng(0)
    rows = []
    for customer in range(150):
        for item in chance.choice(40, 5, replace=False):
            days = np.arange(chance.integers(5 + item), 300, 5 + item)  # an item's number tells how long it lasts
            rows += [(customer, day, item) for day in days]
        rows += [(customer, chance.integers(300), chance.integers(40)) for _ in range(6)]
    owner, day, item = np.array(sorted(set(rows))).T
    new = np.append(True, (np.diff(owner) != 0) | (np.diff(day) != 0))
    offsets = np.append(0, np.cumsum(np.bincount(owner))).astype(np.int64)
    basket = np.cumsum(new) - 1
    return Log(
        customers=Vocabulary([f"c{number}" for number in range(150)]),
        items=Vocabulary([f"i{number}" for number in range(40)]),
        behaviours=TARGET,
        offsets=offsets,
        item=item.astype(np.int32),
        behaviour=np.zeros(len(item), dtype=np.int16),
        time=START + day * DAY + 3600,
        basket=(basket - basket[offsets[:-1]][owner]).astype(np.int32),
        quantity=np.full(len(item), 2, dtype=np.float32),
        value=np.full(len(item), 8, dtype=np.float32),
        merchandise=np.ones(40, dtype=bool),
    )


@pytest.fixture(scope="module")
def asked(rhythms: Log) -> Split:
    return time_split(rhythms, target=TARGET)


def test_what_is_due_is_learnt(asked: Split) -> None:
    pytest.importorskip("lightgbm")
    (method,), why = ranker.boosted(asked)
    assert not why
    ours, theirs = (mean_ndcg(asked, each.fit(asked.view)) for each in (method, NearestCustomers()))
    assert ours > theirs + 0.1


def test_each_question_knows_only_what_lies_before_its_cut(asked: Split) -> None:
    view, parts = asked.view, ranker.questions(asked.view, 30)
    assert len(parts) == ranker.CUTS
    for before, part in zip([view.cut, *(each.view.cut for each in parts)], parts, strict=False):
        cut = part.view.cut
        assert cut == before - 30 * DAY and part.view.log.time.max() < cut and part.queries.time.max() < cut
        changed = view.log.item.copy()
        later = (view.log.time >= cut) & (view.log.item != changed[0])  # all that came later was something else
        changed[later] = changed[0]
        other = next(
            each
            for each in ranker.questions(replace(view, log=replace(view.log, item=changed)), 30)
            if each.view.cut == cut
        )
        found, told = (
            describe(know(each.view, (7.0, 28.0), several=False), each.queries, each.asof, mask="none")
            for each in (part, other)
        )
        np.testing.assert_array_equal(found.item, told.item)
        np.testing.assert_array_equal(found.features, told.features)
        assert part.hash != other.hash


def test_a_month_in_which_the_shop_was_closed_is_passed_over(asked: Split) -> None:
    view = asked.view
    closed = (view.log.time >= view.cut - 60 * DAY) & (view.log.time < view.cut - 30 * DAY)
    parts = ranker.questions(replace(view, log=view.log.where(~closed)), 30)
    assert len(parts) == ranker.CUTS and all(len(part) for part in parts)
    assert [(view.cut - part.view.cut) // (30 * DAY) for part in parts] == [1, 3, 4, 5]


def test_features_are_what_a_plain_count_finds(draw_log: Callable[..., Log]) -> None:
    log = draw_log(customers=60, items=10, visits=20, seed=3)
    split = time_split(log, target=TARGET, days=30)
    pairs = describe(know(split.view, (7.0,), several=True), split.queries, split.asof, mask="none")
    table = dict(zip(pairs.names, pairs.features.T, strict=True))
    known, queries = split.view.log, split.queries
    assert len(pairs.item) > 50 and known.merchandise[pairs.item].all()
    for row, (question, item) in enumerate(zip(pairs.question, pairs.item, strict=True)):
        mine = slice(queries.offsets[question], queries.offsets[question + 1])
        lines = [
            (basket, (split.asof[question] - time) / DAY)
            for code, behaviour, basket, time in zip(
                queries.item[mine], queries.behaviour[mine], queries.basket[mine], queries.time[mine], strict=True
            )
            if queries.behaviours[behaviour] == "purchase" and code == item
        ]
        ages = sorted(dict(lines).values())
        assert table["own_baskets"][row] == len(ages)
        assert table["own_7d"][row] == pytest.approx(sum(2 ** (-age / 7) for age in ages), rel=1e-5)
        if not ages:
            assert np.isnan(table["own_since"][row]) and np.isnan(table["own_gap"][row])
            continue
        assert table["own_since"][row] == pytest.approx(ages[0], rel=1e-5)
        assert table["own_first"][row] == pytest.approx(ages[-1], rel=1e-5)
        if len(ages) > 1:
            assert table["own_gap"][row] == pytest.approx(np.mean(np.diff(ages)), rel=1e-4, abs=1e-4)
        bought = known.time[split.view.targets & (known.item == item)]
        assert table["unsold"][row] == pytest.approx((split.view.cut - bought.max()) / DAY, rel=1e-5)


def test_everything_is_scored_and_company_changes_nothing(asked: Split) -> None:
    pytest.importorskip("lightgbm")
    fitted = ranker.Boosted(days=30, mask="target").fit(asked.view)
    together = fitted.score(asked.queries, asked.asof)
    assert together.shape == (len(asked), len(asked.view.log.items)) and np.isfinite(together).all()
    pairs = describe(fitted.known, asked.queries, asked.asof, mask="target")
    chosen = np.zeros(together.shape, dtype=bool)
    chosen[pairs.question, pairs.item] = True
    assert not chosen[asked.queries.owner, asked.queries.item].any(), "what is masked takes no candidate's place"
    for row in range(3):
        alone = fitted.score(asked.queries.take(np.array([row])), asked.asof[[row]])[0]
        np.testing.assert_allclose(alone[chosen[row]], together[row, chosen[row]], rtol=1e-5)
        assert together[row, ~chosen[row]].max() < together[row, chosen[row]].min()


def test_where_no_answer_can_be_given_the_nearest_decide(asked: Split) -> None:
    pytest.importorskip("lightgbm")
    log = asked.view.log
    alike = replace(log, item=np.repeat(log.item[log.offsets[:-1]], log.lengths))  # each buys one thing for ever
    split = time_split(alike, target=TARGET, mask="target")
    fitted = ranker.Boosted(days=30, mask="target").fit(split.view)
    nearest = NearestCustomers().fit(split.view).score(split.queries, split.asof)
    np.testing.assert_array_equal(np.argmax(fitted.score(split.queries, split.asof), 1), np.argmax(nearest, 1))


def test_last_wishes_are_learnt_from_where_the_split_asks_for_them(rhythms: Log) -> None:
    pytest.importorskip("lightgbm")
    split = leave_one_out(rhythms, target=TARGET, mask="none")
    (part,) = ranker.questions(split.view, split.days)
    assert part.view.log.events == split.view.log.events - 2 * len(part)
    fitted = ranker.Boosted(days=split.days, mask="none").fit(split.view)
    assert np.isfinite(fitted.score(split.queries, split.asof)).all()


def test_where_there_is_no_ranker_a_line_says_why(
    asked: Split, draw_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no clock" in ranker.boosted(leave_one_out(draw_log(clock="order"), target=TARGET))[1]
    assert "earlier answers" in ranker.boosted(time_split(draw_log(), target=TARGET))[1]

    def missing(name: str) -> None:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(ranker, "import_module", missing)
    assert ranker.boosted(asked) == ((), "boosted_ranker left out: No module named 'lightgbm'")
