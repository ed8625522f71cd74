"""Sessions: what a customer does without a long silence, and what is known of one that still runs.

Legend: `N` events, `M` moments, each right after an event.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.sequences.aggregates import Aggregates
from regard.sequences.log import DAY, Log

Floats = NDArray[np.float64]


def session_starts(log: Log, gap: int) -> NDArray[np.bool_]:
    """bool [N], events that begin a session: the first of a customer, or more than `gap` seconds after the one before.

    >>> from regard.sequences.vocabulary import Vocabulary
    >>> log = Log(customers=Vocabulary(["a", "b"]), items=Vocabulary(["x"]), behaviours=("view_item",),
    ...           offsets=np.array([0, 3, 4]), item=np.zeros(4, np.int32), behaviour=np.zeros(4, np.int16),
    ...           time=np.array([0, 60, 9_000, 9_030]), basket=np.array([0, 1, 2, 0], np.int32),
    ...           quantity=np.ones(4, np.float32), value=np.ones(4, np.float32), merchandise=np.ones(1, bool))
    >>> session_starts(log, 1_800).tolist()
    [True, False, True, True]
    """
    begins = np.ones(log.events, dtype=bool)
    begins[1:] = np.diff(log.time) > gap
    begins[log.offsets[:-1][log.lengths > 0]] = True
    return begins


def orders_later(log: Log, begins: NDArray[np.bool_], target: tuple[str, ...]) -> NDArray[np.bool_]:
    """bool [N], whether the session of each event still brings an order of another basket after it.

    Args:
        log: with a clock. begins: of `session_starts`. target: behaviours that count as buying.
    """
    N = log.events
    wanted = log.is_behaviour(target) & np.append(log.merchandise, True)[log.item]
    session = np.cumsum(begins) - 1
    # The last order of each session: whatever stands before its basket is followed by it.
    last = np.full(session[-1] + 1 if N else 0, -1)
    rows = np.flatnonzero(wanted)
    last[session[rows]] = rows
    after = last[session]
    return np.asarray((after > np.arange(N)) & (log.basket[np.maximum(after, 0)] != log.basket))


def running(
    log: Log, rows: NDArray[np.int64], silence: NDArray[np.int64], *, target: tuple[str, ...], gap: int
) -> Aggregates:
    """What is known of the sessions that run at M moments, of them and of the customer's earlier ones.

    Args:
        log: with a clock. rows: int64 [M], the event after which each moment is; later events are not read.
        silence: int64 [M] seconds since then, at most `gap`.
        target: behaviours that count as buying. gap: seconds of silence that end a session.
    """
    N = log.events
    begins = session_starts(log, gap)
    place = np.arange(N)
    start = np.maximum.accumulate(np.where(begins, place, 0))
    mine = log.offsets[log.owner]
    session = np.cumsum(begins)
    wanted = log.is_behaviour(target)

    def since(marked: NDArray[np.bool_], begin: NDArray[np.int64]) -> Floats:
        """float64 [M], marked events from `begin` (int64 [N]) up to the moment."""
        total = np.concatenate([[0], np.cumsum(marked)])
        return np.asarray(total[rows + 1] - total[begin[rows]], dtype=np.float64)

    first = np.zeros(N, dtype=bool)
    pairs = np.stack([session, log.item])  # an item met for the first time in its session
    order = np.lexsort((place, *pairs[::-1]))
    new = np.ones(N, dtype=bool)
    new[1:] = (np.diff(pairs[:, order], axis=1) != 0).any(axis=0)
    first[order] = new
    first &= log.item >= 0
    bought = np.maximum.accumulate(np.where(wanted, place, -1))[rows]
    bought = np.where(bought >= mine[rows], bought, -1)
    events = since(np.ones(N, dtype=bool), start)
    pause = np.where(begins, 0, np.diff(log.time, prepend=log.time[:1]))
    columns = {
        "events": events,
        "items": since(first, start),
        "looked_again": since(~first & (log.item >= 0), start),
        "minutes": (log.time[rows] - log.time[start[rows]]) / 60,
        "pause_minutes": pause[rows] / 60,
        "silence_minutes": silence / 60,
        "sessions_before": session[rows] - session[mine[rows]],
        "orders_before": since(wanted, mine) - since(wanted, start),
        "days_since_order": np.where(bought >= 0, (log.time[rows] - log.time[bought]) / DAY, np.nan),
        "days_since_session": np.where(
            start[rows] > mine[rows], (log.time[start[rows]] - log.time[start[rows] - 1]) / DAY, np.nan
        ),
    }
    for code, name in enumerate(log.behaviours):
        acts = log.behaviour == code
        columns |= {f"{name}_now": acts[rows].astype(np.float64), f"{name}_in_session": since(acts, start)}
    values = np.stack([column.astype(np.float32) for column in columns.values()], axis=1)
    return Aggregates(names=tuple(columns), values=values)
