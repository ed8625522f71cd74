"""Fitting one horizon head to lessons, and tuning it on customers whose outcome it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

from regard.model.horizon import LEAST_SPEND, HorizonHead, loss
from regard.model.runtime.facts import Facts, Inputs
from regard.model.runtime.head import Head, Reading, Tuning
from regard.sequences.aggregates import BESIDE
from regard.training.horizon_lessons import Lessons

BATCH = 1_024
"""Lessons a step."""

RATE = 3e-3
"""Highest learning rate of the one cycle."""

DECAY = 1e-2
"""AdamW's weight decay."""

FARTHEST = 0.5
"""Share of lessons asked about all the days that are left; the others about fewer, drawn evenly on a log scale."""

PULL = 0.5
"""Spread of the prior around no change that tuning begins from: doubling a rate is two of them and needs evidence."""

TUNED = 8_000
"""Customers tuned on at most: seven numbers need no more."""

STEP = 0.2
"""First step of tuning in each direction: a fifth more, on the logarithms."""

STILL = 1e-6
"""Standard deviation below which a column says nothing."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a head is made of.

    Args:
        columns: of the aggregates; None = all that vary. states: whether the encoder's states are read.
        about: whether what stands beside the aggregates is read, where all are.
        width: of its two hidden layers; 0 = none. members: networks averaged. steps: of training, each.
        prior: whether rates begin at the customer's own.
    """

    columns: tuple[str, ...] | None = None
    states: bool = False
    about: bool = False
    width: int = 32
    members: int = 3
    steps: int = 500
    prior: bool = True


def fit_head(lessons: Lessons, recipe: Recipe, *, seed: int = 0) -> Head:
    """A head of the recipe; the same seed gives the same head on one machine."""
    inputs = _inputs(lessons, recipe)
    x = torch.from_numpy(inputs(lessons.facts))
    members = tuple(_member(lessons, recipe, x, seed=seed * 1_000 + number) for number in range(recipe.members))
    return Head(inputs=inputs, members=members, prior=recipe.prior)


def _inputs(lessons: Lessons, recipe: Recipe) -> Inputs:
    facts = lessons.facts
    place = {name: number for number, name in enumerate(facts.table.names)}
    told = [name for name in facts.table.names if recipe.about or not name.startswith(BESIDE)]
    wanted = [name for name in (recipe.columns or told) if name in place]
    values = facts.table.values[:, [place[name] for name in wanted]]
    gaps = np.isnan(values)
    spread = np.where(gaps, 0, values - np.where(gaps, 0, values).mean(axis=0)).std(axis=0)
    kept = [number for number, one in enumerate(spread) if one > STILL]
    columns = tuple(wanted[number] for number in kept)
    patterns: dict[bytes, str] = {}  # columns that are missing together need one flag
    for number, name in zip(kept, columns, strict=True):
        if gaps[:, number].any() and not gaps[:, number].all():
            patterns.setdefault(gaps[:, number].tobytes(), name)
    flagged = tuple(patterns.values())
    states = facts.states.shape[1] if recipe.states and facts.states is not None else 0
    raw = Inputs.raw(facts, columns=columns, flagged=flagged, states=states)
    scale = np.nanstd(raw, axis=0)
    return Inputs(
        columns=columns, flagged=flagged, states=states, center=np.nanmean(raw, axis=0),
        scale=np.where(scale > STILL, scale, 1).astype(np.float32),
    )  # fmt: skip


