"""Pictures of attention: how much of what each place took in comes from which event, by attention rollout.

Rollout (Abnar and Zuidema 2020, 'Quantifying Attention Flow in Transformers') takes the mean of the heads, counts what a
layer hands on unread as half of what it gives, and multiplies the layers. Gates, values and what is thought over in between
are left out, so it is a picture of where the model looked and never a reason: reasons come from deleting events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.model.runtime import forward
from regard.model.runtime.forward import Array, Weights
from regard.model.settings import Settings
from regard.sequences.batches import Batch

HANDED_ON = 0.5
"""Share of a layer's output that is its input, read by nobody: the convention of attention rollout."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Where the model looked, for one history of L events.

    Args:
        now: float32 [L], the share of the question 'what next?' that comes from each event, all layers together.
        between: float32 [L, L], row t: what event t took in from each earlier event before the question looked at it; zeros
            where the model has one layer, in which only the question looks.
        unread: share of the question that comes from no event: from itself, and from the place that stands for 'nothing'.
    """

    now: Array
    between: Array
    unread: float


def layers(batch: Batch, weights: Weights, settings: Settings) -> list[Array]:
    """The weights of every layer, float32 [B, H, T, 1 + L]: of events and questions, over 'nothing' and the events.

    Args:
        batch: histories with one question each. weights, settings: of the model.
    """
    (B, L), T, H = batch.item.shape, batch.days.shape[1], settings.heads
    x = np.concatenate(forward.tokens(batch, weights, settings), axis=1)
    bias = forward.read_bias(batch, settings, slice(0, B), slice(0, T))
    found = []
    for layer in range(settings.layers):
        name = f"blocks.{layer}."
        seen, attention = forward.attend(*forward.project(x, L, H, weights, name, first=0), bias)
        x = forward.think(x, seen, weights, name)
        found.append(attention)
    return found


def pictures(batch: Batch, weights: Weights, settings: Settings) -> list[Picture]:
    """One picture a row, over all L places of the batch; padding has no share.

    Args:
        batch: histories with one question each. weights, settings: of the model.
    """
    _, L = batch.item.shape
    told = [weight.mean(axis=1) for weight in layers(batch, weights, settings)]  # [B, T, 1 + L]
    return [_rolled([layer[row] for layer in told], L) for row in range(len(batch.item))]


def _rolled(told: list[Array], L: int) -> Picture:
    places = 1 + told[0].shape[0]  # 'nothing', the events, the question
    flow = np.eye(places, dtype=np.float32)
    below = flow
    for weight in told:
        below = flow
        step = np.zeros((places, places), dtype=np.float32)
        step[0, 0] = 1
        step[1:, : 1 + L] = (1 - HANDED_ON) * weight
        step[1:, 1:] += HANDED_ON * np.eye(places - 1, dtype=np.float32)
        flow = step @ flow
    now = flow[1 + L, 1 : 1 + L]
    between = np.tril(below[1 : 1 + L, 1 : 1 + L], -1)
    return Picture(now=now, between=between, unread=float(1 - now.sum()))


def within(picture: Picture, length: int) -> Picture:
    """The picture of a row's own events, without the padding after them."""
    now: NDArray[np.float32] = picture.now[:length]
    return Picture(now=now, between=picture.between[:length, :length], unread=picture.unread)
