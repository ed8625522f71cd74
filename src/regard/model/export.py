"""The encoder as an ONNX graph, step for step as `model.runtime.forward` for one question a row; a test holds the two together.

Legend: `B` rows, `L` events, `T` = L + 1, `D` width, `H` heads, `U` own items, `P` pointer heads, `C` channels of popularity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.model.artefact import ENCODER, ESTIMATE, Artefact
from regard.model.runtime.forward import EPSILON, NEVER, Weights, softplus
from regard.model.runtime.search import QUERY_CODES, places_of
from regard.model.settings import NEVER_AGO, POINTER_WIDTH, YEAR_DAYS, Settings

if TYPE_CHECKING:
    from regard.model.graph import Value


def with_graphs(artefact: Artefact) -> Artefact:
    """The artefact with what ONNX Runtime runs of it; as it is where the package `onnx` is missing, and answers come from NumPy alone."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        return artefact
    settings = artefact.settings
    graphs = {
        ENCODER: encoder(settings, artefact.weights),
        ESTIMATE: estimate(settings.width, settings.channels + 1, places_of(settings.items)),
    }
    return replace(artefact, graphs=graphs)


def encoder(settings: Settings, weights: Weights) -> bytes:
    """The ONNX model: `model.runtime.engine.feed` of a batch in, 'state' [B, D] and, with a pointer, 'own' [B, U] out."""
    from regard.model.graph import Graph

    graph = Graph()
    batch = {
        "item": graph.input("item", np.float32, ("B", "L", settings.width)),
        "behaviour": graph.input("behaviour", np.int64, ("B", "T")),
        "context": graph.input("context", np.int64, ("B", "L", len(settings.contexts))),
        "numbers": graph.input("numbers", np.float32, ("B", "L", 2)),
        "days": graph.input("days", np.float32, ("B", "T")),
        "limit": graph.input("limit", np.int64, ("B", "T")),
        "rank": graph.input("rank", np.float32, ("B", "T")),
        "elapsed": graph.input("elapsed", np.float32, ("B", 1, weights["elapsed.0.weight"].shape[1])),
    }
    if settings.pointer_heads:
        batch["slot"] = graph.input("slot", np.int64, ("B", "L"))
        batch["popular"] = graph.input("popular", np.float32, ("B", "U", settings.channels))
    state, token = encode(batch, weights, settings)
    outputs: dict[str, tuple[Value, tuple[int | str, ...]]] = {"state": (state.shaped(0, -1), ("B", settings.width))}
    if settings.pointer_heads:
        outputs["own"] = (pointer(batch, state, token, weights, settings), ("B", "U"))
    return graph.serialised(outputs)


def estimate(width: int, counts: int, places: int) -> bytes:
    """The ONNX model: states [B, D] and the weights of the counts [B, C] in, every item's score by int8 products [B, W] out.

    The items are given when the session is made: `model.runtime.search.Rounded` says how they are rounded and how far the scores are out.
    """
    from regard.model.graph import Graph

    graph = Graph()
    state, share = graph.input("state", np.float32, ("B", width)), graph.input("share", np.float32, ("B", counts))
    codes, scale = graph.given("codes", np.int8, (width, places)), graph.given("scale", np.float32, (places,))
    worth = state.op("Abs").over("ReduceMax", 1).op("Max", np.float32(1e-30)) / np.float32(QUERY_CODES)
    asked = ((state / worth).op("Round") + np.float32(128)).to(np.uint8)
    product = asked.op("MatMulInteger", codes, np.uint8(128)).to(np.float32) * scale * worth
    total = product + share @ graph.given("counts", np.float32, (counts, places))
    return graph.serialised({"estimate": (total, ("B", places))})


def sigmoid(x: Value) -> Value:
    return x.op("Sigmoid")


def rms_norm(x: Value, weight: NDArray[Any]) -> Value:
    return x / ((x * x).over("ReduceMean", -1) + EPSILON).op("Sqrt") * weight


def count(size: Value) -> Value:
    """int64, 0, 1, ... up to the length that `size` [1] is."""
    return size.graph.op("Range", np.int64(0), size.op("Squeeze", np.array([0])), np.int64(1))


def past(batch: Mapping[str, Value]) -> Value:
    """bool [B, 1, L], what the question may read."""
    return count(batch["item"].sizes(1, 2)).op("Less", batch["limit"].part(1, -1).with_axis(2))


