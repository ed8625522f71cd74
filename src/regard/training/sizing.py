"""Sizing: every setting of model and training as a function of the data's statistics. No data set has a name here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from regard.model.settings import Settings
from regard.sequences.batches import CONTEXTS
from regard.sequences.log import DAY
from regard.sequences.popularity import Popularity
from regard.sequences.view import View

BATCHES = 60
"""Batches that an epoch has at least, until they are as small as is still fast: few large steps learn little from few events."""

BATCH_TOKENS = (1_500, 6_000)
"""Smallest and largest batch, in padded tokens: below, the overhead of a step shows; above, nothing gets faster."""


FULL_ITEMS = 100_000
"""Items up to which the loss sums over the whole catalogue: nothing is more accurate, and up to here a step can afford it."""

NEGATIVE_SHARE = 1 / 32
"""Share of a larger catalogue that each step draws: an item stands for so few others that the sum's error is small beside a batch's own."""

NEGATIVES = (8_192, 32_768)
"""Fewest and most items drawn per step. On large catalogues fewer cost accuracy, and more cost time and add little."""


SMALL = 300_000
"""Events below which a network learns any log by heart, and needs the most dropout."""

EVENTS_PER_ITEM = (50, 200)
"""Events an item must have on average for some dropout to be enough, and for little: what few events say of an item is soon learned by heart."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to train.

    Args:
        tokens: padded tokens per batch; small batches take many steps, and steps are what small data need.
        rate: learning rate of AdamW after warm-up.
        warm_up: steps over which the rate rises.
        decay: weight decay of the matrices; embeddings, scalars and the pointer have none.
        average: share of the running weight average kept per step.
        side_share: total weight of questions about other behaviours than the targets, relative to those about targets.
        hazard_share: weight of the 'anything wanted by when' loss beside the next-basket loss.
        clip: norm above which a gradient is shortened.
        loss: 'full', cross-entropy over the whole catalogue; 'sampled', over a sample of it that stands for all (see `draw`); 'gbce',
            for a probability per item where a benchmark asks for one (see `gbce_loss`).
        negatives: items drawn per step beside those that its batch names, unless the loss is full.
        t: of gBCE, how much it makes up for the negatives not drawn; 1 = its chances are calibrated, 0 = plain BCE.
    """

    tokens: int = 6_000
    rate: float = 3e-3
    warm_up: int = 50
    decay: float = 0.01
    average: float = 0.99
    side_share: float = 1.0
    hazard_share: float = 0.2
    clip: float = 5.0
    loss: Literal["full", "sampled", "gbce"] = "full"
    negatives: int = 0
    t: float = 1.0


def size_model(view: View, popularity: Popularity | None, *, repeats: bool = True) -> Settings:
    """The network's shape for this view; `repeats`: whether what was seen may be recommended again.

    Width grows with the number of events, dropout falls with how many of them an item has; the length covers nineteen of twenty
    customers, between 64 and 512 events; heads fade over the time scales on which this log lives.
    """
    log = view.log
    events = max(log.events, 1)
    lengths = log.lengths[log.lengths > 0]
    long = float(np.percentile(lengths, 95)) if len(lengths) else 1.0
    span = max((int(log.time.max()) - int(log.time.min())) / DAY, 1.0) if log.events and log.clock == "clock" else 0.0
    known = [len(log.context[name][0]) + 1 if name in log.context else 1 for name in CONTEXTS]
    return Settings(
        items=len(log.items),
        behaviours=len(log.behaviours),
        contexts=(*known, 25, 8),
        features=len(view.content.names),
        width=32 if events < 20_000 else 64 if events < 5_000_000 else 128,
        layers=2,
        time_scales=(0.0, span / 300, span / 10, 0.0) if span else (0.0, 0.0, 0.0, 0.0),
        back_scales=(0.0, 0.0, 0.0, 2.0) if span else (0.0, 1.0, 4.0, 16.0),
        pointer_heads=4 if repeats else 0,
        half_lives=() if popularity is None else popularity.half_lives,
        seasonal=popularity is not None and popularity.channels > len(popularity.half_lives),
        length=int(np.clip(2 ** np.ceil(np.log2(long)), 64, 512)),
        neighbours=100 if len(log.items) <= 100_000 else 50,
        dropout=_dropout(events, len(log.items)),
    )


def _dropout(events: int, items: int) -> float:
    each = events / max(1, items)
    if events < SMALL or each < EVENTS_PER_ITEM[0]:
        return 0.5
    return 0.4 if each < EVENTS_PER_ITEM[1] else 0.2


def plan_training(view: View) -> Plan:
    """Batch size, rates, weights and loss for this view."""
    items = len(view.log.items)
    large = items > FULL_ITEMS
    return Plan(
        tokens=int(np.clip(view.log.events // BATCHES, *BATCH_TOKENS)),
        loss="sampled" if large else "full",
        negatives=int(np.clip(items * NEGATIVE_SHARE, *NEGATIVES)) if large else 0,
    )
