"""Steps that read a sample of the catalogue: what they touch, and that nothing is lost by touching no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary
from regard.training import checkpoint, fit
from regard.training.data import Data
from regard.training.loop import TABLES, Loop
from regard.training.rows import Rows
from regard.training.setup import set_up
from regard.training.sizing import FULL_ITEMS, NEGATIVES, plan_training

ViewOf = Callable[..., View]


class Tables(nn.Module):
    """A table of vectors and one of numbers, V rows each."""

    def __init__(self, V: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(V, 4))
        self.number = nn.Parameter(torch.zeros(V))

    def optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def average(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in self.named_parameters()}


def test_rows_come_out_as_from_passes_over_the_whole_table() -> None:
    """Rows rarely read, some for longer than their moments last, against AdamW and an average over all rows in every step."""
    torch.manual_seed(0)
    V = 60
    whole, few = Tables(V), Tables(V)
    few.load_state_dict(whole.state_dict())
    passes, kept = whole.optimiser(), few.optimiser()
    averages, held = whole.average(), few.average()
    step = 0
    for steps in (30, 70, 900):
        rows = Rows(dict(few.named_parameters()), held, kept, steps=steps)
        for _ in range(steps):
            step, chosen = step + 1, torch.randperm(V - 2 * (step % 50 > 0))[: 1 + step % 5].sort().values
            rate, keep = 3e-3 * min(1, step / 50), min(0.99, (1 + step) / (10 + step))
            leaves = rows.take(chosen)
            for name, table in whole.named_parameters():
                torch.testing.assert_close(leaves[name].detach(), table.detach()[chosen], rtol=0, atol=1e-5)
                table.grad = torch.zeros_like(table)
                table.grad[chosen] = leaves[name].grad = torch.randn(leaves[name].shape) * 10 ** torch.randn(())
            passes.param_groups[0]["lr"] = rate
            passes.step()
            for name, table in whole.named_parameters():
                averages[name].lerp_(table.detach(), 1 - keep)
            rows.put(rate=rate, keep=keep)
        rows.settle()
        for name, table in whole.named_parameters():
            mine = few.get_parameter(name)
            torch.testing.assert_close(mine, table, rtol=0, atol=2e-5)
            torch.testing.assert_close(held[name], averages[name], rtol=0, atol=2e-5)
            for moment in ("step", "exp_avg", "exp_avg_sq"):
                torch.testing.assert_close(kept.state[mine][moment], passes.state[table][moment], rtol=1e-4, atol=1e-5)


def view_with_content(view_of: ViewOf, **how: Any) -> View:
    view = view_of(**how)
    bags = [[code % 3, 3] if code % 4 else [] for code in range(len(view.log.items))]
    sold = np.arange(len(view.log.items)) % 9 != 8
    return replace(
        view, log=replace(view.log, merchandise=sold), content=Content(tuple(f"word:{n}" for n in range(4)), Ragged.of(bags))
    )  # fmt: skip


def loop_of(view: View, *, steady: bool = False, **plan: Any) -> Loop:
    """A fresh loop; steady: nothing is dropped, so that chance decides nothing but what is drawn."""
    setup = set_up(view)
    settings = replace(setup.settings, **({"dropout": 0.0, "id_dropout": 0.0} if steady else {}))
    how = replace(setup.plan, tokens=100, **plan)
    loop = replace(setup, settings=settings, plan=how, data=Data(view, settings, how)).loop(0)
    loop.fast = False
    return loop


@pytest.mark.parametrize("clock", ["clock", "order"])
@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_reading_a_part_of_the_catalogue_changes_no_state_and_no_logit_but_by_its_lift(
    view_of: ViewOf, clock: str, loss: Any
) -> None:
    loop = loop_of(view_with_content(view_of, clock=clock, items=211), loss=loss, negatives=10)
    V = len(loop.barred)
    assert {name for name, value in loop.network.named_parameters() if len(value) == V} == set(TABLES)
    with torch.no_grad():
        for value in loop.network.parameters():
            value += torch.randn(value.shape) * 0.2
    loop.network.eval()
    rows = Rows(loop.tables, loop.average, loop.optimiser, steps=1)
    for _ in range(3):
        batch = (lesson := loop._next()).batch
        part = loop._part(lesson, rows)
        told, whole = loop._read(batch, part), loop._read(batch)
        for name in ("state", "own", "weight"):
            torch.testing.assert_close(getattr(told, name), getattr(whole, name), rtol=1e-4, atol=1e-5)
        item, lift = part.sample.item, part.sample.lift
        assert float(lift.max()) > 0.5
        z, all_z = (
            loop._logits(told, batch, part).dense(slice(None))[:, :-1], loop._logits(whole, batch).dense(slice(None))[:, item]
        )  # fmt: skip
        torch.testing.assert_close(z, all_z + lift * (loss == "sampled"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("clock", ["clock", "order"])
def test_a_sample_of_all_trains_as_the_full_loss_does(view_of: ViewOf, clock: str) -> None:
    view = view_with_content(view_of, clock=clock)
    full, few = (
        loop_of(view, steady=True, loss="full"), loop_of(view, steady=True, loss="sampled", negatives=10**6)
    )  # fmt: skip
    for steps in (1, 20):
        one, two = full.run(steps), few.run(steps)
        assert one.loss == pytest.approx(two.loss, rel=1e-4)
    told = few.network.state_dict()
    for name, value in full.network.state_dict().items():
        assert float((told[name] - value).norm()) <= 2e-2 * float(value.norm()) + 1e-4, name
        assert float((few.average[name] - full.average[name]).norm()) <= 2e-2 * float(value.norm()) + 1e-4, name


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_a_loss_on_a_sample_falls_and_goes_on_from_a_checkpoint(view_of: ViewOf, tmp_path: Path, loss: Any) -> None:
    view = view_with_content(view_of)

    def fresh() -> Loop:
        return loop_of(view, loss=loss, negatives=4)

    whole = fresh()
    begun, *_, ended = [whole.run(10).loss for _ in range(6)]
    assert ended < begun
    torn = fresh()
    for _ in range(3):
        torn.run(10)
    checkpoint.keep(torn, {}, tmp_path)
    saved = checkpoint.read(tmp_path)
    assert saved is not None
    again = fresh()
    checkpoint.restore(again, saved)
    for _ in range(3):
        again.run(10)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
        assert torch.equal(whole.average[name], again.average[name])


def test_the_loss_follows_from_the_size_of_the_catalogue(view_of: ViewOf) -> None:
    view = view_of(customers=20)

    def plan(items: int) -> Any:
        log: Log = replace(view.log, items=Vocabulary([str(n) for n in range(items)]))
        return plan_training(replace(view, log=log))

    assert plan(FULL_ITEMS).loss == "full" and plan(FULL_ITEMS).negatives == 0
    many = [plan(items) for items in (FULL_ITEMS + 1, 400_000, 1_500_000)]
    assert {one.loss for one in many} == {"sampled"}
    drawn = [one.negatives for one in many]
    assert drawn == sorted(drawn) and (drawn[0], drawn[-1]) == NEGATIVES and NEGATIVES[0] < drawn[1] < NEGATIVES[1]


def test_a_model_of_a_large_catalogue_is_fitted_like_any_other(
    view_of: ViewOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.training.sizing.FULL_ITEMS", 3)
    monkeypatch.setattr("regard.training.sizing.NEGATIVES", (4, 4))
    view = view_with_content(view_of)
    assert plan_training(view).loss == "sampled"
    for name in ("one", "two"):
        fit(view, folder=tmp_path / name, steps=12)
    one, two = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
