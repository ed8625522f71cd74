"""The network's forward pass in NumPy, step for step as in `model.network`; a test holds the two together.

Legend: `B` rows, `L` events, `Q` questions, `T` = L + Q, `N` questions asked, `D` width, `H` heads, `V` items, `U` own items, `P` pointer heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.model.settings import NEVER_AGO, POINTER_WIDTH, YEAR_DAYS, Settings
from regard.sequences.batches import Batch

Array = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]

EPSILON = np.float32(np.finfo(np.float32).eps)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), dtype=np.float32)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(np.float32(0), x)


def rms_norm(x: Array, weight: Array) -> Array:
    """x over its root mean square, times `weight`."""
    scale = 1 / np.sqrt(np.einsum("...d,...d->...", x, x) / x.shape[-1] + EPSILON)
    return np.asarray(x * scale[..., None] * weight)


def read_bias(batch: Batch, settings: Settings) -> Array:
    """[B, H, T, 1 + L], as `model.attention.read_bias`."""
    B, L = batch.item.shape
    T = batch.days.shape[1]
    place = np.arange(T)
    allowed = place[:L] < batch.limit[:, :, None]
    allowed |= place[:, None] == place[None, :L]
    ago = np.maximum(batch.days[:, None, :L] - batch.days[:, :, None], 0)
    back = np.maximum(batch.rank[:, :, None] - batch.rank[:, None, :L], 0)
    bias = np.zeros((B, settings.heads, T, 1 + L), dtype=np.float32)
    for head, (time_scale, back_scale) in enumerate(zip(settings.time_scales, settings.back_scales, strict=True)):
        if time_scale:
            bias[:, head, :, 1:] -= np.log1p(ago / np.float32(time_scale))
        if back_scale:
            bias[:, head, :, 1:] -= np.log1p(back / np.float32(back_scale))
        bias[:, head, :, 1:][~allowed] = -np.inf
    return bias


def attend(query: Array, key: Array, value: Array, bias: Array) -> tuple[Array, Array]:
    """Output [B, H, T, D/H] and weights [B, H, T, 1 + L]; shapes as in `model.attention.attend_plainly`."""
    match: Array = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1])) + bias
    match -= match.max(axis=-1, keepdims=True)
    np.exp(match, out=match)
    match /= match.sum(axis=-1, keepdims=True)
    return match @ value, match


def block(x: Array, bias: Array, weights: Weights, name: str) -> tuple[Array, Array]:
    """One layer: [B, T, D] -> the same, and its attention weights [B, H, T, 1 + L]."""
    B, T, D = x.shape
    H, K = bias.shape[1], bias.shape[-1]
    part = {key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)}
    h = rms_norm(x, part["read_norm.weight"])
    query = (h @ part["query.weight"].T).reshape(B, T, H, D // H).transpose(0, 2, 1, 3)  # [B, H, T, D/H]
    read = np.concatenate([np.broadcast_to(part["start"], (B, 1, D)), h[:, : K - 1]], axis=1)  # [B, K, D]
    both = (read @ part["key_value.weight"].T).reshape(B, K, 2, H, D // H).transpose(2, 0, 3, 1, 4)  # [2, B, H, K, D/H]
    seen, attention = attend(query, both[0], both[1], bias)
    out = seen.transpose(0, 2, 1, 3).reshape(B, T, D) @ part["out.weight"].T
    x = x + sigmoid(x @ part["read_gate.weight"].T + part["read_gate.bias"]) * out
    value, gate = np.split(
        rms_norm(x, part["think_norm.weight"]) @ part["inner.weight"].T, 2, axis=-1
    )  # 2 x [B, T, 2D]
    thought = (gate * sigmoid(gate) * value) @ part["outer.weight"].T
    return x + sigmoid(x @ part["think_gate.weight"].T + part["think_gate.bias"]) * thought, attention


def tokens(batch: Batch, weights: Weights, settings: Settings) -> tuple[Array, Array]:
    """Event tokens [B, L, D] and question tokens [B, Q, D]."""
    L = batch.item.shape[1]
    normed = rms_norm(weights["items"], weights["item_norm.weight"])
    normed = np.concatenate([normed, np.zeros_like(normed[:1])])  # row V: no item
    event = (
        normed[batch.item]
        + weights["behaviour.weight"][batch.behaviour[:, :L]]
        + batch.numbers @ weights["numbers.weight"].T
    )
    for place in range(len(settings.contexts)):
        event = event + weights[f"context.{place}.weight"][batch.context[..., place]]
    hidden = batch.elapsed @ weights["elapsed.0.weight"].T
    passed = (hidden * sigmoid(hidden)) @ weights["elapsed.2.weight"].T
    return event, weights["question"] + weights["behaviour.weight"][batch.behaviour[:, L:]] + passed


def encode(batch: Batch, weights: Weights, settings: Settings) -> tuple[Array, Array, Array]:
    """States [B, Q, D] of the questions, event tokens [B, L, D], and the last layer's attention [B, H, Q, 1 + L]."""
    L = batch.item.shape[1]
    event, question = tokens(batch, weights, settings)
    x, bias = np.concatenate([event, question], axis=1), read_bias(batch, settings)
    attention = bias
    for layer in range(settings.layers):
        x, attention = block(x, bias, weights, f"blocks.{layer}.")
    return rms_norm(x[:, L:], weights["last_norm.weight"]), event, attention[:, :, L:]


