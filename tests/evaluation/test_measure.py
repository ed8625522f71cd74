from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from regard.errors import ModelError
from regard.evaluation import measure as module
from regard.evaluation.baselines import OwnFrequency, Popularity
from regard.evaluation.measure import measure, sample
from regard.sequences.log import Log
from regard.sequences.view import Split


@dataclass
class Fixed:
    """A scorer that says the same whatever it is asked."""

    row: list[float]
    name: str = "fixed"

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        return np.tile(np.array(self.row, np.float32), (len(queries), 1))


def test_hand_worked_split(make_log: Callable[..., Log], make_split: Callable[..., Split]) -> None:
    log = make_log([[("a", 0, 0)], [("b", 0, 0)]], items="abcd")
    split = make_split(log, [[1], [0, 3]])
    found = measure(split, Fixed([4, 3, 2, 1]), k=2)
    assert [row.tolist() for row in found.places] == [[2], [1, 4]]
    assert found.metrics["recall_at_2"].tolist() == [1, 0.5]
    assert found.metrics["hr_at_2"].tolist() == [1, 1]
    assert found.metrics["ndcg_at_2"] == pytest.approx([1 / np.log2(3), 1 / (1 + 1 / np.log2(3))])
    assert found.top.tolist() == [[0, 1], [0, 1]]


def test_masks_and_merchandise_leave_the_list(make_log: Callable[..., Log], make_split: Callable[..., Split]) -> None:
    log = make_log([[("a", 0, 0)]], items="abcd")
    log = replace(log, merchandise=np.array([True, False, True, True]))
    split = make_split(log, [[2]])
    assert measure(split, Fixed([4, 3, 2, 1]), k=2).top.tolist() == [[0, 2]]
    assert measure(split, Fixed([4, 3, 2, 1]), k=2, mask="seen").top.tolist() == [[2, 3]]


def test_block_size_changes_nothing(shop: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = OwnFrequency().fit(shop.view)
    whole = measure(shop, scorer, mask="target")
    monkeypatch.setattr(module, "CELLS", 60)
    blocks = measure(shop, scorer, mask="target")
    assert np.array_equal(whole.places.values, blocks.places.values)
    assert np.array_equal(whole.top, blocks.top)


def test_never_more_than_a_block_is_scored(shop: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS", 200)
    asked: list[int] = []

    class Watched(Fixed):
        def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
            asked.append(len(queries))
            return super().score(queries, asof)

    measure(shop, Watched([0.0] * 20))
    assert max(asked) == 10
    assert sum(asked) == len(shop)


def test_a_scorer_of_another_catalogue_is_refused(shop: Split) -> None:
    with pytest.raises(ModelError, match="fit it on the view"):
        measure(shop, Fixed([1.0, 2.0]))


def test_nobody_asked(shop: Split) -> None:
    empty = module.part(shop, np.empty(0, np.int64))
    assert measure(empty, Popularity().fit(shop.view)).metrics["ndcg_at_10"].shape == (0,)


def test_a_sample_is_spread_and_stable(shop: Split) -> None:
    few = sample(shop, 10)
    assert len(few) == len(few.targets) == len(few.queries) == 10
    assert few.queries.customers.ids.to_pylist() == sample(shop, 10).queries.customers.ids.to_pylist()
    assert sample(shop, 1_000) is shop


def test_a_sample_may_be_drawn_at_random(shop: Split) -> None:
    drawn = [sample(shop, 10, seed=seed).queries.customers.ids.to_pylist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 10
