from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regard.errors import RegardError
from regard.evaluation.baselines import (
    Ease,
    LastItem,
    NearestCustomers,
    OwnDecayed,
    OwnFrequency,
    Popularity,
    RecentPopularity,
    SequentialNeighbours,
    choose,
    ease,
    fit_all,
    standard,
)
from regard.evaluation.baselines.history import past
from regard.evaluation.measure import measure
from regard.sequences.log import DAY, Log
from regard.sequences.split import leave_one_out
from regard.sequences.view import Split, View
from regard.sequences.vocabulary import Vocabulary

MakeLog = Callable[..., Log]
MakeView = Callable[..., View]


def _scores(method: object, view: View, queries: Log | None = None) -> np.ndarray:
    queries = view.log if queries is None else queries
    return method.fit(view).score(queries, np.full(len(queries), view.cut or 0, np.int64))  # type: ignore[attr-defined,no-any-return]


def test_history_counts_each_item_once_a_basket_and_leaves_refunds_out(make_log: MakeLog) -> None:
    log = make_log([[("a", 0, 0), ("a", 0, 0), ("b", 2, 0), ("c", 3, 2)], [("", 0, 1), ("d", 5, 1)]])
    seen = past(log)
    assert seen.owner.tolist() == [0, 0, 1]
    assert seen.item.tolist() == [0, 1, 3]
    assert seen.basket.tolist() == [0, 1, 2]
    assert seen.back.tolist() == [1, 0, 0]
    assert past(log, ("purchase",)).item.tolist() == [0, 1]
    assert len(past(make_log([[], []])).item) == 0


def test_popularity_counts_target_events(make_log: MakeLog, make_view: MakeView) -> None:
    view = make_view(make_log([[("a", 0, 0), ("b", 1, 1)], [("a", 0, 0), ("c", 3, 0)]], items="abc"))
    assert _scores(Popularity(), view).tolist() == [[2, 0, 1]] * 2


def test_recent_popularity_looks_at_the_last_days_only(make_log: MakeLog, make_view: MakeView) -> None:
    view = make_view(make_log([[("a", 0, 0), ("a", 1, 0), ("b", 50, 0)]], items="abc"))
    a, b, c = _scores(RecentPopularity(days=30), view)[0]
    assert b > a > c == 0
    assert a < 0.5


def test_recent_popularity_where_only_order_is_known(make_log: MakeLog, make_view: MakeView) -> None:
    history = [("a", number, 0) for number in range(19)] + [("b", 19, 0)]
    view = make_view(make_log([history, [("b", 0, 0)]], items="ab", clock="order"))
    scores = _scores(RecentPopularity(), view)[0]
    assert scores == pytest.approx([1, 2], abs=0.01)  # the newest tenth of 20 events is two, of one event that one


def test_own_frequency_and_ties_by_popularity(make_log: MakeLog, make_view: MakeView) -> None:
    log = make_log(
        [[("a", 0, 0), ("b", 1, 0), ("b", 2, 0), ("c", 3, 1)], [("c", 0, 0)] * 2 + [("c", 1, 0)]], items="abcd"
    )
    scores = _scores(OwnFrequency(), make_view(log))[0]
    assert np.argsort(-scores).tolist() == [1, 0, 2, 3]
    assert scores[1] - scores[0] == pytest.approx(1, abs=0.3)


def test_own_decayed_weighs_a_basket_nine_tenths_of_the_next(make_log: MakeLog, make_view: MakeView) -> None:
    # other behaviours between two baskets do not move them apart
    log = make_log([[("a", 0, 0), ("c", 1, 1), ("b", 2, 0), ("a", 7, 0)]], items="abc")
    scores = _scores(OwnDecayed(popularity=0.0), make_view(log))[0]
    assert scores == pytest.approx([1 + 0.81, 0.9, 0])
    every = _scores(OwnDecayed(popularity=0.0, every=True), make_view(log))[0]
    assert every == pytest.approx([1 + 0.729, 0.9, 0.81])


def test_own_baselines_read_the_histories_they_are_given(make_log: MakeLog, make_view: MakeView) -> None:
    view = make_view(make_log([[("a", 0, 0)]], items="ab"))
    queries = make_log([[("a", 0, 0), ("b", 1, 0), ("b", 2, 0)]], items="ab")
    assert np.argmax(_scores(OwnFrequency(), view, queries)[0]) == 1
    assert np.argmax(_scores(OwnDecayed(), view, queries)[0]) == 1


