"""The network's forward pass in NumPy, step for step as in `model.network`; a test holds the two together.

Legend: `B` rows, `L` events, `Q` questions, `T` = L + Q, `N` questions asked, `D` width, `H` heads, `V` items, `U` own items, `P` pointer heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.model.settings import NEVER_AGO, POINTER_WIDTH, YEAR_DAYS, Settings
from regard.sequences.batches import Batch

Array = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]

PIECE_CELLS = 200_000
"""Attention weights held at a time: with their temporaries about 2 MB of float32."""

NEVER = np.float32(1e30)
"""Taken from a logit, it leaves a weight of exactly zero; quicker than writing minus infinity into places."""

EPSILON = np.float32(np.finfo(np.float32).eps)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    out: Array = np.multiply(x, np.float32(0.5))
    np.tanh(out, out=out)
    out += 1
    out *= np.float32(0.5)
    return out


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(np.float32(0), x)


def rms_norm(x: Array, weight: Array) -> Array:
    """x over its root mean square, times `weight`."""
    scale = 1 / np.sqrt(np.einsum("...d,...d->...", x, x) / x.shape[-1] + EPSILON)
    out: Array = x * scale[..., None]
    out *= weight
    return out


def read_bias(batch: Batch, settings: Settings, rows: slice, places: slice) -> list[Array]:
    """Per head [B, T, R] of some rows and places, as `model.attention.read_bias`, up to the last event that any of the places may read."""
    R = min(places.stop, batch.item.shape[1])
    event = np.arange(R, dtype=np.int32)
    allowed = event < batch.limit[rows, places, None].astype(np.int32)
    allowed |= event == np.arange(places.start, places.stop, dtype=np.int32)[:, None]
    shut = allowed.astype(np.float32)
    shut -= 1
    shut *= NEVER
    ago = np.maximum(batch.days[rows, None, :R] - batch.days[rows, places, None], 0)
    back = np.maximum(batch.rank[rows, places, None] - batch.rank[rows, None, :R], 0)
    bias = []
    for time_scale, back_scale in zip(settings.time_scales, settings.back_scales, strict=True):
        bias.append(shut)
        for distance, scale in ((ago, time_scale), (back, back_scale)):
            if scale:
                fade = distance * np.float32(1 / scale)
                fade += 1
                bias[-1] = bias[-1] - np.log(fade, out=fade)
    return bias


def pieces(batch: Batch, heads: int, shared: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Rows and places whose attention weights fit in a core's cache; the first `shared` places of a row are left out."""
    B, T = batch.days.shape
    width = heads * (1 + batch.item.shape[1])
    some = min(T, max(1, PIECE_CELLS // width))
    several = max(1, PIECE_CELLS // (width * some))
    for row in range(0, B, several):
        rows = slice(row, min(row + several, B))
        for place in range(int(shared[rows].min()), T, some):
            yield rows, slice(place, min(place + some, T))


def begin_alike(batch: Batch, leader: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 [B], how many events a row begins with that are, in all that the encoder reads, those of its leader's row; 0 for a leader."""
    L = batch.item.shape[1]
    same = np.ones(batch.item.shape, dtype=bool)
    for array in (batch.item, batch.behaviour, batch.days, batch.rank, batch.limit):
        same &= array[:, :L] == array[leader, :L]
    for array in (batch.context, batch.numbers):
        same &= (array == array[leader]).all(axis=-1)
    count = np.append(same, np.zeros((len(same), 1), dtype=bool), axis=1).argmin(axis=1)
    return np.where(leader == np.arange(len(leader)), 0, count)


def attend(query: Array, key: Array, value: Array, bias: list[Array]) -> tuple[Array, Array]:
    """Output [B, H, T, D/H] and weights [B, H, T, 1 + R]; shapes as in `model.attention.attend_plainly`."""
    match: Array = query @ key.swapaxes(-1, -2)
    for head, near in enumerate(bias):
        match[:, head, :, 1:] += near
    match -= match.max(axis=-1, keepdims=True)
    np.exp(match, out=match)
    match /= match.sum(axis=-1, keepdims=True)
    return match @ value, match


def project(x: Array, L: int, H: int, weights: Weights, name: str, *, first: int) -> tuple[Array, Array, Array]:
    """Queries [B, H, T - first, D/H] of the places from `first`, keys and values [B, H, 1 + L, D/H] of the start and the events."""
    B, _, D = x.shape
    h = rms_norm(x, weights[name + "read_norm.weight"])
    query: Array = h[:, first:] @ weights[name + "query.weight"].T
    query *= np.float32((D // H) ** -0.5)
    read = np.concatenate([np.broadcast_to(weights[name + "start"], (B, 1, D)), h[:, :L]], axis=1)
    both = (read @ weights[name + "key_value.weight"].T).reshape(B, 1 + L, 2, H, D // H).transpose(2, 0, 3, 1, 4)
    return query.reshape(B, -1, H, D // H).transpose(0, 2, 1, 3), both[0], both[1]


def think(x: Array, seen: Array, weights: Weights, name: str) -> Array:
    """[B, T, D] after what was seen, [B, H, T, D/H], is taken in and thought over."""
    taken = seen.transpose(0, 2, 1, 3).reshape(x.shape) @ weights[name + "out.weight"].T
    taken *= sigmoid(x @ weights[name + "read_gate.weight"].T + weights[name + "read_gate.bias"])
    taken += x
    inner = rms_norm(taken, weights[name + "think_norm.weight"]) @ weights[name + "inner.weight"].T
    value, gate = inner[..., : inner.shape[-1] // 2], inner[..., inner.shape[-1] // 2 :]  # 2 x [B, T, 2D]
    value *= gate
    value *= sigmoid(gate)
    thought = value @ weights[name + "outer.weight"].T
    thought *= sigmoid(taken @ weights[name + "think_gate.weight"].T + weights[name + "think_gate.bias"])
    thought += taken
    return thought


def tokens(batch: Batch, weights: Weights, settings: Settings) -> tuple[Array, Array]:
    """Event tokens [B, L, D] and question tokens [B, Q, D]."""
    L, V = batch.item.shape[1], len(weights["items"])
    event = rms_norm(weights["items"][np.minimum(batch.item, V - 1)], weights["item_norm.weight"])
    event *= (batch.item < V)[..., None]
    event += weights["behaviour.weight"][batch.behaviour[:, :L]] + batch.numbers @ weights["numbers.weight"].T
    for place in range(len(settings.contexts)):
        event += weights[f"context.{place}.weight"][batch.context[..., place]]
    hidden = batch.elapsed @ weights["elapsed.0.weight"].T
    passed = (hidden * sigmoid(hidden)) @ weights["elapsed.2.weight"].T
    asked = weights["question"] + weights["behaviour.weight"][batch.behaviour[:, L:]] + passed
    past = np.arange(L) < batch.limit[:, L:, None]  # [B, Q, L]
    rank = np.where(past, batch.rank[:, None, :L], np.float32(-1))
    last = past & (rank == rank.max(axis=2, keepdims=True, initial=-1))
    asked += (last / np.maximum(last.sum(axis=2, keepdims=True), 1)).astype(np.float32) @ event
    return event, asked


def encode(
    batch: Batch, weights: Weights, settings: Settings, leader: NDArray[np.int64] | None = None
) -> tuple[Array, Array, Array]:
    """States [B, Q, D] of the questions, event tokens [B, L, D], and the last layer's attention [B, H, Q, 1 + L].

    Nothing reads the events' states after the last layer, so there only the questions look. And no state depends on later events, so
    what rows begin with alike is read once.

    Args:
        leader: int64 [B] for each row the one that it is likely to begin like, itself a row that leads itself; no result depends on it.
    """
    (B, L), T, H = batch.item.shape, batch.days.shape[1], settings.heads
    event, question = tokens(batch, weights, settings)
    x = np.concatenate([event, question], axis=1)
    shared = np.zeros(B, dtype=np.int64) if leader is None else begin_alike(batch, leader)
    row, place = np.nonzero(np.arange(T) < shared[:, None])
    for layer in range(settings.layers - 1):
        name = f"blocks.{layer}."
        query, key, value = project(x, L, H, weights, name, first=0)
        for rows, places in pieces(batch, H, shared):
            bias = read_bias(batch, settings, rows, places)
            near = slice(0, 1 + bias[0].shape[-1])
            seen = attend(query[rows, :, places], key[rows, :, near], value[rows, :, near], bias)[0]
            x[rows, places] = think(x[rows, places], seen, weights, name)
        if leader is not None:
            x[row, place] = x[leader[row], place]
    name = f"blocks.{settings.layers - 1}."
    query, key, value = project(x, L, H, weights, name, first=L)
    seen, attention = attend(query, key, value, read_bias(batch, settings, slice(0, B), slice(L, T)))
    state = rms_norm(think(x[:, L:], seen, weights, name), weights["last_norm.weight"])
    return state, event, attention


def pointer(batch: Batch, state: Array, token: Array, popular: Array, weights: Weights, settings: Settings) -> Array:
    """[B, Q, U] logits of the rows' own items, as `model.network.Pointer`; popular: [V, C] as of the question."""
    (B, Q, _), L, P, U = state.shape, token.shape[1], settings.pointer_heads, batch.slot_item.shape[1]
    query = state @ weights["pointer.query.weight"].T + weights["pointer.query.bias"]
    query = query.reshape(B, Q, P, POINTER_WIDTH).transpose(0, 2, 1, 3) / np.float32(np.sqrt(POINTER_WIDTH))
    key = (token @ weights["pointer.key.weight"].T).reshape(B, L, P, POINTER_WIDTH).transpose(0, 2, 3, 1)
    ago = np.maximum(batch.days[:, None, :L] - batch.days[:, L:, None], 0)  # [B, Q, L]
    back = np.maximum(batch.rank[:, L:, None] - batch.rank[:, None, :L] - 1, 0)
    match = query @ key + weights["pointer.behaviour.weight"][batch.behaviour[:, :L]].transpose(0, 2, 1)[:, :, None]
    for fact, weight in (
        (np.log1p(ago), -softplus(weights["pointer.time_fade"])),
        (back, -softplus(weights["pointer.back_fade"])),
        (np.cos(ago * np.float32(2 * np.pi / YEAR_DAYS)), weights["pointer.season"]),
    ):
        match += fact[:, None] * weight[:, None, None]
    past = np.arange(L) < batch.limit[:, L:, None]  # [B, Q, L]
    mass = np.exp(np.minimum(match, 5)) * past[:, None]  # [B, P, Q, L]
    cell = (np.arange(B * Q).reshape(B, Q, 1) * U + batch.slot[:, None]).ravel()
    own = np.stack([_added(cell, mass[:, head], B * Q * U) for head in range(P)], axis=-1).reshape(B, Q, U, P)
    gate = softplus(state @ weights["pointer.gate.weight"].T + weights["pointer.gate.bias"])
    told = np.log1p(softplus(weights["pointer.kappa"]) * own)
    often = _added(cell, past, B * Q * U)
    newest = [_least(cell, np.where(past, far, np.float32(NEVER_AGO)), B * Q * U) for far in (ago, back)]
    facts = np.log1p(np.stack([often, *newest], axis=-1)).reshape(B, Q, U, 3)
    known = popular[np.minimum(batch.slot_item, len(popular) - 1)][:, None].repeat(Q, axis=1)
    hidden = np.concatenate([told, facts, known], axis=-1) @ weights["pointer.weigh.weight"].T
    hidden += weights["pointer.weigh.bias"] + (state @ weights["pointer.mood.weight"].T)[:, :, None]
    verdict = ((hidden * sigmoid(hidden)) @ weights["pointer.verdict.weight"].T)[..., 0] * (facts[..., 0] > 0)
    return np.asarray((told * gate[:, :, None]).sum(axis=-1) + verdict, dtype=np.float32)


def _added(cell: NDArray[np.int64], values: NDArray[Any], count: int) -> Array:
    """float32 [count], the sum of the values of each cell."""
    return np.bincount(cell, values.ravel(), minlength=count).astype(np.float32)


def _least(cell: NDArray[np.int64], values: Array, count: int) -> Array:
    """float32 [count], the least of the values of each cell, NEVER_AGO where there is none."""
    least = np.full(count, NEVER_AGO, dtype=np.float32)
    np.minimum.at(least, cell, values.ravel())
    return least


def wanted_within(state: Array, days: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Logits [N, K] that something is wanted within each of `days` [K], as `model.network.Network.wanted_within`."""
    level, shape = np.split(state @ weights["hazard.weight"].T + weights["hazard.bias"], 2, axis=-1)  # 2 x [N, 1]
    log_hazard = level - 2 + softplus(shape + np.float32(0.5)) * np.log(days / 30)
    return np.asarray(np.log(np.expm1(np.exp(np.clip(log_hazard, -15, 4).astype(np.float64)))))
