"""Which items of their own history customers are not offered: none, what they had as a target, or all they saw."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from regard.errors import UsageError
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged

Mask = Literal["none", "target", "seen"]
MASKS: tuple[str, ...] = get_args(Mask)


def blocked(queries: Log, target: tuple[str, ...], mask: str) -> Ragged | None:
    """Q rows of item codes that are no candidates, None where nothing is masked.

    Args:
        queries: histories of Q customers. target: behaviours that count as wanting an item.
        mask: 'none', 'target' (items had by a target behaviour) or 'seen' (any item of the history).

    Raises:
        UsageError: another mask.
    """
    if mask not in MASKS:
        raise UsageError(f"unknown mask '{mask}'", hint="none, target or seen")
    if mask == "none":
        return None
    rows = np.flatnonzero(queries.item >= 0 if mask == "seen" else (queries.item >= 0) & queries.is_behaviour(target))
    return Ragged.from_groups(queries.owner[rows], queries.item[rows].astype(np.int64), len(queries))
