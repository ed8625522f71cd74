"""Judging: every customer of a log by every kind of anomaly, and what can be shown for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.sequences.anomalies import automation, copying, coupons, reselling, sharing, words
from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.found import Found
from regard.sequences.anomalies.surprise import Floats
from regard.sequences.log import Log

FLAGGED = 0.5
"""Score from which on a customer counts as an anomaly: the limit that the shop's own customers set."""

SCRIPTED = ("fixed_gaps", "bursts", "all_hours", "one_item", "copies")
"""Kinds that speak for a script and not for a person."""

EVIDENCE = 5
"""Events shown for an anomaly, the latest that speak for it."""


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One thing that is unusual about one customer.

    Args:
        customer: id. kind: a key of `words.NAMES`. score: 0..1, an anomaly from `FLAGGED` on.
        figures: what the reason is worded with. events: some of those that speak for it, oldest first, each with what is
            known of `time`, `behaviour`, `item`. of: how many do.
    """

    customer: str
    kind: str
    score: float
    figures: Mapping[str, str | float]
    events: tuple[Mapping[str, str], ...]
    of: int

    def words(self, language: str = "en") -> str:
        """The reason in one sentence."""
        return words.reason(self.kind, self.figures, language)

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """Plain types, the reason included."""
        return {
            **asdict(self),
            "events": list(self.events),
            "name": words.name(self.kind, language),
            "reason": self.words(language),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Anomalies:
    """Every customer's scores.

    Args:
        log: the events that were looked at, all before the moment that was asked for.
        found: kind -> scores and evidence.
        missing: kind -> why it was not looked for, a key of `words.MISSING`.
    """

    log: Log
    found: Mapping[str, Found]
    missing: Mapping[str, str]

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """Kind -> float64 [B] in 0..1."""
        return {kind: found.score for kind, found in self.found.items()}

    @cached_property
    def score(self) -> Floats:
        """float64 [B], the highest of a customer's scores."""
        return _highest(self.scores.values(), len(self.log))

    @cached_property
    def bot(self) -> Floats:
        """float64 [B], the highest of the scores that speak for a script."""
        return _highest((self.scores[kind] for kind in SCRIPTED if kind in self.scores), len(self.log))

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """bool [B], customers who count as an anomaly."""
        return self.score >= FLAGGED

    def counts(self) -> dict[str, int]:
        """Kind -> customers flagged for it; one may be flagged for several."""
        return {kind: int((scores >= FLAGGED).sum()) for kind, scores in self.scores.items()}

    def of(self, customer: str, *, least: float = 0.0) -> list[Anomaly]:
        """What is unusual about a customer, the most unusual first; empty for who is unknown or did nothing.

        Args:
            customer: id. least: score above which a kind is told.
        """
        if (code := self.log.customers.code(customer)) < 0:
            return []
        kinds = sorted(self.scores, key=lambda kind: -self.scores[kind][code])
        return [self._tell(kind, code) for kind in kinds if self.scores[kind][code] > least]

    def worst(self, n: int = 20) -> list[Anomaly]:
        """The n most unusual of the flagged customers, each by its most unusual side."""
        order = np.argsort(-self.score, kind="stable")[:n]
        return [
            self._tell(max(self.scores, key=lambda kind: self.scores[kind][code]), code)
            for code in order[self.flagged[order]].tolist()
        ]

    def _tell(self, kind: str, code: int) -> Anomaly:
        found, log = self.found[kind], self.log
        rows = int(log.offsets[code]) + np.flatnonzero(found.marks[log.offsets[code] : log.offsets[code + 1]])
        figures: dict[str, str | float] = {key: values[code].item() for key, values in found.figures.items()}
        if "source" in figures:
            figures["source"] = log.customers.id(int(figures["source"]))
        return Anomaly(
            customer=log.customers.id(code), kind=kind, score=round(float(self.scores[kind][code]), 4), figures=figures,
            events=tuple(_shown(log, row) for row in rows[-EVIDENCE:].tolist()), of=len(rows),
        )  # fmt: skip


