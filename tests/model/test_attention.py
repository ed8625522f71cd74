"""Attention: the fused path against the plain one, the bias against a loop, dropout that keeps the mean."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.model.attention import attend, attend_plainly, read_bias


@settings(max_examples=20, deadline=None)
@given(B=st.integers(1, 3), H=st.integers(1, 3), T=st.integers(1, 7), L=st.integers(0, 6), seed=st.integers(0, 99))
def test_the_fused_path_is_the_plain_one_backward_included(B: int, H: int, T: int, L: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    bias = draw(B, H, T, 1 + L)
    bias[..., 1:][draw(B, H, T, L) > 0.3] = -math.inf  # column 0 may always be read
    parts = [draw(B, H, T, 4), draw(B, H, 1 + L, 4), draw(B, H, 1 + L, 4)]
    upstream, found = draw(B, H, T, 4), []
    for way in (attend, lambda *args: attend_plainly(*args)[0]):
        own = [part.clone().requires_grad_() for part in parts]
        out = way(*own, bias)
        found.append([out, *torch.autograd.grad(out, own, upstream)])
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-9)
    weights = attend_plainly(*parts, bias)[1]
    assert (weights[bias == -math.inf] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(L=st.integers(1, 6), Q=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_bias_is_what_a_loop_makes_of_it(L: int, Q: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    B, T = 2, L + Q
    days = torch.rand(B, T, generator=generator) * 50
    rank = torch.randint(0, 5, (B, T), generator=generator).float()
    limit = torch.randint(0, L + 1, (B, T), generator=generator)
    time_scales, back_scales = (0.0, 2.0, 30.0), (0.0, 3.0, 0.0)
    bias = read_bias(days, rank, limit, events=L, time_scales=time_scales, back_scales=back_scales)
    assert bias.shape == (B, 3, T, 1 + L)
    for b in range(B):
        for head, (by_time, by_back) in enumerate(zip(time_scales, back_scales, strict=True)):
            for t in range(T):
                assert bias[b, head, t, 0] == 0
                for k in range(L):
                    ago = max(0.0, float(days[b, k] - days[b, t]))
                    back = max(0.0, float(rank[b, t] - rank[b, k]))
                    fade = -(math.log1p(ago / by_time) if by_time else 0) - (
                        math.log1p(back / by_back) if by_back else 0
                    )
                    expected = fade if k < limit[b, t] or k == t else -math.inf
                    assert float(bias[b, head, t, 1 + k]) == pytest.approx(expected, abs=1e-5)
