from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import regard.evaluation
from regard.errors import UsageError
from regard.evaluation.baselines import fit_all, standard
from regard.evaluation.edit import edit_queries, remove_time
from regard.evaluation.evaluate import Evaluation, evaluate
from regard.evaluation.measure import part
from regard.evaluation.robustness import robustness
from regard.sequences.log import Log
from regard.sequences.view import Split

SCHEMA = json.loads((Path(regard.evaluation.__file__).parents[1] / "schemas" / "evaluate.json").read_text("utf-8"))


@dataclass
class Knowing:
    """Knows the answers, up to noise: gives the model any quality one likes."""

    split: Split
    noise: float
    name: str = "model"
    seed: int = 0

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        rows = self.split.queries.customers.codes(queries.customers.ids.to_pylist())
        scores = np.random.default_rng([self.seed, int(rows[0])]).normal(0, self.noise, (len(queries), 20))
        for place, row in enumerate(rows):
            wanted = self.split.targets[int(row)]
            scores[place, wanted[wanted >= 0]] += 1
        return scores.astype(np.float32)


def _valid(evaluation: Evaluation, language: str = "en") -> dict[str, Any]:
    found = json.loads(json.dumps(evaluation.to_json(language), allow_nan=False))
    jsonschema.validate(found, SCHEMA)
    return found  # type: ignore[no-any-return]


def test_a_better_model_is_called_better(shop: Split) -> None:
    baselines = fit_all(standard(shop.view), shop.view)
    found = _valid(evaluate(shop, Knowing(shop, 0.1), baselines))
    assert found["verdict"]["outcome"] == "better"
    assert "beats the best baseline" in found["verdict"]["words"]
    low, _ = found["verdict"]["difference"]["ndcg_at_10"]["interval"]
    assert low > 0
    best = found["verdict"]["best_baseline"]
    means = {name: table["ndcg_at_10"]["mean"] for name, table in found["baselines"].items()}
    assert means[best] == max(means.values())
    assert len(means) == 8
    ours = found["model"]["ndcg_at_10"]["mean"]
    assert found["verdict"]["difference"]["ndcg_at_10"]["mean"] == pytest.approx(ours - means[best])
    assert found["split"] == {
        "kind": "time", "cut": "1970-03-03T00:00:00Z", "days": 30, "mask": "none", "hash": "0" * 16, "customers": 300,
    }  # fmt: skip
    assert found["model"]["coverage_at_10"]["interval"] is None


def test_a_worse_model_is_called_worse(shop: Split) -> None:
    found = _valid(evaluate(shop, Knowing(shop, 100.0), fit_all(standard(shop.view), shop.view)))
    assert found["verdict"]["outcome"] == "worse"
    assert "lies below zero" in found["verdict"]["words"]


def test_an_interval_with_zero_in_it_is_no_difference(shop: Split) -> None:
    model, twin = Knowing(shop, 0.5), Knowing(shop, 0.5, name="twin", seed=1)
    found = _valid(evaluate(shop, model, [twin]))
    assert found["verdict"]["outcome"] == "open"
    assert "contains zero" in found["verdict"]["words"]


def test_a_small_shop_is_told_what_cannot_be_claimed(shop: Split) -> None:
    few = part(shop, np.arange(30))
    evaluation = evaluate(few, Knowing(few, 0.1), fit_all(standard(few.view), few.view))
    found = _valid(evaluation)
    assert found["verdict"]["outcome"] == "small"
    assert "30 could be tested" in found["verdict"]["words"]
    assert "cannot be claimed" in found["verdict"]["words"]
    assert found["slices"] == []
    assert "不能声称" in _valid(evaluation, "zh")["verdict"]["words"]


def test_no_test_basket_at_all(shop: Split) -> None:
    nobody = part(shop, np.empty(0, np.int64))
    found = _valid(evaluate(nobody, Knowing(shop, 0.1), fit_all(standard(shop.view), shop.view)))
    assert found["verdict"]["outcome"] == "nobody"
    assert found["model"]["ndcg_at_10"] == {"mean": None, "interval": None, "n": 0}


def test_without_baselines_nothing_is_claimed(shop: Split) -> None:
    found = _valid(evaluate(shop, Knowing(shop, 0.1)))
    assert found["verdict"]["outcome"] == "alone"
    assert found["verdict"]["best_baseline"] is None


