"""The ablation runs every row on anybody's file, and each change changes what it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ablation import variants, window
from benchmarks.ablation.__main__ import _loop, main
from benchmarks.ablation.rows import ROWS, WHOLE

from regard.model.attention import Block, read_bias
from regard.sequences.covisits import covisits
from regard.sequences.log import DAY, Log
from regard.sequences.split import view_until
from regard.sequences.view import View
from regard.training.setup import Setup, set_up
from regard.training.trial import Slice, hold_back


@pytest.fixture
def case(draw_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch) -> tuple[Setup, Slice]:
    monkeypatch.setattr("regard.training.trial.LEAST_ASKED", 5)
    log = draw_log(customers=120, visits=10)
    view = view_until(log, int(np.quantile(log.time, 0.8)), target=("purchase",))
    held = hold_back(view)
    assert held is not None
    return set_up(held.split.view, mask=held.split.mask, hidden=held.hidden), held


def _row(name: str) -> Any:
    return next(row for row in ROWS if name in row.name)


def _answers(row: Any, case: tuple[Setup, Slice], steps: int) -> np.ndarray:
    setup, held = case
    loop = _loop(row, setup, held, 0)
    loop.run(steps)
    split = held.split
    out = np.empty((len(split), len(setup.view.log.items)), dtype=np.float32)
    for answered in loop.answer(split.queries, split.asof, horizon=1.0):
        out[answered.rows] = answered.scores
    return out


@pytest.mark.parametrize("row", [row for row in ROWS if row is not WHOLE], ids=lambda row: row.name)
def test_every_row_trains_and_answers_otherwise_than_the_whole_model(row: Any, case: tuple[Setup, Slice]) -> None:
    if not row.where(case[0]):
        pytest.skip("says nothing on these data")
    told = _answers(row, case, 3)
    assert not np.isnan(told).any()
    if row.covisits and "histories" not in row.name:
        assert not np.array_equal(told, _answers(WHOLE, case, 3))


def test_closed_off_pieces_stay_closed(case: tuple[Setup, Slice]) -> None:
    setup, held = case
    for name, read in {
        "without gates": lambda block: torch.sigmoid(block.read_gate(torch.randn(3, setup.settings.width))),
        "without matching": lambda block: 1 + block.query.weight,
    }.items():
        loop = _loop(_row(name), setup, held, 0)
        loop.run(3)
        for block in loop.network.blocks:
            assert torch.equal(read(block), torch.ones_like(read(block)))


def test_gelu_has_as_many_weights(case: tuple[Setup, Slice]) -> None:
    setup, held = case
    sizes = [
        sum(weight.numel() for weight in _loop(row, setup, held, 0).network.parameters())
        for row in (WHOLE, _row("GELU"))
    ]
    assert sizes[0] == sizes[1]


def test_dense_targets_go_on_and_halve(case: tuple[Setup, Slice]) -> None:
    setup, held = case
    data = variants.DenseData(setup.view, setup.settings, setup.plan, hidden=held.hidden)
    plain = next(iter(setup.data.epoch(np.random.default_rng(0)))).answers
    dense = next(iter(data.epoch(np.random.default_rng(0)))).answers
    assert len(dense.row) > len(plain.row) and torch.equal(dense.weight, plain.weight)
    asked = torch.bincount(dense.row, dense.share, len(dense.weight))
    assert torch.allclose(asked[torch.unique(dense.row)], torch.tensor(1.0))
    nearest = torch.zeros(len(dense.weight)).index_put_((plain.row,), plain.share, accumulate=True)
    for row in torch.unique(plain.row)[:50].tolist():
        own = dense.share[dense.row == row][: int((plain.row == row).sum())].sum()
        assert own >= 0.5 and nearest[row] > 0.99  # of 1, 1/2 and 1/4 the first is at least four sevenths


def _faded(events: int, questions: int) -> torch.Tensor:
    """[1, 2, T, 1 + L] bias of a history without baskets, asked about at its end."""
    tokens = events + questions
    limit = torch.cat([torch.arange(events), torch.full((questions,), events)])[None]
    place = torch.arange(tokens, dtype=torch.float32)[None]
    return read_bias(place * 0, place, limit, events=events, time_scales=(0.0, 0.0), back_scales=(0.0, 3.0))


def test_a_window_wider_than_the_history_changes_nothing() -> None:
    torch.manual_seed(0)
    block = Block(width=8, heads=2, dropout=0.0)
    x, bias = torch.randn(1, 41, 8), _faded(40, 1)
    told = window.Windowed(block, window=40)(x, bias, first=40)
    assert torch.allclose(told, block(x, bias, first=40), atol=1e-6)


def test_older_events_are_read_as_the_mean_of_their_chunk() -> None:
    torch.manual_seed(0)
    events = 2 * window.CHUNK + 5
    bias = _faded(events, 1)[:, :, -1:]
    near, far = window.split(bias[..., 1:], 6)
    border = window.CHUNK  # the window reaches into the second chunk, which is therefore read event by event
    assert torch.isneginf(near[..., :border]).all() and torch.equal(near[..., border:], bias[..., 1 + border :])
    assert torch.allclose(far[..., 0], bias[..., 1 : 1 + border].exp().sum(-1).log())
    assert torch.isneginf(far[..., 1:]).all()
    keys = torch.randn(1, 2, events, 4)
    assert torch.allclose(window.means(keys)[:, :, 0], keys[:, :, :border].mean(dim=2))


def test_each_customer_is_counted_in_all_folds_but_one(
    case: tuple[Setup, Slice], monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, held = case
    counted: list[set[str]] = []

    def recorded(view: View) -> Any:
        counted.append(set(view.log.customers.ids.to_pylist()))
        return covisits(view)

    monkeypatch.setattr(variants, "covisits", recorded)
    loop = _loop(_row("folds"), setup, held, 0)
    everyone = setup.view.log.customers.ids.to_pylist()
    assert len(counted) == variants.FOLDS
    assert all(sum(name in fold for fold in counted) == variants.FOLDS - 1 for name in everyone)
    weight = loop.optimiser.param_groups[-1]["params"][0]
    loop.run(3)
    assert weight.item() != 1.0  # it is learned


def test_it_prints_and_writes_every_row_that_applies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(0)
    lines = ["customer,item,behaviour,time"]
    for customer in range(80):
        for visit in range(6):
            when = 1_700_000_000 + DAY * (visit * 10 + int(chance.integers(9)))
            item = int(chance.integers(12))
            lines += [f"c{customer},i{item},view,{when}", f"c{customer},i{(item + 1) % 12},purchase,{when + 60}"]
    source, out = tmp_path / "shop.csv", tmp_path / "out.json"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [str(source), "--days", "10", "--seeds", "1", "--steps", "4", "--only", "behaviour", "--json", str(out)]
    monkeypatch.setattr("regard.training.trial.LEAST_ASKED", 5)
    monkeypatch.setattr(sys, "argv", ["ablation", *words])
    main()
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [row["name"] for row in found["rows"]] == [WHOLE.name] + [r.name for r in ROWS if "behaviour" in r.name]
    assert found["rows"][0]["difference"] is None and found["rows"][1]["difference"]["n"] == found["split"]["asked"]
    assert found["command"].startswith("python -m benchmarks.ablation shop.csv --days 10")
    assert capsys.readouterr().out.count("NDCG@10") == len(found["rows"])
    monkeypatch.setattr(sys, "argv", ["ablation", *(word if word != "behaviour" else "gates" for word in words)])
    main()
    again = json.loads(out.read_text(encoding="utf-8"))
    assert [row["name"] for row in again["rows"]] == [
        r.name for r in ROWS if r is WHOLE or "gates" in r.name or "behaviour" in r.name
    ]
    assert again["command"] == found["command"] and again["rows"][0]["ndcg_at_10"] == found["rows"][0]["ndcg_at_10"]
    monkeypatch.setattr(sys, "argv", ["ablation", *("5" if word == "4" else word for word in words)])
    main()
    assert len(json.loads(out.read_text(encoding="utf-8"))["rows"]) == len(found["rows"])
