"""Automation: acts by the clock, bursts of them, and acts around the clock. Each is told by times alone.

They are compared with the shop's own gaps, hours and nights, so that a shop of night owls has no bots for that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import excess

LEAST_GAPS = 5
"""Gaps from which on anybody is judged by them: fewer are no rhythm."""

MOST = 0.5
"""Share of the gaps that keep the rhythm: somebody who comes daily on a fifth of the days has a habit and no timer."""

WIDTHS = (1.1, 1.5)
"""Longest by shortest gap of what counts as one rhythm: a timer, and a timer with a fifth of jitter to either side."""

SESSION = 1800
"""Seconds of silence that end a session, as everywhere in Regard; a burst lies within one."""

PAGE = 120
"""Seconds that people look at a page of a shop on average, taken to be exponential: visits to pages of any kind last about a
minute (Liu, White and Dumais, 2010), and who compares or buys stays longer. A timer quicker than every 17 s is none of these."""

_HOUR, _HOURS = 3600, 24

_PAUSE = 2.0
"""Surprise that a gap must bring to go on with a burst, in nats: a gap as short as any brings 1 on average, so that a
stretch of ordinary gaps comes to an end."""


class Gaps:
    """The G gaps between acts of a customer.

    Args:
        acts: of a log with a clock.
        shortest: seconds below which a gap is left out.
    """

    def __init__(self, acts: Acts, *, shortest: int = 0) -> None:
        same = acts.owner[1:] == acts.owner[:-1]
        behind = np.flatnonzero(same & (acts.time[1:] - acts.time[:-1] >= shortest)) + 1
        self.acts = acts
        self.act = behind  # int64 [G], the later of the two acts
        self.owner = acts.owner[behind]
        self.length = (acts.time[behind] - acts.time[behind - 1]).astype(np.float64)  # seconds
        self.count = np.bincount(self.owner, minlength=len(acts.count))
        self.sorted = np.sort(self.length)

    def share(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the shop's gaps from `low` to `high` seconds, both included."""
        below = np.searchsorted(self.sorted, low, side="left")
        return (np.searchsorted(self.sorted, high, side="right") - below) / max(1, len(self.sorted))


def fixed_gaps(gaps: Gaps) -> Found:
    """Acts that come about as long after the one before, again and again: k of n gaps within a window of lengths that holds
    a much smaller share of the shop's gaps. Every gap is tried as the shortest of its window, which the surprise pays for.

    Args:
        gaps: longer than none.
    """
    customers = len(gaps.count)
    nats, low, high = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    order = np.lexsort((gaps.length, gaps.owner))
    owner, length = gaps.owner[order], gaps.length[order]
    # One rising line on which customers do not touch, in whole seconds: logarithms would round away the edge of a window.
    apart = int(gaps.length.max(initial=0.0) * max(WIDTHS)) + 1
    place = owner * apart + length.astype(np.int64)
    of = gaps.count[owner]
    for width in WIDTHS:
        longest = np.floor(length * width)
        count = np.searchsorted(place, owner * apart + longest.astype(np.int64), side="right") - np.arange(len(place))
        found = excess(count, of, gaps.share(length, longest)) - np.log(of * len(WIDTHS))
        found[count < MOST * of] = 0.0
        best = nats.copy()
        np.maximum.at(best, owner, found)
        rows = np.flatnonzero((found == best[owner]) & (found > nats[owner]))  # of two equal windows the narrower
        nats, low[owner[rows]], high[owner[rows]] = best, length[rows], longest[rows]
    inside = (gaps.length >= low[gaps.owner]) & (gaps.length <= high[gaps.owner])
    return Found(
        kind="fixed_gaps", nats=nats, asked=gaps.count >= LEAST_GAPS, marks=_marks(gaps.acts, gaps.act[inside]),
        figures={
            "count": np.bincount(gaps.owner[inside], minlength=customers), "of": gaps.count,
            "low": low, "high": high,
        },
    )  # fmt: skip


_TINY = 1e-9
"""Rounding of a logarithm."""


def bursts(gaps: Gaps) -> Found:
    """The stretch of acts within a session whose gaps are shorter than usual by the most: the highest climb of the running
    sum of -ln(usual share of gaps that are as short) - 2.

    Source: the CUSUM of Page, 1954, here in nats of the usual gaps.
    """
    customers = len(gaps.count)
    share = _as_short(gaps)
    step = -np.log(share) - _PAUSE
    step[gaps.length > SESSION] = 0.0
    begins = gaps.length > SESSION
    begins[:1] = True
    begins[1:] |= gaps.owner[1:] != gaps.owner[:-1]
    session = np.cumsum(begins)
    running = np.cumsum(step)
    running -= (running - step)[begins][session - 1]
    # Each session lies below all before it, so that the lowest point of a climb is its own; no further, or digits are lost.
    running -= (np.ptp(np.append(0.0, running)) + 1.0) * session
    before = running - step
    lowest = np.minimum.accumulate(before)
    climb = running - lowest
    nats = np.zeros(customers)
    np.maximum.at(nats, gaps.owner, climb)
    marks, count, seconds = _stretches(gaps, before, lowest, climb, nats)
    longer = gaps.length[(share >= 0.5) & (gaps.length <= SESSION)]
    usual = longer.min() if len(longer) else PAGE * np.log(2)
    return Found(
        kind="bursts", nats=nats, asked=gaps.count >= LEAST_GAPS, marks=marks,
        figures={"count": count, "seconds": seconds, "usual": (count - 1) * usual},
    )  # fmt: skip