def pointer(batch: Batch, state: Array, token: Array, popular: Array, weights: Weights, settings: Settings) -> Array:
    """[B, Q, U] logits of the rows' own items, as `model.network.Pointer`; popular: [V, C - 1] as of the question."""
    B, Q, _ = state.shape
    L, P, U = token.shape[1], settings.pointer_heads, batch.slot_item.shape[1]
    query = (state @ weights["pointer.query.weight"].T + weights["pointer.query.bias"]).reshape(B, Q, P, POINTER_WIDTH)
    key = (token @ weights["pointer.key.weight"].T).reshape(B, L, P, POINTER_WIDTH)
    ago = np.maximum(batch.days[:, None, :L] - batch.days[:, L:, None], 0)[..., None]  # [B, Q, L, 1]
    back = np.maximum(batch.rank[:, L:, None] - batch.rank[:, None, :L] - 1, 0)[..., None]
    match = np.einsum("bqpd,blpd->bqlp", query, key, optimize=True) / np.float32(np.sqrt(POINTER_WIDTH))
    match = (
        match - softplus(weights["pointer.time_fade"]) * np.log1p(ago) - softplus(weights["pointer.back_fade"]) * back
    )
    match = match + weights["pointer.season"] * np.cos(ago * np.float32(2 * np.pi / YEAR_DAYS))
    match = match + weights["pointer.behaviour.weight"][batch.behaviour[:, None, :L]]
    past = np.arange(L) < batch.limit[:, L:, None]  # [B, Q, L]
    mass = np.exp(np.minimum(match, 5)) * past[..., None]  # [B, Q, L, P]
    own = np.zeros((B, Q, U, P), dtype=np.float32)
    row = np.arange(B)[:, None]
    for q in range(Q):
        np.add.at(own[:, q], (row, batch.slot), mass[:, q])
    gate = softplus(state @ weights["pointer.gate.weight"].T + weights["pointer.gate.bias"])
    told = np.log1p(softplus(weights["pointer.kappa"]) * own)
    known = popular[np.minimum(batch.slot_item, len(popular) - 1)][:, None].repeat(Q, axis=1)
    facts = _facts(past, batch.slot, ago[..., 0], back[..., 0], U)
    weighed = (
        np.concatenate([told, facts, known], axis=-1) @ weights["pointer.weigh.weight"].T
        + weights["pointer.weigh.bias"]
    )
    hidden = weighed + (state @ weights["pointer.mood.weight"].T)[:, :, None]
    verdict = ((hidden * sigmoid(hidden)) @ weights["pointer.verdict.weight"].T)[..., 0] * (facts[..., 0] > 0)
    return np.asarray((told * gate[:, :, None]).sum(axis=-1) + verdict, dtype=np.float32)


def _facts(past: NDArray[np.bool_], slot: NDArray[np.int64], ago: Array, back: Array, U: int) -> Array:
    """[B, Q, U, 3], as `model.network.Pointer._facts`."""
    B, Q, _ = past.shape
    facts = np.zeros((B, Q, U, 3), dtype=np.float32)
    facts[..., 1:] = NEVER_AGO
    row = np.arange(B)[:, None]
    for q in range(Q):
        np.add.at(facts[:, q, :, 0], (row, slot), past[:, q])
        np.minimum.at(facts[:, q, :, 1], (row, slot), np.where(past[:, q], ago[:, q], NEVER_AGO))
        np.minimum.at(facts[:, q, :, 2], (row, slot), np.where(past[:, q], back[:, q], NEVER_AGO))
    return np.log1p(facts)


def wanted_within(state: Array, days: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Logits [N, K] that something is wanted within each of `days` [K], as `model.network.Network.wanted_within`."""
    level, shape = np.split(state @ weights["hazard.weight"].T + weights["hazard.bias"], 2, axis=-1)  # 2 x [N, 1]
    log_hazard = level - 2 + softplus(shape + np.float32(0.5)) * np.log(days / 30)
    return np.asarray(np.log(np.expm1(np.exp(np.clip(log_hazard, -15, 4).astype(np.float64)))))
