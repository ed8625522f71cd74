"""The network: events in, a state per question out, and two answers read off it: the next items, and whether anything is wanted by when.

Legend: `B` rows, `L` events, `Q` questions of a row, `T` = L + Q, `N` questions of a batch, `D` width, `V` items, `U` own items, `P` pointer heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from regard.model import flex
from regard.model.attention import Block, read_bias
from regard.model.dropout import Dropout
from regard.model.settings import NEVER_AGO, POINTER_WIDTH, YEAR_DAYS, Settings
from regard.sequences.batches import Batch
from regard.sequences.view import Content

BEGIN = 0.05
"""Root mean square of the item vectors' first coordinates: so large that neighbours are likelier from the start, so small that all can move."""

FEATURE = 0.3
"""Standard deviation of the feature vectors' first numbers: larger than an id's, so that what items have in common is learned before what
each has alone (`benchmarks.ablation` measures what that is worth)."""

WEIGH_WIDTH = 32
"""Hidden numbers of the small network that weighs an own item's counts against its popularity and its age."""

READ = ("item", "behaviour", "context", "numbers", "days", "limit", "rank", "elapsed", "slot", "slot_item")
"""Arrays of a batch that the network reads as they are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """What the encoder made of a batch.

    Args:
        state: [N, D] states of the questions asked, in row-major order.
        own: [N, U] logit of each question's own items. own_item: int64 [N, U] these items, V for none.
        item: [V, D] item table. bias: [V].
        weight: [N, C] weights of the channels of popularity.
    """

    state: Tensor
    own: Tensor
    own_item: Tensor
    item: Tensor
    bias: Tensor
    weight: Tensor


class Items(nn.Module):
    """The item table: an id vector plus the mean of the content's feature vectors, rare ones counting for more; with the id hidden at random,
    content must do alone."""

    codes: Tensor
    offsets: Tensor
    rarity: Tensor

    def __init__(self, settings: Settings, content: Content, coordinates: NDArray[np.float32] | None) -> None:
        super().__init__()
        self.id = nn.Embedding(settings.items, settings.width)
        nn.init.normal_(self.id.weight, std=0.02)
        if coordinates is not None:
            begin = torch.from_numpy(coordinates * np.float32(BEGIN))
            known = begin.any(dim=1, keepdim=True)  # the others begin anywhere
            self.id.weight.data = torch.where(known, begin, self.id.weight.data)
        self.hide = settings.id_dropout if settings.features else 0.0
        self.features = nn.Embedding(settings.features, settings.width) if settings.features else None
        if self.features is not None:
            nn.init.normal_(self.features.weight, std=FEATURE)
        found = np.bincount(content.features.values, minlength=settings.features)
        rarity = np.log1p(settings.items / np.maximum(found, 1)).astype(np.float32)  # [F]
        self.register_buffer("rarity", torch.from_numpy(rarity), persistent=False)
        self.register_buffer(
            "codes", torch.from_numpy(np.ascontiguousarray(content.features.values, dtype=np.int64)), persistent=False
        )
        self.register_buffer("offsets", torch.from_numpy(content.features.offsets), persistent=False)

    def forward(self) -> Tensor:
        """[V, D]."""
        table = self.id.weight
        if self.training and self.hide:
            table = table * (torch.rand(len(table), 1, device=table.device) >= self.hide)
        if self.features is None:
            return table
        rarity = self.rarity[self.codes]
        total = torch.segment_reduce(rarity, "sum", offsets=self.offsets, initial=0.0)  # [V]
        owner = torch.repeat_interleave(self.offsets.diff())
        return table + F.embedding_bag(
            self.codes, self.features.weight, self.offsets, mode="sum", include_last_offset=True,
            per_sample_weights=rarity / total[owner],
        )  # fmt: skip


class Pointer(nn.Module):
    """The repeat pointer: g(state) . log(1 + kappa . attention mass on the own past events of an item).

    The mass is not normalised, so that one head can count: with a fade of 0.9 per basket back it is the decayed own count that shops
    find so hard to beat. Source: pointer networks (Vinyals et al., 2015) and repeat-aware recommendation (Ren et al., RepeatNet, 2019).
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        heads = settings.pointer_heads
        self.heads = heads
        self.query = nn.Linear(settings.width, heads * POINTER_WIDTH)
        self.key = nn.Linear(settings.width, heads * POINTER_WIDTH, bias=False)
        nn.init.zeros_(self.query.weight)
        nn.init.zeros_(self.query.bias)
        self.behaviour = nn.Embedding(settings.behaviours + 1, heads)
        nn.init.zeros_(self.behaviour.weight)
        spread = torch.arange(heads) / max(1, heads - 1)  # from a head that remembers to one that forgets
        self.time_fade = nn.Parameter(-3 + 4 * spread)
        self.back_fade = nn.Parameter(-5 + 4 * spread.flip(0))
        self.season = nn.Parameter(torch.zeros(heads))
        self.kappa = nn.Parameter(torch.zeros(heads))
        self.gate = nn.Linear(settings.width, heads)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, 0.5)
        self.weigh = nn.Linear(heads + 3 + settings.channels, WEIGH_WIDTH)
        self.mood = nn.Linear(settings.width, WEIGH_WIDTH, bias=False)
        self.verdict = nn.Linear(WEIGH_WIDTH, 1, bias=False)
        nn.init.zeros_(self.verdict.weight)

    def forward(self, state: Tensor, token: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        """state: [B, Q, D] of questions; token: [B, L, D] event tokens. Returns [B, Q, U] logits of the row's own items."""
        B, Q, _ = state.shape
        L = token.shape[1]
        query = self.query(state).view(B, Q, self.heads, -1)
        key = self.key(token).view(B, L, self.heads, -1)
        ago = (tensors["days"][:, None, :L] - tensors["days"][:, L:, None]).clamp(min=0)[..., None]  # [B, Q, L, 1]
        back = (tensors["rank"][:, L:, None] - tensors["rank"][:, None, :L] - 1).clamp(min=0)[..., None]
        match = torch.einsum("bqpd,blpd->bqlp", query, key) / POINTER_WIDTH**0.5
        match = match - F.softplus(self.time_fade) * torch.log1p(ago) - F.softplus(self.back_fade) * back
        match = (
            match
            + self.season * torch.cos(ago * (2 * torch.pi / YEAR_DAYS))
            + self.behaviour(tensors["behaviour"][:, None, :L])
        )
        past = torch.arange(L, device=state.device) < tensors["limit"][:, L:, None]  # [B, Q, L]
        mass = match.clamp(max=5).exp() * past[..., None]  # [B, Q, L, P]
        U = tensors["slot_item"].shape[1]
        slot = tensors["slot"][:, None, :, None].expand(B, Q, L, self.heads)
        own = mass.new_zeros(B, Q, U, self.heads).scatter_add(2, slot, mass)
        told = torch.log1p(F.softplus(self.kappa) * own)  # [B, Q, U, P]
        facts = self._facts(past, slot[..., 0], ago[..., 0], back[..., 0], U)
        hidden = self.weigh(torch.cat([told, facts, tensors["own_popular"]], dim=-1)) + self.mood(state)[:, :, None]
        verdict: Tensor = self.verdict(F.silu(hidden))[..., 0] * (
            facts[..., 0] > 0
        )  # items still to come are no own items yet
        return (told * F.softplus(self.gate(state))[:, :, None]).sum(dim=-1) + verdict

    def _facts(self, past: Tensor, slot: Tensor, ago: Tensor, back: Tensor, U: int) -> Tensor:
        """[B, Q, U, 3]: log1p of how often, how many days ago and how many baskets ago each own item was last touched."""
        B, Q, _ = past.shape
        often = ago.new_zeros(B, Q, U).scatter_add(2, slot, past.float())
        far = ago.new_full((B, Q, U), NEVER_AGO)
        days = far.scatter_reduce(2, slot, ago.masked_fill(~past, NEVER_AGO), "amin")
        baskets = far.scatter_reduce(2, slot, back.masked_fill(~past, NEVER_AGO), "amin")
        return torch.log1p(torch.stack([often, days, baskets], dim=-1))


class Network(nn.Module):
    """Encoder, item table, pointer, weights of popularity, and the head for 'anything wanted within h days?'."""

    def __init__(self, settings: Settings, content: Content, coordinates: NDArray[np.float32] | None = None) -> None:
        super().__init__()
        D = settings.width
        self.settings = settings
        self.items = Items(settings, content, coordinates)
        self.bias = nn.Parameter(torch.zeros(settings.items))
        self.item_norm = nn.RMSNorm(D)
        self.behaviour = nn.Embedding(settings.behaviours + 1, D)
        self.context = nn.ModuleList(nn.Embedding(size, D) for size in settings.contexts)
        for table in (self.behaviour, *self.context):
            nn.init.normal_(table.weight, std=0.02)
        self.numbers = nn.Linear(2, D, bias=False)
        self.question = nn.Parameter(torch.randn(D) * 0.02)
        self.elapsed = nn.Sequential(nn.Linear(6, D, bias=False), nn.SiLU(), nn.Linear(D, D, bias=False))
        self.drop = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            Block(width=D, heads=settings.heads, dropout=settings.dropout) for _ in range(settings.layers)
        )
        self.last_norm = nn.RMSNorm(D)
        self.pointer = Pointer(settings) if settings.pointer_heads else None
        self.popularity = nn.Linear(D, settings.channels) if settings.channels else None
        if self.popularity is not None:
            nn.init.zeros_(self.popularity.weight)
            nn.init.constant_(self.popularity.bias, 0.2)
        self.hazard = nn.Linear(D, 2)
        nn.init.zeros_(self.hazard.weight)

    def forward(self, tensors: dict[str, Tensor]) -> Read:
        """Read one batch; `tensors` as made by `to_tensors`."""
        L = tensors["item"].shape[1]
        table = self.items()  # [V, D]
        token = self._event_tokens(table, tensors)
        question = self._question_tokens(token, tensors)
        x = self.drop(torch.cat([token, question], dim=1))  # [B, T, D]
        state = self.last_norm(self._encode(x, tensors, events=L))  # [B, Q, D]
        asked = tensors["asked"]  # [N]
        said = state.flatten(0, 1)[asked]  # [N, D]
        own = _unseen(tensors) if self.pointer is None else self.pointer(state, token, tensors)  # [B, Q, U]
        return Read(
            state=said,
            own=own.flatten(0, 1)[asked],
            own_item=tensors["slot_item"][asked // state.shape[1]],
            item=table,
            bias=self.bias,
            weight=said.new_zeros(len(said), 0) if self.popularity is None else self.popularity(said),
        )

    def _encode(self, x: Tensor, tensors: dict[str, Tensor], *, events: int) -> Tensor:
        """[B, T, D] tokens -> [B, Q, D], what the questions have become: nothing reads what events become in the last block."""
        parts = (tensors["days"], tensors["rank"], tensors["limit"])
        time_scales, back_scales = self.settings.time_scales, self.settings.back_scales
        if self.training and flex.usable(x.device, self.settings.width // self.settings.heads):
            return flex.encode(self.blocks, x, *parts, events=events, time_scales=time_scales, back_scales=back_scales)
        bias = read_bias(*parts, events=events, time_scales=time_scales, back_scales=back_scales)
        *earlier, last = self.blocks
        for block in earlier:
            x = block(x, bias)
        asked: Tensor = last(x, bias, first=events)
        return asked

    def _event_tokens(self, table: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        """[B, L, D], the sum of what is known of each event, each part of like size."""
        L = tensors["item"].shape[1]
        known = tensors["item"] < len(table)
        item = self.item_norm(F.embedding(tensors["item"].clamp(max=len(table) - 1), table)) * known[..., None]
        token: Tensor = item + self.behaviour(tensors["behaviour"][:, :L]) + self.numbers(tensors["numbers"])
        for place, part in enumerate(self.context):
            token = token + part(tensors["context"][..., place])
        return token

    def _question_tokens(self, token: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        """[B, Q, D]: what is asked, how long after, and the last basket before, which tells most and should not have to be looked for."""
        L = token.shape[1]
        limit, rank = tensors["limit"][:, L:, None], tensors["rank"][:, None, :L]  # [B, Q, 1], [B, 1, L]
        past = torch.arange(L, device=token.device) < limit  # [B, Q, L]
        last = past & (rank == rank.masked_fill(~past, -1).amax(dim=2, keepdim=True))
        share = last / last.sum(dim=2, keepdim=True).clamp(min=1)
        question: Tensor = (
            self.question + self.behaviour(tensors["behaviour"][:, L:]) + self.elapsed(tensors["elapsed"])
        )
        return question + share @ token

    def wanted_within(self, state: Tensor, days: Tensor) -> Tensor:
        """Logits [N] that something is wanted within `days` [N] of the question.

        The time to the next wish is Weibull given the state, so a longer horizon can never be less likely.
        """
        level, shape = self.hazard(state).unbind(-1)
        log_hazard = level - 2 + F.softplus(shape + 0.5) * torch.log(days / 30)
        hazard = log_hazard.clamp(-15, 4).exp()  # cumulative; P = 1 - exp(-hazard)
        return torch.log(torch.expm1(hazard))  # logit of 1 - exp(-h)


def _unseen(tensors: dict[str, Tensor]) -> Tensor:
    """[B, Q, U], -inf for the row's items that were seen before a question, 0 for those still to come."""
    limit, slot, U = tensors["limit"], tensors["slot"], tensors["slot_item"].shape[1]
    L = slot.shape[1]
    past = (torch.arange(L, device=limit.device) < limit[:, L:, None]).float()  # [B, Q, L]
    seen = past.new_zeros(*past.shape[:2], U).scatter_add(2, slot[:, None].expand(past.shape), past)
    return torch.zeros_like(seen).masked_fill(seen > 0, float("-inf"))


def to_tensors(batch: Batch) -> dict[str, Tensor]:
    """What the network reads of a batch as tensors, by name, without copying; 'asked' are the places [N] of its questions among [B * Q]."""
    arrays = {name: getattr(batch, name) for name in READ} | {"asked": np.flatnonzero(batch.asked)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
