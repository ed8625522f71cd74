"""Dropout: the share that is asked for, means that stay, and nothing outside training."""

from __future__ import annotations

import pytest
import torch

from regard.model.dropout import Dropout


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.5, 0.9])
def test_it_drops_the_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, 77, requires_grad=True)
    y = Dropout(share)(x)
    assert abs((y == 0).float().mean().item() - share) < 0.005 and abs(y.mean().item() - 1) < 0.01
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and torch.equal(
        x.grad, y.detach()
    )  # what is dropped hears nothing, the rest as much more


def test_cells_are_dropped_apart_and_anew() -> None:
    """Neighbours in a row and in a column, and the same cell twice, are dropped as often together as chance has it."""
    torch.manual_seed(0)
    drop, x = Dropout(0.5), torch.ones(512, 512)
    one, two = drop(x) == 0, drop(x) == 0
    for left, right in ((one[:, 1:], one[:, :-1]), (one[:, 8:], one[:, :-8]), (one[1:], one[:-1]), (one, two)):
        assert abs((left & right).float().mean().item() - 0.25) < 0.01


def test_outside_training_and_of_nothing_it_changes_nothing() -> None:
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x and Dropout(0.5)(torch.empty(0, 4)).shape == (0, 4)
    with pytest.raises(ValueError, match=r"1\.0"):
        Dropout(1.0)


def test_the_same_seed_drops_the_same() -> None:
    x, drop = torch.ones(100), Dropout(0.3)
    torch.manual_seed(5)
    one = drop(x)
    torch.manual_seed(5)
    assert torch.equal(one, drop(x))
