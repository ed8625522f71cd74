"""The loss: chunks against the whole, gradients included."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.model import loss
from regard.model.counts import Popular
from regard.model.loss import Answers, Logits, Scratch, chunked_loss, plain_loss

NAMES = ("state", "item", "bias", "own", "weight")


def draw(N: int, V: int, seed: int) -> tuple[Logits, Answers]:
    g = torch.Generator().manual_seed(seed)
    D, U, C, T = 8, 3, 2, 4
    popular = Popular(
        table=torch.nn.functional.pad(torch.randn(T, C, V, generator=g), (0, 1)),
        moment=torch.randint(0, T, (N,), generator=g),
    )
    barred = torch.zeros(V, dtype=torch.bool)
    barred[V // 2 :: 5] = V > 3
    free = torch.arange(V)[~barred]
    count = torch.randint(0, 4, (N,), generator=g).clamp(max=len(free))
    count[0] = 1
    row = torch.repeat_interleave(torch.arange(N), count)
    item = torch.cat([free[torch.randperm(len(free), generator=g)[:n]] for n in count.tolist()])
    share = 1 / torch.bincount(row, minlength=N)[row].float()
    weight = torch.rand(N, generator=g) * (torch.bincount(row, minlength=N) > 0)
    logits = Logits(
        state=torch.randn(N, D, generator=g), item=torch.randn(V, D, generator=g),
        bias=torch.randn(V, generator=g), own=torch.randn(N, U, generator=g),
        own_item=torch.stack([torch.randperm(V + 1, generator=g)[:U] if V >= U else torch.full((U,), V) for _ in range(N)]),
        weight=torch.randn(N, C, generator=g), popular=popular, barred=barred,
    )  # fmt: skip
    return logits, Answers(row=row, item=item, share=share, weight=weight)


def with_gradients(logits: Logits, answers: Answers, way: object, upstream: float = 1.7) -> list[torch.Tensor]:
    parts = [getattr(logits, name).clone().requires_grad_() for name in NAMES]
    told = way(replace(logits, **dict(zip(NAMES, parts, strict=True))), answers)  # type: ignore[operator]
    (told * upstream).backward()
    return [told.detach(), *(part.grad for part in parts)]


@settings(max_examples=40, deadline=None)
@given(
    N=st.integers(1, 23), V=st.integers(1, 30), rows=st.integers(1, 9), seed=st.integers(0, 999), multiple=st.sampled_from((1, 8))
)  # fmt: skip
def test_chunks_give_the_loss_and_gradients_of_the_whole(N: int, V: int, rows: int, seed: int, multiple: int) -> None:
    logits, answers = draw(N, V, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "COLUMNS", {"cpu": multiple})
        patch.setattr(loss, "CHUNK_CELLS", rows * (V + 1))
        patch.setattr(loss, "LOT_CELLS", 2 * rows * (V + 1))
        chunked = with_gradients(logits, answers, lambda *args: chunked_loss(*args, fast=False))
    for name, one, two in zip(("loss", *NAMES), chunked, with_gradients(logits, answers, plain_loss), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("cells", [1, 200, 10**9])
@pytest.mark.parametrize(("fast", "tight"), [(False, 1e-5), (True, 4e-2)])
def test_single_precision_is_tight_and_bf16_near(
    monkeypatch: pytest.MonkeyPatch, cells: int, fast: bool, tight: float
) -> None:
    monkeypatch.setattr(loss, "CHUNK_CELLS", cells)
    logits, answers = draw(40, 60, 5)
    chunked = with_gradients(logits, answers, lambda *args: chunked_loss(*args, fast=fast))
    for one, two in zip(chunked, with_gradients(logits, answers, plain_loss), strict=True):
        assert float((one - two).norm() / two.norm()) < tight


def test_what_is_barred_gets_no_gradient_and_unasked_questions_neither() -> None:
    logits, answers = draw(60, 20, 3)
    _, state, item, bias, own, weight = with_gradients(logits, answers, lambda *args: chunked_loss(*args, fast=False))
    assert (item[logits.barred] == 0).all() and (bias[logits.barred] == 0).all() and logits.barred.any()
    silent = answers.weight == 0
    assert silent.any() and all((part[silent] == 0).all() for part in (state, own, weight))


def test_what_one_call_leaves_in_memory_does_not_reach_the_next() -> None:
    scratch = Scratch()
    for seed, N in ((1, 40), (2, 7), (3, 40)):
        logits, answers = draw(N, 30, seed)
        fresh = with_gradients(logits, answers, lambda *args: chunked_loss(*args, fast=False))
        again = with_gradients(logits, answers, lambda *args: chunked_loss(*args, fast=False, scratch=scratch))
        assert all(torch.equal(one, two) for one, two in zip(fresh, again, strict=True))