def judge(log: Log, *, before: int | None = None, kinds: Sequence[str] | None = None) -> Anomalies:
    """Compare every customer with the shop's own customers.

    A score is a half where the shop's own ways end: at the surprise, in nats, that a tenth of a customer of the whole shop
    would exceed if the tail went on as the bulk does (see `surprise.limit`). Kinds that the log cannot show are named.

    Args:
        log: the events.
        before: seconds since 1970 UTC; only events before it are looked at. None = all.
        kinds: which; None = all.

    Raises:
        UsageError: there is no such kind.

    >>> from regard.sequences import Vocabulary
    >>> quiet = Log(
    ...     customers=Vocabulary(["ann"]), items=Vocabulary(["pen"]), behaviours=("purchase",),
    ...     offsets=np.array([0, 1]), item=np.zeros(1, np.int32), behaviour=np.zeros(1, np.int16),
    ...     time=np.array([1_700_000_000]), basket=np.zeros(1, np.int32), quantity=np.ones(1, np.float32),
    ...     value=np.ones(1, np.float32), merchandise=np.ones(1, bool),
    ... )
    >>> found = judge(quiet)
    >>> found.flagged.tolist(), found.missing
    ([False], {'sharing': 'context'})
    """
    if wrong := sorted(set(kinds or ()) - set(_DETECTORS)):
        raise UsageError(f"no kind of anomaly is called '{wrong[0]}'", hint=", ".join(_DETECTORS))
    if before is not None:
        log = log.where(np.asarray(log.time) < before)
    acts = Acts.of(log)
    found, missing = {}, {}
    for kind in kinds if kinds is not None else _DETECTORS:
        needs, detect = _DETECTORS[kind]
        lacks = next((need for need in needs if not _HAS[need](log)), None)
        if lacks is None:
            found[kind] = detect(log, acts)
        else:
            missing[kind] = lacks
    return Anomalies(log=log, found=found, missing=missing)


_DETECTORS: dict[str, tuple[tuple[str, ...], Callable[[Log, Acts], Found]]] = {
    "fixed_gaps": (("clock",), lambda log, acts: automation.fixed_gaps(automation.Gaps(acts, shortest=1))),
    "bursts": (("clock",), lambda log, acts: automation.bursts(automation.Gaps(acts))),
    "all_hours": (("clock",), lambda log, acts: automation.all_hours(automation.Gaps(acts, shortest=1))),
    "one_item": ((), lambda log, acts: copying.one_item(log)),
    "copies": (("order",), copying.copies),
    "reselling": (("quantity",), lambda log, acts: reselling.reselling(log)),
    "coupons": (("price", "clock"), lambda log, acts: coupons.coupons(log)),
    "sharing": (("context", "clock"), sharing.sharing),
}
"""Kind -> what the log must have, and how it is found."""


def _bought(log: Log) -> NDArray[np.bool_]:
    return log.is_behaviour(("purchase",)) & (log.quantity > 0)


_HAS: dict[str, Callable[[Log], bool]] = {
    "clock": lambda log: log.clock == "clock",
    "order": lambda log: log.clock != "none",
    "quantity": lambda log: bool(_bought(log).any()),
    "price": lambda log: bool((_bought(log) & (log.value > 0)).any()),
    "context": lambda log: bool(set(sharing.NEEDS) & set(log.context)),
}


def _highest(scores: Iterable[Floats], customers: int) -> Floats:
    highest = np.zeros(customers)
    for score in scores:
        highest = np.maximum(highest, score)
    return highest


def _shown(log: Log, row: int) -> dict[str, str]:
    shown = {"behaviour": log.behaviours[int(log.behaviour[row])]}
    if log.item[row] >= 0:
        shown["item"] = log.items.id(int(log.item[row]))
    if log.clock == "clock":
        shown["time"] = datetime.fromtimestamp(int(log.time[row]), UTC).isoformat()
    return shown
