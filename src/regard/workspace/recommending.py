"""Recommending: one answer as a shop's page asks for it, by a scenario, with what to remember it by; and a look at a scenario before it holds."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from regard.errors import ModelError, UsageError
from regard.insight import Ask, Rules, Scenario, candidates, given, recommend, words
from regard.insight.answer import Answer, Plain
from regard.insight.history import Given
from regard.insight.recommend import at_least_one
from regard.insight.scenario import PLACES, Boost
from regard.insight.shop import Shop
from regard.workspace.answering import Answering
from regard.workspace.consent import meant, named
from regard.workspace.data import Data
from regard.workspace.impressions import Impression
from regard.workspace.scenarios import Kept


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a page asks.

    Args:
        customer: id of a known customer. anonymous: id of a visitor; at most one of the two.
        events: what the visitor did that was not sent as events, the oldest first.
        page: item whose page is open: read as a view, and not recommended.
        interests: of somebody new, as in `Workspace.recommend`.
        n: items wanted, 1 to PLACES.
        filter: condition on the items table, beside the scenario's. boosts: likewise.
        exclude: the customer's own items that are no candidates: 'none', 'target', 'seen'; '' = by the data.
        without: item ids that are no candidates.
        explain: name the reasons. language: 'en' or 'zh', of reasons and notes; '' = the workspace's.
        model: id of the model to ask; '' = by the scenario, or the newest good one.
    """

    customer: str | None = None
    anonymous: str | None = None
    events: tuple[Given, ...] = ()
    page: str | None = None
    interests: tuple[str, ...] = ()
    n: int = 10
    filter: str = ""
    boosts: tuple[Boost, ...] = ()
    exclude: str = ""
    without: tuple[str, ...] = ()
    explain: bool = False
    language: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        if self.customer and self.anonymous:
            raise UsageError("both a customer and an anonymous id", hint="send the customer alone")
        if at_least_one(self.n) > PLACES:
            raise UsageError(f"n is {self.n}", hint=f"{PLACES} items at most")

    @property
    def ask(self) -> Ask:
        """Who asks, and what is told with the question."""
        open_page = given([{"item": self.page, "behaviour": "view_item"}]) if self.page else ()
        who = self.customer or self.anonymous or None
        return Ask(customer=who, events=(*self.events, *open_page), interests=self.interests)

    def rules(self, scenario: Scenario) -> Scenario:
        """A scenario and what the question adds to it."""
        out = (*scenario.exclude, *self.without, *([self.page] if self.page else []))
        return replace(scenario, boosts=(*scenario.boosts, *self.boosts), exclude=out)


@dataclass(frozen=True, kw_only=True)
class Recommendation(Plain):
    """An answer, and what to remember it by.

    Args:
        recommendation_id: to be sent back with nothing: what happens next is found by customer and item.
        scenario: its name, None without one. scenario_number: of its edit.
        answer: the list.
    """

    recommendation_id: str
    scenario: str | None
    scenario_number: int | None
    answer: Answer

    def to_json(self) -> dict[str, Any]:
        """As `schemas/recommendation.json` says."""
        told = self.answer.to_json()
        for place, item in enumerate(told["items"], start=1):
            item |= {"position": place, "source": item.pop("level")}
        said = {
            "recommendation_id": self.recommendation_id,
            "scenario": self.scenario,
            "scenario_number": self.scenario_number,
        }
        return said | told


@dataclass(frozen=True, kw_only=True)
class Preview(Plain):
    """One customer's list without a scenario and with it.

    Args: customer: id, None for somebody of whom nothing is known. before, after: the two lists.
    """

    customer: str | None
    before: Answer
    after: Answer


class Recommending:
    """Answers the questions of pages.

    Args:
        data: the events. answering: makes the shop.
    """

    def __init__(self, data: Data, answering: Answering) -> None:
        self._data, self._answering = data, answering

    def one(self, question: Question, kept: Kept | None) -> tuple[Recommendation, Impression]:
        """An answer, and what to note of it.

        Args:
            question: who asks for what. kept: the scenario, None without one.

        Raises:
            UsageError: a filter, a boost or the scenario does not fit the items table.
            ModelError: the named model is missing or damaged.
        """
        language = question.language or self._data.config.language
        runs = kept is not None and kept.scenario.runs(datetime.now(UTC))
        scenario = kept.scenario if kept is not None and runs else Scenario()
        ask = question.ask
        owners = self._data.owners([ask.customer]) if ask.customer is not None else {}
        who = None if ask.customer is None else owners[ask.customer]
        shop, notes, share = self._shop(question, scenario, who, language)
        if kept is not None and not runs:
            notes = (*notes, words.rests(kept.name, language))
        found = _answers(shop, meant([ask], owners), question, question.rules(scenario))
        answer = named(found, [ask], owners, language)[0].noting(notes)
        told = Recommendation(
            recommendation_id=str(uuid.uuid4()),
            scenario=None if kept is None else kept.name,
            scenario_number=None if kept is None else kept.number,
            answer=answer,
        )
        return told, _noted(told, question, share, known=who is not None)

    def preview(self, scenario: Scenario, customers: Sequence[str | None], n: int, language: str = "") -> list[Preview]:
        """Lists without and with a scenario, as if it held now; whoever has not consented is answered as a stranger.

        Raises:
            UsageError: the scenario does not fit the items table.
        """
        question = Question(n=n, language=language)
        shop, _ = self._answering.shop(language=language or None)
        asks = [Ask(customer=name) for name in customers]
        owners = self._data.owners(ask.customer for ask in asks if ask.customer is not None)
        before, after = (
            named(_answers(shop, meant(asks, owners), question, rules), asks, owners, shop.language)
            for rules in (Scenario(), scenario)
        )
        return [
            Preview(customer=ask.customer, before=old, after=new)
            for ask, old, new in zip(asks, before, after, strict=True)
        ]

    def check(self, scenario: Scenario) -> None:
        """Say no to a scenario that does not fit the items table.

        Raises:
            UsageError: one line that says what.
        """
        scenario.check(self._answering.shop()[0].table.schema)

    def _shop(
        self, question: Question, scenario: Scenario, who: str | None, language: str
    ) -> tuple[Shop, tuple[str, ...], float]:
        """The shop with the model whose turn it is, notes, and the probability that it was this one's."""
        split = None if question.model else scenario.split
        if split is None or who is None:
            return *self._answering.shop(model=question.model or None, language=language), 1.0
        if not split.takes(who):
            return *self._answering.shop(language=language), 1 - split.share
        with suppress(ModelError):
            return *self._answering.shop(model=split.model, language=language), split.share
        shop, notes = self._answering.shop(language=language)
        return shop, (*notes, words.absent(split.model, language)), 1.0


def _answers(shop: Shop, asks: Sequence[Ask], question: Question, rules: Scenario) -> list[Answer]:
    return recommend(
        shop,
        asks,
        n=question.n,
        exclude=question.exclude,
        allowed=candidates(shop, filter=question.filter or None),
        rules=None if rules == Scenario() else Rules.of(rules, shop),
        why=question.explain,
    )


def _noted(told: Recommendation, question: Question, share: float, *, known: bool) -> Impression:
    answer = told.answer
    return Impression(
        id=told.recommendation_id,
        at_us=time.time_ns() // 1_000,
        customer=question.customer if known else None,
        anonymous=question.anonymous if known else None,
        scenario=told.scenario or "",
        edit=told.scenario_number or 0,
        model=answer.model_version,
        level=answer.fallback_level,
        share=share,
        items=tuple((item.item, item.probability) for item in answer.items),
    )
