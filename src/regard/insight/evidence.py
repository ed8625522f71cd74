"""Evidence: the events of one customer that carry a number, and the fewest without which it lies across a boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.evaluation.faithfulness import Answering
from regard.insight.answer import Reason
from regard.insight.deletion import DELETION, delete_each, delete_groups, fewest
from regard.insight.explain import TRIFLE, deed
from regard.insight.gradients import INTEGRATED, Gradients, strongest
from regard.insight.shop import Shop
from regard.sequences.log import Log

if TYPE_CHECKING:
    from regard.model.gradients import Answer


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a number rests on.

    Args:
        value: the number. boundary: across it the answer counts as another.
        reasons: the events that move it most, largest effect first; an effect is what the number loses without them.
        fewest: events without which it lies across the boundary, the fewest that were found; None where no few carry it.
        without: the number without these. method: how the events were found.
    """

    value: float
    boundary: float
    reasons: tuple[Reason, ...]
    fewest: tuple[Reason, ...] | None
    without: float | None
    method: str = DELETION


def evidence(
    shop: Shop,
    query: Log,
    asof: NDArray[np.int64],
    answer: Answering,
    boundary: Callable[[float], float],
    *,
    slope: Callable[[Gradients], Answer] | None = None,
    n: int = 10,
) -> Evidence:
    """What one customer's number rests on.

    Args:
        shop: names and language. query: the history of one customer. asof: int64 [1] seconds. answer: gives the number.
        boundary: from the number to the value across which the answer counts as another. n: events (groups) named.
        slope: the number as a function of the encoder's state, for long histories; None where it is not read off the encoder alone.
    """
    base = float(answer(query, asof)[0])
    line = boundary(base)

    def ask(histories: Log, moments: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float32]:
        return answer(histories, moments).astype(np.float32)[:, None]

    chosen = strongest(shop, query, asof, slope)
    if chosen is None:
        found = delete_each(ask, query, asof)
    else:
        found = delete_groups(ask, query, asof, chosen, np.array([0, len(chosen)]))
    effect, above = found.effect[:, 0], base > line
    few = fewest(
        ask, query, asof, found.groups, effect if above else -effect, lambda answers: (answers > line) != above
    )
    size = np.abs(effect)
    best = [group for group in np.argsort(-size, kind="stable")[:n] if size[group] > TRIFLE]

    def named(groups: Sequence[int] | NDArray[np.int64]) -> tuple[Reason, ...]:
        return tuple(deed(shop, query, int(asof[0]), found.groups[g], float(effect[g])) for g in groups)

    return Evidence(
        value=base,
        boundary=line,
        reasons=named(best),
        fewest=None if few is None else named(few[0]),
        without=None if few is None else few[1],
        method=DELETION if chosen is None else INTEGRATED,
    )
