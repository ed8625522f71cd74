"""A complete model: the head of orders, churn and spend lies beside the encoder, and where there is none the card says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from regard.model.runtime import load
from regard.sequences.attributes import attributes_of
from regard.sequences.log import DAY
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.training import complete, horizon, horizon_lessons
from regard.training.card import write_card
from regard.training.complete import fit_complete
from regard.training.horizon_fit import Recipe

ViewOf = Callable[..., View]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few moments and steps: what is told need not be good."""
    monkeypatch.setattr(horizon_lessons, "CUTS", 4)
    monkeypatch.setattr(horizon_lessons, "LEAST_LESSONS", 40)
    monkeypatch.setattr(horizon, "Recipe", lambda **how: Recipe(**{"steps": 20, "members": 1, "width": 4, **how}))
    rules = {
        name: Recipe(columns=rule.columns, width=0, members=1, steps=20, prior=False)
        for name, rule in horizon.RULES.items()
    }
    monkeypatch.setattr(horizon, "RULES", rules)


@pytest.fixture
def view(draw_log: Callable[..., Any]) -> View:
    log = draw_log(customers=80, visits=10)
    return view_until(log, int(log.time.max()) + DAY, target=("purchase",))


def test_the_head_is_saved_with_the_model_and_its_card_tells_what_the_rehearsal_found(
    view: View, tmp_path: Path
) -> None:
    fit_complete(view, folder=tmp_path, steps=3, seed=1)
    model = load(tmp_path)
    assert model.horizon is not None
    asof = np.full(len(view.log), int(view.log.time.max()))
    told = model.horizon.predict(view.log, asof, np.array([30.0, 90.0]))
    buyers = np.bincount(view.log.owner[view.log.is_behaviour(("purchase",))], minlength=len(view.log)) > 0
    assert np.isfinite(told.p_order).any() and np.isnan(told.p_order[~buyers]).all()
    rows = model.card["horizon"]
    assert [row["answer"] for row in rows] == ["churn", "orders", "spend"]
    assert {row["given_by"] for row in rows} <= {"model", *horizon.RULES}
    page = (tmp_path / "card.md").read_text()
    assert "## Churn, orders and spend ahead" in page and "churn_auroc model" in page


def test_what_is_known_beside_the_events_is_told_in_the_card_and_asked_for_again(
    view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizon, "_pays", lambda *_: True)
    monkeypatch.setattr(horizon, "_chosen", lambda *_: "model")
    known = pa.table({"customer": view.log.customers.ids, "tier": [n % 7 for n in range(len(view.log))]})
    about = attributes_of(declared=known)
    fit_complete(view, folder=tmp_path, steps=3, seed=1, about=about)
    assert "beside their events, columns: 1 of what they declared" in (tmp_path / "card.md").read_text()
    asof, told = np.full(len(view.log), int(view.log.time.max())), []
    for source in (about, None):
        model = load(tmp_path)
        model.about = source
        assert model.horizon is not None and model.card["beside"][0]["about"]["used"] is True
        told.append(model.horizon.predict(view.log, asof, np.array([30.0])).p_order)
    assert not np.array_equal(*told, equal_nan=True)
    np.testing.assert_array_equal(*map(np.isfinite, told))


def test_the_encoder_is_the_one_that_is_trained_alone(view: View, tmp_path: Path) -> None:
    fit_complete(view, folder=tmp_path / "both", steps=3, seed=1)
    from regard.training import fit

    fit(view, folder=tmp_path / "alone", steps=3, seed=1)
    one, other = (load(tmp_path / name).item_vectors for name in ("both", "alone"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("clock", "days", "budget", "why"),
    [
        ("order", 400, None, "events with times"),
        ("clock", 400, 20.0, "leaves no time"),
        ("clock", 3, None, "too short"),
    ],
)
def test_where_no_head_can_be_made_the_model_is_one_without_and_says_why(
    draw_log: Callable[..., Any], tmp_path: Path, clock: str, days: int, budget: float | None, why: str
) -> None:
    log = draw_log(customers=80, visits=10, clock=clock)
    if clock == "clock":
        log = log.where(log.time < log.time.min() + days * DAY)
    view = view_until(log, int(log.time.max()) + DAY if clock == "clock" else None, target=("purchase",))
    head, (told,) = complete._ahead(view, 0, budget, complete.Silent())
    assert head is None and why in told["missing"]


def test_the_card_names_the_rules_that_are_better() -> None:
    row = {
        "answer": "spend", "given_by": "rfm", "better_than_model": ["rfm"], "counting_is_enough": True, "cut": 0,
        "days": 90, "customers": 500, "heads": {"model": dict.fromkeys(("spend_gini", "spend_decile_mape", "spend_bias"), 0.5)},
    }  # fmt: skip
    facts = FACTS | {"horizon": [row]}
    page = write_card(facts)
    assert "spend: a simpler rule is better than the model (rfm); rfm answers; counting alone" in page
    assert "None in this model: too short." in write_card(FACTS | {"horizon": [{"missing": "too short"}]})
    assert "ahead" not in write_card(FACTS)


FACTS: dict[str, Any] = {
    "trained_at": "2026-01-01", "version": "1", "seconds": 1.0, "hardware": "cpu", "device": "cpu", "steps": 3, "epochs": 1.0,
    "seed": 0, "threads": 1, "precision": "fp32", "validation": None, "curve": [], "covisits": 0.0, "settings": {},
    "calibration": {"slope": 1.0, "intercept": 0.0},
    "data": {"events": 1, "customers": 1, "items": 1, "clock": "clock", "behaviours": [], "target": [], "questions": 1,
             "cut": None, "features": 0},
}  # fmt: skip