def test_several_seeds_have_a_spread(shop: Split) -> None:
    seeds = [Knowing(shop, 0.5, seed=seed) for seed in range(3)]
    found = evaluate(shop, seeds, fit_all(standard(shop.view), shop.view))
    _valid(found)
    singles = [evaluate(shop, seed).model["ndcg_at_10"].mean for seed in seeds]
    assert found.model["ndcg_at_10"].mean == pytest.approx(np.mean(singles))
    assert found.model["ndcg_at_10"].sd == pytest.approx(np.std(singles, ddof=1))
    assert found.model["coverage_at_10"].sd is not None


def test_k_and_mask_are_said(shop: Split) -> None:
    found = _valid(evaluate(shop, Knowing(shop, 0.1), k=3, mask="seen"))
    assert found["split"]["mask"] == "seen"
    assert set(found["model"]) == {
        f"{name}_at_3" for name in ("ndcg", "hr", "recall", "mrr", "map", "novelty", "coverage")
    }
    assert found["model"]["ndcg_at_3"]["mean"] < 0.5  # most answers are repeats, which are masked


@pytest.mark.parametrize("wrong", [{"k": 0}, {"mask": "all"}])
def test_wrong_words_are_refused(shop: Split, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        evaluate(shop, Knowing(shop, 0.1), **wrong)


def test_two_baselines_of_one_name_are_refused(shop: Split) -> None:
    with pytest.raises(UsageError):
        evaluate(shop, Knowing(shop, 0.1), [Knowing(shop, 1.0), Knowing(shop, 2.0)])


def test_slices_are_worst_first_and_large_enough(shop: Split) -> None:
    found = evaluate(shop, Knowing(shop, 0.7), fit_all(standard(shop.view), shop.view)).slices
    means = [one.model["ndcg_at_10"].mean for one in found]
    assert means == sorted(means)
    assert all(one.n >= 50 for one in found)
    assert {one.by for one in found} == {"history_length", "item_age", "item_popularity", "last_behaviour"}
    by_length = [one for one in found if one.by == "history_length"]
    assert sum(one.n for one in by_length) <= len(shop)
    assert all(one.difference["ndcg_at_10"].n == one.n for one in found)


def test_item_slices_count_only_their_own_targets(
    make_log: Callable[..., Log], make_split: Callable[..., Split]
) -> None:
    from regard.evaluation.measure import measure
    from regard.evaluation.slices import slice_up

    log = make_log([[("a", 0, 0), ("b", 60, 0)], [("a", 0, 0), ("b", 60, 0)]], items="ab")
    split = make_split(log, [[0, 1], [1, -1]])
    ranked = measure(split, Knowing2([2.0, 1.0]), k=1)
    found = {(one.by, one.label): one for one in slice_up(split, ranked, None, enough=1)}
    assert found["item_age", "0-29"].model["hr_at_1"].mean == 0  # b, second for both
    assert found["item_age", "30-89"].model["hr_at_1"].mean == 1  # a, wanted by the first
    assert found["item_age", "30-89"].n == 1
    assert found["item_age", "never_seen"].model["hr_at_1"].mean == 0
    assert found["item_age", "never_seen"].difference == {}


@dataclass
class Knowing2:
    """The same scores for everyone."""

    row: list[float]
    name: str = "fixed"

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        return np.tile(np.array(self.row, np.float32), (len(queries), 1))


def test_robustness_measures_the_damage(shop: Split) -> None:
    scorer = fit_all(standard(shop.view), shop.view)[2]
    dropped, shuffled = robustness(shop, scorer, share=0.5)
    jsonschema.validate(
        {**evaluate(shop, scorer).to_json(), "robustness": [dropped.to_json(), shuffled.to_json()]}, SCHEMA
    )
    _, high = dropped.difference["ndcg_at_10"].interval or (0, 0)
    assert high < 0  # own frequency needs every event
    assert shuffled.difference["ndcg_at_10"].mean == pytest.approx(0)  # and no order at all
    untouched = evaluate(shop, scorer).model["ndcg_at_10"].mean
    assert dropped.model["ndcg_at_10"].mean - dropped.difference["ndcg_at_10"].mean == pytest.approx(untouched)


def test_a_split_without_a_clock_has_no_cut(shop: Split) -> None:
    from regard.evaluation.edit import ablate

    timeless = ablate(shop, remove_time)
    assert evaluate(timeless, Knowing(shop, 0.1)).split["cut"] is None
    assert edit_queries(shop, remove_time).queries.clock == "order"
