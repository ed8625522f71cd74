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
        anomalies: the most unusual, or all that is unusual about the customer asked for.
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
        }


def report(found: Anomalies, customer: str | None, n: int, language: str) -> AnomalyReport:
    """Put an answer together.

    Args:
        found: of the whole log. customer: id; None = the n most unusual of all.

    Raises:
        InputError: nobody has that id. UsageError: n is below one.
    """
    log = found.log
    if n < 1:
        raise UsageError(f"n is {n}", hint="a number of customers from 1 on")
    if customer is not None and customer not in log.customers:
        raise InputError(f"no customer '{customer}'", hint="regard anomalies without a customer lists the most unusual")
    timed = log.clock == "clock"
    return AnomalyReport(
        customers=int((log.lengths > 0).sum()),
        flagged=int(found.flagged.sum()),
        kinds=found.counts(),
        missing=found.missing,
        anomalies=found.worst(n) if customer is None else found.of(customer),
        bursts=bursts(log)[:SHOWN] if timed and customer is None else [],
        drift=[shift for shift in drift(log) if shift.score >= FLAGGED] if timed and customer is None else [],
        language=language,
    )