def _as_short(gaps: Gaps) -> NDArray[np.float64]:
    """float64 [G], the usual share of a session's gaps that are as short as each; 1 for a gap between two sessions.

    The smaller of two shares. One is of the shop's gaps within sessions, each customer with one voice, so that a script that
    makes most of them does not make them usual. The other is for shops whose customers act once a visit, where hardly a
    session is not a script's: the share of all gaps, or that among people who look at pages where this is more.
    """
    inside = gaps.length <= SESSION
    own = np.bincount(gaps.owner[inside], minlength=len(gaps.count))
    order = np.argsort(gaps.length[inside], kind="stable")
    voices = np.append(0.0, np.cumsum(1 / own[gaps.owner[inside]][order]))
    below = np.searchsorted(gaps.length[inside][order], gaps.length, side="right")
    people = 1 - np.exp(-gaps.length / PAGE)
    shop = np.maximum(gaps.share(np.zeros(len(gaps.length)), gaps.length), people)
    return np.where(inside, np.minimum(voices[below] / max(1, (own > 0).sum()), shop), 1.0)


def _stretches(
    gaps: Gaps,
    before: NDArray[np.float64],
    lowest: NDArray[np.float64],
    climb: NDArray[np.float64],
    nats: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Events of each customer's highest climb, its acts and its seconds."""
    customers, acts = len(gaps.count), gaps.acts
    place = np.arange(len(before))
    bottom = np.maximum.accumulate(np.where(before == lowest, place, 0)) if len(place) else place
    end = np.full(customers, -1)
    top = np.flatnonzero((climb == nats[gaps.owner]) & (climb > 0))
    end[gaps.owner[top]] = top
    who = np.flatnonzero(end >= 0)
    first, last = gaps.act[bottom[end[who]]] - 1, gaps.act[end[who]]
    edges = np.zeros(len(acts.owner) + 1, dtype=np.int64)
    edges[first] += 1
    edges[last + 1] -= 1
    count, seconds = np.zeros(customers, dtype=np.int64), np.zeros(customers, dtype=np.int64)
    count[who], seconds[who] = last - first + 1, acts.time[last] - acts.time[first]
    return (np.cumsum(edges)[:-1] > 0)[acts.of_event], count, seconds


def all_hours(gaps: Gaps) -> Found:
    """Acts by day and by night alike, without the rests that people take: how much better acts that come at any moment (a
    Poisson process of the customer's own rate) explain the gaps and the hours of the day than the shop does.

    The shop's day is moved by as many hours as suits the customer best, so that a night shift or another continent is no
    bot; for the same reason, hours are those of UTC. Whoever leaves eight hours of the day free is none either.

    Args:
        gaps: longer than none.
    """
    acts = gaps.acts
    customers = len(acts.count)
    hours = acts.time // _HOUR
    hours = hours - hours.min(initial=0) // _HOURS * _HOURS
    length = int(hours.max(initial=0)) + 1
    owner, hour = np.divmod(np.unique(acts.owner * length + hours), length)  # an hour counts once
    active = np.zeros((customers, _HOURS))
    np.add.at(active, (owner, hour % _HOURS), 1.0)
    of = active.sum(axis=1)
    each = np.divide(active, of[:, None], out=np.zeros_like(active), where=of[:, None] > 0)
    day = each.sum(axis=0) + 1.0  # one customer's worth for each hour that was never used
    day /= day.sum()
    fits = active @ np.log(np.stack([np.roll(day, by) for by in range(_HOURS)])).T  # [B, shift]
    nats = of * -np.log(_HOURS) - fits.max(axis=1) + _restless(gaps)
    nats = np.where(_rest(active > 0) < _SLEEP, np.maximum(nats, 0.0), 0.0)
    odd = (day < 1 / _HOURS)[(hours % _HOURS - fits.argmax(axis=1)[acts.owner]) % _HOURS]
    return Found(
        kind="all_hours", nats=nats, asked=gaps.count >= LEAST_GAPS, marks=(odd & (nats[acts.owner] > 0))[acts.of_event],
        figures={"hours": (active > 0).sum(axis=1), "count": acts.count},
    )  # fmt: skip


_SLEEP = 8
"""Hours in a row that people leave free: a night."""


def _rest(active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [B], the longest run of hours of the clock without an act. active: bool [B, 24]."""
    run = longest = np.zeros(len(active), dtype=np.int64)
    for hour in range(2 * _HOURS):  # twice round, as a night goes over midnight
        run = np.where(active[:, hour % _HOURS], 0, run + 1)
        longest = np.maximum(longest, run)
    return np.minimum(longest, _HOURS)


def _restless(gaps: Gaps) -> NDArray[np.float64]:
    """float [B], ln of how much likelier the gaps are if acts come at any moment than by the shop's own gaps."""
    mean = np.bincount(gaps.owner, weights=gaps.length, minlength=len(gaps.count)) / np.maximum(gaps.count, 1)
    turn = gaps.length / mean[gaps.owner]
    bins = np.linspace(0.0, np.log(gaps.sorted[-1]) + _TINY, _BINS + 1) if len(turn) else np.arange(2.0)
    place = np.clip(np.searchsorted(bins, np.log(gaps.length), side="right") - 1, 0, len(bins) - 2)
    shop = np.bincount(place, minlength=len(bins) - 1) + 1.0
    density = shop / shop.sum() / np.diff(bins)
    nats = np.log(turn) - turn - np.log(density[place])
    found = np.bincount(gaps.owner, weights=nats, minlength=len(gaps.count))
    return found - np.log(np.maximum(gaps.count, 1)) / 2  # what fitting the rate is worth (Schwarz, 1978)


_BINS = 40
"""Bins of the shop's gaps on a logarithmic scale, from a second to a year: a third to a half longer each."""


def _marks(acts: Acts, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    marked = np.zeros(len(acts.owner), dtype=bool)
    marked[chosen] = True
    return marked[acts.of_event]
