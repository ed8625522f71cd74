"""Fitting: the same input gives the same weights, the budget holds, and what cannot be learned from is said."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from regard.errors import ModelError, RegardError, UsageError
from regard.model.network import Network
from regard.model.runtime import load
from regard.sequences.split import leave_one_out, time_split, view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.training import checkpoint, fit, fitting, trial
from regard.training.setup import set_up
from regard.training.sizing import Plan

ViewOf = Callable[..., View]


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_file(folder / "weights.safetensors"))


def same(one: Path, two: Path) -> bool:
    first, second = weights(one), weights(two)
    return set(first) == set(second) and all(np.array_equal(first[name], second[name]) for name in first)


class Clock:
    """Time passes only while the network works: a second a step, a tenth for an answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.steps = 0.0, 0
        forward = Network.forward

        def slow(network: Network, tensors: Any) -> Any:
            self.now += 1.0 if network.training else 0.1
            self.steps += network.training
            return forward(network, tensors)

        monkeypatch.setattr(Network, "forward", slow)
        for room in ("fitting", "loop", "trial"):
            monkeypatch.setattr(f"regard.training.{room}.time", self)

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.mark.parametrize("clock", ["clock", "order", "none"])
def test_the_same_seed_and_steps_give_the_same_weights(view_of: ViewOf, tmp_path: Path, clock: str) -> None:
    view = view_of(customers=20, clock=clock)
    for name, seed, steps in (("one", 3, 4), ("two", 3, 4), ("seed", 4, 4), ("longer", 3, 5)):
        fit(view, folder=tmp_path / name, steps=steps, seed=seed)
    assert same(tmp_path / "one", tmp_path / "two")
    assert not same(tmp_path / "one", tmp_path / "seed") and not same(tmp_path / "one", tmp_path / "longer")


@pytest.mark.parametrize("clock", ["clock", "order"])
def test_the_steps_of_a_budget_run_repeat_it(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    Clock(monkeypatch)
    view = view_of(clock=clock)
    told = fit(view, folder=tmp_path / "budget", budget_seconds=50)
    again = fit(view, folder=tmp_path / "steps", steps=told.steps)
    assert told.validation is not None and again.steps == told.steps
    assert same(tmp_path / "budget", tmp_path / "steps")
    assert told.facts["calibration"] == again.facts["calibration"]
    assert told.steps in [row["step"] for row in told.facts["curve"]]


def test_the_budget_holds_where_a_slice_is_held_back(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, view = Clock(monkeypatch), view_of()
    for budget in (25, 70):
        begun = clock.now
        fit(view, folder=tmp_path / str(budget), budget_seconds=budget)
        assert clock.now - begun <= budget * 1.05


def test_the_budget_holds_where_looking_takes_long(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, plain = Clock(monkeypatch), trial.look

    def slow(*args: Any) -> Any:
        clock.now += 30.0
        return plain(*args)

    monkeypatch.setattr(trial, "look", slow)
    fit(view_of(), folder=tmp_path / "model", budget_seconds=200)
    assert clock.now <= 200


def test_a_kind_that_there_is_not_is_refused(view_of: ViewOf, tmp_path: Path) -> None:
    for view, kind in ((view_of(), "held-out"), (view_of(clock="order"), "time")):
        with pytest.raises(UsageError, match=kind):
            fit(view, folder=tmp_path / "model", steps=1, kind=kind)  # type: ignore[arg-type]
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({}, ("time", "none")), ({"kind": "leave-one-out", "mask": "seen"}, ("leave-one-out", "seen"))],
)
def test_the_slice_is_held_back_as_the_caller_asks(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], expected: tuple[str, str]
) -> None:
    held, plain = [], fitting.hold_back
    monkeypatch.setattr(fitting, "hold_back", lambda *args, **how: held.append(plain(*args, **how)) or held[-1])
    fit(view_of(), folder=tmp_path / "model", steps=1, **asked)
    assert [(each.split.kind, each.split.mask) for each in held] == [expected]


def test_items_begin_beside_those_they_are_wanted_with(view_of: ViewOf) -> None:
    view = view_of(clock="order")
    world = (
        view.log.owner % 2
    )  # every second customer wants items of one half of the catalogue, the others of the other
    half = len(view.log.items) // 2
    item = world * half + np.random.default_rng(0).integers(half, size=view.log.events)
    setup = set_up(replace(view, log=replace(view.log, item=item.astype(np.int32))))
    table = setup.loop(0).network.items.id.weight.detach().numpy()
    sold, own = np.flatnonzero(view.log.merchandise), np.arange(len(table)) // half
    like = (table @ table.T)[np.ix_(sold, sold)]
    together = own[sold][:, None] == own[sold]
    assert like[together & ~np.eye(len(sold), dtype=bool)].min() > like[~together].max()


