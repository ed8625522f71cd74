"""The trial: what it holds back it never shows, and it stops when it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regard.sequences.log import DAY
from regard.sequences.ragged import Ragged
from regard.sequences.view import View
from regard.training import trial as room
from regard.training.calibrate import Calibration
from regard.training.loop import Answered, Tally
from regard.training.setup import set_up
from regard.training.trial import MOST_EPOCHS, STALE_LOOKS, hold_back, look, run_trial

ViewOf = Callable[..., View]


def test_nothing_of_the_slice_is_in_the_trials_view(view_of: ViewOf) -> None:
    view = view_of()
    held = hold_back(view)
    assert held is not None and held.days is not None and view.cut is not None
    cut = held.split.view.cut
    assert cut is not None and cut < view.cut and held.split.view.log.time.max() < cut
    assert held.split.queries.time.max() < cut and held.others.time.max() < cut
    assert held.split.view.log.events == (view.log.time < cut).sum() < view.log.events
    assert len(held.split) >= room.LEAST_ASKED


def test_asked_and_calibrated_on_are_different_customers_with_true_labels(view_of: ViewOf) -> None:
    view = view_of()
    held = hold_back(view)
    assert held is not None and held.days is not None and held.split.view.cut is not None
    asked, others = (set(log.customers.ids.to_pylist()) for log in (held.split.queries, held.others))
    assert asked and others and not asked & others
    start, log = held.split.view.cut, view.log
    for name, happened in zip(held.others.customers.ids.to_pylist(), held.happened, strict=True):
        own = log.owner == log.customers.code(name)
        wanted = own & view.targets & (log.time >= start) & (log.time < start + held.days * DAY)
        assert happened == wanted.any()
    assert 0 < held.happened.mean() < 1


def test_a_slice_that_asks_too_few_is_doubled_up_to_a_quarter_of_the_view(
    view_of: ViewOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of()
    monkeypatch.setattr("regard.training.trial.ENOUGH_ASKED", 1)
    usual = hold_back(view)
    assert usual is not None and usual.days is not None
    monkeypatch.setattr("regard.training.trial.ENOUGH_ASKED", len(usual.split) + 1)
    wider = hold_back(view)
    assert wider is not None and wider.days == 2 * usual.days and len(wider.split) > len(usual.split)
    monkeypatch.setattr("regard.training.trial.ENOUGH_ASKED", 10**9)
    widest = hold_back(view)
    assert view.cut is not None and widest is not None and widest.days is not None
    span = (view.cut - int(view.log.time.min())) / DAY
    assert widest.days <= span / 4 < 2 * widest.days


def test_some_customers_last_wishes_are_held_back_where_that_is_how_it_will_be_asked(view_of: ViewOf) -> None:
    view = view_of()
    held = hold_back(view, kind="leave-one-out")
    assert held is not None and held.split.kind == "leave-one-out" and held.days is None and held.hidden is not None
    known, queries = held.split.view.log, held.split.queries
    assert held.split.view.cut == view.cut and 0 < len(queries) <= 0.5 * len(known) + 1
    assert (held.split.asof == queries.time[queries.offsets[1:] - 1]).all()
    was = view.log.lengths[view.log.customers.codes(known.customers.ids.to_pylist())]
    assert np.array_equal(known.lengths < was, held.hidden) and held.hidden.sum() == len(queries)
    assert set(known.customers.names(np.flatnonzero(held.hidden))) == set(queries.customers.ids.to_pylist())


def test_of_whom_wishes_are_held_back_nobody_learns_that_they_wanted_nothing(view_of: ViewOf) -> None:
    view = view_of()
    held = hold_back(view, kind="leave-one-out")
    assert held is not None and held.hidden is not None
    data = set_up(held.split.view, hidden=held.hidden).data
    of_hidden = held.hidden[data.questions.customer]
    assert of_hidden.any() and not data.gap[of_hidden].any() and data.gap[~of_hidden].any()
    assert data.weight[of_hidden].any()  # what they wanted before is still learnt


def test_without_a_clock_the_last_two_wishes_are_held_back(view_of: ViewOf) -> None:
    view = view_of(clock="order")
    held = hold_back(view)
    assert held is not None and held.days is None and len(held.others) == 0
    names = held.split.queries.customers.ids.to_pylist()
    assert (held.split.queries.lengths < view.log.lengths[view.log.customers.codes(names)]).all()
    assert held.split.view.log.events < view.log.events


@pytest.mark.parametrize("clock", ["clock", "order"])
@pytest.mark.parametrize("customers", [0, 1, 4])
def test_too_few_customers_tell_nothing(view_of: ViewOf, clock: str, customers: int) -> None:
    view = view_of(customers=customers, clock=clock)
    assert view.log.events == 0 or hold_back(view) is None


def test_a_look_finds_the_weight_of_the_covisits_that_answers_best(view_of: ViewOf) -> None:
    held = hold_back(view_of())
    assert held is not None
    count, items = len(held.split), len(held.split.view.log.items)
    wanted = np.array([targets[0] for targets in held.split.targets])
    split = replace(held.split, mask="none", targets=Ragged.of([[int(item)] for item in wanted]))

    class Knowing:
        """Either its scores or its co-visits are right; the others speak louder for a wrong item."""

        def __init__(self, *, right: str) -> None:
            best, other = np.zeros((2, count, items), dtype=np.float32)
            best[np.arange(count), wanted] = 1
            other[np.arange(count), (wanted + 1) % items] = 1.5
            scores, covisits = (best, other) if right == "scores" else (other, best)
            told = np.zeros(count, np.float32)
            self.answered = Answered(rows=np.arange(count), scores=scores, covisits=covisits, told=told)

        def answer(self, *_: Any, **__: Any) -> list[Answered]:
            return [self.answered]

    figure, weight = look(Knowing(right="scores"), split)  # type: ignore[arg-type]
    assert figure == 1 and weight * 1.5 < 1
    figure, weight = look(Knowing(right="covisits"), split)  # type: ignore[arg-type]
    assert figure == 1 and weight > 1.5


class Fake:
    """A loop that only counts, and whose figures are given."""

    def __init__(self, figures: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        self.step, self.average, self.figures = 0, {}, iter(figures)
        monkeypatch.setattr(room, "look", lambda loop, split: (next(self.figures), self.step / 10))
        monkeypatch.setattr(room, "_calibration", lambda loop, held: Calibration(slope=float(self.step)))

    def run(self, steps: int, *, tick: Callable[[int], None]) -> Tally:
        self.step += steps
        return Tally(steps=steps, seconds=float(steps), loss=1.0)


def run(loop: Any, **how: Any) -> room.Trial:
    given: dict[str, Any] = {
        "steps_per_epoch": 10,
        "steps": None,
        "most": None,
        "spent": lambda step, tally, looking: False,
        "tick": lambda events: None,
    }
    held: Any = type("Held", (), {"split": None})
    return run_trial(loop, held, **{**given, **how})


def test_it_stops_when_it_gets_no_better_and_keeps_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Fake([0.1, 0.3, 0.2, 0.4, *[0.3] * 20], monkeypatch)
    found = run(loop)
    assert (found.steps, found.best, found.calibration.slope, found.covisits) == (20, 0.4, 20.0, 2.0)
    assert loop.step == 20 + 5 * STALE_LOOKS and len(found.curve) == 4 + STALE_LOOKS


def test_it_stops_when_the_budget_is_spent_or_the_epochs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rising = np.linspace(0, 1, 1_000).tolist()
    loop = Fake(rising, monkeypatch)
    assert run(loop, spent=lambda step, tally, looking: step >= 25).steps == loop.step == 25
    assert run(Fake(rising, monkeypatch)).steps == MOST_EPOCHS * 10
    assert run(Fake(rising, monkeypatch), most=2, spent=lambda step, tally, looking: True).steps == 2
    assert run(Fake(rising, monkeypatch), most=0, spent=lambda step, tally, looking: True).steps == 1


def test_exact_steps_are_taken_exactly_and_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(Fake([0.1], monkeypatch), steps=7)
    assert (found.steps, len(found.curve)) == (7, 1)
