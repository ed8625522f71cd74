"""The card's attention against the plain one, backward included; on the CPU too, where FlexAttention writes all its scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import flex_attention as torch_flex

from regard.model import flex
from regard.model.attention import Block, attend, read_bias
from regard.model.flex import TILE
from regard.model.network import to_tensors
from regard.sequences.batches import assemble, latest

TIME_SCALES, BACK_SCALES = (0.0, 2.0, 30.0), (0.0, 3.0, 0.0)
HEADS = len(TIME_SCALES)
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
NEAR = {"rtol": 1e-4, "atol": 1e-5}
BF16 = {"rtol": 5e-2, "atol": 5e-2}
needs_card = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA card: its kernels have nothing to run on"
)

lengths = st.one_of(st.integers(1, 9), st.integers(TILE - 3, TILE + 3), st.integers(2 * TILE - 2, 2 * TILE + 2))
"""Short rows, and rows that end beside the border of a tile."""


@pytest.fixture(autouse=True, scope="module")
def written_out() -> Iterator[None]:
    """Torch takes no gradient of FlexAttention on a CPU, though its plain form has one; not compiling it spares seconds a size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_flex, "_validate_device", lambda *tensors: None)
        patch.setattr(torch_flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
        yield


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Random rows of L events and Q questions."""

    events: int
    days: Tensor
    rank: Tensor
    limit: Tensor

    @classmethod
    def draw(
        cls, B: int, L: int, Q: int, seed: int = 0, *, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Rows:
        generator = torch.Generator().manual_seed(seed)
        days = torch.rand(B, L + Q, generator=generator) * 50
        rank = torch.randint(0, 5, (B, L + Q), generator=generator)
        limit = torch.randint(0, L + 1, (B, L + Q), generator=generator)
        return cls(events=L, days=days.to(device, dtype), rank=rank.to(device, dtype), limit=limit.to(device))

    def reading(self, first: int) -> flex.Reading:
        scales = tuple(
            torch.tensor(
                [1 / scale if scale else 0.0 for scale in each], device=self.days.device, dtype=self.days.dtype
            )
            for each in (TIME_SCALES, BACK_SCALES)
        )
        return flex.reading(self.days, self.rank, self.limit, (scales[0], scales[1]), events=self.events, first=first)

    def bias(self, first: int = 0) -> Tensor:
        """[B, H, T - first, 1 + L]."""
        scales = {"time_scales": TIME_SCALES, "back_scales": BACK_SCALES}
        return read_bias(self.days, self.rank, self.limit, events=self.events, **scales)[:, :, first:]


@settings(max_examples=25, deadline=None)
@given(B=st.integers(1, 3), L=lengths, Q=lengths, questions_alone=st.booleans(), seed=st.integers(0, 99))
def test_the_mask_is_the_dense_one(B: int, L: int, Q: int, questions_alone: bool, seed: int) -> None:
    rows, first = Rows.draw(B, L, Q, seed), L * questions_alone
    mask = rows.reading(first).mask
    expected = rows.bias(first)[:, 0] > -torch.inf  # [B, T, K]
    T, K = expected.shape[1:]
    b, t, k = (torch.arange(size).view(-1, *[1] * dims) for size, dims in ((B, 2), (T, 1), (K, 0)))
    inside = mask.to_dense()[:, 0].bool()  # [B, tiles, tiles]
    spread = inside.repeat_interleave(TILE, 1).repeat_interleave(TILE, 2)[:, :T, :K]
    told = torch.as_tensor(mask.mask_mod(b, torch.zeros(()), t, k))
    assert torch.equal(told & spread, expected)
    tiles = inside.shape[1]
    needed = torch.zeros(B, tiles * TILE, tiles * TILE, dtype=torch.bool)
    needed[:, :T, :K] = expected
    needed = needed.view(B, tiles, TILE, tiles, TILE).any(dim=4).any(dim=2)
    furthest = needed * torch.arange(1, tiles + 1)
    assert torch.equal(inside.sum(-1), furthest.amax(-1)), "tiles are read in vain, or by nobody"
    assert mask.q_num_blocks is not None and mask.q_indices is not None
    back = torch_flex._ordered_to_dense(mask.q_num_blocks, mask.q_indices, tiles)  # what the backward pass goes through
    assert torch.equal(back[:, 0].bool(), inside.transpose(1, 2))


@settings(max_examples=10, deadline=None)
@given(B=st.integers(1, 3), L=lengths, Q=st.integers(1, 5), questions_alone=st.booleans(), seed=st.integers(0, 99))
def test_it_attends_as_the_plain_path_does(B: int, L: int, Q: int, questions_alone: bool, seed: int) -> None:
    rows, first = Rows.draw(B, L, Q, seed, dtype=torch.float64), L * questions_alone
    generator = torch.Generator().manual_seed(seed)
    sizes = (L + Q - first, 1 + L, 1 + L, L + Q - first)
    *parts, upstream = (torch.randn(B, HEADS, size, 4, generator=generator, dtype=torch.float64) for size in sizes)
    found = []
    for way, how in ((flex.attend, rows.reading(first)), (attend, rows.bias(first))):
        own = [part.clone().requires_grad_() for part in parts]
        out = way(*own, how)  # type: ignore[arg-type]
        found.append([out, *torch.autograd.grad(out, own, upstream)])
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, **TIGHT)


def run_both(rows: Rows, blocks: list[Block], *, seed: int = 0) -> list[list[Tensor]]:
    """What the questions become, and the gradients of tokens and weights; by `flex.encode`, by the plain path."""
    L, generator = rows.events, torch.Generator().manual_seed(seed)
    width, device = blocks[0].out.out_features, rows.days.device
    x = torch.randn(*rows.days.shape, width, generator=generator).to(device)
    upstream = torch.randn(len(x), x.shape[1] - L, width, generator=generator).to(device)

    def plainly(x: Tensor) -> Tensor:
        for block in blocks[:-1]:
            x = block(x, rows.bias())
        return torch.as_tensor(blocks[-1](x, rows.bias(), first=L))

    def flexibly(x: Tensor) -> Tensor:
        parts, scales = (rows.days, rows.rank, rows.limit), {"time_scales": TIME_SCALES, "back_scales": BACK_SCALES}
        return flex.encode(blocks, x, *parts, events=L, **scales)

    found = []
    for way in (flexibly, plainly):
        own = x.clone().requires_grad_()
        out = way(own)
        leaves = [own, *(weight for block in blocks for weight in block.parameters())]
        found.append([out, *torch.autograd.grad(out, leaves, upstream)])
    return found


def some_blocks(count: int, *, head: int = 4, device: str = "cpu") -> list[Block]:
    torch.manual_seed(count)
    return [Block(width=head * HEADS, heads=HEADS, dropout=0.0).to(device) for _ in range(count)]


@pytest.mark.parametrize(("B", "L", "Q"), [(3, 5, 2), (1, 1, 1), (2, 1, 4), (2, TILE + 1, 3)])
@pytest.mark.parametrize("count", [1, 3])
def test_it_encodes_as_the_plain_path_does(monkeypatch: pytest.MonkeyPatch, B: int, L: int, Q: int, count: int) -> None:
    monkeypatch.setattr(flex, "_compiled", lambda: flex._run)
    monkeypatch.setattr(torch, "autocast", lambda *how: nullcontext())
    for fast, plain in zip(*run_both(Rows.draw(B, L, Q), some_blocks(count)), strict=True):
        torch.testing.assert_close(fast, plain, **NEAR)


def test_with_products_in_bf16_it_stays_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flex, "_compiled", lambda: flex._run)
    (out, *grads), (plain, *plain_grads) = run_both(Rows.draw(4, 20, 5), some_blocks(2, head=16))
    assert out.dtype == torch.float32 and not torch.equal(out, plain)
    torch.testing.assert_close(out, plain, **BF16)
    for fast, exact in zip(grads, plain_grads, strict=True):
        assert fast.dtype == torch.float32 and float((fast - exact).norm()) <= 0.05 * float(exact.norm())


def test_the_network_learns_alike_on_either_path(monkeypatch: pytest.MonkeyPatch, case_of: Callable[..., Any]) -> None:
    case = case_of(dropout=0.0, id_dropout=0.0)
    monkeypatch.setattr(flex, "_compiled", lambda: flex._run)
    monkeypatch.setattr(torch, "autocast", lambda *how: nullcontext())
    log, network = case.view.log, case.network
    moment, wanted = log.time.max().repeat(len(log)), log.behaviour[: len(log)] * 0
    batch = assemble(log, latest(log, length=64), moment=moment, behaviour=wanted)
    tensors = to_tensors(batch) | {"own_popular": case.counts.own(batch)}
    found = []
    for usable in (True, False):
        monkeypatch.setattr(flex, "usable", lambda *how, usable=usable: usable)
        network.train().zero_grad()
        read = network(tensors)
        (read.state.square().sum() + read.own.square().sum()).backward()
        found.append([read.state, *(weight.grad for weight in network.blocks.parameters())])
    network.eval()
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-4)


def test_few_sizes_are_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the blocks before the last and once for the last, whatever the lengths: on a card each time costs many seconds."""
    compiled = []

    def watch(graph: Any, inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=watch))
    run = flex._compiled.__wrapped__()
    monkeypatch.setattr(flex, "_compiled", lambda: run)
    blocks, scales = some_blocks(3, head=16), {"time_scales": TIME_SCALES, "back_scales": BACK_SCALES}
    for B, L, Q in ((5, 20, 2), (9, 3, 4), (2, 2 * TILE, 7), (4, 1, 3)):
        rows = Rows.draw(B, L, Q)
        x = torch.randn(B, L + Q, 16 * HEADS, requires_grad=True)
        flex.encode(blocks, x, rows.days, rows.rank, rows.limit, events=L, **scales)
    torch._dynamo.reset()
    assert len(compiled) == 2


