"""Explain chances and value: which of a customer's events carry the chance to buy, the risk of churn or the money that is expected."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from regard.errors import ModelError, UsageError
from regard.evaluation.faithfulness import Answering
from regard.insight.answer import Plain, Reason
from regard.insight.evidence import evidence
from regard.insight.explain import history_of
from regard.insight.intent import base_rate
from regard.insight.shop import Shop
from regard.sequences.log import Log

KINDS = ("intent", "churn", "value")
"""What is explained here: a purchase within some days, none within them, what is spent within them."""

SURE = 1e-6
"""Chances are kept this far from 0 and 1, where log-odds have no end."""

_NAME = re.compile(rf"({'|'.join(KINDS)})_([1-9]\d{{0,3}})d")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is to be explained. Args: kind: one of KINDS. days: the horizon.

    >>> Subject.parse("churn_30d")
    Subject(kind='churn', days=30)
    """

    kind: str
    days: int

    @classmethod
    def parse(cls, name: str) -> Subject:
        """The subject of a name.

        Raises:
            UsageError: it names nothing that is explained.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise UsageError(
                f"'{name}' cannot be explained",
                hint="recommendation:ITEM, intent_7d, churn_30d, value_90d or segment:ID",
            )
        return cls(kind=found[1], days=int(found[2]))


@dataclass(frozen=True, kw_only=True)
class Grounds(Plain):
    """What an answer about one customer rests on.

    Args:
        customer, of: what was asked about. value: the answer: a probability, or money for value.
        boundary: across it the answer counts as another: the share of all customers for a probability, half of `value` for money.
        reasons: the events that move it most, largest effect first; effects are of log-odds, of log(1 + money) for value.
        fewest: events without which the answer lies across the boundary, the fewest that were found; None where no few carry it.
        without: the answer without these. method: how the events were found. model_version: id of the model.
    """

    customer: str
    of: str
    value: float
    boundary: float
    reasons: tuple[Reason, ...]
    fewest: tuple[Reason, ...] | None
    without: float | None
    method: str
    model_version: str | None


def grounds(shop: Shop, customer: str, of: str, *, n: int = 10) -> Grounds:
    """The events that move a chance or a value most for one known customer, also those that speak against it.

    Args:
        shop: the data and the model. customer: id. of: such as 'intent_7d', 'churn_30d', 'value_90d'. n: events (groups) named.

    Raises:
        UsageError: nothing like that is explained, or the customer has no events.
        ModelError: there is no model that answers this.
    """
    subject = Subject.parse(of)
    query, asof = history_of(shop, customer)
    if subject.kind != "intent" and not query.is_behaviour(shop.target).any():
        raise UsageError(
            f"customer '{customer}' has not bought yet: there is no {of} to explain", hint="ask for intent_7d"
        )
    plain = np.expm1 if subject.kind == "value" else expit
    encoded = subject.kind == "intent" and shop.ranker is not None and shop.ranker.horizon is None
    found = evidence(
        shop, query, asof, answering(shop, subject), lambda base: _boundary(shop, subject, base), n=n,
        slope=(lambda gradients: gradients.way.wanted_within(subject.days)) if encoded else None,
    )  # fmt: skip
    return Grounds(
        customer=customer,
        of=of,
        value=float(plain(found.value)),
        boundary=float(plain(found.boundary)),
        reasons=found.reasons,
        fewest=found.fewest,
        without=None if found.without is None else float(plain(found.without)),
        method=found.method,
        model_version=shop.ranker.version if shop.ranker else None,
    )


def answering(shop: Shop, subject: Subject) -> Answering:
    """What gives the answer: log-odds of the chance, or log(1 + money).

    Of whom nothing is left to read, the chance is that of all customers, and nothing is spent.

    Raises:
        ModelError: there is no model that answers this.
        UsageError: the log does not tell what orders are worth.
    """
    days = np.array([subject.days], dtype=np.float64)
    ranker = shop.ranker
    if shop.model is None or ranker is None:
        raise ModelError(f"nothing has learned {subject.kind} yet", hint="regard train")
    base = base_rate(shop, subject.days)
    horizon = ranker.horizon
    if horizon is None and subject.kind != "intent":
        raise ModelError(
            f"model {ranker.version} has not learned {subject.kind}", hint="regard train, on a log of some months"
        )

    def chance(histories: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.full(len(histories), base)
        some = np.flatnonzero(histories.lengths > 0)
        if len(some):
            found[some] = ranker.propensity(histories.take(some), asof[some], days)[:, 0]
        return _log_odds(found if subject.kind == "intent" else 1 - found)

    if horizon is None or subject.kind != "value":
        return chance
    if not horizon.money:
        raise UsageError("the log does not tell what orders are worth", hint="ask for churn, or ingest prices")

    def spend(histories: Log, asof: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.log1p(np.nan_to_num(horizon.predict(histories, asof, days).spend[:, 0])))

    return spend


def _log_odds(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(chance, SURE, 1 - SURE)), dtype=np.float64)


def _boundary(shop: Shop, subject: Subject, base: float) -> float:
    if subject.kind == "value":
        return float(np.log1p(np.expm1(base) / 2))
    came = base_rate(shop, subject.days)
    return float(_log_odds(np.array(came if subject.kind == "intent" else 1 - came)))