def tokens(batch: Mapping[str, Value], weights: Weights, settings: Settings) -> tuple[Value, Value]:
    """Event tokens [B, L, D] and question tokens [B, 1, D]."""
    graph = batch["item"].graph
    behaviour = graph.op("Gather", weights["behaviour.weight"], batch["behaviour"])  # [B, T, D]
    event = rms_norm(batch["item"], weights["item_norm.weight"])
    event = event + (behaviour.part(1, 0, -1) + batch["numbers"] @ weights["numbers.weight"].T)
    for place in range(len(settings.contexts)):
        code = batch["context"].op("Gather", np.int64(place), axis=2)
        event = event + graph.op("Gather", weights[f"context.{place}.weight"], code)
    hidden = batch["elapsed"] @ weights["elapsed.0.weight"].T
    passed = (hidden * sigmoid(hidden)) @ weights["elapsed.2.weight"].T
    asked = behaviour.part(1, -1) + weights["question"] + passed
    rank = past(batch).op("Where", batch["rank"].part(1, 0, -1).with_axis(1), np.float32(-1))  # [B, 1, L]
    last = past(batch).op("And", rank.op("Equal", rank.over("ReduceMax", 2))).to(np.float32)
    return event, asked + last / last.over("ReduceSum", 2).op("Max", np.float32(1)) @ event


def read_bias(batch: Mapping[str, Value], settings: Settings) -> Value:
    """[B, H, T, 1 + L]; column 0 is the start, which everyone may read."""
    days, rank = batch["days"], batch["rank"]
    event = count(batch["item"].sizes(1, 2))
    allowed = event.op("Less", batch["limit"].with_axis(2))  # [B, T, L]
    allowed = allowed.op("Or", event.op("Equal", count(days.sizes(1, 2)).with_axis(1)))
    shut = (allowed.to(np.float32) - np.float32(1)) * NEVER
    ago = (days.part(1, 0, -1).with_axis(1) - days.with_axis(2)).op("Max", np.float32(0))
    back = (rank.with_axis(2) - rank.part(1, 0, -1).with_axis(1)).op("Max", np.float32(0))
    heads = []
    for time_scale, back_scale in zip(settings.time_scales, settings.back_scales, strict=True):
        near = shut
        for distance, scale in ((ago, time_scale), (back, back_scale)):
            if scale:
                near = near - (distance * np.float32(1 / scale) + np.float32(1)).op("Log")
        heads.append(near.with_axis(1))
    bias = heads[0].joined(*heads[1:], axis=1)
    return bias.op("Pad", np.array([0, 0, 0, 1, 0, 0, 0, 0]))


