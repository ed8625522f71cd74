"""Coupon farming: whoever buys nearly only what is cheaper than for those who bought it just before and just after."""

from __future__ import annotations

import numpy as np

from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import excess, usual
from regard.sequences.log import Log

LEAST_LINES = 5
"""Lines from which on anybody is judged by them."""

MOST = 0.5
"""Share of the lines that are cheaper: less is somebody who likes an offer."""

_ROUNDING = 0.99
"""Part of the others' price below which a line is cheaper: a cent of a euro is a hundredth."""


def coupons(log: Log) -> Found:
    """Cheaper lines: k of n bought lines cost less a unit than the item's lines of other customers next to it in time, for no
    more units. A sale for everybody lowers its neighbours as well, and a large order's discount is no coupon.

    Args:
        log: with a clock, which tells whose line was next, and with values.
    """
    price = np.divide(log.value, log.quantity, out=np.full(log.events, np.nan, np.float32), where=log.quantity > 0)
    sold = log.is_behaviour(("purchase",)) & np.append(log.merchandise, False)[log.item]
    rows = np.flatnonzero(sold & (price > 0))
    owner = log.owner
    rows = rows[np.lexsort((owner[rows], log.time[rows], log.item[rows]))]
    # Lines between two of the same item that are both somebody else's.
    who, item = owner[rows], log.item[rows]
    inner = np.zeros(len(rows), dtype=bool)
    if len(rows) > 2:
        same = (item[1:-1] == item[:-2]) & (item[1:-1] == item[2:])
        inner[1:-1] = same & (who[1:-1] != who[:-2]) & (who[1:-1] != who[2:])
    place = np.flatnonzero(inner)
    here, before, after = rows[place], rows[place - 1], rows[place + 1]
    less = price[here] < _ROUNDING * np.minimum(price[before], price[after])
    less &= log.quantity[here] <= np.maximum(log.quantity[before], log.quantity[after])
    cheap = here[less]
    count, of = (np.bincount(owner[chosen], minlength=len(log)) for chosen in (cheap, here))
    saved = np.minimum(price[before], price[after])[less] - price[cheap]
    marks = np.zeros(log.events, dtype=bool)
    marks[cheap] = True
    nats = excess(count, of, usual(count, of))
    return Found(
        kind="coupons", nats=np.where(count >= MOST * of, nats, 0.0), asked=of >= LEAST_LINES, marks=marks,
        figures={"count": count, "of": of, "saved": np.bincount(owner[cheap], saved * log.quantity[cheap], len(log))},
    )  # fmt: skip
