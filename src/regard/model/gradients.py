"""Integrated gradients over a history: what each of its events adds to an answer, on the way from another customer's history to it.

Every event has a gate between 0 (not there) and 1 (there): it scales how much attention, the repeat pointer and the co-visits give
the event. On the way the gates of the customer's events open while those of the other history close, paired from the newest back. At
either end the answer is exactly the model's own for that history, so that what the events add sums up to the difference.

Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017; sampled baselines: Erion et al., Improving Performance of
Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients, 2021.

Legend: `M` points of the way, `L` events, `D` width, `H` heads, `P` pointer heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.model.artefact import Artefact
from regard.model.attention import Block, attend_plainly, read_bias
from regard.model.runtime import forward
from regard.model.settings import NEVER_AGO, POINTER_WIDTH, YEAR_DAYS
from regard.sequences.batches import Batch
from regard.sequences.covisits import BACK_DECAY

CELLS = 16_000_000
"""Attention weights held at a time, over all points of the way: with their gradients some 500 MB."""

Answer = Callable[[Tensor, "Gated", "Gated"], Tensor]
"""(state [M, D], the customer's events, the other history's) -> [M], the answer at each point of the way."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """One history as the encoder meets it.

    Args:
        batch: of one row with one question. token: [L, D] its events. asked: [D] what its latest basket and the time since
            add to the question. bias: [H, T, 1 + L], see `attention.read_bias`.
        newest: [L] share of each event in the latest basket.
    """

    batch: Batch
    token: Tensor
    asked: Tensor
    bias: Tensor
    newest: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Gated:
    """A history some of whose events are half there. Args: sight: the history. gate: [M, L]."""

    sight: Sight
    gate: Tensor


class Way:
    """The model as a function of gates.

    Args:
        artefact: its parts.
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact, settings = artefact, artefact.settings
        self.weights: Mapping[str, Tensor] = {
            name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in artefact.weights.items()
        }
        self.blocks = [Block(width=settings.width, heads=settings.heads, dropout=0.0) for _ in range(settings.layers)]
        for layer, block in enumerate(self.blocks):
            name = f"blocks.{layer}."
            own = {key.removeprefix(name): value for key, value in self.weights.items() if key.startswith(name)}
            block.load_state_dict(own)
            block.requires_grad_(False).eval()

    def sight(self, batch: Batch) -> Sight:
        """A history of at least one event. batch: of one row with one question."""
        settings, L = self.artefact.settings, batch.item.shape[1]
        token, asked = forward.tokens(batch, self.artefact.weights, settings)
        plain = self.artefact.weights["question"] + self.artefact.weights["behaviour.weight"][batch.behaviour[0, L]]
        bias = read_bias(
            torch.from_numpy(batch.days), torch.from_numpy(batch.rank), torch.from_numpy(batch.limit), events=L,
            time_scales=settings.time_scales, back_scales=settings.back_scales,
        )  # fmt: skip
        newest = batch.rank[0, :L] == batch.rank[0, :L].max()
        return Sight(
            batch=batch,
            token=torch.from_numpy(token[0]),
            asked=torch.from_numpy(asked[0, 0] - plain),
            bias=bias[0],
            newest=torch.from_numpy((newest / newest.sum()).astype(np.float32)),
        )

    def state(self, own: Gated, other: Gated) -> Tensor:
        """[M, D], the question's state where the events are as far there as their gates say."""
        M = len(own.gate)
        L = own.sight.batch.item.shape[1]
        behaviour = int(own.sight.batch.behaviour[0, L])
        asked = self.weights["question"] + self.weights["behaviour.weight"][behaviour]
        x = asked.expand(M, -1)
        for one in (own, other):
            x = x + (one.gate @ one.sight.newest)[:, None] * one.sight.asked
        question = x[:, None]  # [M, 1, D]
        events = [one.sight.token.expand(M, -1, -1) for one in (own, other)]
        for layer, block in enumerate(self.blocks):
            last = layer == len(self.blocks) - 1
            question, events = self._layer(block, question, events, (own, other), last=last)
        norm: Tensor = F.rms_norm(question[:, 0], question.shape[-1:], self.weights["last_norm.weight"])
        return norm

    def _layer(
        self, block: Block, question: Tensor, events: list[Tensor], both: tuple[Gated, Gated], *, last: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """One block: every history reads itself, the question reads both."""
        keys: list[Tensor] = []
        values: list[Tensor] = []
        biases: list[Tensor] = []
        learned: list[Tensor] = []
        for x, one in zip(events, both, strict=True):
            L = x.shape[1]
            query, key, value = block.ask(torch.cat([x, question], dim=1), events=L, first=0)
            open_ = torch.log(one.gate)[:, None, None]  # [M, 1, 1, L]
            if not last:
                itself = torch.eye(L, dtype=torch.bool)
                bias = one.sight.bias[:, :L, 1:] + open_.masked_fill(itself, 0.0)
                start = one.sight.bias[:, :L, :1].expand(len(bias), -1, -1, -1)
                seen = attend_plainly(query[:, :, :L], key, value, torch.cat([start, bias], dim=-1))[0]
                learned.append(block.learn(x, seen))
            begin = len(keys)  # the start that everyone may read is read once
            keys.append(key[:, :, begin:])
            values.append(value[:, :, begin:])
            near = one.sight.bias[:, L:, 1:] + open_
            first = one.sight.bias[:, L:, :1].expand(len(near), -1, -1, -1)
            biases += [first, near] if not begin else [near]
            asked = query[:, :, L:]
        seen = attend_plainly(asked, torch.cat(keys, dim=2), torch.cat(values, dim=2), torch.cat(biases, dim=-1))[0]
        return block.learn(question, seen), learned

    def score_of(self, item: int) -> Answer:
        """The answer 'the score of this item': what the state, its popularity, co-visits and the own past say. item: its code."""

        def score(state: Tensor, own: Gated, other: Gated) -> Tensor:
            w, settings = self.weights, self.artefact.settings
            told = state @ w["items"][item] + w["bias"][item]
            if settings.channels:
                popular = torch.from_numpy(self.artefact.counts["popularity"][item])
                told = told + (state @ w["popularity.weight"].T + w["popularity.bias"]) @ popular
            told = told + w["covisits"][0] * torch.log1p(self._covisits(item, own) + self._covisits(item, other))
            return told + self._pointer(item, state, (own, other)) if settings.pointer_heads else told

        return score

    def wanted_within(self, days: float) -> Answer:
        """The answer 'log-odds that something is wanted within some days', calibrated, as `Runtime.propensity`."""

        def told(state: Tensor, own: Gated, other: Gated) -> Tensor:
            level, shape = (state @ self.weights["hazard.weight"].T + self.weights["hazard.bias"]).unbind(-1)
            hazard = (level - 2 + F.softplus(shape + 0.5) * np.log(days / 30)).clamp(-15, 4).exp()
            calibration = self.artefact.calibration
            return calibration["slope"] * torch.log(torch.expm1(hazard)) + calibration["intercept"]

        return told

    def _covisits(self, item: int, one: Gated) -> Tensor:
        """[M], how much the latest events' co-visits say of the item, before its logarithm."""
        near, weight, batch = self.artefact.counts["near"], self.artefact.counts["near_weight"], one.sight.batch
        recent, place = batch.recent[0, 0], batch.item.shape[1] - 1 - np.arange(batch.recent.shape[2])
        known = np.minimum(recent, len(near) - 1)
        fade = np.float32(BACK_DECAY) ** batch.recent_back[0, 0] * (recent < len(near))
        share = fade / max(float(fade.sum()), 1e-6) * (weight[known] * (near[known] == item)).sum(axis=1)
        return one.gate[:, np.maximum(place, 0)] @ torch.from_numpy(share.astype(np.float32))

    def _pointer(self, item: int, state: Tensor, both: tuple[Gated, Gated]) -> Tensor:
        """[M], as `network.Pointer` for one item."""
        w, P = self.weights, self.artefact.settings.pointer_heads
        query = (state @ w["pointer.query.weight"].T + w["pointer.query.bias"]).view(len(state), P, POINTER_WIDTH)
        mass, facts = state.new_zeros(len(state), P), []
        for one in both:
            batch, L = one.sight.batch, one.sight.batch.item.shape[1]
            rows = np.flatnonzero((batch.item[0] == item) & (np.arange(L) < batch.limit[0, L]))
            if not len(rows):
                continue
            key = (one.sight.token[rows] @ w["pointer.key.weight"].T).view(len(rows), P, POINTER_WIDTH)
            ago = torch.from_numpy(np.maximum(batch.days[0, rows] - batch.days[0, L], 0))[:, None]
            back = torch.from_numpy(np.maximum(batch.rank[0, L] - batch.rank[0, rows] - 1, 0))[:, None]
            match = torch.einsum("mpd,lpd->mlp", query, key) / POINTER_WIDTH**0.5
            match = (
                match
                - F.softplus(w["pointer.time_fade"]) * torch.log1p(ago)
                - F.softplus(w["pointer.back_fade"]) * back
            )
            match = match + w["pointer.season"] * torch.cos(ago * (2 * torch.pi / YEAR_DAYS))
            match = match + w["pointer.behaviour.weight"][batch.behaviour[0, rows]]
            gate = one.gate[:, rows]
            mass = mass + (match.clamp(max=5).exp() * gate[..., None]).sum(dim=1)
            far = torch.tensor([len(rows), min(NEVER_AGO, float(ago.min())), min(NEVER_AGO, float(back.min()))])
            facts.append((gate.mean(dim=1), torch.log1p(far)))
        told = torch.log1p(F.softplus(w["pointer.kappa"]) * mass)  # [M, P]
        open_ = F.softplus(state @ w["pointer.gate.weight"].T + w["pointer.gate.bias"])
        total = (told * open_).sum(dim=1)
        popular = torch.from_numpy(self.artefact.counts["popularity"][item]).expand(len(state), -1)
        for there, fact in facts:
            known = torch.cat([told, fact.expand(len(state), -1), popular], dim=1)
            hidden = known @ w["pointer.weigh.weight"].T + w["pointer.weigh.bias"] + state @ w["pointer.mood.weight"].T
            total = total + there * (F.silu(hidden) @ w["pointer.verdict.weight"].T)[:, 0]
        return total

    def ends(self, own: Sight, other: Sight, answer: Answer) -> tuple[float, float]:
        """The answer of the other history, and of the customer's own."""
        with torch.no_grad():
            told = self._told(own, other, answer, torch.tensor([[0.0], [1.0]]).expand(-1, own.token.shape[0]))
        return float(told[0]), float(told[1])

    def _told(self, own: Sight, other: Sight, answer: Answer, gate: Tensor) -> Tensor:
        """[M] answers. gate: [M, L] of the customer's events; those of the other history close as they open."""
        L, K = own.token.shape[0], other.token.shape[0]
        pair = np.maximum(np.arange(K) + L - K, 0)  # from the newest back; what is older than all goes with the oldest
        both = Gated(sight=own, gate=gate), Gated(sight=other, gate=1 - gate[:, pair])
        return answer(self.state(*both), *both)

    def attributions(self, own: Sight, other: Sight, answer: Answer, *, points: int) -> NDArray[np.float64]:
        """float64 [L], what each of the customer's events adds; their sum is the difference of `ends`, as far as `points` tell (see `steps`).

        Args: own, other: histories. answer: what is asked. points: places of the way.
        """
        L, K = own.token.shape[0], other.token.shape[0]
        total = np.zeros(L)
        size = max(1, CELLS // (self.artefact.settings.heads * (L**2 + K**2)))
        where, share = steps(points)
        for start in range(0, points, size):
            some = slice(start, start + size)
            gate = where[some, None].expand(-1, L).clone().requires_grad_()
            torch.autograd.backward((self._told(own, other, answer, gate) * share[some]).sum())
            assert gate.grad is not None
            total += gate.grad.sum(dim=0).double().numpy()
        return total


def steps(points: int) -> tuple[Tensor, Tensor]:
    """Places of the way, [M] in (0, 1), and their weights in the integral, [M].

    Gauss and Legendre's, drawn towards both ends (t = 3 u^2 - 2 u^3): there, where the first and the last traces of events come and
    go, logarithms make the answer move fastest.

    >>> where, share = steps(8)
    >>> bool((share * where**2).sum() - 1 / 3 < 1e-6)
    True
    """
    node, weight = np.polynomial.legendre.leggauss(points)
    u = (node + 1) / 2
    where, share = 3 * u**2 - 2 * u**3, weight / 2 * 6 * u * (1 - u)
    return torch.from_numpy(where.astype(np.float32)), torch.from_numpy(share.astype(np.float32))
