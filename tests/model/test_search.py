"""The search finds what a plain sort of all exact scores finds, whatever the items, the filter and the estimates' errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.model.runtime.search import (
    CODES,
    OUT,
    QUERY_CODES,
    STRIPE,
    Catalogue,
    Questions,
    Rounded,
    best,
    log_total,
)


def case(seed: int, V: int, D: int, C: int, kind: str) -> tuple[Catalogue, dict[str, np.ndarray], np.ndarray]:
    """A catalogue, a question without its estimate, and which items are merchandise."""
    random = np.random.default_rng(seed)
    few = kind == "ties"
    items = random.integers(-1, 2, (V, D)) if few else random.standard_normal((V, D)) * random.exponential(1, (V, 1))
    counts = random.integers(0, 2, (V, C)) if few else random.exponential(1, (V, C))
    if kind == "zeros":
        items, counts = np.zeros((V, D)), np.zeros((V, C))
    merchandise = random.random(V) < 0.8
    catalogue = Catalogue(items.astype(np.float32), counts.astype(np.float32), merchandise)
    extra = np.zeros(catalogue.places, dtype=np.float32)
    touched = random.integers(0, V, 5)
    extra[touched] = random.integers(0, 3, 5) if few else random.standard_normal(5)
    state = random.integers(-2, 3, D) if few else random.standard_normal(D)
    share = np.append(random.standard_normal(C - 1), 1)
    return (
        catalogue,
        {"state": state.astype(np.float32), "share": share.astype(np.float32), "extra": extra},
        merchandise,
    )


def by_products(catalogue: Catalogue, asked: dict[str, np.ndarray]) -> np.ndarray:
    """Estimates by float32 products."""
    out = np.empty((1, catalogue.places), dtype=np.float32)
    catalogue.estimate(asked["state"][None], asked["share"][None], out)
    return out[0] + asked["extra"]


def by_codes(catalogue: Catalogue, asked: dict[str, np.ndarray], rounded: Rounded) -> np.ndarray:
    """Estimates by int8 products, as the graph makes them."""
    worth = max(np.abs(asked["state"]).max(), np.float32(1e-30)) / np.float32(QUERY_CODES)
    codes = np.rint(asked["state"] / worth).astype(np.int32)
    product = (codes @ rounded.codes.astype(np.int32)).astype(np.float32) * rounded.scale * worth
    return product + asked["share"] @ catalogue.counts + asked["extra"]


def asked_of(asked: dict[str, np.ndarray], estimate: np.ndarray) -> Questions:
    """One question."""
    return Questions(estimate=estimate[None].astype(np.float32), **{name: array[None] for name, array in asked.items()})


def exactly(catalogue: Catalogue, asked: dict[str, np.ndarray] | Questions, items: np.ndarray) -> np.ndarray:
    question = asked if isinstance(asked, Questions) else asked_of(asked, np.empty(0))
    return catalogue.exact(question, np.zeros(len(items), dtype=np.int64), items)


def sort(
    catalogue: Catalogue, asked: dict[str, np.ndarray] | Questions, candidates: np.ndarray, n: int
) -> tuple[Any, Any]:
    """The reference: score everything exactly, sort, lower codes first among equals."""
    scores = exactly(catalogue, asked, candidates)
    order = np.argsort(-scores, kind="stable")[:n]
    return candidates[order], scores[order]


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10_000), V=st.integers(1, 700), D=st.integers(1, 9), C=st.integers(1, 3), n=st.integers(1, 40),
    kind=st.sampled_from(["any", "ties", "zeros"]), open_share=st.sampled_from([0.0, 0.02, 0.5, 1.0]), codes=st.booleans(),
    shifted=st.booleans(),
)  # fmt: skip
def test_the_best_are_those_of_a_plain_sort(
    seed: int, V: int, D: int, C: int, n: int, kind: str, open_share: float, codes: bool, shifted: bool
) -> None:
    catalogue, asked, merchandise = case(seed, V, D, C, kind)
    rounded = Rounded(catalogue.items, catalogue.places) if codes else None
    estimate = by_products(catalogue, asked) if rounded is None else by_codes(catalogue, asked, rounded)
    closed = np.random.default_rng(seed + 1).random(V) >= open_share
    shift = np.random.default_rng(seed + 2).choice([-7.0, 0.0, 0.7], catalogue.places).astype(np.float32)
    question = replace(asked_of(asked, estimate + shift), shift=shift) if shifted else asked_of(asked, estimate)
    question.estimate[0, :V][closed] = OUT
    places, scores = best(catalogue, question, n, rounded)
    wanted, values = sort(catalogue, question, np.flatnonzero(merchandise & ~closed), n)
    np.testing.assert_array_equal(places[0], np.append(wanted, np.full(n - len(wanted), -1)))
    np.testing.assert_array_equal(scores[0], np.append(values, np.full(n - len(values), -np.inf)))


@pytest.mark.parametrize("seed", range(20))
def test_no_estimate_is_further_out_than_it_is_said_to_be(seed: int) -> None:
    catalogue, asked, merchandise = case(seed, 500, 16, 3, "any")
    rounded = Rounded(catalogue.items, catalogue.places)
    items = np.flatnonzero(merchandise)
    exact = exactly(catalogue, asked, items)
    rounding = catalogue.rounding(asked_of(asked, np.empty(0)))[0]
    bound = np.tensordot(rounded.out_by(asked["state"][None])[0], rounded.far, axes=1).ravel()[items] + rounding
    out = np.abs(by_codes(catalogue, asked, rounded)[items] - exact)
    assert (out <= bound).all() and (out > bound / 100).any()
    assert (np.abs(by_products(catalogue, asked)[items] - exact) <= rounding).all()
    assert np.abs(rounded.codes).max() <= CODES and len(catalogue.items) < catalogue.places
    assert catalogue.places % STRIPE == 0


def test_estimates_as_wrong_as_they_may_be_mislead_nobody() -> None:
    catalogue, asked, _ = case(0, 1_000, 8, 2, "any")
    rounded = Rounded(catalogue.items, catalogue.places)
    exact = exactly(catalogue, asked, np.arange(1_000))
    bound = np.tensordot(rounded.out_by(asked["state"][None])[0], rounded.far, axes=1).ravel()[:1_000]
    estimate = np.full(catalogue.places, OUT)
    estimate[:1_000] = np.where(exact > np.sort(exact)[-20], exact - bound, exact + bound)
    candidates = np.flatnonzero(exact > OUT / 2)
    estimate[:1_000][exact <= OUT / 2] = OUT
    for n in (1, 5, 30):
        places, _ = best(catalogue, asked_of(asked, estimate), n, rounded)
        np.testing.assert_array_equal(places[0], sort(catalogue, asked, candidates, n)[0])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("V", [1, 40, 5_000])
def test_the_total_is_the_log_of_a_sum(seed: int, V: int) -> None:
    catalogue, asked, merchandise = case(seed, V, 16, 3, "any")
    rounded = Rounded(catalogue.items, catalogue.places)
    exact = exactly(catalogue, asked, np.flatnonzero(merchandise))
    if len(exact):
        estimate = by_codes(catalogue, asked, rounded)
        total = log_total(catalogue, asked_of(asked, estimate), np.empty((1, len(estimate)), dtype=np.float32))[0]
        assert total == pytest.approx(np.log(np.exp(exact).sum()), abs=0.002)


@pytest.mark.parametrize("n", [1, 7])
def test_several_questions_at_once_are_answered_as_each_alone(n: int) -> None:
    catalogue = case(0, 900, 8, 2, "any")[0]
    rounded, alone, questions = Rounded(catalogue.items, catalogue.places), [], []
    for seed in range(5):
        asked = case(seed, 900, 8, 2, "ties" if seed % 2 else "any")[1]
        estimate = by_codes(catalogue, asked, rounded)
        estimate[: 100 * seed] = OUT
        if seed == 4:
            estimate[:896] = OUT  # fewer candidates than are wanted
        questions.append(asked_of(asked, estimate))
        alone.append(best(catalogue, questions[-1], n, rounded))
    together = Questions(
        **{
            name: np.concatenate([vars(one)[name] for one in questions])
            for name in ("state", "share", "extra", "estimate")
        }
    )
    places, scores = best(catalogue, together, n, rounded)
    np.testing.assert_array_equal(places, np.concatenate([one[0] for one in alone]))
    np.testing.assert_array_equal(scores, np.concatenate([one[1] for one in alone]))
    room = np.empty_like(together.estimate)
    totals = [log_total(catalogue, one, room[:1])[0] for one in questions]
    np.testing.assert_allclose(log_total(catalogue, together, room), totals, rtol=1e-5)
