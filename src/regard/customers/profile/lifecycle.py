"""Life cycle: the stage that customers are in by their own rhythm, and where those of each stage stood a month later in the past.

Legend: `B` customers of the shop, `Q` customers asked about, `S` stages, `M` orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from regard.sequences.log import DAY, Log
from regard.sequences.pack import days
from regard.sequences.purchases import orders_of

SLOWING, SILENT, LOST = 1.5, 2.5, 5.0
"""Usual gaps since the last order from which a customer is slowing, silent, lost: of steady buyers with exponential gaps,
22 %, 8 % and under 1 % are so late by chance.
"""

OWN_GAPS = 3
"""Gaps from which on a customer's own mean is the usual gap; the shop's median counts as so many more."""

LOYAL_ORDERS = 4
"""Days with an order from which a customer in time is loyal: three returns are no chance."""

LIFECYCLE = ("prospect", "new", "growing", "loyal", "returned", "slowing", "silent", "lost")

NEXT_DAYS = 30
"""Days until the stage that is told ahead: a campaign's time."""

CUTS = 12
"""Earlier moments, NEXT_DAYS apart, from which customers are followed: a year."""

FADE = 0.5
"""What each moment before weighs beside the one after it. Measured on two retailers and the simulated shop (8 months ahead each, weights of
halves over 1, 2, 3, 6 months and none): this one foresees best on all three, for shops change.
"""

PRIOR = 1.0
"""Customers that count beside those of the past, spread evenly over the stages that can be reached: what nobody did is not impossible."""

