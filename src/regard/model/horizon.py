"""The horizon head in PyTorch: the network that training fits, and its loss. `model.runtime.horizon` says what it means and answers with it.

Legend: `N` lessons, `F` inputs, `W` width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from regard.model.runtime.head import LEAST_BEND

STRETCH = 0.54
"""Where the stretch begins, before its softplus: reach grows by a day with every day of age, as in Pareto/NBD."""

BEND = -0.3
"""Where the bend begins, before its tanh: customers stop, at rates of their own."""

ALIVE = 2.0
"""Log odds of being a customer still at which everybody begins: most are, and who is not will show."""

LEAST_SPEND = 1e-2
"""Money below which spend counts as this in a logarithm."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What N lessons are told at one horizon each.

    Args:
        alive: [N] log odds that the customer is one still. mean, shape: [N] of the orders of who is.
        value: [N] log of the money of an order. spread: [N] standard deviation of the log of spend that is not 0.
    """

    alive: Tensor
    mean: Tensor
    shape: Tensor
    value: Tensor
    spread: Tensor


class HorizonHead(nn.Module):
    """Five numbers a customer, and the few that all share.

    Args:
        inputs: F. width: W of the two hidden layers; 0 = none, a straight line.
        scale_days: where lag and reach begin: half the age of a customer, say. value: log of what an order is worth on average.
    """

    def __init__(self, inputs: int, *, width: int, scale_days: float, value: float) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width) if width else None
        self.second = nn.Linear(width, width) if width else None
        self.out = nn.Linear(width + inputs, 5)
        nn.init.zeros_(self.out.weight)  # begins as the closed form alone, the same for everybody alike
        self.out.bias.data = torch.tensor([-1.0, 0.0, value, 0.0, ALIVE])
        start = torch.log(torch.tensor(float(scale_days)))
        self.level = nn.Parameter(torch.tensor(0.0))
        self.lag, self.reach = nn.Parameter(start.clone()), nn.Parameter(start.clone())
        self.stretch, self.bend = nn.Parameter(torch.tensor(STRETCH)), nn.Parameter(torch.tensor(BEND))
        self.calm = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor, age: Tensor, bought: Tensor, days: Tensor) -> Curves:
        """The closed forms at one horizon each.

        Args:
            x: [N, F]. age: [N] days since the first order, or the first event without one. bought: [N] days with an order, at
                least 1: who never ordered begins as who did once, and `x` tells them apart.
            days: [N] horizon.
        """
        told = x
        if self.first is not None and self.second is not None:
            hidden = functional.silu(self.second(functional.silu(self.first(x))))  # [N, W]
            told = torch.cat([hidden, x], dim=1)
        z = self.out(told)  # [N, 5]
        own = torch.exp(self.level) + bought - 1
        rate = z[:, 0] + torch.log(own) - torch.log(torch.exp(self.lag) + age)
        reach = torch.exp(self.reach) + functional.softplus(self.stretch) * age
        bend = torch.tanh(self.bend)
        bend = torch.where(bend.abs() < LEAST_BEND, torch.full_like(bend, LEAST_BEND), bend)
        mean = rate + torch.log(reach * torch.expm1(bend * torch.log1p(days / reach)) / bend)
        spread = functional.softplus(z[:, 3] + self.calm * mean) + 1e-3
        return Curves(alive=z[:, 4], mean=torch.exp(mean), shape=own * torch.exp(z[:, 1]), value=z[:, 2], spread=spread)


def loss(told: Curves, orders: Tensor, spend: Tensor, *, money: bool) -> Tensor:
    """Mean surprise in nats: orders are negative binomial, spend that is not 0 lognormal around the expected one.

    The value of an order is fitted by the gamma likelihood of spend given the orders: unlike the lognormal one it makes the sum of
    what is expected the sum of what came, whatever the tail is like.

    Args:
        told: of N lessons. orders: [N] days with an order within the horizon. spend: [N] money within it, at least 0.
        money: whether spend is known at all.
    """
    m, r = told.mean.clamp(1e-7, 1e5), told.shape.clamp(1e-3, 1e4)
    alive, gone = functional.logsigmoid(told.alive), functional.logsigmoid(-told.alive)
    quiet = -r * torch.log1p(m / r)
    ways = torch.lgamma(orders + r) - torch.lgamma(r) - torch.lgamma(orders + 1)
    some = ways + quiet + orders * (torch.log(m) - torch.log(m + r)) + alive
    counted = torch.where(orders > 0, some, torch.logaddexp(gone, alive + quiet))
    if not money:
        return -counted.mean()
    worth = orders * told.value + spend * torch.exp(-told.value)
    typical = (torch.log(m / -torch.expm1(quiet)) + told.value).detach() - told.spread**2 / 2
    off = (torch.log(spend.clamp(min=LEAST_SPEND)) - typical) / told.spread
    drawn = torch.where(spend > 0, torch.log(told.spread) + off**2 / 2, torch.zeros_like(off))
    return (worth + drawn - counted).mean()
