from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import regard.evaluation
from regard.errors import ModelError, RegardError
from regard.evaluation import propensity as module
from regard.evaluation.propensity import evaluate_propensity, happened, last_target
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View

CUT = 200 * DAY


@dataclass
class Given:
    """Probabilities from a table by customer, the same for every horizon."""

    chance: dict[str, float]

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: Sequence[int]) -> np.ndarray:
        column = [self.chance[name] for name in queries.customers.ids.to_pylist()]
        return np.tile(np.array(column)[:, None], (1, len(horizons_days)))


@pytest.fixture
def shop(make_log: Callable[..., Log]) -> tuple[Log, View, dict[str, float]]:
    """400 customers whose rate of buying is known; days 0 to 230, cut at 200."""
    random = np.random.default_rng(5)
    rates = random.choice([0.0005, 0.01, 0.08], 400)
    histories = []
    for rate in rates:
        days = np.flatnonzero(random.random(231) < rate)
        histories.append([("a", int(day), 0) for day in days])
    histories.append([("a", 230, 1)])  # somebody who only looks, on the last day
    log = make_log(histories)
    chance = {f"c{row}": float(1 - (1 - rate) ** 30) for row, rate in enumerate(rates)}
    return log, view_until(log, CUT, target=("purchase",)), chance


def test_true_probabilities_beat_recency_and_the_base_rate(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    (found,) = evaluate_propensity(log, view, Given(chance), [30, 90])  # 90 days reach beyond the log
    assert found.days == 30
    assert set(found.baselines) == {"base_rate", "recency"}
    assert found.verdict.outcome == "better"
    assert "lies below zero" in found.verdict.words()
    assert found.model["auroc"].mean > 0.8
    assert found.model["ece"].mean < 0.1
    assert found.baselines["base_rate"]["auroc"].mean == pytest.approx(0.5)
    for metric in ("auroc", "average_precision", "log_loss", "brier", "ece"):
        low, high = found.model[metric].interval or (1, 0)
        assert low <= high
    bought = np.flatnonzero(last_target(view, CUT) >= 0)
    assert found.n == len(bought)


def test_a_dishonest_model_is_found_out(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    (found,) = evaluate_propensity(log, view, Given(dict.fromkeys(chance, 0.999)), [30])
    assert found.verdict.outcome == "worse"
    assert "lies above zero" in found.verdict.words()
    assert found.model["recall"].mean == 1


def test_labels_are_target_events_from_the_cut_on_within_the_horizon(make_log: Callable[..., Log]) -> None:
    log = make_log([[("a", 9, 0)], [("a", 10, 0)], [("a", 16, 0)], [("a", 17, 0)], [("a", 12, 1)], [("a", 12, 2)]])
    assert happened(log, ("purchase",), 10 * DAY, 7).tolist() == [False, True, True, False, False, False]


def test_baselines_never_see_beyond_the_cut(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    (before,) = evaluate_propensity(log, view, Given(chance), [30])
    quiet = log.where((log.time < CUT) | (log.behaviour == 1))
    (after,) = evaluate_propensity(quiet, view, Given(chance), [30])
    assert after.positives == 0 < before.positives
    last = last_target(view, CUT)
    people = np.flatnonzero(last >= 0)
    again = module._baselines(view, last[people], 30)
    assert (
        again["base_rate"][0]
        == module._baselines(view_until(quiet, CUT, target=("purchase",)), last[people], 30)["base_rate"][0]
    )


def test_one_class_only_is_no_crash(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    quiet = log.where((log.time < CUT) | (log.behaviour == 1))
    (found,) = evaluate_propensity(quiet, view, Given(chance), [30])
    plain = found.to_json()
    assert plain["model"]["auroc"] == {"mean": None, "interval": None, "n": found.n}
    schema = json.loads((Path(regard.evaluation.__file__).parents[1] / "schemas" / "evaluate.json").read_text("utf-8"))
    jsonschema.validate([plain], {"$defs": schema["$defs"], **schema["properties"]["propensity"]})


@pytest.mark.parametrize("wrong", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_is_refused(shop: tuple[Log, View, dict[str, float]], wrong: float) -> None:
    log, view, chance = shop
    with pytest.raises(ModelError, match="not one probability"):
        evaluate_propensity(log, view, Given(dict.fromkeys(chance, wrong)), [30])


def test_a_young_shop_has_no_baseline_to_learn(make_log: Callable[..., Log]) -> None:
    log = make_log([[("a", 5, 0), ("a", 12, 0)], [("a", 6, 0), ("a", 40, 1)]])
    view = view_until(log, 10 * DAY, target=("purchase",))
    (found,) = evaluate_propensity(log, view, Given({"c0": 0.5, "c1": 0.5}), [30])
    assert found.baselines == {}
    assert found.verdict.outcome == "alone"


def test_without_a_clock_there_are_no_days(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    with pytest.raises(RegardError, match="clock"):
        evaluate_propensity(log, replace(view, cut=None), Given(chance), [30])


def test_a_sample_is_drawn_with_a_seed_and_says_of_how_many(shop: tuple[Log, View, dict[str, float]]) -> None:
    log, view, chance = shop
    (every,) = evaluate_propensity(log, view, Given(chance), [30])
    (some,) = evaluate_propensity(log, view, Given(chance), [30], customers=60, seed=1)
    (again,) = evaluate_propensity(log, view, Given(chance), [30], customers=60, seed=1)
    (other,) = evaluate_propensity(log, view, Given(chance), [30], customers=60, seed=2)
    assert (every.n, every.of, some.n, some.of) == (every.of, every.of, 60, every.of)
    assert some.to_json() == again.to_json() != other.to_json()
    assert (some.verdict.outcome, every.verdict.outcome) == ("small", "better")
