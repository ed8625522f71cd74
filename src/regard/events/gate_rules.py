"""Rules of the gate that look at the whole store: bot-like customers and refunds."""

from __future__ import annotations

import math

from regard.events.engine import Engine

FLOOR = 50
"""Acts on an active day below which nobody is called a bot, whatever the others do: a keen person's evening."""

WIDTHS = 3.0
"""How many interquartile ranges of the logarithm above the upper quartile: Tukey's 'far out'."""

_SAMPLE = 20_000
"""Customers from which the bulk is read."""


def bots(engine: Engine) -> dict[str, float]:
    """Customers whose acts per active day lie far beyond the bulk, over the view `events`.

    An act is an event, except that all lines of one order are one act: a wholesaler who orders 300 lines is no bot. A
    customer is flagged above exp(q3 + 3 * (q3 - q1)) acts per active day, q the quartiles of the logarithm over a
    sample of the customers, the range taken as at least log 2, and never at or below 50.

    Returns:
        customer -> acts per active day.
    """
    engine.rows("CREATE OR REPLACE TABLE visits AS SELECT customer, count(*) AS events FROM events GROUP BY customer")
    customers = int(engine.one("SELECT count(*) FROM visits")[0])
    stride = customers // _SAMPLE + 1
    engine.rows(
        """
        CREATE OR REPLACE TABLE rates AS
        SELECT customer, avg(acts) AS rate FROM (
            SELECT customer, time::DATE AS day, count(*) - count("order") + count(DISTINCT "order") AS acts
            FROM events SEMI JOIN (SELECT customer FROM visits WHERE events > ? OR hash(customer) % ? = 0) USING
            (customer) WHERE time IS NOT NULL GROUP BY customer, day ) GROUP BY customer
        """,
        [FLOOR, stride],
    )
    q1, q3 = engine.one(
        "SELECT quantile_cont(ln(rate), 0.25), quantile_cont(ln(rate), 0.75) FROM rates WHERE hash(customer) % ? = 0",
        [stride],
    )
    if q1 is None:
        return {}
    limit = max(float(FLOOR), math.exp(q3 + WIDTHS * max(q3 - q1, math.log(2.0))))
    return {
        str(customer): round(float(rate), 1)
        for customer, rate in engine.rows(
            "SELECT customer, rate FROM rates WHERE rate > ? ORDER BY rate DESC, customer", [limit]
        )
    }


def refunds(engine: Engine) -> tuple[int, int]:
    """Refund rows of the view `events` and how many of them have an earlier purchase to be a refund of.

    A refund is matched when its customer had, up to its time, bought at least as many units of the item as were taken
    back up to then, this refund included; a missing quantity counts as one unit.
    """
    rows, matched = engine.one("""
        WITH acts AS (
            SELECT customer, item, time, position, behaviour, abs(coalesce(quantity, 1)) AS units FROM events
            WHERE behaviour IN ('purchase', 'refund') AND item IS NOT NULL
        ), kin AS (
            SELECT * FROM acts
            SEMI JOIN (SELECT customer, item FROM acts WHERE behaviour = 'refund') USING (customer, item)
        ), running AS (
            SELECT behaviour,
                   sum(CASE behaviour WHEN 'purchase' THEN units ELSE 0 END) OVER past AS bought,
                   sum(CASE behaviour WHEN 'refund' THEN units ELSE 0 END) OVER past AS returned
            FROM kin WINDOW past AS (
                PARTITION BY customer, item ORDER BY time, position, behaviour
                RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        )
        SELECT count(*), count(*) FILTER (bought >= returned) FROM running WHERE behaviour = 'refund'
    """)
    total = int(engine.one("SELECT count(*) FROM events WHERE behaviour = 'refund'")[0])
    return max(total, int(rows)), int(matched)