def project(x: Value, H: int, weights: Weights, name: str, *, last: bool) -> tuple[Value, Value, Value]:
    """Queries [B, H, T, D/H], of the question alone in the last layer, keys [B, H, D/H, 1 + L], values [B, H, 1 + L, D/H]."""
    D = len(weights["question"])
    h = rms_norm(x, weights[name + "read_norm.weight"])
    scaled = weights[name + "query.weight"].T * np.float32((D // H) ** -0.5)
    query = ((h.part(1, -1) if last else h) @ scaled).shaped(0, 0, H, D // H).turned(0, 2, 1, 3)
    shape = x.sizes(0, 1).joined(np.array([1, D]), axis=0)
    start = x.graph.op("Expand", weights[name + "start"], shape)  # [B, 1, D]
    both = start.joined(h.part(1, 0, -1), axis=1) @ weights[name + "key_value.weight"].T  # [B, 1 + L, 2D]
    key = both.part(2, 0, D).shaped(0, 0, H, D // H).turned(0, 2, 3, 1)
    return query, key, both.part(2, D).shaped(0, 0, H, D // H).turned(0, 2, 1, 3)


def think(x: Value, seen: Value, weights: Weights, name: str) -> Value:
    """[B, T, D] after what was seen, [B, H, T, D/H], is taken in and thought over."""
    taken = seen.turned(0, 2, 1, 3).shaped(0, 0, -1) @ weights[name + "out.weight"].T
    x = taken * sigmoid(x @ weights[name + "read_gate.weight"].T + weights[name + "read_gate.bias"]) + x
    inner = rms_norm(x, weights[name + "think_norm.weight"]) @ weights[name + "inner.weight"].T
    half = len(weights[name + "inner.weight"]) // 2
    value, gate = inner.part(2, 0, half), inner.part(2, half)  # 2 x [B, T, 2D]
    thought = (value * gate * sigmoid(gate)) @ weights[name + "outer.weight"].T
    return thought * sigmoid(x @ weights[name + "think_gate.weight"].T + weights[name + "think_gate.bias"]) + x


def encode(batch: Mapping[str, Value], weights: Weights, settings: Settings) -> tuple[Value, Value]:
    """State [B, 1, D] of the question and event tokens [B, L, D]."""
    event, question = tokens(batch, weights, settings)
    x = event.joined(question, axis=1)
    bias = read_bias(batch, settings)
    for layer in range(settings.layers):
        name, last = f"blocks.{layer}.", layer == settings.layers - 1
        query, key, value = project(x, settings.heads, weights, name, last=last)
        match = query @ key + (bias.part(2, -1) if last else bias)
        x = think(x.part(1, -1) if last else x, match.op("Softmax", axis=-1) @ value, weights, name)
    return rms_norm(x, weights["last_norm.weight"]), event


def pointer(batch: Mapping[str, Value], state: Value, token: Value, weights: Weights, settings: Settings) -> Value:
    """[B, U] logits of the rows' own items."""
    P, days, rank, popular = settings.pointer_heads, batch["days"], batch["rank"], batch["popular"]
    query = state @ weights["pointer.query.weight"].T + weights["pointer.query.bias"]
    query = query.shaped(0, P, 1, POINTER_WIDTH) / np.float32(np.sqrt(POINTER_WIDTH))
    key = (token @ weights["pointer.key.weight"].T).shaped(0, 0, P, POINTER_WIDTH).turned(0, 2, 3, 1)
    ago = (days.part(1, 0, -1) - days.part(1, -1)).op("Max", np.float32(0)).with_axis(1)  # [B, 1, L]
    back = (rank.part(1, -1) - rank.part(1, 0, -1) - np.float32(1)).op("Max", np.float32(0)).with_axis(1)
    told_by = state.graph.op("Gather", weights["pointer.behaviour.weight"], batch["behaviour"].part(1, 0, -1))
    match = (query @ key).shaped(0, P, -1) + told_by.turned(0, 2, 1)  # [B, P, L]
    for fact, weight in (
        ((ago + np.float32(1)).op("Log"), -softplus(weights["pointer.time_fade"])),
        (back, -softplus(weights["pointer.back_fade"])),
        ((ago * np.float32(2 * np.pi / YEAR_DAYS)).op("Cos"), weights["pointer.season"]),
    ):
        match = match + fact * weight[:, None]
    seen = past(batch)
    mass = match.op("Min", np.float32(5)).op("Exp") * seen.to(np.float32)
    slot = batch["slot"].with_axis(1)
    empty = popular.sizes(0, 1).joined(np.array([1]), popular.sizes(1, 2), axis=0)  # of [B, 1, U]
    nothing = state.graph.op("Expand", np.float32(0), empty)

    def gathered(values: Value, heads: int, begin: Value, how: str) -> Value:
        """[B, U, heads], the values [B, heads, L] of each own item added up, or the least of them."""
        index = slot.op("Expand", np.array([1, heads, 1]))
        return (
            begin.op("Expand", np.array([1, heads, 1]))
            .op("ScatterElements", index, values, axis=2, reduction=how)
            .turned(0, 2, 1)
        )

    told = (gathered(mass, P, nothing, "add") * softplus(weights["pointer.kappa"]) + np.float32(1)).op("Log")
    never = nothing + np.float32(NEVER_AGO)
    facts = gathered(seen.to(np.float32), 1, nothing, "add").joined(
        *(gathered(seen.op("Where", far, np.float32(NEVER_AGO)), 1, never, "min") for far in (ago, back)), axis=2
    )
    facts = (facts + np.float32(1)).op("Log")  # [B, U, 3]
    known = told.joined(facts, *([popular] if settings.channels else []), axis=2)
    hidden = known @ weights["pointer.weigh.weight"].T + weights["pointer.weigh.bias"]
    hidden = hidden + state @ weights["pointer.mood.weight"].T
    verdict = (hidden * sigmoid(hidden)) @ weights["pointer.verdict.weight"].T  # [B, U, 1]
    verdict = verdict * (facts.part(2, 0, 1).op("Greater", np.float32(0))).to(np.float32)
    gate = (state @ weights["pointer.gate.weight"].T + weights["pointer.gate.bias"]).op("Softplus")
    return ((told * gate).over("ReduceSum", 2) + verdict).shaped(0, -1)