def test_the_budget_holds_where_an_epoch_is_longer(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.training.setup.plan_training", lambda view: Plan(tokens=25))
    clock, view = Clock(monkeypatch), view_of()
    told = fit(view, folder=tmp_path / "model", budget_seconds=60)
    assert told.facts["epochs"] < 0.5 and 30 < clock.now <= 63


def test_the_budget_holds_where_nothing_can_be_held_back(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "DEFAULT_EPOCHS", 1_000)
    clock, view = Clock(monkeypatch), view_of(customers=20)
    told = fit(view, folder=tmp_path / "model", budget_seconds=50)
    assert told.validation is None and told.steps >= 20 and clock.now <= 50
    monkeypatch.setattr(fitting, "DEFAULT_EPOCHS", 2)
    few = fit(view, folder=tmp_path / "few", budget_seconds=1_000)
    assert few.facts["epochs"] == 2


def test_the_callers_questions_choose_the_weights(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    log = view_of(customers=60, clock="order").log
    test, validation = (leave_one_out(log, target=("purchase",), part=part) for part in ("test", "validation"))
    told = fit(test.view, folder=tmp_path / "model", validation=validation, budget_seconds=35)
    best = max(told.facts["curve"], key=lambda row: row["ndcg"])
    assert told.validation == best["ndcg"] and told.steps == best["step"]
    again = fit(test.view, folder=tmp_path / "again", validation=validation, steps=told.steps)
    assert same(tmp_path / "model", tmp_path / "again") and again.validation == told.validation
    few = replace(
        validation,
        queries=validation.queries.take(np.arange(4)),
        asof=validation.asof[:4],
        targets=validation.targets.take(np.arange(4)),
    )
    with pytest.raises(RegardError, match="only 4 validation questions"):
        fit(test.view, folder=tmp_path / "few", validation=few, steps=1)


@pytest.mark.parametrize("clock", ["clock", "order", "none"])
@pytest.mark.parametrize("how", [{"customers": 0}, {"customers": 3, "visits": 1}, {"customers": 1, "visits": 0}])
def test_where_nobody_came_back_it_says_so(view_of: ViewOf, tmp_path: Path, clock: str, how: dict[str, int]) -> None:
    with pytest.raises(RegardError, match="nobody came back") as caught:
        fit(view_of(clock=clock, **how), folder=tmp_path, steps=2)
    assert caught.value.hint


@pytest.mark.parametrize("clock", ["clock", "order", "none"])
def test_one_customer_is_enough_to_learn_from(view_of: ViewOf, tmp_path: Path, clock: str) -> None:
    view = view_of(customers=1, seed=1, clock=clock)
    assert len(view.log) == 1 and view.log.events > 8
    fit(view, folder=tmp_path, budget_seconds=2)
    scores = load(tmp_path).score(view.log, np.array([10**10]))
    assert np.isfinite(scores[:, view.log.merchandise]).all()


def test_training_warns_of_nothing(view_of: ViewOf, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(view_of(), folder=tmp_path, steps=3)
    assert capfd.readouterr().err == ""


def test_what_comes_after_the_cut_changes_no_weight(view_of: ViewOf, tmp_path: Path) -> None:
    log = view_of(customers=40).log
    cut = int(np.quantile(log.time, 0.7))
    late = log.time >= cut
    tampered = replace(
        log,
        item=np.where(late, 0, log.item).astype(np.int32),
        behaviour=np.where(late, 2, log.behaviour).astype(np.int16),
        quantity=np.where(late, 5, log.quantity).astype(np.float32),
    )
    shorter = log.where(~late)
    for name, one in (("log", log), ("tampered", tampered), ("shorter", shorter)):
        fit(time_split(one, target=("purchase",), cut=cut).view, folder=tmp_path / name, steps=4)
    assert same(tmp_path / "log", tmp_path / "tampered") and same(tmp_path / "log", tmp_path / "shorter")


def test_more_steps_learn_more(view_of: ViewOf, tmp_path: Path) -> None:
    short, long = (fit(view_of(clock="order"), folder=tmp_path / str(steps), steps=steps) for steps in (1, 40))
    assert short.validation is not None and long.validation is not None
    assert long.validation > max(0.45, short.validation)  # at random among 12 items: about .38


def test_a_card_and_its_figures_are_written(view_of: ViewOf, tmp_path: Path) -> None:
    view = view_of()
    told = fit(view, folder=tmp_path, steps=3, seed=5)
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "`--steps 3`" in card and "seed 5" in card and f"{view.log.events:,} events" in card
    assert f"NDCG@10 {told.validation:.4f}" in card
    facts = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert facts["steps"] == 3 and facts["data"]["items"] == len(view.log.items) and facts["settings"]["width"]
    assert not (tmp_path / "checkpoint").exists()
    fit(view_of(customers=20), folder=tmp_path / "small", steps=2)
    assert "too few customers to hold anything back" in (tmp_path / "small" / "card.md").read_text(encoding="utf-8")


class Steps:
    """A Progress that remembers where the final pass began."""

    def __init__(self) -> None:
        self.what, self.began_at = "", -1.0

    def start(self, what: str, total: float | None = None) -> None:
        self.what = what

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        if self.what == "training" and self.began_at < 0:
            self.began_at = amount

    def finish(self, note: str = "") -> None:
        self.what = ""


def interrupt(view: View, folder: Path, monkeypatch: pytest.MonkeyPatch, *, after: int, **how: Any) -> None:
    """A fit that is stopped by a fault when it has written so many checkpoints."""
    keep, seen = checkpoint.keep, [0]

    def stop(*args: Any) -> None:
        keep(*args)
        seen[0] += 1
        if seen[0] == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "keep", stop)
        fit(view, folder=folder, **how)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_fit_goes_on_where_it_was_stopped(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    view, progress = view_of(customers=150 if after == 4 else 20), Steps()
    whole = fit(view, folder=tmp_path / "whole", steps=20)
    interrupt(view, tmp_path / "cut", monkeypatch, after=after, steps=20)
    told = fit(view, folder=tmp_path / "cut", steps=20, resume=True, progress=progress)
    assert progress.began_at == 2 * after
    assert same(tmp_path / "whole", tmp_path / "cut")
    assert told.facts["calibration"] == whole.facts["calibration"] and told.validation == whole.validation


@pytest.mark.parametrize("change", ["seed", "steps", "basket", "quantity", "content", "not asked to"])
def test_a_checkpoint_of_another_job_is_ignored(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    view = view_of(customers=20)
    interrupt(view, tmp_path / "cut", monkeypatch, after=3, steps=10)
    how: dict[str, Any] = {"steps": 10, "seed": 0, "resume": change != "not asked to"}
    log = view.log
    if change in ("seed", "steps"):
        how[change] += 1
    if change == "basket":
        view = replace(view, log=replace(log, basket=np.maximum(log.basket - 1, 0)))
    if change == "quantity":
        view = replace(view, log=replace(log, quantity=log.quantity + 1))
    if change == "content":
        from regard.sequences.ragged import Ragged
        from regard.sequences.view import Content

        view = replace(
            view, content=Content(("x",), Ragged.of([[0] if code % 2 else [] for code in range(len(log.items))]))
        )
    progress = Steps()
    fit(view, folder=tmp_path / "cut", progress=progress, **how)
    fit(view, folder=tmp_path / "fresh", steps=how["steps"], seed=how["seed"])
    assert progress.began_at == 0 and same(tmp_path / "cut", tmp_path / "fresh")


@pytest.mark.parametrize("name", ["a.safetensors", "a.json", "last"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_torn_checkpoint_is_none(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    view = view_of(customers=20)
    interrupt(view, tmp_path, monkeypatch, after=1, steps=4)
    assert checkpoint.read(tmp_path / "checkpoint") is not None
    (tmp_path / "checkpoint" / name).write_bytes(content)
    assert checkpoint.read(tmp_path / "checkpoint") is None


def test_new_names_change_no_weight(view_of: ViewOf, tmp_path: Path) -> None:
    view = view_of(customers=20)
    log = view.log
    other = replace(
        log,
        items=Vocabulary([f"杯子{n}" for n in range(len(log.items))]),
        customers=Vocabulary([f"x{n}" for n in range(len(log))]),
    )
    for name, one in (("one", log), ("two", other)):
        fit(view_until(one, view.cut, target=view.target), folder=tmp_path / name, steps=2)
    assert same(tmp_path / "one", tmp_path / "two")


def test_a_full_disk_is_one_clear_line_and_keeps_the_checkpoint(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("regard.training.fitting.save", full)
    with pytest.raises(ModelError, match="No space left on device"):
        fit(view_of(), folder=tmp_path, steps=3)
    assert (tmp_path / "checkpoint").is_dir()
