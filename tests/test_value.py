"""The benchmark of customer value: nobody sees the holdout, figures are those of the plain metrics, and every method is there."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import value, value_measure, value_task, value_trees
from benchmarks.value_baselines import Row, simple
from benchmarks.value_task import Outcome, Task

from regard.errors import InputError
from regard.evaluation.intervals import draws
from regard.metrics import decile_mape, normalised_gini, spearman, total_bias
from regard.sequences.log import DAY, Log
from regard.sequences.purchases import purchase_days
from regard.training import horizon
from regard.training.horizon_fit import Recipe

BUY = ("purchase",)
FIRST = date(2001, 1, 1)


def purchases(path: Path, customers: int, days: int) -> Path:
    """Customers of rates and order values of their own, some of whom stop; one buys on the first and the last day."""
    rng = np.random.default_rng(0)
    lines = ["  customer_id  date number_of_cds  dollar_value", "00000 20010101  1  5.00"]
    for customer in range(1, customers):
        day, mean = rng.integers(days // 4), rng.lognormal(3, 0.5)
        while day < days:
            when = (FIRST + timedelta(days=int(day))).strftime("%Y%m%d")
            lines.append(f" {customer:05d} {when} {rng.integers(1, 4)} {mean * rng.uniform(0.5, 1.5):8.2f}")
            if rng.random() < 0.1:
                break
            day += 1 + int(rng.exponential(3 + customer % 40))
    lines.append(f"00000 {(FIRST + timedelta(days=days - 1)).strftime('%Y%m%d')}  1  7.00")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    path = purchases(tmp_path_factory.mktemp("cdnow") / "p.txt", customers=400, days=200)
    wish = argparse.Namespace(
        files=[str(path)], format="cdnow", map=[], target="", calibration_days=120, holdout_days=80
    )
    return value_task.read(wish)


def test_purchases_of_a_day_are_one(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text(
        "customer date units dollars\n 2 19970101 1 5.5\n 1 19970105 2 7\n 2 19970101 3 1.5\n 2 0002 19970103 1 2\n"
    )
    log = value_task.read_cdnow([str(path)])
    assert log.customers.ids.to_pylist() == ["1", "2"] and log.lengths.tolist() == [1, 2]
    assert (log.value.tolist(), log.quantity.tolist()) == ([7, 7, 2], [2, 4, 1])
    assert ((log.time // DAY) - log.time[1] // DAY).tolist() == [4, 0, 2]
    for broken in ("1 19970105 2\n", "customer date units dollars\n1 19970105 2 7\ntotal 2 7\n"):
        path.write_text(broken)
        with pytest.raises(InputError, match=broken.splitlines()[-1]):
            value_task.read_cdnow([str(path)])


def test_the_cut_lies_between_the_last_day_learned_from_and_the_first_asked_about(task: Task) -> None:
    log = task.view.log
    begin = (FIRST - date(1970, 1, 1)).days * DAY
    assert task.cut == begin + 120 * DAY and int(log.time.max()) < task.cut and int(log.time.min()) == begin
    assert task.calibration_days == 120
    first = task.queries.customers.code("00000")
    assert (task.actual.returned[first], task.actual.spend[first]) == (True, 7.0)
    assert (task.actual.returned == (task.actual.spend > 0)).all() and 0.1 < task.actual.returned.mean() < 0.9


def test_a_refund_of_an_earlier_order_is_no_negative_spend(draw_log: Callable[..., Log]) -> None:
    log = draw_log(customers=20)
    log = replace(log, value=np.full(log.events, 3, dtype=np.float32), merchandise=np.ones(len(log.items), dtype=bool))
    found = value_task.outcome(log, int(log.time.min()), int(log.time.max()) + 1, BUY)
    signs = np.array([3.0, 0.0, -3.0])[log.behaviour]
    net = np.bincount(log.owner, weights=signs, minlength=20)
    assert (net < 0).any() or (net > 0).any()
    np.testing.assert_allclose(found.spend, np.maximum(net, 0))
    bought = np.bincount(log.owner[log.behaviour == 0], minlength=20) > 0
    np.testing.assert_array_equal(found.returned, bought)


def test_what_simple_methods_say_is_what_they_are_called(task: Task) -> None:
    rows = {row.name: row for row in simple(task)}
    log, spent = task.queries, task.queries.value.astype(np.float64)
    last = np.array([log.time[end - 1] for end in log.offsets[1:]])
    np.testing.assert_allclose(rows["recency"].spend, (last - task.cut) / DAY, rtol=1e-6)
    np.testing.assert_allclose(rows["frequency"].spend, log.lengths)
    weeks = (task.cut - log.time) / DAY / 7
    decayed = np.bincount(log.owner, weights=spent * 0.5 ** (weeks / 8)) * np.log(2) / 8 * 80 / 7
    np.testing.assert_allclose(rows["decayed_spend_8w"].spend, decayed, rtol=1e-5)
    age = (task.cut - DAY - np.array([log.time[start] for start in log.offsets[:-1]])) / DAY
    total = np.bincount(log.owner, weights=spent)
    np.testing.assert_allclose(rows["total_rate"].spend, total / np.maximum(age, 1) * 80, rtol=1e-5)
    assert set(rows["rfm"].spend) <= set(range(3, 16))


def test_who_bought_for_an_unknown_sum_is_taken_to_spend_as_others_do(task: Task) -> None:
    log = task.queries
    often = int(np.argmax(log.lengths))
    value = np.where(log.owner == often, np.nan, log.value).astype(np.float32)
    unknown = replace(task, queries=replace(log, value=value))
    rate = next(row for row in simple(unknown) if row.name == "rate")
    past = purchase_days(unknown.queries, task.asof)
    assert rate.spend[often] == pytest.approx(rate.returns[often] * np.nanmean(past.value)) and rate.spend[often] > 0
    nothing = replace(task, queries=replace(log, value=np.full(log.events, np.nan, dtype=np.float32)))
    assert not next(row for row in simple(nothing) if row.name == "rate").spend.any()


def test_trees_learn_from_cuts_whose_answers_end_before_the_holdout(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = value_trees.outcome
    monkeypatch.setattr(value_trees, "outcome", lambda *words: asked.append(words[1:3]) or real(*words))
    table = value_trees.learned_from(task, value_trees.horizon(task))
    assert value_trees.horizon(task) == 60
    assert asked and max(end for _, end in asked) == task.cut
    assert len(table.customer) == len(table.features) == len(table.whole.spend) > len(task.queries)
    assert (table.half.spend <= table.whole.spend + 1e-9).all() and (table.half.returned <= table.whole.returned).all()


def test_figures_are_those_of_the_metrics_and_less_is_better_where_it_is() -> None:
    rng = np.random.default_rng(0)
    spend = np.where(rng.random(300) < 0.4, 0.05, rng.lognormal(size=300))
    actual = Outcome(returned=spend > 0.05, spend=spend)
    near, far = spend + rng.exponential(0.5, 300), spend + rng.exponential(3, 300)
    rows = [
        Row(name="far", spend=far, returns=far, in_money=True),
        Row(name="near", spend=near, returns=near, churn=np.where(spend > 0.05, 0.1, 0.9), in_money=True),
        Row(name="score", spend=-far, returns=-far),
        *(Row(name="model", spend=near * scale, returns=near, in_money=True) for scale in (0.9, 1.1)),
    ]
    result = value_measure.compare(actual, rows)
    table = result["baselines"]
    for name, told in (("far", far), ("near", near)):
        for metric, measure in (
            ("gini", normalised_gini), ("decile_mape", decile_mape), ("bias", total_bias), ("spearman", spearman),
        ):  # fmt: skip
            found = table[name][metric]
            assert found["mean"] == pytest.approx(measure(spend, told)) and found["n"] == 300
            assert found["interval"][0] <= found["mean"] <= found["interval"][1]
    assert table["near"]["ece"]["mean"] == pytest.approx(0.1) and table["far"]["ece"]["mean"] is None
    assert table["score"]["bias"]["mean"] is None
    assert {result["best_baseline"][metric] for metric in value_measure.METRICS} == {"near"}
    assert result["differences"]["far"]["bias"]["interval"][0] > 0 > result["differences"]["far"]["gini"]["interval"][1]
    assert result["metrics"]["bias"]["sd"] > 0 and result["differences"]["model"]["gini"]["mean"] == pytest.approx(0)


def test_every_method_answers_and_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = purchases(tmp_path / "p.txt", customers=350, days=180), tmp_path / "out.json"
    monkeypatch.setattr(value_measure, "draws", partial(draws, resamples=50))
    quick = {name: replace(rule, steps=20) for name, rule in horizon.RULES.items()}
    monkeypatch.setattr(horizon, "RULES", quick)
    monkeypatch.setattr(horizon, "Recipe", lambda **how: Recipe(**how, steps=20, members=1, width=4))
    words = ["--format", "cdnow", "--calibration-days", "120", "--holdout-days", "60", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["value", str(path), *words, "--json", str(out)])
    value.main()
    result = json.loads(out.read_text(encoding="utf-8"))
    assert set(result["baselines"]) == {
        "recency", "frequency", "rate", "total_rate", "rfm", "decayed_spend_8w", "decayed_spend_13w",
        "bg_nbd_gamma_gamma", "mbg_nbd_gamma_gamma", "pareto_nbd_gamma_gamma", "trees",
    }  # fmt: skip
    assert not result["missing"] and set(result["models"][0]["answers"]) == {"churn", "orders", "spend"}
    for metrics in (result["metrics"], *result["baselines"].values()):
        assert set(metrics) == {"gini", "decile_mape", "churn_auroc", "ece", "bias", "spearman"}
        assert 0 < metrics["gini"]["mean"] < 1 and metrics["churn_auroc"]["mean"] > 0.5
    assert result["split"]["customers"] == len({line.split()[0] for line in path.read_text().splitlines()[1:]})
    assert "pareto_nbd_gamma_gamma" in capsys.readouterr().out