def test_it_is_used_on_cards_that_it_was_made_for(monkeypatch: pytest.MonkeyPatch) -> None:
    card, asked = torch.device("cuda", 0), flex.usable.__wrapped__
    assert not flex.usable(torch.device("cpu"), 64)
    monkeypatch.setattr(flex, "has_fast_bf16", lambda device: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert asked(card, 16) and not asked(card, 8)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not asked(card, 16)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(flex, "has_fast_bf16", lambda device: False)
    assert not asked(card, 16)


@needs_card
@pytest.mark.parametrize(("B", "L", "Q"), [(3, 5, 2), (1, 1, 1), (7, 1, 4), (2, TILE + 1, 3), (4, 300, 200)])
def test_on_a_card_its_kernels_encode_as_the_plain_path_does(B: int, L: int, Q: int) -> None:
    if not flex.usable(torch.device("cuda", 0), 16):
        pytest.skip("this card has no bf16 in hardware, or there is no Triton: the plain path is taken")
    blocks = some_blocks(2, head=16, device="cuda")
    (out, *grads), (plain, *plain_grads) = run_both(Rows.draw(B, L, Q, device="cuda"), blocks)
    torch.testing.assert_close(out, plain, **BF16)
    for fast, exact in zip(grads, plain_grads, strict=True):
        assert float((fast - exact).norm()) <= 0.05 * float(exact.norm()) + 1e-3