def test_last_item_covisit_by_hand(make_log: MakeLog, make_view: MakeView) -> None:
    log = make_log([[("a", 0, 0), ("b", 1, 0)], [("a", 0, 0), ("b", 0, 0)], [("a", 0, 0), ("c", 1, 0)]], items="abc")
    asked = make_log([[("c", 0, 0), ("a", 1, 0)]], items="abc")
    assert _scores(LastItem(), make_view(log), asked)[0] == pytest.approx([0, 2 / 3, 1 / 3])


def _slow_sequential(histories: list[list[tuple[str, int, int]]], asked: list[tuple[str, int, int]]) -> np.ndarray:
    """The definition written out: pairs by loops over positions."""
    items, weight, count = "abcdefgh", np.zeros((8, 8)), np.zeros(8)
    for history in histories:
        for p, first in enumerate(history):
            count[items.index(first[0])] += 1
            for q, second in enumerate(history[p + 1 : p + 11], p + 1):
                a, b = items.index(first[0]), items.index(second[0])
                weight[a, b] += 1 / (q - p)
                weight[b, a] += 0.5 / (q - p)
    scores = np.zeros(8)
    for d, event in enumerate(reversed(asked[-20:])):
        a = items.index(event[0])
        scores += 0.6**d * weight[a] / max(count[a], 1)
    return scores / np.maximum(count, 1) ** 0.2


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_sequential_knn_agrees_with_its_definition(
    make_log: MakeLog, make_view: MakeView, density: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.evaluation.baselines.sequential._DENSE", density)
    random = np.random.default_rng(0)
    histories = [
        [("abcdefgh"[random.integers(8)], basket, 0) for basket in range(random.integers(1, 30))] for _ in range(12)
    ]
    log = make_log(histories, clock="order")
    scores = _scores(SequentialNeighbours(), make_view(log))
    for row, asked in enumerate(histories):
        assert scores[row] == pytest.approx(_slow_sequential(histories, asked), rel=1e-4)


def test_lines_of_one_basket_make_no_pair(make_log: MakeLog, make_view: MakeView) -> None:
    log = make_log([[("a", 0, 0), ("b", 0, 0), ("c", 1, 0)]], items="abc")
    weight = SequentialNeighbours().fit(make_view(log)).weight
    table = weight if isinstance(weight, np.ndarray) else weight.toarray()
    assert table.tolist() == [[0, 0, 1], [0, 0, 1], [0.5, 0.5, 0]]


def test_nearest_customers_pass_on_what_they_bought_and_nobody_is_their_own_neighbour(
    make_log: MakeLog, make_view: MakeView
) -> None:
    log = make_log([[("a", 5, 0)], [("a", 0, 0), ("b", 5, 0)], [("c", 0, 0), ("d", 5, 0)]], items="abcd")
    view = make_view(log)
    scores = _scores(NearestCustomers(own=0.5), view)
    assert scores[0, 1] > 0
    assert scores[0, 2] == scores[0, 3] == 0
    alone = _scores(NearestCustomers(own=0.0), view)[2]
    assert alone.tolist() == [0, 0, 0, 0]  # nobody else has c or d
    stranger = replace(log.take(np.array([2])), customers=Vocabulary(["new"]))
    assert _scores(NearestCustomers(own=0.0), view, stranger)[0, 3] > 0


def test_neighbours_recent_purchases_weigh_more(make_log: MakeLog, make_view: MakeView) -> None:
    log = make_log([[("a", 60, 0)], [("b", 0, 0), ("a", 30, 0), ("c", 60, 0)]], items="abc")
    scores = _scores(NearestCustomers(own=0.0, half_life=30), make_view(log))[0]
    assert scores[2] / scores[1] == pytest.approx(4, rel=1e-4)


def test_ease_agrees_with_the_closed_form(make_log: MakeLog, make_view: MakeView) -> None:
    random = np.random.default_rng(1)
    log = make_log([[("abcdefgh"[item], 0, 0) for item in random.choice(8, 3)] for _ in range(60)])
    had = np.zeros((60, 8))
    had[log.owner, log.item] = 1
    inverse = np.linalg.inv(had.T @ had + 10 * np.eye(8))
    weight = -inverse / np.diag(inverse)
    np.fill_diagonal(weight, 0)
    assert _scores(Ease(strength=10.0), make_view(log)) == pytest.approx(had @ weight, rel=1e-3, abs=1e-5)


def test_ease_refuses_what_would_not_fit(
    make_log: MakeLog, make_view: MakeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = make_view(make_log([[("a", 0, 0)]]))
    monkeypatch.setattr(ease, "MOST_ITEMS", 3)
    with pytest.raises(RegardError, match="at most 3 items"):
        Ease().fit(view)


@pytest.mark.parametrize("clock", ["clock", "order", "none"])
def test_every_baseline_scores_any_history(make_log: MakeLog, make_view: MakeView, clock: str) -> None:
    log = make_log([[("a", 0, 0), ("b", 1, 1)], [], [("c", 0, 2), ("", 1, 1)]], clock=clock)
    log = replace(log, time=np.zeros_like(log.time)) if clock == "none" else log
    view = make_view(log)
    for method in standard(view):
        for setting in method.grid(view):
            scores = setting.fit(view).score(log, np.zeros(3, np.int64))
            assert scores.shape == (3, 8)
            assert scores.dtype == np.float32
            assert np.all(np.isfinite(scores))
            assert setting.fit(view).name == method.name


def test_a_shop_without_a_single_event(make_log: MakeLog, make_view: MakeView) -> None:
    view = make_view(make_log([]))
    for method in standard(view):
        assert method.fit(view).score(view.log, np.empty(0, np.int64)).shape == (0, 8)


def test_other_behaviours_are_tried_only_where_there_are_any(make_log: MakeLog, make_view: MakeView) -> None:
    bought = make_view(make_log([[("a", 0, 0), ("b", 1, 2)]]))
    viewed = make_view(make_log([[("a", 0, 0), ("b", 1, 1)]]))
    assert {setting.every for setting in OwnDecayed().grid(bought)} == {False}
    assert {setting.every for setting in OwnDecayed().grid(viewed)} == {False, True}


def test_the_choice_is_the_best_on_validation(shop: Split) -> None:
    chosen = choose(OwnDecayed(), shop)
    by_hand = {
        setting: measure(shop, setting.fit(shop.view)).metrics["ndcg_at_10"].mean()
        for setting in OwnDecayed().grid(shop.view)
    }
    assert by_hand[chosen] == max(by_hand.values())
    assert choose(Popularity(), shop) == Popularity()


def test_all_are_fitted_on_the_view_and_keep_their_names(shop: Split) -> None:
    fitted = fit_all(standard(shop.view), shop.view, shop)
    names = [scorer.name for scorer in fitted]
    assert len(set(names)) == len(names) == 8
    assert measure(shop, fitted[2]).metrics["ndcg_at_10"].mean() > measure(shop, fitted[0]).metrics["ndcg_at_10"].mean()


def test_scores_do_not_depend_on_who_else_is_asked(shop: Split) -> None:
    for scorer in fit_all(standard(shop.view), shop.view):
        all_at_once = scorer.score(shop.queries, shop.asof)
        alone = scorer.score(shop.queries.take(np.array([17])), shop.asof[:1])
        assert alone[0] == pytest.approx(all_at_once[17], rel=1e-5, abs=1e-6), scorer.name


@pytest.mark.data
def test_sequential_knn_on_amazon_beauty() -> None:
    folder = os.environ.get("REGARD_DATA")
    path = Path(folder or "") / "amazon-beauty" / "sequences.txt"
    if not folder or not path.exists():
        pytest.skip("needs amazon-beauty/sequences.txt in REGARD_DATA")
    rows = [line.split()[1:] for line in path.read_text(encoding="utf-8").splitlines()]
    names = Vocabulary(sorted({item for row in rows for item in row}))
    offsets = np.append(0, np.cumsum([len(row) for row in rows])).astype(np.int64)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    unknown = np.full(len(place), np.nan, np.float32)
    log = Log(
        customers=Vocabulary([str(number) for number in range(len(rows))]), items=names, behaviours=("purchase",),
        offsets=offsets, item=names.codes(item for row in rows for item in row).astype(np.int32),
        behaviour=np.zeros(len(place), np.int16), time=place.astype(np.int64), basket=place.astype(np.int32),
        quantity=unknown, value=unknown, merchandise=np.ones(len(names), bool), clock="order",
    )  # fmt: skip
    split = leave_one_out(log, target=("purchase",))
    found = measure(split, SequentialNeighbours().fit(split.view)).metrics
    assert found["hr_at_10"].mean() == pytest.approx(0.0789, abs=0.0005)
    assert found["ndcg_at_10"].mean() == pytest.approx(0.0499, abs=0.0005)


def test_the_cut_is_where_recent_begins(make_log: MakeLog, make_view: MakeView) -> None:
    view = make_view(make_log([[("a", 0, 0)]], items="ab"))
    later = replace(view, cut=90 * DAY)
    assert _scores(RecentPopularity(days=30), view)[0, 0] > 1
    assert _scores(RecentPopularity(days=30), later)[0, 0] < 0.01