EARLY, LATE = 0.1, 0.9
"""Quantiles between which next month's share lies in about four months out of five."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """How customers moved between stages within NEXT_DAYS.

    Args:
        probability: float64 [S, S], from row to column, rows sum to 1; a row is NaN where nobody was at its stage.
        low, high: float64 [S, S], 80 % interval of the share of a month; NaN where the stage cannot be reached, and of a
            stage that was seen in one month alone.
        customers: int64 [S], different customers who were at the stage.
    """

    probability: Floats
    low: Floats
    high: Floats
    customers: NDArray[np.int64]


def staged(order_days: Floats, since: Floats, mean: Floats, last: Floats, usual_gap: float) -> NDArray[np.int64]:
    """int64 [Q], place of each customer's stage in LIFECYCLE.

    Args:
        order_days: float64 [Q], days with an order. since: days since the last order, NaN for none.
        mean: days between them, 0 where there are none. last: the last gap over the mean, NaN where there is none.
        usual_gap: the shop's.

    >>> who = [np.array(column, dtype=float) for column in ([0, 1, 5, 5], [np.nan, 3, 9, 90], [0, 0, 10, 10], [np.nan, np.nan, 1, 1])]
    >>> [LIFECYCLE[place] for place in staged(*who, usual_gap=20.0)]
    ['prospect', 'new', 'loyal', 'lost']
    """
    gaps = np.maximum(order_days - 1, 0)
    usual = np.maximum((gaps * mean + OWN_GAPS * usual_gap) / (gaps + OWN_GAPS), 1.0)
    late = since / usual
    came_back = (order_days >= 3) & (last * mean > LOST * _before(order_days, mean, last * mean))
    return np.select(
        [np.isnan(since), late > LOST, late > SILENT, late > SLOWING, came_back, order_days >= LOYAL_ORDERS, order_days >= 2],
        [0, 7, 6, 5, 4, 3, 2],
        default=1,
    )  # fmt: skip


def _before(orders: Floats, mean: Floats, last: Floats) -> Floats:
    """float64 [Q], mean gap without the last one, at least a day; infinite for who has no other."""
    others = np.maximum(orders - 2, 0)
    rest = np.where(others > 0, ((orders - 1) * mean - last) / np.maximum(others, 1), np.inf)
    return np.maximum(rest, 1.0)


def transitions(log: Log, target: tuple[str, ...], at: int, usual_gap: float) -> Transitions:
    """Where customers of each stage stood NEXT_DAYS later, counted from at most CUTS earlier moments, late ones most.

    Everybody who had come by then is followed from each moment to the next, the last of which is `at`: later events are not read.

    Args:
        log: of B customers, with a clock. target: behaviours that count as buying. at: seconds. usual_gap: days between
            orders, the shop's at `at`: one measure for all moments.
    """
    rhythm, month = _Rhythm.of(log, target), NEXT_DAYS * DAY
    back = min((at - int(log.time.min(initial=at))) // month, CUTS)
    seen = np.stack([rhythm.staged(at - month * ago, usual_gap) for ago in range(back, -1, -1)])
    S, before, after = len(LIFECYCLE), seen[:-1], seen[1:]
    cells = (np.arange(back)[:, None] * S + before) * S + after
    counts = np.bincount(cells[before >= 0], minlength=back * S * S).reshape(back, S, S)
    customers = np.array([(before == stage).any(axis=0).sum() for stage in range(S)], dtype=np.int64)
    weight = FADE ** np.arange(back - 1, -1, -1)[:, None] * counts.sum(axis=2)
    followed, reached = weight.sum(axis=0), _reached()
    sure = np.minimum(customers, followed)[:, None] + PRIOR
    share = np.einsum("ks,ksj->sj", weight / np.maximum(followed, 1e-12), _shares(counts))
    probability = (share * (sure - PRIOR) + PRIOR * reached / reached.sum(axis=1, keepdims=True)) / sure
    probability[customers == 0] = np.nan
    low, high = _interval(np.where(reached, probability, np.nan), sure, _shares(counts) - share, weight)
    return Transitions(probability=probability, low=low, high=high, customers=customers)


def _shares(counts: NDArray[np.int64]) -> Floats:
    """float64 [K, S, S], of each month and stage."""
    return np.asarray(counts / np.maximum(counts.sum(axis=2, keepdims=True), 1))


def _interval(probability: Floats, sure: Floats, apart: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """float64 [S, S] each, of a beta that is as wide as months have differed, and as chance alone would have it at least.

    Args:
        probability: [S, S]. sure: [S, 1] customers. apart: [K, S, S] share of each month less the mean. weight: [K, S].
    """
    part = weight / np.maximum(weight.sum(axis=0), 1e-12)
    square = (part**2).sum(axis=0)[:, None]  # one over the months that count
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.einsum("ks,ksj->sj", part, apart**2) / (1 - square) * (1 + square)  # NaN of one month alone
        spread = probability * (1 - probability)
        like = np.maximum(spread / np.maximum(between, spread / sure) - 1, 1.0)
    low, high = (betaincinv(probability * like, (1 - probability) * like, end) for end in (EARLY, LATE))
    return np.minimum(low, probability), np.maximum(high, probability)


def _reached() -> NDArray[np.bool_]:
    """bool [S, S], stages that can follow: who has ordered is no prospect again, and who has ordered twice is not new."""
    reached = np.ones((len(LIFECYCLE), len(LIFECYCLE)), dtype=bool)
    reached[1:, 0] = reached[2:, 1] = False
    return reached


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rhythm:
    """Orders of B customers, so that any moment can be asked quickly.

    Args:
        first_seen: int64 [B] seconds of the first event, the largest integer for none. first: int64 [B] row of the first order.
        owner, time: int64 [M]. day: int64 [M]. days: int64 [M] days with an order up to this one. gap: int64 [M] days from the
            day with an order before to the day of this one, 0 on the first.
    """

    first_seen: NDArray[np.int64]
    first: NDArray[np.int64]
    owner: NDArray[np.int64]
    time: NDArray[np.int64]
    day: NDArray[np.int64]
    days: NDArray[np.int64]
    gap: NDArray[np.int64]

    @classmethod
    def of(cls, log: Log, target: tuple[str, ...]) -> _Rhythm:
        orders = orders_of(log, target)
        owner, day = orders.owner, days(orders.time, log.time_zone)
        same = np.append(False, np.diff(owner) == 0)[: len(owner)]
        step = np.append(0, np.diff(day))[: len(owner)] * same
        new = ~same | (step != 0)  # the first order of its day
        number, first = np.cumsum(new), np.searchsorted(owner, np.arange(len(log)))
        opened = np.flatnonzero(new)
        some, seen = log.lengths > 0, np.full(len(log), np.iinfo(np.int64).max)
        seen[some] = log.time[log.offsets[:-1][some]]
        return cls(
            first_seen=seen, first=first, owner=owner, time=orders.time, day=day, gap=step[opened[number - 1]],
            days=number - number[first[owner]] + 1 if len(owner) else number,
        )  # fmt: skip

    def staged(self, cut: int, usual_gap: float) -> NDArray[np.int64]:
        """int64 [B], place in LIFECYCLE at a moment, -1 for who had not come. What is read is read as aggregates are, in float32."""
        many = np.bincount(self.owner[self.time <= cut], minlength=len(self.first))
        bought = np.flatnonzero(many)
        first, last = self.first[bought], (self.first + many - 1)[bought]
        order_days, since = self.days[last], (cut - self.time[last]) / DAY
        mean = (self.day[last] - self.day[first]) / np.maximum(order_days - 1, 1)
        with np.errstate(invalid="ignore"):
            late = np.where(order_days > 1, self.gap[last] / mean, np.nan)
        found = np.where(self.first_seen <= cut, 0, -1)
        found[bought] = staged(_short(order_days), _short(since), _short(mean), _short(late), usual_gap)
        return found


def _short(column: NDArray[Any]) -> Floats:
    return column.astype(np.float32).astype(np.float64)
