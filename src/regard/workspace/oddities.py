"""Oddities: what is unusual about a shop's customers and about the stream of its events, as one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regard.errors import InputError, UsageError
from regard.sequences.anomalies import Anomalies, Anomaly, Burst, Drift, bursts, drift, words
from regard.sequences.anomalies.judge import FLAGGED

SHOWN = 20
"""Days of the stream that are listed: more are no news."""


@dataclass(frozen=True, kw_only=True)
class AnomalyReport:
    """The unusual.

    Args:
        customers: who were looked at. flagged: those with a score of a half or more.
        kinds: kind -> customers flagged for it. missing: kind -> why it was not looked for.
        anomalies: of the shop, the most unusual customers; of one customer, every kind of which there is a sign, also those
            with a score below a half. no_sign: the kinds of which that customer shows none; empty for the shop.
        bursts: days unlike their past. drift: columns whose values shift, the latest week against the past.
        language: of the words, 'en' or 'zh'.
    """

    customers: int
    flagged: int
    kinds: Mapping[str, int]
    missing: Mapping[str, str]
    anomalies: Sequence[Anomaly]
    bursts: Sequence[Burst]
    drift: Sequence[Drift]
    no_sign: Sequence[str] = ()
    language: str = "en"

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "customers": self.customers,
            "flagged": self.flagged,
            "kinds": dict(self.kinds),
            "missing": {kind: words.missing(why, self.language) for kind, why in self.missing.items()},
            "anomalies": [anomaly.to_json(self.language) for anomaly in self.anomalies],
            "bursts": [burst.to_json() for burst in self.bursts],
            "drift": [shift.to_json() for shift in self.drift],
            "no_sign": list(self.no_sign),
        }


def report(found: Anomalies, customer: str | None, n: int, language: str) -> AnomalyReport:
    """Put an answer together.

    Args:
        found: of the whole log. customer: id; None = all.
        n: how many of the most unusual customers are told; of one, how many kinds.

    Raises:
        InputError: nobody has that id, or there are no events. UsageError: n is below one.
    """
    log = found.log
    if n < 1:
        raise UsageError(f"n is {n}", hint="a number from 1 on")
    if log.events == 0:
        raise InputError("there are no events to look at", hint="regard ingest takes them in")
    if customer is not None and customer not in log.customers:
        raise InputError(f"no customer '{customer}'", hint="regard anomalies without a customer lists the most unusual")
    timed = log.clock == "clock"
    own = [] if customer is None else found.of(customer)
    signs = {anomaly.kind for anomaly in own}
    return AnomalyReport(
        customers=int((log.lengths > 0).sum()),
        flagged=int(found.flagged.sum()),
        kinds=found.counts(),
        missing=found.missing,
        anomalies=found.worst(n) if customer is None else own[:n],
        bursts=bursts(log)[:SHOWN] if timed and customer is None else [],
        drift=[shift for shift in drift(log) if shift.score >= FLAGGED] if timed and customer is None else [],
        no_sign=[] if customer is None else [kind for kind in found.scores if kind not in signs],
        language=language,
    )
