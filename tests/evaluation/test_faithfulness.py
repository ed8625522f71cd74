from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import regard.evaluation
from regard.evaluation.faithfulness import FEWEST, STEPS, faithfulness
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

WEIGHT = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 0.5, 0.25, 0.125])


@dataclass
class Additive:
    """The logit of every item is the sum of the weights of the events: the true effect of each is known."""

    name: str = "additive"

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        total = np.bincount(queries.owner, weights=WEIGHT[queries.item], minlength=len(queries))
        return np.tile(total[:, None], (1, len(queries.items))).astype(np.float32)


@dataclass
class Ordered:
    """Names events by weight (sign 1), the least first (-1), or the latest first (0)."""

    sign: int

    def explain(self, queries: Log, asof: np.ndarray, item: np.ndarray) -> Ragged:
        rows = []
        for q in range(len(queries)):
            weight = WEIGHT[queries.item[queries.offsets[q] : queries.offsets[q + 1]]]
            latest = np.arange(len(weight))[::-1]
            rows.append(latest if self.sign == 0 else latest[np.argsort(-self.sign * weight[latest], kind="stable")])
        return Ragged.of(rows)


@pytest.fixture
def queries(make_log: Callable[..., Log]) -> Log:
    random = np.random.default_rng(0)
    histories = [[("abcdefgh"[random.integers(8)], place, 0) for place in range(15)] for _ in range(40)]
    return make_log([*histories, [("a", 0, 0)] * (FEWEST - 1)])


def test_the_true_order_beats_recency_and_chance(queries: Log) -> None:
    everyone, more = faithfulness(queries, np.zeros(41, np.int64), Additive(), Ordered(1))
    assert everyone.n == 40  # the short history is left out
    assert more.n <= 40
    for other in ("recency", "random"):
        low, _ = everyone.difference[other].interval or (0, 0)
        assert low > 0
    schema = json.loads((Path(regard.evaluation.__file__).parents[1] / "schemas" / "evaluate.json").read_text("utf-8"))
    rows = {"$defs": schema["$defs"], **schema["properties"]["faithfulness"]}
    jsonschema.validate([everyone.to_json(), more.to_json()], rows)


def test_areas_are_what_the_weights_say(make_log: Callable[..., Log]) -> None:
    log = make_log([[("abcdefghaa"[place], place, 0) for place in range(10)]] * 2)
    everyone, _ = faithfulness(log, np.zeros(2, np.int64), Additive(), Ordered(1), item=np.array([0, 3]))
    explained, recency, _ = everyone.curves
    assert [step.mean for step in explained.drop] == pytest.approx([8, 12, 14, 15, 15.5])
    assert [step.mean for step in recency.drop] == pytest.approx([0, 0, 0.125, 0.375, 0.875])
    assert explained.area.mean == pytest.approx(np.mean([8, 12, 14, 15, 15.5]))
    assert everyone.difference["recency"].mean == pytest.approx(explained.area.mean - recency.area.mean)
    assert len(explained.drop) == STEPS


def test_naming_the_latest_says_no_more_than_recency(queries: Log) -> None:
    everyone, more = faithfulness(queries, np.zeros(41, np.int64), Additive(), Ordered(0))
    assert everyone.difference["recency"].mean == 0
    assert more.n == 0
    assert more.difference["recency"].interval is None


def test_the_wrong_order_is_found_out(queries: Log) -> None:
    everyone, _ = faithfulness(queries, np.zeros(41, np.int64), Additive(), Ordered(-1))
    assert (everyone.difference["random"].interval or (0, 0))[1] < 0


def test_nobody_has_enough_events(make_log: Callable[..., Log]) -> None:
    everyone, more = faithfulness(make_log([[("a", 0, 0)]]), np.zeros(1, np.int64), Additive(), Ordered(1))
    assert everyone.n == more.n == 0
    assert everyone.to_json()["curves"]["explained"]["area"]["mean"] is None
