"""The session head: it finds what carts say, is silent where nothing runs, and is kept with the model."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from regard.errors import ModelError, RegardError
from regard.model.runtime.session import SessionModel
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.training.session import fit_session

START, HOUR = 1_600_000_000, 3_600


def shop(customers: int = 150, *, sessions: int = 8, seed: int = 0) -> Log:
    """Sessions of three looks; half of them put something into the cart, and of these six in ten end with an order, else one in twenty."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(customers):
        for number in range(sessions):
            began = number * 30 * HOUR + int(rng.integers(0, 5 * HOUR))
            cart = rng.random() < 0.5
            deeds = [0, 0, 0, *([1] if cart else []), *([2] if rng.random() < (0.6 if cart else 0.05) else [])]
            rows += [(person, began + 60 * place, deed) for place, deed in enumerate(deeds)]
    owner, time, deed = (np.array(column) for column in zip(*rows, strict=True))
    offsets = np.searchsorted(owner, np.arange(customers + 1)).astype(np.int64)
    count = len(owner)
    return Log(
        customers=Vocabulary([f"c{person}" for person in range(customers)]), items=Vocabulary(["thing"]),
        behaviours=("view_item", "add_to_cart", "purchase"), offsets=offsets, item=np.zeros(count, np.int32),
        behaviour=deed.astype(np.int16), time=START + time.astype(np.int64),
        basket=(np.arange(count) - offsets[owner]).astype(np.int32), quantity=np.ones(count, np.float32),
        value=np.ones(count, np.float32), merchandise=np.ones(1, np.bool_),
    )  # fmt: skip


@pytest.fixture(scope="module")
def view() -> View:
    log = shop(customers=600)
    return view_until(log, int(log.time.max()) + 1, target=("purchase",))


@pytest.fixture(scope="module")
def model(view: View) -> SessionModel:
    return fit_session(view, gap_minutes=30)


def after(log: Log, deeds: int) -> Log:
    """Histories that end with so many deeds of the last session."""
    place = np.arange(log.events) - np.repeat(log.offsets[:-1], log.lengths)
    begin = np.maximum.accumulate(np.where(np.diff(log.time, prepend=-HOUR) > 1_800, np.arange(log.events), 0))
    begin = np.maximum(begin, log.offsets[log.owner])
    last = begin[log.offsets[1:] - 1]
    return log.where(place + log.offsets[log.owner] < last[log.owner] + deeds)


def test_a_cart_says_what_it_says_and_the_chances_come_true(model: SessionModel) -> None:
    fresh = shop(seed=7)
    asked = after(fresh, 4)
    ends = asked.offsets[1:] - 1
    cart = asked.behaviour[ends] == 1
    told = model.chances(asked, asked.time[ends])
    assert np.all((told > 0) & (told < 1))
    came = fresh.behaviour[fresh.offsets[1:] - 1] == 2
    assert abs(told[cart].mean() - came[cart].mean()) < 0.12 and told[cart].mean() > 0.45
    looks = after(fresh, 3)
    early = model.chances(looks, looks.time[looks.offsets[1:] - 1])
    assert abs(early.mean() - came.mean()) < 0.08 and early.max() < told[cart].min()
    silent = model.chances(looks, looks.time[looks.offsets[1:] - 1] + 900)  # deeds of a session lie a minute apart
    assert silent.max() < early.min() and silent.mean() < 0.1
    assert model.report["auroc"] > 0.55 and model.report["ece"] < 0.08
    assert model.report["log_loss"] < model.report["baselines"]["base_rate"]["log_loss"]


def test_where_no_session_runs_nothing_is_said_and_later_events_are_not_read(model: SessionModel) -> None:
    log = shop(customers=20, seed=3)
    ends = log.time[log.offsets[1:] - 1]
    assert np.isnan(model.chances(log, ends + 1_801)).all()
    assert np.isfinite(model.chances(log, ends + 1_800)).all()
    nobody = log.where(log.owner % 2 == 0)
    assert (np.isnan(model.chances(nobody, ends)) == (np.arange(20) % 2 == 1)).all()
    short = after(log, 2)
    moment = short.time[short.offsets[1:] - 1]
    np.testing.assert_array_equal(model.chances(log, moment), model.chances(short, moment))


def test_what_is_saved_answers_alike_and_half_of_it_is_refused(model: SessionModel) -> None:
    log = shop(customers=20, seed=3)
    ends = log.time[log.offsets[1:] - 1]
    again = SessionModel.restore(model.settings)
    np.testing.assert_array_equal(again.chances(log, ends), model.chances(log, ends))
    for broken in ({"weights": []}, {"gap": None}, {"columns": 3}):
        with pytest.raises(ModelError, match="not whole"):
            SessionModel.restore({**model.settings, **broken})


def test_a_shop_without_a_behaviour_is_asked_all_the_same(model: SessionModel) -> None:
    log = shop(customers=10)
    looks = replace(log, behaviours=("view_item", "like", "purchase"))
    assert np.isfinite(model.chances(looks, log.time[log.offsets[1:] - 1])).all()


def test_what_is_never_known_is_no_column_and_warns_nobody() -> None:
    log = shop(customers=900, sessions=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_session(view_until(log, None, target=("purchase",)), gap_minutes=30)
    assert "days_since_session" not in found.columns and "days_since_order" in found.columns
    assert np.isfinite([*found.weights, *found.center, found.report["auroc"]]).all()


def test_nothing_is_asked_in_the_midst_of_a_second() -> None:
    log = shop(customers=600)
    days = replace(log, time=log.time // DAY * DAY, basket=np.arange(log.events, dtype=np.int32))
    with pytest.raises(RegardError, match="too few sessions"):
        fit_session(view_until(days, None, target=("purchase",)), gap_minutes=30)


def test_what_cannot_be_learned_is_said(view: View) -> None:
    with pytest.raises(RegardError, match="too few sessions"):
        fit_session(replace(view, log=view.log.where(view.log.owner < 5)), gap_minutes=30)
    alone = view_until(shop(customers=1, sessions=400), None, target=("purchase",))
    with pytest.raises(RegardError, match="too few sessions"):  # of whom nobody is left to judge by
        fit_session(alone, gap_minutes=30)
    with pytest.raises(RegardError, match="times"):
        fit_session(replace(view, log=replace(view.log, clock="order")), gap_minutes=30)
