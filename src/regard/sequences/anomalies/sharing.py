"""Shared accounts: acts that go back and forth between devices or places within minutes."""

from __future__ import annotations

import numpy as np

from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.automation import SESSION
from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import excess, usual
from regard.sequences.log import Log

LEAST_PAIRS = 5
"""Pairs of acts close in time from which on anybody is judged by them."""

NEEDS = ("device", "place")
"""Columns that tell people apart. Not the channel: one person orders in the app and collects in the shop."""


def sharing(log: Log, acts: Acts) -> Found:
    """Switches: k of n acts that follow another of the same customer within half an hour are on another device or from
    another place.

    Args:
        log: with a clock and at least one of NEEDS.
    """
    customers = len(log)
    close = np.zeros(len(acts.owner), dtype=bool)
    close[1:] = (acts.owner[1:] == acts.owner[:-1]) & (acts.time[1:] - acts.time[:-1] <= SESSION)
    later = np.flatnonzero(close)
    moved = np.zeros(len(later), dtype=bool)
    for name in NEEDS:
        if name in log.context:
            code = log.context[name][1][acts.start]
            moved |= (code[later] != code[later - 1]) & (code[later] >= 0) & (code[later - 1] >= 0)
    count, of = (np.bincount(acts.owner[chosen], minlength=customers) for chosen in (later[moved], later))
    marked = np.zeros(len(acts.owner), dtype=bool)
    marked[later[moved]] = marked[later[moved] - 1] = True
    return Found(
        kind="sharing", nats=excess(count, of, usual(count, of)), asked=of >= LEAST_PAIRS,
        marks=marked[acts.of_event], figures={"count": count, "of": of},
    )  # fmt: skip