def _member(lessons: Lessons, recipe: Recipe, x: torch.Tensor, *, seed: int) -> dict[str, Floats]:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    facts, outcomes = lessons.facts, lessons.outcomes
    age, bought = (facts.age, facts.bought) if recipe.prior else (facts.age * 0, facts.bought * 0 + 1)
    ages, counts = torch.from_numpy(age), torch.from_numpy(bought.clip(1))
    orders, spend = outcomes.within(lessons.customer, lessons.cut, lessons.room)
    value = float(np.log(max(spend.clip(0).sum(), 1.0) / max(orders.sum(), 1.0)))
    scale = max(1.0, float(facts.age.mean()) / 2)
    net = HorizonHead(x.shape[1], width=recipe.width, scale_days=scale, value=value)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=recipe.steps, pct_start=0.1)
    for _ in range(recipe.steps):
        rows = rng.integers(0, len(lessons), BATCH)
        room = lessons.room[rows]
        drawn = np.minimum(np.exp(rng.random(BATCH) * np.log(room + 1)).astype(np.int64), room)
        days = np.where(rng.random(BATCH) < FARTHEST, room, drawn)
        orders, spend = outcomes.within(lessons.customer[rows], lessons.cut[rows], days)
        told = net(x[rows], ages[rows], counts[rows], torch.from_numpy(days.astype(np.float32)))
        price = loss(told, torch.from_numpy(orders), torch.from_numpy(spend.clip(0)), money=outcomes.money)
        optimiser.zero_grad()
        price.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        cycle.step()
    return {name: array.detach().numpy().copy() for name, array in net.state_dict().items()}


def tune(head: Head, facts: Facts, days: NDArray[np.int64], orders: Floats, spend: Floats, *, money: bool) -> Head:
    """The head with the few numbers changed that make its means and its doubts those of customers it has not learned from.

    Args:
        head: untuned. facts: of Q customers. days: [K] horizons. orders, spend: [Q, K] what came within them. money: is it known?
    """
    some = slice(None, None, 1 + len(facts) // TUNED)
    reading, orders, spend = head.read(facts.take(np.arange(len(facts))[some])), orders[some], spend[some]
    y = orders.astype(np.float64)
    center = float(np.mean([part[0] for part in reading.parts]))

    def cost(at: NDArray[np.float64]) -> float:
        told = replace(head, tuning=_tuning(at, center)).at(reading, days)
        m, r = told.busy, told.shape
        counted = (r + y) * np.log1p(m / r) - y * np.log(m / r) + gammaln(r) - gammaln(y + r)
        surprise = np.where(y > 0, counted - np.log(told.alive), -np.log1p(-told.p_order))
        return float(surprise.sum() / len(days) + ((at / PULL) ** 2).sum() / 2)

    simplex = np.vstack([np.zeros(5), STEP * np.eye(5)])
    found = minimize(
        cost, np.zeros(5), method="Nelder-Mead",
        options={"maxfev": 300, "xatol": 1e-3, "fatol": 1e-2, "initial_simplex": simplex},
    )  # fmt: skip
    tuning = _tuning(found.x, center)
    if money and orders.sum() > 0:
        tuning = _tune_money(replace(head, tuning=tuning), reading, days, y, spend.astype(np.float64))
    return replace(head, tuning=tuning)


def _tuning(at: NDArray[np.float64], center: float) -> Tuning:
    rate, bend, shape, alive, sharp = at.tolist()
    return Tuning(rate=rate, bend=bend, shape=shape, alive=alive, sharp=sharp, center=center)


def _tune_money(
    head: Head, reading: Reading, days: NDArray[np.int64], orders: NDArray[np.float64], spend: NDArray[np.float64]
) -> Tuning:
    told = head.at(reading, days)
    value = float(np.log(max(spend.clip(0).sum(), LEAST_SPEND) / (orders * told.value).sum()))
    paid = spend > LEAST_SPEND
    if not paid.any():
        return replace(head.tuning, value=value)
    typical = np.log(told.spend / told.p_order) + value

    def cost(log: float) -> float:
        spread = told.spread * np.exp(log)
        off = (np.log(spend.clip(LEAST_SPEND)) - typical + spread**2 / 2) / spread
        return float((log + off**2 / 2)[paid].mean())

    steps = np.linspace(-0.7, 0.7, 29)
    return replace(head.tuning, value=value, spread=float(steps[np.argmin([cost(step) for step in steps])]))
