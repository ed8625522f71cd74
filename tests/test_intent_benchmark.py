"""The intent benchmark divides customers, asks only what is known by the cut, and says when counting would have been enough."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import intent
from benchmarks.intent import MODEL, SHUFFLED, TIMELESS, Asked

from regard.sequences.log import DAY, Log


class Counting:
    """The chance is a share of how much was done lately; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Log, np.ndarray]] = []

    def facts(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        self.asked.append((queries, asof))
        late = queries.time >= asof[queries.owner] - 7 * DAY
        return np.bincount(queries.owner[late], minlength=len(queries))

    def chances(self, late: np.ndarray, days: np.ndarray) -> np.ndarray:
        return (late / (1 + late))[:, None]

    view_items, behaviours = None, ()

    def propensity(self, queries: Log, asof: np.ndarray, days: np.ndarray) -> np.ndarray:
        return self.chances(self.facts(queries, asof), days)


def test_half_the_customers_teach_and_the_others_are_asked(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    model = Counting()
    monkeypatch.setattr(intent, "fit_horizon", lambda view, **how: seen.append(view) or model)
    wish = argparse.Namespace(shop=str(shop_folder), horizon=7, cuts=2, seeds=1, encoder_budget=0.0)
    result = intent.measured(wish)
    assert result["horizon_days"] == 7 and len(result["cuts"]) == 2 and result["cuts"][0] > result["cuts"][1]
    queries, asof = model.asked[0]
    assert not set(seen[0].log.customers.names(np.flatnonzero(seen[0].log.lengths))) & set(
        queries.customers.ids.to_pylist()
    )
    assert (queries.time < asof[queries.owner]).all() and (seen[0].log.time < seen[0].cut).all()
    assert {MODEL, SHUFFLED, TIMELESS, "events", "recency"} <= set(result["rows"])
    assert result["best_baseline"] not in (MODEL, SHUFFLED, TIMELESS)
    assert "counting would have been enough" in intent.table(result) or "order and time are used" in intent.table(
        result
    )


def test_counting_is_enough_where_nothing_is_lost_without_order_or_time() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(400) < 0.3
    good, noise = labels + rng.normal(0, 0.5, 400), rng.normal(0, 1, 400)

    def found(shuffled: np.ndarray, timeless: np.ndarray) -> dict:
        rows = {MODEL: good, SHUFFLED: shuffled, TIMELESS: timeless, "events": noise}
        return intent.compared([Asked(labels=labels, rows=rows, chances=frozenset())] * 2)

    assert found(good, noise)["counting_is_enough"] and found(noise, good)["counting_is_enough"]
    told = found(noise, noise)
    assert not told["counting_is_enough"]
    assert told["best_baseline"] == "events" and told["differences"]["events"]["interval"][0] > 0


def test_times_removed_leave_the_order_and_no_recency(draw_log) -> None:
    log = draw_log(customers=9, seed=4)
    cut = int(log.time.max()) + 1
    even = intent.evenly(log, cut)
    assert np.array_equal(even.item, log.item)
    for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True):
        gaps = np.diff(even.time[a:b])
        assert (gaps >= 0).all() and (len(gaps) == 0 or gaps.max() - gaps.min() <= 1)
    assert (even.time < cut).all()


@pytest.mark.parametrize(("word", "days"), [("1d", 1), ("7", 7)])
def test_horizons_are_days(word: str, days: int) -> None:
    assert intent._days(word) == days
    with pytest.raises(argparse.ArgumentTypeError):
        intent._days("0d")


def test_the_encoder_is_asked_where_it_has_a_budget(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Counting):
        def propensity(self, queries: Log, asof: np.ndarray, days: np.ndarray) -> np.ndarray:
            return np.full((len(queries), 1), 0.5, np.float32)

    monkeypatch.setattr(intent, "fit_horizon", lambda view, **how: Counting())
    monkeypatch.setattr(intent, "_encoder", lambda view, seed, budget: Blind().propensity)
    wish = argparse.Namespace(shop=str(shop_folder), horizon=7, cuts=1, seeds=1, encoder_budget=2.0)
    result = intent.measured(wish)
    assert result["rows"]["encoder"]["auroc"]["mean"] == 0.5 and result["best_baseline"] != "encoder"
    assert result["command"].endswith("--seeds 1 --encoder-budget 2")
